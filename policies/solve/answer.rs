//! Answers of the solver.

use serde::{Deserialize, Serialize};

use crate::solve::device::Usage;

/// End of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SolveStatus {
    /// Nothing is better; proved.
    Optimal,
    /// Time ran out: the best that was found, with a bound on what may be.
    Feasible,
    /// Nothing serves every target within the budget; proved.
    Infeasible,
    /// Time ran out before anything was found.
    Unknown,
}

impl SolveStatus {
    /// Name of the status in JSON.
    pub fn name(self) -> &'static str {
        match self {
            SolveStatus::Optimal => "optimal",
            SolveStatus::Feasible => "feasible",
            SolveStatus::Infeasible => "infeasible",
            SolveStatus::Unknown => "unknown",
        }
    }
}

/// The answer to a problem. Names are spelt as in the table of transfers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// End of the search.
    pub status: SolveStatus,
    /// Sum of importance times value over the targets, and what the convention
    /// adds; `None` where there is no policy.
    pub objective: Option<f64>,
    /// The roots, sorted: with the `service` convention, or where they are
    /// required, some may be idle.
    pub sources: Vec<String>,
    /// The roots that some target needs, itself included, sorted.
    pub sources_used: Vec<String>,
    /// One per target, in the order of the problem.
    pub transfers: Vec<AnswerTransfer>,
    /// Mean win rate against training from pixels over the targets; `None`
    /// where the table lacks one of them.
    pub gain: Option<f64>,
    /// Mean win rate against the fully supervised networks over the targets;
    /// `None` where the table lacks one of them.
    pub quality: Option<f64>,
    /// Cost of the roots and transfers together, at most `budget`.
    pub cost: Option<f64>,
    /// Most that they may cost.
    pub budget: f64,
    /// Usage of the device by the policy, where one was given.
    pub usage: Option<Usage>,
    /// The greatest objective with another set of used sources, every target
    /// taking its best; `None` where there is no other.
    pub runner_up_objective: Option<f64>,
    /// The used sources of that runner-up, sorted.
    pub runner_up_sources: Option<Vec<String>>,
    /// Set if nothing beats the runner-up but the answer; a search that ran
    /// out of time may know a runner-up that is not the best.
    pub runner_up_proved: bool,
    /// Set if no other set of used sources reaches the objective within 1e-9;
    /// `None` where time ran out before that was known.
    pub unique: Option<bool>,
    /// Set if no target has another transfer from the same sources that is
    /// worth the same within 1e-9.
    pub transfers_unique: Option<bool>,
    /// No policy has a greater objective; equal to it where the status is optimal.
    pub bound: Option<f64>,
    /// `bound` less `objective`.
    pub gap: Option<f64>,
    /// Nodes of the search tree, of the answer and of its runner-up.
    pub nodes: u64,
    /// Reason why nothing is feasible, where nothing is.
    pub reason: Option<String>,
    /// Targets that cannot be served, where nothing is feasible.
    pub unservable: Vec<Unservable>,
    /// Smallest budget, where nothing is feasible, with which every target
    /// could be served, if any could.
    pub smallest_budget: Option<f64>,
    /// Notes on how the problem was read.
    pub notes: Vec<String>,
    /// Time taken by the search, s.
    pub seconds: f64,
}

/// Service of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerTransfer {
    /// The target.
    pub target: String,
    /// Its sources, sorted; `["self"]` where it is its own root.
    pub sources: Vec<String>,
    /// Number of sources.
    pub order: usize,
    /// Worth of it, before importance.
    pub value: f64,
    /// Importance of the target.
    pub importance: f64,
    /// Affinity, as in the table.
    pub affinity: Option<f64>,
    /// Win rate against the target's fully supervised network: Quality.
    pub win_vs_task: Option<f64>,
    /// Win rate against training from pixels: Gain.
    pub win_vs_pixels: Option<f64>,
}

/// A target that cannot be served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unservable {
    /// The target.
    pub target: String,
    /// The smallest budget that serves this target and the required sources, if
    /// any does.
    pub smallest_budget: Option<f64>,
    /// Reason why it cannot be served.
    pub reason: String,
}
