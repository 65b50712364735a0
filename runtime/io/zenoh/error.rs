//! Why zenoh could not be set up.

use std::path::PathBuf;
use std::time::Duration;

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
        /// Time that was waited.
        limit: Duration,
        /// State of the last endpoint.
        reason: String,
    },
    /// A certificate or key that cannot be used.
    #[error("{subject} {}: {reason}", file.display())]
    Tls {
        /// `certificate`, `authority`, …
        subject: &'static str,
        /// As it was named.
        file: PathBuf,
        /// The fault.
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
