//! Opening and closing a zenoh session, with nothing left to chance: no
//! multicast, no gossip, no port but those named.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use zenoh::{Config, Session, Wait};

use crate::io::thread;

/// Where a session listens and connects.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Endpoints to listen on: `tcp/127.0.0.1:7448`. Each must be free.
    pub listen: Vec<String>,
    /// Endpoints to connect to if anyone answers, now or later; the session
    /// tries again by itself.
    pub connect: Vec<String>,
    /// How long to wait at most until every endpoint of `connect` answers;
    /// `None` where none needs to.
    pub must_connect: Option<Duration>,
    /// Whether large payloads may travel in shared memory.
    pub shared_memory: bool,
    /// A configuration file of zenoh's own, for everything else (TLS, access
    /// control, …). With one, scouting and limits are as it says; `listen` and
    /// `connect` take the place of its own where they are not empty.
    pub config: Option<PathBuf>,
}

impl SessionOptions {
    /// Where `serve` and `demo` listen.
    pub const LISTEN: &str = "tcp/127.0.0.1:7448";
    /// Where a router would answer.
    pub const ROUTER: &str = "tcp/127.0.0.1:7447";

    /// Listens where clients look for us, and connects to a router if there
    /// is one on this computer.
    #[must_use]
    pub fn serve() -> Self {
        Self {
            listen: vec![Self::LISTEN.to_owned()],
            connect: vec![Self::ROUTER.to_owned()],
            must_connect: None,
            shared_memory: true,
            config: None,
        }
    }

    /// Listens nowhere and connects to `endpoint`, which must answer within
    /// `limit`.
    #[must_use]
    pub fn client(endpoint: &str, limit: Duration) -> Self {
        Self {
            listen: Vec::new(),
            connect: vec![endpoint.to_owned()],
            must_connect: Some(limit),
            shared_memory: true,
            config: None,
        }
    }
}

/// Why zenoh could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZenohError {
    /// The configuration file or an entry of it cannot be used.
    #[error("zenoh configuration {subject}: {reason}")]
    Config {
        /// File or entry.
        subject: String,
        /// zenoh's own words.
        reason: String,
    },
    /// Somebody else listens there.
    #[error(
        "cannot listen on {endpoint}: the address is in use, but only one program can listen on it"
    )]
    Taken {
        /// As in the launch file.
        endpoint: String,
    },
    /// The session cannot open.
    #[error("cannot open a zenoh session (listen {listen:?}, connect {connect:?}): {reason}")]
    Open {
        /// Endpoints.
        listen: Vec<String>,
        /// Endpoints.
        connect: Vec<String>,
        /// zenoh's own words.
        reason: String,
    },
    /// Nobody answers where somebody must.
    #[error("nobody answers at {connect:?} within {limit:?}: {reason}")]
    NoAnswer {
        /// Endpoints.
        connect: Vec<String>,
        /// How long was waited.
        limit: Duration,
        /// zenoh's own words.
        reason: String,
    },
    /// A key cannot be declared.
    #[error("zenoh key {key:?}: {reason}")]
    Key {
        /// Whole key expression.
        key: String,
        /// zenoh's own words.
        reason: String,
    },
    /// Another runtime publishes under the same prefix.
    #[error(
        "a runtime already publishes under {prefix:?} (its token is {token}), but a prefix belongs to one runtime"
    )]
    NameTaken {
        /// Publish prefix.
        prefix: String,
        /// Liveliness token of the other one.
        token: String,
    },
    /// The session is gone.
    #[error("zenoh session: {reason}")]
    Session {
        /// zenoh's own words.
        reason: String,
    },
}

/// Longest message that is put together from fragments: the largest camera
/// image that is accepted, and its header.
const MAX_MESSAGE_BYTES: usize = super::frames::DEFAULT_PAYLOAD_LIMIT + 64 * 1024;

/// Opens a session. Returns within about half a second where nothing must
/// answer; never waits for a router.
///
/// # Errors
/// A configuration that zenoh does not take, an address that is in use, or
/// nobody where somebody must answer.
pub fn open_session(options: &SessionOptions) -> Result<Session, ZenohError> {
    let config = configuration(options)?;
    zenoh::open(config).wait().map_err(|error| {
        // What follows is where in zenoh's own source it arose.
        let text = error.to_string();
        let reason = text.split(" at /").next().unwrap_or(&text).to_owned();
        let taken = options.listen.iter().find(|endpoint| is_taken(endpoint));
        match (taken, options.must_connect) {
            (Some(endpoint), _) => ZenohError::Taken {
                endpoint: endpoint.clone(),
            },
            (None, Some(limit)) => ZenohError::NoAnswer {
                connect: options.connect.clone(),
                limit,
                reason,
            },
            (None, None) => ZenohError::Open {
                listen: options.listen.clone(),
                connect: options.connect.clone(),
                reason,
            },
        }
    })
}

/// Closes a session, waiting at most `limit`; `false` where it is still
/// closing then. Everything declared in it is withdrawn.
pub fn close_session(session: Session, limit: Duration) -> bool {
    let (done, wait) = sync_channel(1);
    let closing = thread::spawn("zenoh-close", move || {
        if let Err(error) = session.close().wait() {
            tracing::debug!("closing the zenoh session: {error}");
        }
        // Nobody waits any more where the limit has passed.
        let _ = done.try_send(());
    });
    closing.is_ok() && wait.recv_timeout(limit).is_ok()
}

fn configuration(options: &SessionOptions) -> Result<Config, ZenohError> {
    let mut config = match &options.config {
        None => closed_configuration()?,
        Some(file) => Config::from_file(file).map_err(|error| ZenohError::Config {
            subject: file.display().to_string(),
            reason: error.to_string(),
        })?,
    };
    if options.config.is_none() || !options.listen.is_empty() {
        set(&mut config, "listen/endpoints", &json(&options.listen))?;
    }
    if options.config.is_none() || !options.connect.is_empty() {
        set(&mut config, "connect/endpoints", &json(&options.connect))?;
    }
    if let Some(limit) = options.must_connect {
        let millis = i64::try_from(limit.as_millis().max(1)).unwrap_or(i64::MAX);
        set(&mut config, "connect/timeout_ms", &millis.to_string())?;
        set(&mut config, "connect/exit_on_failure", "true")?;
    }
    let shared_memory = "transport/shared_memory/enabled";
    set(
        &mut config,
        shared_memory,
        &options.shared_memory.to_string(),
    )?;
    Ok(config)
}

/// zenoh's defaults without whatever finds or is found by itself.
fn closed_configuration() -> Result<Config, ZenohError> {
    let mut config = Config::default();
    let max_message = MAX_MESSAGE_BYTES.to_string();
    for (entry, value) in [
        ("mode", "\"peer\""),
        ("scouting/multicast/enabled", "false"),
        ("scouting/gossip/enabled", "false"),
        ("transport/link/rx/max_message_size", &max_message),
        // Our own pool is explicit and can recover (see `pool.rs`); zenoh's
        // hidden one, of 16 MiB, cannot.
        (
            "transport/shared_memory/transport_optimization/enabled",
            "false",
        ),
    ] {
        set(&mut config, entry, value)?;
    }
    Ok(config)
}

fn set(config: &mut Config, entry: &str, value: &str) -> Result<(), ZenohError> {
    config
        .insert_json5(entry, value)
        .map_err(|error| ZenohError::Config {
            subject: format!("{entry} = {value}"),
            reason: error.to_string(),
        })
}

fn json(endpoints: &[String]) -> String {
    serde_json::Value::from(endpoints.to_vec()).to_string()
}

/// Whether somebody listens at a TCP or TLS endpoint, so that nobody else can.
fn is_taken(endpoint: &str) -> bool {
    let address = endpoint
        .split_once('/')
        .filter(|(protocol, _)| matches!(*protocol, "tcp" | "tls"))
        .map(|(_, rest)| rest.split(['?', '#']).next().unwrap_or(rest));
    let bound = address.map(TcpListener::bind);
    matches!(bound, Some(Err(error)) if error.kind() == std::io::ErrorKind::AddrInUse)
}
