//! Endpoints, looked at before zenoh is asked to use them.

use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Longest time for one look whether somebody listens.
const PROBE_LIMIT: Duration = Duration::from_secs(1);
/// `HOST:PORT` of a TCP or TLS endpoint.
pub(super) fn address_of(endpoint: &str) -> Option<&str> {
    let (protocol, rest) = endpoint.split_once('/')?;
    let address = rest.split(['?', '#']).next().unwrap_or(rest);
    matches!(protocol, "tcp" | "tls").then_some(address)
}

/// Tells whether somebody listens at a TCP or TLS endpoint, so that nobody else can.
pub(super) fn is_taken(endpoint: &str) -> bool {
    let bound = address_of(endpoint).map(TcpListener::bind);
    matches!(bound, Some(Err(error)) if error.kind() == std::io::ErrorKind::AddrInUse)
}

/// Tells whether somebody listens at an endpoint, else why not.
pub(super) fn probe(endpoint: &str) -> Result<(), String> {
    let Some(address) = address_of(endpoint) else {
        return Ok(());
    };
    let addresses = address
        .to_socket_addrs()
        .map_err(|error| error.to_string())?;
    let mut reason = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, PROBE_LIMIT) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string().to_lowercase(),
        }
    }
    Err(reason)
}
