//! Gains from more budget: the whole front of cost against objective.

use std::time::Duration;

use serde::Serialize;

use crate::affinity::TransferTable;
use crate::solve::answer::{Answer, SolveStatus};
use crate::solve::device::{Device, Usage};
use crate::solve::fault::ProblemError;
use crate::solve::instance::{Instance, State};
use crate::solve::model::Model;
use crate::solve::problem::Problem;
use crate::solve::search::Clock;
use crate::solve::solver::answer;

/// Most points of a front.
pub const MAX_FRONT_POINTS: usize = 1000;
/// Margin by which the next point must cost less, beyond rounding.
const LESS: f64 = 1e-6;

/// Quantity that the points of a front differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Cost of roots and transfers: with default costs, the number of sources.
    Cost,
    /// Mean time of all networks per camera frame, ms.
    FrameMillis,
}

/// The policies that no cheaper one equals, from the cheapest up to the
/// problem's budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Front {
    /// Optimal where every point is proved and none is missing; infeasible where
    /// there is none.
    pub status: SolveStatus,
    /// Quantity that the points differ in.
    pub axis: Axis,
    /// The points, in ascending order along the axis.
    pub points: Vec<FrontPoint>,
    /// Reason why nothing is feasible, where nothing is.
    pub reason: Option<String>,
    /// Notes on how the problem was read.
    pub notes: Vec<String>,
    /// Time taken, s.
    pub seconds: f64,
}

/// The best policy of one cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontPoint {
    /// Cost of roots and transfers together.
    pub cost: f64,
    /// Usage of the device by the policy, where one was given.
    pub usage: Option<Usage>,
    /// Sum of importance times value.
    pub objective: f64,
    /// No policy of this cost is worth more; equal to the objective where the
    /// point is proved.
    pub bound: f64,
    /// Mean win rate against training from pixels, where the table has it.
    pub gain: Option<f64>,
    /// Mean win rate against full supervision, where the table has it.
    pub quality: Option<f64>,
    /// The sources that are used, sorted.
    pub sources_used: Vec<String>,
    /// Objective that adding one source after another, each time the one that helps
    /// most for its cost, would reach at this cost; `None` where that leaves a
    /// target unserved.
    pub greedy_objective: Option<f64>,
}

impl FrontPoint {
    /// Place of the point along an axis.
    pub fn along(&self, axis: Axis) -> Option<f64> {
        match axis {
            Axis::Cost => Some(self.cost),
            Axis::FrameMillis => self.usage.map(|usage| usage.frame_millis),
        }
    }
}

/// The front of a problem, found from its budget downwards: each next point is
/// the best that costs less than the one before. On a device, which may be
/// limited as well, what falls is the time per frame.
///
/// # Errors
/// As [`solve_on`](crate::solve::solve_on).
pub fn front(
    problem: &Problem,
    table: &TransferTable,
    device: Option<&Device>,
    limit: Duration,
    elapsed: &dyn Fn() -> Duration,
) -> Result<Front, ProblemError> {
    let begin = elapsed();
    let clock = Clock::new(elapsed, limit);
    let mut front = Front {
        status: SolveStatus::Optimal,
        axis: match device {
            None => Axis::Cost,
            Some(_) => Axis::FrameMillis,
        },
        points: Vec::new(),
        reason: None,
        notes: Vec::new(),
        seconds: 0.0,
    };
    let (mut problem, mut device) = (problem.clone(), device.cloned());
    loop {
        let model = Model::on(&problem, table, device.as_ref())?;
        front.notes.clone_from(&model.notes);
        let answer = answer(&model, &clock, false);
        let (Some(objective), Some(cost)) = (answer.objective, answer.cost) else {
            if answer.status != SolveStatus::Infeasible {
                front.status = SolveStatus::Feasible;
            }
            front.reason = answer.reason.filter(|_| front.points.is_empty());
            break;
        };
        if answer.status != SolveStatus::Optimal {
            front.status = SolveStatus::Feasible;
        }
        let usage = answer.usage;
        front
            .points
            .push(point(&model, answer, (cost, objective), device.is_some()));
        if !lower(&mut problem, &mut device, cost, usage) {
            break;
        }
        if clock.is_over() || front.points.len() == MAX_FRONT_POINTS {
            front.status = SolveStatus::Feasible;
            break;
        }
    }
    front.points.reverse();
    keep_rising(&mut front.points);
    if front.points.is_empty() && front.status == SolveStatus::Optimal {
        front.status = SolveStatus::Infeasible;
    }
    front.seconds = clock.elapsed().saturating_sub(begin).as_secs_f64();
    Ok(front)
}

/// The point that an answer of this cost and objective is.
fn point(
    model: &Model<'_>,
    answer: Answer,
    (cost, objective): (f64, f64),
    on_device: bool,
) -> FrontPoint {
    // Encoders at several rates and readouts with prices of their own are
    // no single choices that greed could rank.
    let greedy_objective = match on_device {
        false => {
            let mut within = model.instance.clone();
            within.budget = cost - model.transfer_costs;
            greedy(&within).map(|worth| worth + model.constant)
        }
        true => None,
    };
    FrontPoint {
        cost,
        usage: answer.usage,
        objective,
        bound: answer.bound.unwrap_or(objective),
        gain: answer.gain,
        quality: answer.quality,
        sources_used: answer.sources_used,
        greedy_objective,
    }
}

/// Lowers the budget below what the last point takes; false where nothing is
/// left of it.
fn lower(
    problem: &mut Problem,
    device: &mut Option<Device>,
    cost: f64,
    usage: Option<Usage>,
) -> bool {
    match (device, usage) {
        (Some(device), Some(usage)) => {
            let less = usage.frame_millis - LESS;
            if less <= 0.0 {
                return false;
            }
            device.budgets.frame_millis = Some(less);
            true
        }
        _ => match problem.with_budget(cost - LESS) {
            Ok(next) => {
                *problem = next;
                true
            }
            Err(_) => false,
        },
    }
}

/// Drops the points that a cheaper one equals.
fn keep_rising(points: &mut Vec<FrontPoint>) {
    let mut best = f64::NEG_INFINITY;
    points.retain(|point| {
        let rises = point.objective > best + 1e-9;
        best = best.max(point.objective);
        rises
    });
}

/// Worth of greedy choice, if it serves every client.
fn greedy(instance: &Instance) -> Option<f64> {
    let mut roots: Vec<_> = (instance.states.iter())
        .map(|state| *state == State::In)
        .collect();
    loop {
        let cost = instance.cost(&roots);
        let now = instance.worth_of_served(&roots);
        let mut best: Option<(f64, usize)> = None;
        for source in 0..roots.len() {
            let more = instance.costs[source];
            let is_free = instance.states[source] == State::Free && !roots[source];
            if !is_free || !instance.affords(cost + more) {
                continue;
            }
            roots[source] = true;
            let rise = instance.worth_of_served(&roots) - now;
            roots[source] = false;
            let rate = rise / more.max(1e-9);
            if rise > 0.0 && best.is_none_or(|(known, _)| rate > known) {
                best = Some((rate, source));
            }
        }
        match best {
            Some((_, source)) => roots[source] = true,
            None => return instance.worth(&roots),
        }
    }
}

impl Instance {
    /// As [`Instance::worth`], clients that are not served counting nothing.
    fn worth_of_served(&self, roots: &[bool]) -> f64 {
        let rewards = self.rewards.iter().zip(roots);
        let rewards: f64 = rewards.filter(|(_, root)| **root).map(|(r, _)| r).sum();
        let options = self.clients.iter().filter_map(|client| {
            let is_root = client.root.is_some_and(|root| roots[root]);
            let best = client.best(roots).filter(|_| !is_root)?;
            Some(client.options.value(best))
        });
        rewards + options.sum::<f64>()
    }
}
