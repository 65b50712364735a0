//! Why a launch file was refused.

use concert_policies::document::{ReadFault, Refused};

/// A refused launch file: the file, the place in it where one is known, and why.
pub type LaunchError = Refused<LaunchFault>;

/// The rule that a refused launch file breaks, with the quantities on both
/// sides. Texts from the file come in here shortened and escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's text says what its fields are
pub enum LaunchFault {
    #[error(transparent)]
    File(#[from] ReadFault),
    /// What the TOML reader says: syntax, unknown keys, missing keys, types.
    #[error("{0}")]
    Toml(String),
    #[error("launch file has {count} {what}, but must have from {least} to {limit}")]
    Count {
        what: &'static str,
        count: usize,
        least: usize,
        limit: usize,
    },
    #[error("{key} is {value}, but must be from {least} to {limit}")]
    OutOfRange {
        key: String,
        value: i64,
        least: i64,
        limit: i64,
    },
    #[error("{key} is {value}, but must be above 0 and at most {limit}")]
    Rate { key: String, value: f64, limit: f64 },
    #[error("{subject} is {length} bytes long, but must have from 1 to {limit}")]
    Length {
        subject: String,
        length: usize,
        limit: usize,
    },
    #[error("{subject} is `{value}`, but {rule}")]
    Text {
        subject: String,
        value: String,
        rule: &'static str,
    },
    #[error("{subject} is `{value}`, but must be one of {known}")]
    Unknown {
        subject: String,
        value: String,
        known: String,
    },
    #[error("{what} `{value}` stands here twice, but may stand once")]
    Duplicate { what: &'static str, value: String },
    #[error(
        "provider `{provider}` of a fallback is neither cpu nor one of the launch file's own, \
         which are {own}"
    )]
    ForeignProvider { provider: &'static str, own: String },
    #[error("camera `{camera}` of kind {kind} has no key `{key}`; its own keys are {own}")]
    ForeignKey {
        camera: String,
        kind: &'static str,
        key: String,
        own: String,
    },
    #[error("camera `{camera}` of kind {kind} needs the key `{key}`")]
    MissingKey {
        camera: String,
        kind: &'static str,
        key: &'static str,
    },
    #[error("camera `{camera}`: {fault}")]
    Intrinsics { camera: String, fault: String },
    #[cfg(not(feature = "fitting"))]
    #[error("[learn] needs the feature fitting, which this build is without")]
    LearnsNothing,
    #[error(
        "{subject} needs `distro` in [publish], one of humble, jazzy, kilted, lyrical: what the \
         other nodes run, since Humble and later distributions do not hear each other"
    )]
    NoDistro { subject: &'static str },
    #[error(
        "distro stands in [publish], but neither is style `ros2` nor is there a camera of kind ros2"
    )]
    IdleDistro,
    #[cfg(not(feature = "metrics"))]
    #[error("[metrics] needs the feature metrics, which this build is without")]
    MeasuresNothing,
}

/// A piece of the file as an error may show it.
pub(super) fn shown(text: &str) -> String {
    concert_policies::document::shown(text, 80)
}
