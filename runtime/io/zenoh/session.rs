//! Opening and closing a zenoh session, with nothing left to chance: no
//! multicast, no gossip, no port but those named.
//!
//! Who listens opens as a peer, who only connects as a client: a router passes
//! nothing between two peers, but everything between a client and anybody.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use zenoh::{Config, Session, Wait};

use super::tls::TlsOptions;
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
    /// A configuration file of zenoh's own, for everything else (access
    /// control, …). With one, scouting and limits are as it says; `listen` and
    /// `connect` take the place of its own where they are not empty.
    pub config: Option<PathBuf>,
    /// Certificates of `tls/` endpoints.
    pub tls: TlsOptions,
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
            tls: TlsOptions::default(),
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
            ..Self::serve()
        }
    }

    /// Whether this is somebody who only connects: a client.
    fn is_client(&self) -> bool {
        self.listen.is_empty() && !self.connect.is_empty()
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
    #[error("nobody answers at {} within {limit:?}: {reason}", connect.join(", "))]
    NoAnswer {
        /// Endpoints.
        connect: Vec<String>,
        /// How long was waited.
        limit: Duration,
        /// Of the last endpoint, what stands there.
        reason: String,
    },
    /// A certificate or key that cannot be used.
    #[error("{subject} {}: {reason}", file.display())]
    Tls {
        /// `certificate`, `authority`, …
        subject: &'static str,
        /// As it was named.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An endpoint that needs a file which is not named.
    #[error("endpoint {endpoint} needs {needs}, but none is named")]
    TlsMissing {
        /// `tls/…`
        endpoint: String,
        /// `a certificate and a private key`, `an authority`
        needs: &'static str,
    },
    /// The process may open too few files to meet anybody.
    #[error(
        "this process may open {limit} files and has {open} open, but zenoh needs {needed} more: \
         raise the limit (`ulimit -n 1024`, `LimitNOFILE=1024`)"
    )]
    TooFewFiles {
        /// Soft limit.
        limit: u64,
        /// Files open now.
        open: u64,
        /// Files that a session needs.
        needed: u64,
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
pub(super) const MAX_MESSAGE_BYTES: usize = super::frames::DEFAULT_PAYLOAD_LIMIT + 64 * 1024;

/// Files that a session and its threads need beyond those that are open.
const NEEDED_FILES: u64 = 64;

/// Opens a session; waits for nobody unless somebody must answer. Where there is
/// no usable folder of shared memory, it goes without, and says so.
///
/// # Errors
/// A configuration that zenoh does not take, certificates that cannot be used,
/// an address that is in use, nobody where somebody must answer, or a process
/// that may open too few files.
pub fn open_session(options: &SessionOptions) -> Result<Session, ZenohError> {
    open(options, Whole::Yes)
}

/// As [`open_session`], but connects nowhere: others do that.
pub(super) fn open_own(options: &SessionOptions) -> Result<Session, ZenohError> {
    open(options, Whole::ButForConnecting)
}

/// How much of the options a session is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    ButForConnecting,
}

fn open(options: &SessionOptions, whole: Whole) -> Result<Session, ZenohError> {
    check_files()?;
    match open_once(options, whole) {
        Err(ZenohError::Open { reason, .. }) if options.shared_memory && is_about_shm(&reason) => {
            tracing::warn!(
                "no shared memory ({reason}): payloads are copied; `shared_memory = false` says so \
                 on purpose"
            );
            let without = SessionOptions {
                shared_memory: false,
                ..options.clone()
            };
            open_once(&without, whole)
        }
        opened => opened,
    }
}

fn open_once(options: &SessionOptions, whole: Whole) -> Result<Session, ZenohError> {
    let config = configuration(options, whole)?;
    zenoh::open(config).wait().map_err(|error| {
        let reason = in_zenohs_words(&error);
        let taken = options.listen.iter().find(|endpoint| is_taken(endpoint));
        match (taken, options.must_connect) {
            (Some(endpoint), _) => ZenohError::Taken {
                endpoint: endpoint.clone(),
            },
            (None, Some(limit)) if !is_about_shm(&reason) => ZenohError::NoAnswer {
                connect: options.connect.clone(),
                limit,
                reason: why_no_answer(&options.connect),
            },
            _ => ZenohError::Open {
                listen: options.listen.clone(),
                connect: options.connect.clone(),
                reason,
            },
        }
    })
}

/// What stands where nobody answered.
fn why_no_answer(connect: &[String]) -> String {
    let last = connect.last().map_or("", String::as_str);
    match super::outward::probe(last) {
        Err(reason) => reason,
        Ok(()) => NOT_LET_IN.to_owned(),
    }
}

/// Why there is no session where somebody listens.
pub(super) const NOT_LET_IN: &str =
    "somebody listens there, but does not let us in: it is not zenoh, or certificates do not fit";

/// What zenoh says of an error, without where in its own source it arose.
pub(super) fn in_zenohs_words(error: &zenoh::Error) -> String {
    let text = error.to_string();
    text.split(" at /").next().unwrap_or(&text).to_owned()
}

fn is_about_shm(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.contains("shm") || reason.contains("shared memory")
}

/// zenoh panics where it can open no more files, so this looks before.
fn check_files() -> Result<(), ZenohError> {
    let Some(limit) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current else {
        return Ok(());
    };
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64);
    if limit >= open + NEEDED_FILES {
        return Ok(());
    }
    Err(ZenohError::TooFewFiles {
        limit,
        open,
        needed: NEEDED_FILES,
    })
}

/// Looks at everything that a session would be opened with, and opens none: the
/// configuration file and the certificates are read.
///
/// # Errors
/// As [`open_session`].
pub fn check_session(options: &SessionOptions) -> Result<(), ZenohError> {
    configuration(options, Whole::Yes).map(drop)
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

fn configuration(options: &SessionOptions, whole: Whole) -> Result<Config, ZenohError> {
    let mut config = match &options.config {
        None => closed_configuration()?,
        Some(file) => Config::from_file(file).map_err(|error| ZenohError::Config {
            subject: file.display().to_string(),
            reason: in_zenohs_words(&error),
        })?,
    };
    let is_client = whole == Whole::Yes && options.is_client();
    let is_ours = |endpoints: &[String]| options.config.is_none() || !endpoints.is_empty();
    if is_ours(&options.listen) || is_client {
        set(&mut config, "listen/endpoints", &json(&options.listen))?;
    }
    if is_ours(&options.connect) {
        let connect = match whole {
            Whole::Yes => options.connect.as_slice(),
            Whole::ButForConnecting => &[],
        };
        set(&mut config, "connect/endpoints", &json(connect))?;
    }
    if is_client {
        set(&mut config, "mode", "\"client\"")?;
    }
    if let Some(limit) = options.must_connect {
        let millis = i64::try_from(limit.as_millis().max(1)).unwrap_or(i64::MAX);
        set(&mut config, "connect/timeout_ms", &millis.to_string())?;
        set(&mut config, "connect/exit_on_failure", "true")?;
        // Who waits is to wait no longer than needed.
        let retry = r#"{ period_init_ms: 100, period_max_ms: 1000, period_increase_factor: 2 }"#;
        set(&mut config, "connect/retry", retry)?;
    }
    // Connecting goes on behind; what must be there is waited for by name.
    set(
        &mut config,
        "open/return_conditions/connect_scouted",
        "false",
    )?;
    let shared_memory = "transport/shared_memory/enabled";
    set(
        &mut config,
        shared_memory,
        &options.shared_memory.to_string(),
    )?;
    options.tls.check(options)?;
    for (entry, value) in options.tls.entries(is_client) {
        set(&mut config, entry, &value)?;
    }
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

/// `HOST:PORT` of a TCP or TLS endpoint.
pub(super) fn address_of(endpoint: &str) -> Option<&str> {
    let (protocol, rest) = endpoint.split_once('/')?;
    let address = rest.split(['?', '#']).next().unwrap_or(rest);
    matches!(protocol, "tcp" | "tls").then_some(address)
}

/// Whether somebody listens at a TCP or TLS endpoint, so that nobody else can.
fn is_taken(endpoint: &str) -> bool {
    let bound = address_of(endpoint).map(TcpListener::bind);
    matches!(bound, Some(Err(error)) if error.kind() == std::io::ErrorKind::AddrInUse)
}
