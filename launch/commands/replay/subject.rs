//! The policy that a recording goes through.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use concert_models::card::Origin;
use concert_models::store::Store;
use concert_policies::{Policy, Task};
use concert_runtime::io::recording::RecordingContents;
use concert_runtime::{Plan, plan_at_start};
use serde_json::Value;

use super::args::ReplayArgs;
use crate::cli::Global;
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;

/// The policy that a recording goes through.
pub(super) struct Subject {
    pub(super) policy: Policy,
    pub(super) plan: Plan,
    /// True where it is the policy of the recording, with the very networks.
    pub(super) is_recorded: bool,
    /// For a recording of the new outputs: as a server tells it.
    pub(super) provenance: Value,
}

impl Subject {
    /// The recorded policy, or the one that is asked for.
    ///
    /// # Errors
    /// A recording without a policy, networks that are gone or others now, and what a
    /// policy is refused for.
    pub(super) fn of(
        contents: &RecordingContents,
        args: &ReplayArgs,
        global: &Global,
    ) -> anyhow::Result<Self> {
        let recorded = contents.policies.first();
        let (policy, path) = match &args.policy {
            Some(name) => {
                let choice = PolicyChoice::of(name, Path::new(name))?;
                (choice.policy, choice.path)
            }
            None => (recorded_policy(contents)?, None),
        };
        let policy = with_readouts(policy, &args.readout)?;
        let is_own = args.policy.is_none() && args.readout.is_empty();
        let folders = model_folders(&global.models, &[], path.as_deref());
        let planned = plan_at_start(&policy, &Store::new(folders));
        let planned = match is_own {
            true => planned.with_context(|| {
                let file = contents.path.display();
                format!("{file} was made with networks that are not here (see --models, --policy)")
            })?,
            false => planned?,
        };
        let expected = recorded.and_then(|texts| texts.get("provenance"));
        if let (true, Some(expected)) = (is_own, expected) {
            check_networks(contents, expected, &planned.origins)?;
        }
        let hash = policy.hash().to_string();
        let recorded_hash = recorded.and_then(|texts| texts.get("hash"));
        let provenance = crate::assemble::provenance(&planned);
        Ok(Self {
            is_recorded: is_own || recorded_hash == Some(&hash),
            policy,
            plan: planned.plan,
            provenance,
        })
    }
}

fn recorded_policy(contents: &RecordingContents) -> anyhow::Result<Policy> {
    let file = contents.path.display().to_string();
    let text = contents.policies.first().and_then(|it| it.get("policy"));
    let Some(text) = text else {
        bail!("{file} does not say which policy ran: name one with --policy");
    };
    if contents.policies.len() > 1 {
        tracing::warn!(
            "{file}: {} policies ran; the first is replayed, outputs of others are counted alone",
            contents.policies.len()
        );
    }
    Policy::parse(text, &file).with_context(|| format!("{file}: the recorded policy"))
}

/// The policy with other readouts, as `TARGET@VARIANT` names them.
fn with_readouts(mut policy: Policy, readouts: &[String]) -> anyhow::Result<Policy> {
    for text in readouts {
        let (target, variant) = match text.split_once('@') {
            Some((target, variant)) => (target, Some(variant)),
            None => (text.as_str(), None),
        };
        let task = Task::find(target);
        let task = task.filter(|task| policy.transfer(task).is_some());
        let Some(task) = task else {
            let targets = policy.transfers().iter();
            let targets: Vec<&str> = targets.map(|transfer| transfer.target().name).collect();
            bail!(
                "--readout {text}: {target} is no target of policy {}, which has {}",
                policy.name(),
                targets.join(", ")
            );
        };
        policy = policy
            .with_variant(task, variant)
            .with_context(|| format!("--readout {text}"))?;
    }
    Ok(policy)
}

/// Refuses networks that are not those of the recording.
fn check_networks(
    contents: &RecordingContents,
    expected: &str,
    found: &[(String, Origin)],
) -> anyhow::Result<()> {
    let expected: Value = serde_json::from_str(expected).unwrap_or_default();
    let mut others = Vec::new();
    for network in expected.as_array().into_iter().flatten() {
        let name = network["name"].as_str().unwrap_or_default();
        let hash = network["sha256"].as_str().unwrap_or_default();
        let here = found.iter().find(|(found, _)| found == name);
        if let Some((_, origin)) = here
            && origin.sha256 != hash
        {
            others.push(format!(
                "{name} ({} here, {} there)",
                short(&origin.sha256),
                short(hash)
            ));
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    Err(anyhow!(
        "{} was made with other networks than those here: {}; name their folder with --models, or \
         compare with --policy",
        contents.path.display(),
        others.join(", ")
    ))
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
