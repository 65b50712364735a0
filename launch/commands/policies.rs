//! `concert policies`: the policies that ship, by the names that `serve`,
//! `draw` and others take.

use clap::Args;
use concert_policies::Policy;
use serde_json::json;

use crate::cli::Global;
use crate::report::{Failure, Report};

/// Arguments of `policies`: none.
#[derive(Debug, Args)]
pub struct PoliciesArgs {}

pub(crate) fn run(_args: &PoliciesArgs, _global: &Global) -> Result<Report, Failure> {
    let shipped: Vec<_> = Policy::shipped_names()
        .filter_map(Policy::shipped)
        .collect();
    let summaries: Vec<_> = shipped.iter().map(Policy::summary).collect();
    let width = shipped.iter().map(|policy| policy.name().len()).max();
    let width = width.unwrap_or(0);
    let lines = shipped.iter().flat_map(|policy| {
        let targets: Vec<_> = policy
            .transfers()
            .iter()
            .map(|one| one.target().name)
            .collect();
        let encoders = policy.encoders().join(", ");
        let about = policy.description().unwrap_or_default();
        [
            format!(
                "{:<width$}  {encoders} -> {}",
                policy.name(),
                targets.join(", ")
            ),
            format!("{:<width$}  {about}", ""),
        ]
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    Ok(Report::done(json!({ "policies": summaries }), text))
}
