//! From a problem to its answer.

use std::time::Duration;

use crate::affinity::TransferTable;
use crate::solve::answer::{Answer, AnswerTransfer, SolveStatus};
use crate::solve::device::{Device, Resource, Usage};
use crate::solve::fault::ProblemError;
use crate::solve::improve::{greedy, improve};
use crate::solve::infeasible::{cheapest, least};
use crate::solve::instance::State;
use crate::solve::model::Model;
use crate::solve::problem::{Convention, Problem};
use crate::solve::runner_up::{Best, EQUAL, RunnerUp};
use crate::solve::search::{Clock, Found, Search};

/// Solves a problem on a table of transfers.
///
/// Exact: an answer whose status is [`SolveStatus::Optimal`] comes with the proof
/// that nothing is better, to rounding (1e-13 of the sum of all values). The
/// same input takes the same way and gives the same answer on every machine,
/// unless the time limit cuts it short. Of transfers that are worth the same,
/// the one of lower order is taken, then the one of lower names; no root is
/// idle unless it is required or earns something.
///
/// `elapsed` is the time since any one moment; the search ends when that
/// reaches `limit`, and answers the best that it found, with a bound.
///
/// # Errors
/// A problem that does not fit the table: see
/// [`ProblemFault`](crate::solve::ProblemFault). That nothing is feasible is an
/// answer, not an error.
pub fn solve(
    problem: &Problem,
    table: &TransferTable,
    limit: Duration,
    elapsed: &dyn Fn() -> Duration,
) -> Result<Answer, ProblemError> {
    solve_on(problem, table, None, limit, elapsed)
}

/// Solves as [`solve`] does, under the budgets of a device as well; sources that
/// its profile does not know are not available.
///
/// # Errors
/// As [`solve`], and a required source that the profile does not know.
pub fn solve_on(
    problem: &Problem,
    table: &TransferTable,
    device: Option<&Device>,
    limit: Duration,
    elapsed: &dyn Fn() -> Duration,
) -> Result<Answer, ProblemError> {
    let begin = elapsed();
    let clock = Clock::new(elapsed, limit);
    let model = Model::on(problem, table, device)?;
    let mut answer = answer(&model, &clock, true);
    answer.notes.clone_from(&model.notes);
    answer.seconds = (clock.elapsed().saturating_sub(begin)).as_secs_f64();
    Ok(answer)
}

/// The answer, with its runner-up if that is wanted; without notes and time.
pub(crate) fn answer(model: &Model<'_>, clock: &Clock<'_>, second: bool) -> Answer {
    let never = model.never_served();
    if !never.is_empty() {
        let names: Vec<_> = never.iter().map(|u| format!("`{}`", u.target)).collect();
        let reason = format!("no budget serves {}", names.join(", "));
        return Answer {
            status: SolveStatus::Infeasible,
            reason: Some(reason),
            unservable: never,
            ..nothing(model)
        };
    }
    let instance = &model.instance;
    if let Some(roots) = greedy(instance, clock) {
        return begun(model, roots, clock, second);
    }
    let cheap = cheapest(instance, instance.budget, clock);
    if cheap.roots.is_none() && cheap.complete && !instance.limits.is_empty() {
        return over_limits(model, clock);
    }
    let Some(roots) = cheap.roots.filter(|roots| instance.fits(roots)) else {
        return infeasible(model, -cheap.worth, cheap.complete, clock);
    };
    begun(model, roots, clock, second)
}

/// The answer, from roots that serve every target.
fn begun(model: &Model<'_>, roots: Vec<bool>, clock: &Clock<'_>, second: bool) -> Answer {
    let instance = &model.instance;
    let start = improve(instance, roots, clock);
    let worth = instance.worth(&start).unwrap_or(0.0);
    let found = Search::new(instance, worth, Some(start)).run(instance.states.clone(), clock);
    feasible(model, found, clock, second)
}

/// Nothing is affordable, or time ran out before anything was found.
fn infeasible(model: &Model<'_>, least: f64, proved: bool, clock: &Clock<'_>) -> Answer {
    if !proved {
        let reason = "time ran out before any policy within the budget was found".to_owned();
        return Answer {
            status: SolveStatus::Unknown,
            reason: Some(reason),
            ..nothing(model)
        };
    }
    let (budget, least) = (model.problem.budget(), least + model.transfer_costs);
    let unservable = model.over_budget(clock);
    let names: Vec<_> = (unservable.iter())
        .map(|unservable| format!("`{}`", unservable.target))
        .collect();
    let reason = format!(
        "budget is {budget}, but serving every target costs at least {least}; cannot be served: {}",
        names.join(", ")
    );
    Answer {
        status: SolveStatus::Infeasible,
        reason: Some(reason),
        unservable,
        smallest_budget: Some(least),
        ..nothing(model)
    }
}

/// The device's budgets serve nobody, whatever else is spent.
fn over_limits(model: &Model<'_>, clock: &Clock<'_>) -> Answer {
    let limited = model.taken.iter().filter(|taken| taken.budget.is_some());
    let each = limited.map(|taken| {
        let (budget, unit) = (taken.budget.unwrap_or(0.0), taken.resource.unit());
        let least = least(&model.instance, taken, clock);
        let least = least.map_or("an unknown amount".to_owned(), |least| {
            format!("{least:.3}")
        });
        format!("{budget} {unit} are allowed, and serving every target takes at least {least}")
    });
    let each: Vec<_> = each.collect();
    let reason = format!("the device's budgets are too small: {}", each.join("; "));
    Answer {
        status: SolveStatus::Infeasible,
        reason: Some(reason),
        ..nothing(model)
    }
}

fn feasible(model: &Model<'_>, found: Found, clock: &Clock<'_>, second: bool) -> Answer {
    let instance = &model.instance;
    let Some(roots) = found.roots.map(|roots| model.without_idle(roots)) else {
        return nothing(model);
    };
    let used = instance.used(&roots);
    let best = Best {
        instance,
        sources: model.sources.len(),
        roots: &roots,
        used: &used,
        worth: found.worth,
        prices: &found.prices,
    };
    let second = match second {
        true => best.runner_up(clock),
        false => RunnerUp::unknown(),
    };
    let transfers = model.transfers(&roots);
    let objective = found.worth + model.constant;
    let bound = found.bound.min(instance.ceiling()).max(found.worth) + model.constant;
    let mean = |of: fn(&AnswerTransfer) -> Option<f64>| {
        let sum: Option<f64> = transfers.iter().map(of).sum();
        sum.map(|sum| sum / transfers.len() as f64)
    };
    Answer {
        status: match found.complete {
            true => SolveStatus::Optimal,
            false => SolveStatus::Feasible,
        },
        objective: Some(objective),
        sources: model.names(&roots),
        sources_used: model.names(&used),
        gain: mean(|transfer| transfer.win_vs_pixels),
        quality: mean(|transfer| transfer.win_vs_task),
        cost: Some(instance.cost(&roots) + model.transfer_costs),
        usage: model.usage(&roots),
        runner_up_objective: second.roots.as_ref().map(|_| second.worth + model.constant),
        runner_up_sources: (second.roots.as_ref()).map(|roots| model.names(&instance.used(roots))),
        runner_up_proved: second.proved && found.complete,
        unique: found
            .complete
            .then(|| is_unique(&second, found.worth))
            .flatten(),
        transfers_unique: Some(model.transfers_unique(&roots)),
        bound: Some(if found.complete { objective } else { bound }),
        gap: Some(if found.complete {
            0.0
        } else {
            bound - objective
        }),
        nodes: found.nodes + second.nodes,
        transfers,
        ..nothing(model)
    }
}

fn is_unique(second: &RunnerUp, worth: f64) -> Option<bool> {
    if second.roots.is_some() && second.worth >= worth - EQUAL {
        Some(false)
    } else if second.proved || second.bound < worth - EQUAL {
        Some(true)
    } else {
        None
    }
}

/// An answer without a policy.
fn nothing(model: &Model<'_>) -> Answer {
    Answer {
        status: SolveStatus::Unknown,
        objective: None,
        sources: Vec::new(),
        sources_used: Vec::new(),
        transfers: Vec::new(),
        gain: None,
        quality: None,
        cost: None,
        usage: None,
        budget: model.problem.budget(),
        runner_up_objective: None,
        runner_up_sources: None,
        runner_up_proved: false,
        unique: None,
        transfers_unique: None,
        bound: None,
        gap: None,
        nodes: 0,
        reason: None,
        unservable: Vec::new(),
        smallest_budget: None,
        notes: Vec::new(),
        seconds: 0.0,
    }
}

impl Model<'_> {
    /// What these roots take of the device.
    fn usage(&self, roots: &[bool]) -> Option<Usage> {
        let of = |resource| {
            let taken = self.taken.iter().find(|taken| taken.resource == resource);
            taken.map(|taken| taken.of(roots))
        };
        Some(Usage {
            frame_millis: of(Resource::Time)?,
            memory_bytes: of(Resource::Memory)?,
            frame_millijoules: of(Resource::Energy).filter(|energy| *energy > 0.0),
        })
    }

    /// Without the roots that nobody uses, are not required and earn nothing.
    fn without_idle(&self, mut roots: Vec<bool>) -> Vec<bool> {
        let used = self.instance.used(&roots);
        for (source, root) in roots.iter_mut().enumerate() {
            let is_required = self.instance.states[source] == State::In;
            let earns = self.problem.convention() == Convention::Service
                && self.instance.rewards[source] > 0.0;
            *root &= used[source] || is_required || earns;
        }
        roots
    }

    /// Names of the sources that are marked, sorted.
    fn names(&self, marked: &[bool]) -> Vec<String> {
        let sources = self.sources.iter().zip(marked);
        let mut names: Vec<_> = sources
            .filter(|(_, marked)| **marked)
            .map(|(name, _)| name.clone())
            .collect();
        names.sort_unstable();
        names
    }

    /// How each target is served by these roots.
    fn transfers(&self, roots: &[bool]) -> Vec<AnswerTransfer> {
        let clients = self.instance.clients.iter().zip(&self.wanted);
        let chosen = clients.filter_map(|(client, wanted)| {
            let (at, value) = match client.root.filter(|&root| roots[root]) {
                Some(_) => wanted.own?,
                None => wanted.rows[client.best(roots)?],
            };
            let row = &self.table.raw_rows()[at];
            let sources = row.sources.iter().map(|&source| self.table.name(source));
            Some(AnswerTransfer {
                target: wanted.name.clone(),
                sources: sources.map(str::to_owned).collect(),
                order: row.sources.len(),
                value,
                importance: wanted.importance,
                affinity: row.affinity,
                win_vs_task: row.win_vs_task,
                win_vs_pixels: row.win_vs_pixels,
            })
        });
        chosen.collect()
    }

    /// Whether no target has two best transfers from these roots.
    fn transfers_unique(&self, roots: &[bool]) -> bool {
        let mut clients = self.instance.clients.iter();
        clients.all(|client| {
            if client.root.is_some_and(|root| roots[root]) {
                return true;
            }
            let has = |sources: &[u16]| sources.iter().all(|&source| roots[source as usize]);
            let mut served = client.options.iter().filter(|(_, sources)| has(sources));
            let values = (served.next(), served.next());
            !matches!(values, (Some(best), Some(next)) if best.0 - next.0 <= EQUAL)
        })
    }
}
