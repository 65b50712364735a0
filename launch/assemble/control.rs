//! A policy that comes while another one runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use concert_policies::Policy;
use concert_runtime::Control;
use serde_json::{Value, json};

use super::parts::{provenance, try_plan};
use super::transport::PolicyAnnouncement;

/// Turns the text of a policy into the one that runs.
pub(crate) struct Swapper {
    /// Control of the runtime.
    pub(crate) control: Control,
    /// Folders in which its networks are looked for.
    pub(crate) folders: Vec<PathBuf>,
    /// Announces to others what runs; `None` where nobody does.
    pub(crate) announcement: Option<PolicyAnnouncement>,
    /// The text of the policy that runs.
    pub(crate) policy: String,
    /// Policies that ran before it.
    pub(crate) epoch: u64,
}

/// A swapper for everybody who changes what runs: one swap at a time.
pub(crate) type SharedSwapper = Arc<Mutex<Swapper>>;

impl Swapper {
    /// Swaps, and says what came of it: an object with `status`, `swapped` or
    /// `refused`.
    #[cfg_attr(
        not(feature = "zenoh"),
        expect(dead_code, reason = "policies come over zenoh alone")
    )]
    pub(crate) fn swap(&mut self, toml: &str) -> Value {
        self.try_swap(toml).unwrap_or_else(|error| {
            tracing::warn!("a swap was refused: {error:#}");
            json!({
                "status": "refused",
                "error": format!("{error:#}"),
                "serving_hash": self.control.snapshot().policy_hash,
            })
        })
    }

    /// Swaps, or says why not; then what ran goes on.
    ///
    /// # Errors
    /// A policy that is refused, networks that are missing or fail, and what
    /// [`Control::swap`] fails at.
    pub(crate) fn try_swap(&mut self, toml: &str) -> anyhow::Result<Value> {
        let policy = Policy::parse(toml, "policy")?;
        let planned = try_plan(&policy, self.folders.clone())?;
        let provenance = provenance(&planned);
        let report = self.control.swap(planned.plan)?;
        if let Some(announcement) = &self.announcement {
            announcement.tell(toml, provenance);
        }
        toml.clone_into(&mut self.policy);
        self.epoch += 1;
        let mut answer = serde_json::to_value(report)?;
        answer["status"] = json!("swapped");
        Ok(answer)
    }
}
