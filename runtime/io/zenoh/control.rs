//! Requests to a running runtime over zenoh: to change its policy, and
//! to choose one.

mod service;

use std::time::Duration;

use concert_policies::MAX_POLICY_BYTES;
use serde_json::Value;
use zenoh::sample::SourceInfo;
use zenoh::{Session, Wait};

pub use service::{Admission, ControlService, Handler};

use crate::wire::keys;

/// Longest problem that is read, in bytes (64 KiB).
pub const MAX_ASKED_PROBLEM_BYTES: u64 = 64 << 10;

/// A request to a running runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlRequest {
    /// Run the policy in the request. The answer's `status` is `swapped`,
    /// `refused` or `busy`.
    Swap,
    /// Choose a policy for the problem in the request; changes nothing. The
    /// answer's `status` is that of the solver (`optimal`, `feasible`,
    /// `infeasible`, `unknown`), `refused` or `busy`.
    Solve,
    /// Say how learning goes (`status`), let the first readout serve again and
    /// pause (`restore`), or go on (`resume`), as the request (JSON) asks. The
    /// answer's `status` is `learning`, `restored`, `resumed`, `refused` or `busy`.
    Learn,
}

impl ControlRequest {
    /// Key below the prefix.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            ControlRequest::Swap => keys::SWAP,
            ControlRequest::Solve => keys::SOLVE,
            ControlRequest::Learn => keys::LEARN,
        }
    }

    /// Name of the request: `another swap is under way`.
    fn name(self) -> &'static str {
        match self {
            ControlRequest::Swap => "swap",
            ControlRequest::Solve => "solve",
            ControlRequest::Learn => "learn",
        }
    }

    /// Content of the request.
    fn subject(self) -> &'static str {
        match self {
            ControlRequest::Swap => "policy",
            ControlRequest::Solve => "problem",
            ControlRequest::Learn => "question",
        }
    }

    fn max_bytes(self) -> u64 {
        match self {
            ControlRequest::Swap => MAX_POLICY_BYTES,
            ControlRequest::Solve | ControlRequest::Learn => MAX_ASKED_PROBLEM_BYTES,
        }
    }

    /// Longest wait of a client for the answer: loading networks takes time.
    fn answer_limit(self) -> Duration {
        match self {
            ControlRequest::Swap | ControlRequest::Learn => Duration::from_secs(120),
            ControlRequest::Solve => Duration::from_secs(20),
        }
    }
}

/// Why what was asked for over zenoh has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request could not be sent.
    #[error("{key}: {reason}")]
    Send {
        /// Whole key.
        key: String,
        /// zenoh's own words.
        reason: String,
    },
    /// Nobody answers there.
    #[error("nobody answers at {key}: is a runtime publishing below that prefix?")]
    NoAnswer {
        /// Whole key.
        key: String,
    },
    /// The answer is not one of ours.
    #[error("{key} answered what is not understood: {reason}")]
    Answer {
        /// Whole key.
        key: String,
        /// The fault.
        reason: String,
    },
}

/// Asks the runtime that publishes below `prefix`, and waits for its answer: an
/// object with a `status`, as the [`ControlRequest`] says.
///
/// # Errors
/// Where there is no answer, or none that is understood.
pub fn request(
    session: &Session,
    prefix: &str,
    kind: ControlRequest,
    text: &str,
) -> Result<Value, RequestError> {
    let key = keys::below(prefix, kind.key());
    let send = |reason: String| RequestError::Send {
        key: key.clone(),
        reason,
    };
    let replies = session
        .get(key.clone())
        .payload(text)
        // The server's log says who asked.
        .source_info(SourceInfo::new(session.id(), 0))
        .timeout(kind.answer_limit())
        .wait()
        .map_err(|error| send(error.to_string()))?;
    let no_answer = || RequestError::NoAnswer { key: key.clone() };
    let reply = replies.recv().map_err(|_| no_answer())?;
    let understood = |reason: String| RequestError::Answer {
        key: key.clone(),
        reason,
    };
    let sample = reply
        .into_result()
        .map_err(|error| understood(error.to_string()))?;
    let object: Value = serde_json::from_slice(&sample.payload().to_bytes())
        .map_err(|error| understood(error.to_string()))?;
    if object["status"].is_string() {
        return Ok(object);
    }
    Err(understood("it has no status".to_owned()))
}
