//! Opening and closing a zenoh session, with nothing left to chance: no
//! multicast, no gossip, no port but those named.
//!
//! Who listens opens as a peer, who only connects as a client: a router passes
//! nothing between two peers, but everything between a client and anybody.

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use zenoh::{Config, Session, Wait};

use super::endpoint::{is_taken, probe};
use super::error::ZenohError;
use super::tls::TlsOptions;
use crate::io::thread;

/// Endpoints at which a session listens and connects, and its settings.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Endpoints to listen on: `tcp/127.0.0.1:7448`. Each must be free.
    pub listen: Vec<String>,
    /// Endpoints to connect to if anyone answers, now or later; the session
    /// tries again by itself.
    pub connect: Vec<String>,
    /// Longest wait until every endpoint of `connect` answers;
    /// `None` where none needs to.
    pub must_connect: Option<Duration>,
    /// True where large payloads may travel in shared memory.
    pub shared_memory: bool,
    /// A configuration file of zenoh's own, for everything else (access
    /// control, …). With one, scouting and limits are as it says; `listen` and
    /// `connect` take the place of its own where they are not empty.
    pub config: Option<PathBuf>,
    /// Certificates of `tls/` endpoints.
    pub tls: TlsOptions,
}

impl SessionOptions {
    /// Endpoint at which `serve` and `demo` listen.
    pub const LISTEN: &str = "tcp/127.0.0.1:7448";
    /// Endpoint at which a router would answer.
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

    /// Tells whether this is somebody who only connects: a client.
    fn is_client(&self) -> bool {
        self.listen.is_empty() && !self.connect.is_empty()
    }
}

/// Longest payload that is accepted where nothing else is said: a 64 MiB image.
pub(super) const DEFAULT_PAYLOAD_LIMIT: usize = 64 * 1024 * 1024;

/// Longest message that is put together from fragments: the largest camera
/// image that is accepted, and its header.
pub(super) const MAX_MESSAGE_BYTES: usize = DEFAULT_PAYLOAD_LIMIT + 64 * 1024;

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

/// The part of the options that a session is to have.
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

/// Looks at the last endpoint of those where nobody answered.
fn why_no_answer(connect: &[String]) -> String {
    let last = connect.last().map_or("", String::as_str);
    match probe(last) {
        Err(reason) => reason,
        Ok(()) => NOT_LET_IN.to_owned(),
    }
}

/// Why there is no session where somebody listens.
pub(super) const NOT_LET_IN: &str =
    "somebody listens there, but does not let us in: it is not zenoh, or certificates do not fit";

/// zenoh's words of an error, without the place in its own source.
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
    let is_closed = options.config.is_none();
    (options.tls).check(&options.listen, &options.connect, is_closed)?;
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
