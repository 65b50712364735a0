//! Whether zenoh carries messages on this computer.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use concert_runtime::io::zenoh::{SessionOptions, close_session, open_session};

use super::Row;
use crate::launch_file::{DEFAULT_ENDPOINT, DEFAULT_ROUTER, LaunchFile};
use crate::strangers::Strangers;

const WHAT: &str = "zenoh";
const STRANGERS: &str = "strangers";
/// How long a look whether somebody answers may take.
const LOOK: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_secs(3);

/// What a stranger may do with a runtime that was started with a policy alone.
pub(super) fn strangers() -> Row {
    let found = Strangers::of(&LaunchFile::of_policy("first_light")).lines();
    let found = found.trim_end().replace('\n', &format!("\n{:21}", ""));
    match is_listened_to(DEFAULT_ROUTER) {
        false => Row::ok(STRANGERS, found),
        true => Row::warn(
            STRANGERS,
            format!("somebody answers at {DEFAULT_ROUTER}; {found}"),
            "give `connect = []` in the launch file to stay alone, or certificates in [zenoh.tls]",
        ),
    }
}

fn is_listened_to(endpoint: &str) -> bool {
    let address = endpoint.trim_start_matches("tcp/").parse();
    address.is_ok_and(|address| TcpStream::connect_timeout(&address, LOOK).is_ok())
}

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
        ..SessionOptions::serve()
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
