//! Worth and cost of each output of a policy, and why the policy is as
//! it is.
//!
//! * Worth, from a table of transfers: affinity, Gain, Quality.
//! * Cost, from a profile of the device: what dropping an output would save. A
//!   shared encoder is saved only where nobody else reads it, and what another
//!   output reads stays.
//! * Why, from a problem: the optimum, its runner-up, and what one more source
//!   would buy.

mod cost;
mod why;

use serde::Serialize;

use crate::affinity::{Row, SELF, TransferTable};
use crate::policy::Policy;
use crate::profile::Profile;
use crate::solve::{Problem, ProblemError};
use crate::transfer::{Input, Transfer};
pub use cost::Cost;
use cost::Costs;
pub use why::{OneMore, Why};

/// Evidence beside the policy.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// Measured transfers.
    pub table: Option<&'a TransferTable>,
    /// Problem that the policy was chosen for; counts only with a table.
    pub problem: Option<&'a Problem>,
    /// Costs of networks.
    pub profile: Option<&'a Profile>,
    /// Frames per second of the camera; 30 where nothing is said.
    pub camera_hz: Option<f64>,
}

/// A policy, explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The outputs, most important first.
    pub outputs: Vec<ExplainedOutput>,
    /// The encoders, sorted.
    pub encoders: Vec<ExplainedEncoder>,
    /// Cost of everything together; `None` without a profile.
    pub cost: Option<Cost>,
    /// Reason for this policy; `None` without a table and a problem.
    pub why: Option<Why>,
    /// Notes on the numbers.
    pub notes: Vec<String>,
}

/// One output of a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainedOutput {
    /// The target.
    pub target: &'static str,
    /// Its sources, sorted.
    pub sources: Vec<String>,
    /// Inputs that it reads beside.
    pub inputs: Vec<&'static str>,
    /// Number of sources.
    pub order: usize,
    /// Most outputs per second; `None` for one per frame.
    pub rate_hz: Option<f64>,
    /// File name of the readout, without its ending.
    pub readout: String,
    /// Other outputs that read this one, directly or not: while one of them
    /// stays, it is computed.
    pub needed_by: Vec<&'static str>,
    /// Affinity of the transfer, where the table has it.
    pub affinity: Option<f64>,
    /// Gain: win rate against training from pixels.
    pub gain: Option<f64>,
    /// Quality: win rate against the fully supervised network.
    pub quality: Option<f64>,
    /// Cost of its readout alone.
    pub readout_cost: Option<Cost>,
    /// Cost that dropping it would save, everything else staying.
    pub saved_by_dropping: Option<Cost>,
    /// Cost that dropping it and all that need it would save; `None` where nothing
    /// needs it.
    pub saved_with_dependents: Option<Cost>,
    /// Cost that one more output from the same sources would add: the median of the
    /// others that were measured there, else a typical readout.
    pub next_from_same_sources: Option<Cost>,
}

/// One encoder of a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainedEncoder {
    /// The source.
    pub source: String,
    /// Outputs whose readouts read it.
    pub read_by: Vec<&'static str>,
    /// Cost that it takes.
    pub cost: Option<Cost>,
}

/// Reason why a policy cannot be explained with what was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The profile does not know a network of the policy.
    #[error(
        "policy {policy} runs the {kind} {name}, but the profile of `{device}` knows {known}: \
         measure it with `concert profile --policy {policy}`"
    )]
    NotProfiled {
        /// The policy.
        policy: String,
        /// Encoder or readout.
        kind: &'static str,
        /// The network.
        name: String,
        /// The device.
        device: String,
        /// Names that it knows instead.
        known: String,
    },
    /// The problem does not fit the table.
    #[error(transparent)]
    Problem(#[from] ProblemError),
}

/// Explains a policy. `limit` and `elapsed` bound the solver, as in
/// [`solve`](crate::solve::solve).
///
/// # Errors
/// A profile that lacks a network of the policy, a problem that does not fit
/// the table.
pub fn explain(
    policy: &Policy,
    evidence: &Evidence<'_>,
    limit: std::time::Duration,
    elapsed: &dyn Fn() -> std::time::Duration,
) -> Result<Explanation, ExplainError> {
    let mut notes = Vec::new();
    let costs = match evidence.profile {
        Some(profile) => Some(Costs::new(policy, profile, evidence.camera_hz, &mut notes)?),
        None => {
            notes.push("without a profile nothing is said of costs".to_owned());
            None
        }
    };
    match evidence.table {
        None => notes.push(
            "without a table of transfers nothing is said of affinity, gain and quality".to_owned(),
        ),
        Some(table) => notes.extend(missing(policy, table)),
    }
    let why = match (evidence.table, evidence.problem) {
        (Some(table), Some(problem)) => {
            let total = costs.as_ref().map(Costs::total);
            let known = (evidence, total);
            Some(why::why(policy, (table, problem), known, limit, elapsed)?)
        }
        _ => {
            notes.push("why it was chosen is said with a table and a problem".to_owned());
            None
        }
    };
    let transfers = policy.transfers().iter().enumerate();
    let outputs = transfers
        .map(|(place, transfer)| output(policy, (place, transfer), evidence.table, costs.as_ref()));
    let encoders = policy.encoders().iter().map(|source| ExplainedEncoder {
        source: source.clone(),
        read_by: (policy.transfers().iter())
            .filter(|transfer| transfer.sources().contains(source))
            .map(|transfer| transfer.target().name)
            .collect(),
        cost: costs.as_ref().map(|costs| costs.encoder(source)),
    });
    Ok(Explanation {
        outputs: outputs.collect(),
        encoders: encoders.collect(),
        cost: costs.as_ref().map(Costs::total),
        why,
        notes,
    })
}

fn output(
    policy: &Policy,
    (place, transfer): (usize, &Transfer),
    table: Option<&TransferTable>,
    costs: Option<&Costs<'_>>,
) -> ExplainedOutput {
    let row = table.and_then(|table| row_of(table, transfer));
    let needed_by = dependents(policy, place);
    let mut with_dependents = needed_by.clone();
    with_dependents.push(place);
    let is_needed = !needed_by.is_empty();
    ExplainedOutput {
        target: transfer.target().name,
        sources: transfer.sources().to_vec(),
        inputs: transfer.inputs().iter().map(|input| input.name()).collect(),
        order: transfer.order(),
        rate_hz: transfer.rate_hz(),
        readout: transfer.readout_name(),
        needed_by: needed_by
            .iter()
            .map(|&other| policy.transfers()[other].target().name)
            .collect(),
        affinity: row.and_then(|row| row.affinity),
        gain: row.and_then(|row| row.win_vs_pixels),
        quality: row.and_then(|row| row.win_vs_task),
        readout_cost: costs.map(|costs| costs.readout(place)),
        saved_by_dropping: costs.map(|costs| costs.saved_without(&[place])),
        saved_with_dependents: costs
            .filter(|_| is_needed)
            .map(|costs| costs.saved_without(&with_dependents)),
        next_from_same_sources: costs.and_then(|costs| costs.next(place)),
    }
}

/// Places of the transfers that read the output of this one, directly or not.
fn dependents(policy: &Policy, place: usize) -> Vec<usize> {
    let transfers = policy.transfers();
    let mut found = vec![place];
    let mut at = 0;
    while at < found.len() {
        let target = Input::Target(transfers[found[at]].target());
        for (other, transfer) in transfers.iter().enumerate() {
            if transfer.inputs().contains(&target) && !found.contains(&other) {
                found.push(other);
            }
        }
        at += 1;
    }
    found.remove(0);
    found.sort_unstable();
    found
}

/// The row of the table that measured this transfer.
fn row_of<'t>(table: &'t TransferTable, transfer: &Transfer) -> Option<&'t Row> {
    let target = table.place(transfer.target().name)?;
    let mut sources: Vec<u32> = match transfer.is_root() {
        true => vec![table.place(SELF)?],
        false => (transfer.sources().iter())
            .map(|source| table.place(source))
            .collect::<Option<_>>()?,
    };
    sources.sort_unstable();
    let is_it = |row: &&Row| {
        let mut of_row = row.sources.to_vec();
        of_row.sort_unstable();
        row.target == target && of_row == sources
    };
    table.raw_rows().iter().find(is_it)
}

/// Transfers that the table has not measured.
fn missing(policy: &Policy, table: &TransferTable) -> Option<String> {
    let transfers = policy.transfers().iter();
    let missing = transfers.filter(|transfer| row_of(table, transfer).is_none());
    let names: Vec<_> = missing.map(Transfer::readout_name).collect();
    let names = names.join(", ");
    (!names.is_empty()).then(|| format!("{} has no row for {names}", table.origin()))
}
