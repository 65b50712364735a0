//! Reasons for a policy: the optimum, and what stands beside it.

use std::time::Duration;

use serde::Serialize;

use super::{Cost, Evidence, row_of};
use crate::affinity::{Row, TransferTable};
use crate::policy::Policy;
use crate::solve::{
    Answer, Convention, Device, DeviceBudgets, Problem, ProblemError, SolveStatus, TransferValue,
    Transform, solve_on,
};

/// Within this, two objectives are the same.
const EQUAL: f64 = 1e-9;

/// Comparison of a policy with the best one for a problem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    /// End of the search for the best.
    pub status: SolveStatus,
    /// Worth of the best policy.
    pub objective: Option<f64>,
    /// Worth of this policy for the same problem; `None` where it leaves a
    /// target unserved, the table lacks a number, or the convention is not the
    /// paper's.
    pub policy_objective: Option<f64>,
    /// Set if nothing is worth more than this policy; `None` where that is not
    /// known.
    pub is_optimal: Option<bool>,
    /// Sources of the best policy.
    pub sources_used: Vec<String>,
    /// Differences of this policy from the best one.
    pub differences: Vec<String>,
    /// The best with another set of sources.
    pub runner_up_objective: Option<f64>,
    /// Its sources.
    pub runner_up_sources: Option<Vec<String>>,
    /// Set if no other set of sources is worth the same.
    pub unique: Option<bool>,
    /// Budgets that the problem gives networks on the device; empty where it says
    /// nothing.
    pub device_budgets: DeviceBudgets,
    /// Gain from a budget of one more, the device's budgets staying; `None`
    /// where nothing is feasible.
    pub one_more: Option<OneMore>,
}

/// The best policy with a budget of one more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OneMore {
    /// The budget.
    pub budget: f64,
    /// Worth of the best then.
    pub objective: f64,
    /// Rise of that above the worth with the problem's budget.
    pub rise: f64,
    /// Sources that come.
    pub added: Vec<String>,
    /// Sources that go.
    pub removed: Vec<String>,
    /// Targets that are served otherwise.
    pub changed_targets: Vec<String>,
}

pub(super) fn why(
    policy: &Policy,
    (table, problem): (&TransferTable, &Problem),
    (evidence, cost): (&Evidence<'_>, Option<Cost>),
    limit: Duration,
    elapsed: &dyn Fn() -> Duration,
) -> Result<Why, ProblemError> {
    let device_budgets = problem.device_budgets();
    // Without budgets of its own, the device did not take part in the choice.
    let profile = evidence.profile.filter(|_| !device_budgets.is_empty());
    let device = profile.map(|profile| Device {
        profile: profile.clone(),
        budgets: device_budgets,
    });
    let best = solve_on(problem, table, device.as_ref(), limit, elapsed)?;
    let more = problem.with_budget(problem.budget() + 1.0)?;
    let more = solve_on(&more, table, device.as_ref(), limit, elapsed)?;
    let differences = differences(policy, table, problem, &best);
    let policy_objective = objective(policy, table, problem);
    let is_optimal = match (best.status, best.objective, policy_objective) {
        (SolveStatus::Optimal, Some(best), Some(own)) => {
            let is_best = own >= best - EQUAL;
            let within = is_within(policy, problem, cost);
            if is_best { within } else { Some(false) }
        }
        (SolveStatus::Optimal, Some(_), None) if differences.is_empty() => Some(true),
        _ => None,
    };
    Ok(Why {
        status: best.status,
        objective: best.objective,
        policy_objective,
        is_optimal,
        device_budgets,
        one_more: one_more(&best, &more),
        sources_used: best.sources_used,
        differences,
        runner_up_objective: best.runner_up_objective,
        runner_up_sources: best.runner_up_sources,
        unique: best.unique,
    })
}

/// Whether the policy has no more encoders than a budget of unit costs allows,
/// and takes no more of the device than the problem does; `None` where it limits
/// energy, which is not known of a policy.
fn is_within(policy: &Policy, problem: &Problem, cost: Option<Cost>) -> Option<bool> {
    let counts =
        !problem.cost.is_empty() || policy.encoders().len() as f64 <= problem.budget() + EQUAL;
    let budgets = problem.device_budgets();
    let fits = |taken: f64, budget: Option<f64>| budget.is_none_or(|most| taken <= most + 1e-6);
    let device = cost.is_none_or(|cost| {
        fits(cost.frame_millis, budgets.frame_millis)
            && fits(cost.memory_bytes as f64, budgets.memory_bytes)
    });
    let is_within = counts && device;
    let is_known = !is_within || budgets.frame_millijoules.is_none();
    is_known.then_some(is_within)
}

fn one_more(best: &Answer, more: &Answer) -> Option<OneMore> {
    let (objective, before) = (more.objective?, best.objective.unwrap_or(0.0));
    let only = |these: &[String], those: &[String]| {
        let only = these.iter().filter(|source| !those.contains(source));
        only.cloned().collect()
    };
    let changed = more.transfers.iter().filter(|transfer| {
        let old = best
            .transfers
            .iter()
            .find(|old| old.target == transfer.target);
        old.is_none_or(|old| old.sources != transfer.sources)
    });
    Some(OneMore {
        budget: more.budget,
        objective,
        rise: objective - before,
        added: only(&more.sources_used, &best.sources_used),
        removed: only(&best.sources_used, &more.sources_used),
        changed_targets: changed.map(|transfer| transfer.target.clone()).collect(),
    })
}

/// The sum that the problem asks for, over the policy's own transfers.
fn objective(policy: &Policy, table: &TransferTable, problem: &Problem) -> Option<f64> {
    if problem.convention() != Convention::Paper {
        return None;
    }
    let wanted = problem.targets.iter().chain(&problem.target_only);
    let values = wanted.map(|wanted| {
        let place = table.place(&wanted.text)?;
        let served =
            |transfer: &&crate::Transfer| table.place(transfer.target().name) == Some(place);
        let transfer = policy.transfers().iter().find(served)?;
        let value = value(row_of(table, transfer)?, problem)?;
        let importance = problem.importance.iter();
        let mut importance = importance.filter(|(name, _)| table.place(&name.text) == Some(place));
        Some(value * importance.next().map_or(1.0, |(_, importance)| *importance))
    });
    values.sum()
}

fn value(row: &Row, problem: &Problem) -> Option<f64> {
    let number = match problem.value() {
        TransferValue::Affinity => row.affinity,
        TransferValue::WinVsTask => row.win_vs_task,
        TransferValue::WinVsPixels => row.win_vs_pixels,
    };
    Some(match problem.transform() {
        Transform::Identity => number?,
        Transform::Sqrt => number?.sqrt(),
    })
}

fn differences(
    policy: &Policy,
    table: &TransferTable,
    problem: &Problem,
    best: &Answer,
) -> Vec<String> {
    let mut lines = Vec::new();
    for transfer in policy.transfers() {
        let name = transfer.target().name;
        let place = table.place(name);
        let is_it = |target: &String| place.is_some() && table.place(target) == place;
        let served = best.transfers.iter().find(|other| is_it(&other.target));
        let Some(served) = served else {
            let wanted = problem.targets.iter().chain(&problem.target_only);
            let mut names = wanted.map(|wanted| &wanted.text);
            if !names.any(is_it) {
                lines.push(format!("the problem does not ask for {name}"));
            }
            continue;
        };
        let own = row_of(table, transfer).map(|row| {
            let mut names: Vec<_> = row.sources.iter().map(|&s| table.name(s)).collect();
            names.sort_unstable();
            names.join(" + ")
        });
        let own = own.unwrap_or_else(|| transfer.sources().join(" + "));
        let others = served.sources.join(" + ");
        if own != others {
            lines.push(format!(
                "{name}: {others} would be best, the policy has {own}"
            ));
        }
    }
    for served in &best.transfers {
        let place = table.place(&served.target);
        let mut targets = policy
            .transfers()
            .iter()
            .map(|transfer| transfer.target().name);
        if !targets.any(|name| table.place(name) == place) {
            lines.push(format!("the policy does not serve {}", served.target));
        }
    }
    lines
}
