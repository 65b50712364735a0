//! Whether zenoh carries messages on this computer.

use std::net::TcpListener;
use std::time::Duration;

use concert_runtime::io::zenoh::{SessionOptions, close_session, open_session};

use super::Row;
use crate::launch_file::DEFAULT_ENDPOINT;

const WHAT: &str = "zenoh";
const LIMIT: Duration = Duration::from_secs(3);

pub(super) fn row() -> Row {
    match meet() {
        Err(error) => Row::fail(
            WHAT,
            error,
            "see whether a firewall forbids tcp on 127.0.0.1",
        ),
        Ok(()) if is_taken() => Row::warn(
            WHAT,
            format!("two sessions meet on 127.0.0.1, but {DEFAULT_ENDPOINT} is in use"),
            "another concert runs: `concert watch` shows it; to run a second, give --listen and --prefix",
        ),
        Ok(()) => Row::ok(
            WHAT,
            format!("two sessions meet on 127.0.0.1, {DEFAULT_ENDPOINT} is free"),
        ),
    }
}

/// Opens one session that listens and one that connects to it.
fn meet() -> Result<(), String> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let endpoint = format!("tcp/{}", free.map_err(|error| error.to_string())?);
    let listening = SessionOptions {
        listen: vec![endpoint.clone()],
        connect: Vec::new(),
        must_connect: None,
        shared_memory: true,
        config: None,
    };
    let listening = open_session(&listening).map_err(|error| error.to_string())?;
    let connected = open_session(&SessionOptions::client(&endpoint, LIMIT));
    let met = connected.map(|session| close_session(session, LIMIT));
    close_session(listening, LIMIT);
    met.map(|_| ()).map_err(|error| error.to_string())
}

fn is_taken() -> bool {
    let address = DEFAULT_ENDPOINT.trim_start_matches("tcp/");
    TcpListener::bind(address).is_err()
}
