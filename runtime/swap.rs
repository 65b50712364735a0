//! Why a swap of policies is refused, and what one did.

use std::time::Duration;

use concert_models::EngineError;
use serde::Serialize;

use crate::bus::BusError;

/// Why a swap did not take place; the policy that ran goes on as if nothing had
/// been asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwapError {
    /// One swap at a time.
    #[error("busy: another swap is being prepared")]
    Busy,
    /// The runtime ends, or came to its end.
    #[error("the runtime is stopping")]
    Stopping,
    /// The new pipeline could not be prepared.
    #[error(transparent)]
    Prepare(#[from] EngineError),
    /// The system refuses another thread.
    #[error("no thread to prepare it on: {0}")]
    Thread(#[from] std::io::Error),
    /// A network of the new pipeline hangs in a kernel, which nothing can end.
    #[error(
        "network {network} took longer than {limit:?} to load or to run once: it hangs, and a \
         thread with it"
    )]
    Hangs {
        /// The network.
        network: String,
        /// Time limit of one.
        limit: Duration,
    },
    /// An earlier one hangs still.
    #[error(
        "a thread hangs in network {network} of an earlier swap: nothing else is prepared before \
         this process is started again"
    )]
    Stuck {
        /// The network in which it hangs.
        network: String,
    },
    /// Preparing the new pipeline panicked.
    #[error("preparing the policy {policy} panicked")]
    Panicked {
        /// The new policy.
        policy: String,
    },
    /// By what is measured, there is not enough time for it.
    #[error(
        "policy {policy} would keep a frame's thread busy {percent:.0} % of the time, but at most \
         {limit_percent:.0} % fit"
    )]
    DoesNotFit {
        /// The new policy.
        policy: String,
        /// Share of the time between frames, or of the time limit, %.
        percent: f64,
        /// Most of it, %.
        limit_percent: f64,
    },
    /// The new keys could not be declared.
    #[error("the bus refused the new keys: {0}")]
    Bus(BusError),
    /// A thread of the runtime hangs.
    #[error("the {thread} thread did not come to it within {limit:?}")]
    NotTaken {
        /// `perceive` or `publish`.
        thread: &'static str,
        /// Time that was waited.
        limit: Duration,
    },
}

/// Report of a swap.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SwapReport {
    /// Name of the policy that ran before.
    pub old_policy: String,
    /// Its hash, 64 hexadecimal digits.
    pub old_hash: String,
    /// Name of the policy that runs now.
    pub new_policy: String,
    /// Its hash, 64 hexadecimal digits.
    pub new_hash: String,
    /// Loading, wiring and warming the new pipeline, beside the old one.
    pub prepared_millis: f64,
    /// Time for which the perceive thread was held up between two frames.
    pub exchange_millis: f64,
    /// Networks that the new pipeline shares with the old one.
    pub reused_networks: Vec<String>,
    /// Networks that were loaded for it.
    pub loaded_networks: Vec<String>,
    /// Keys below the prefix that are published from now on.
    pub added: Vec<String>,
    /// Keys below the prefix that are not published any more.
    pub removed: Vec<String>,
    /// Rings over time that go on without warming again.
    pub kept: Vec<String>,
    /// Rings over time that warm again, as after a start.
    pub warming: Vec<String>,
    /// Per camera, the sequence number of the last frame that the old policy
    /// took; `None` where it took none. All later ones are the new policy's.
    pub last_sequence: Vec<(String, Option<u64>)>,
}
