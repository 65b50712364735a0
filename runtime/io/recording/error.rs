//! Why a recording cannot be written or read.

use std::path::PathBuf;

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file cannot be opened, read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// A file that is none.
    #[error("{path}: is no MCAP file: {reason}")]
    NotMcap {
        /// The file.
        path: PathBuf,
        /// What it has in place of that.
        reason: String,
    },
    /// Content that breaks a rule.
    #[error("{path}: {rule}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Both quantities and the rule.
        rule: String,
    },
    /// A record that cannot be written.
    #[error("{0}")]
    Write(String),
}
