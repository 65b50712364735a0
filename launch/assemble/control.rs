//! A policy that comes while another one runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use concert_policies::Policy;
use concert_runtime::{Control, SwapTerms};
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
    /// The policy that runs.
    pub(crate) policy: Policy,
    /// Policies that ran before it.
    pub(crate) epoch: u64,
}

/// A swapper for everybody who changes what runs: one swap at a time.
pub(crate) type SharedSwapper = Arc<Mutex<Swapper>>;

impl Swapper {
    /// Swaps, and says what came of it: an object with `status`, `swapped` or
    /// `refused`.
    pub(crate) fn swap(&mut self, toml: &str) -> Value {
        let policy = Policy::parse(toml, "policy").map_err(anyhow::Error::from);
        let swapped = policy.and_then(|policy| self.try_swap(policy, toml));
        swapped.unwrap_or_else(|error| {
            tracing::warn!("a swap was refused: {error:#}");
            json!({
                "status": "refused",
                "error": format!("{error:#}"),
                "serving_hash": self.control.snapshot().policy_hash,
            })
        })
    }

    /// Swaps to a policy, of which others are told this text, or says why not;
    /// then what ran goes on.
    ///
    /// # Errors
    /// Networks that are missing or fail, and what
    /// [`Control::swap`] fails at.
    pub(crate) fn try_swap(&mut self, policy: Policy, toml: &str) -> anyhow::Result<Value> {
        self.try_swap_on(policy, toml, SwapTerms::default())
    }

    /// As [`try_swap`](Self::try_swap), on terms.
    ///
    /// # Errors
    /// As [`try_swap`](Self::try_swap), and [`Control::swap_on`].
    pub(crate) fn try_swap_on(
        &mut self,
        policy: Policy,
        toml: &str,
        terms: SwapTerms,
    ) -> anyhow::Result<Value> {
        let planned = try_plan(&policy, self.folders.clone())?;
        let provenance = provenance(&planned);
        let report = self.control.swap_on(planned.plan, terms)?;
        if let Some(announcement) = &self.announcement {
            announcement.tell(toml, provenance);
        }
        self.policy = policy;
        self.epoch += 1;
        let mut answer = serde_json::to_value(report)?;
        answer["status"] = json!("swapped");
        Ok(answer)
    }
}
