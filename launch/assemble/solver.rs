//! Problems that come while a policy runs.

use std::time::Duration;

use concert_policies::affinity::TransferTable;
use concert_policies::profile::Profile;
use concert_policies::solve::{Device, DeviceBudgets, Problem, SolveStatus, solve_on};
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use serde_json::{Value, json};

/// Most time for one answer; then the best that was found is told, with the gap.
const LIMIT: Duration = Duration::from_millis(500);

/// Answers problems from the table of transfers that the server was given.
pub(crate) struct AskedSolver {
    table: TransferTable,
    /// What networks cost here, if that was given.
    device: Option<Device>,
}

impl AskedSolver {
    /// A solver for this table, on the device of this profile: a problem's own
    /// budgets limit what may be taken of it.
    pub(crate) fn new(table: TransferTable, profile: Option<Profile>) -> AskedSolver {
        let device = profile.map(|profile| Device {
            profile,
            budgets: DeviceBudgets::default(),
        });
        AskedSolver { table, device }
    }

    /// The table that it answers from.
    #[cfg(feature = "view")]
    pub(crate) fn table(&self) -> &TransferTable {
        &self.table
    }

    /// The answer of `concert solve --json`, with the `policy` that it makes
    /// (`toml`, `hash`; null where there is none), or `refused`, with the reason.
    pub(crate) fn answer(&self, text: &str) -> Value {
        let refused = |error: String| json!({ "status": "refused", "error": error });
        let problem = match Problem::parse(text, "problem") {
            Ok(problem) => problem,
            Err(error) => return refused(error.to_string()),
        };
        let clock = SystemClock::start();
        let begin = clock.monotonic();
        let elapsed = || clock.monotonic().saturating_sub(begin);
        // A problem that limits nothing of the device is solved without it.
        let limited = !problem.device_budgets().is_empty();
        let device = self.device.as_ref().filter(|_| limited);
        let mut answer = match solve_on(&problem, &self.table, device, LIMIT, &elapsed) {
            Ok(answer) => answer,
            Err(error) => return refused(error.to_string()),
        };
        let mut policy = Value::Null;
        if matches!(answer.status, SolveStatus::Optimal | SolveStatus::Feasible) {
            match answer.to_policy("asked", problem.max_order()) {
                Ok(made) => {
                    policy = json!({ "toml": made.to_toml(), "hash": made.hash().to_string() });
                }
                Err(error) => answer.notes.push(format!("it makes no policy: {error}")),
            }
        }
        let mut answer = json!(answer);
        answer["policy"] = policy;
        answer
    }
}

#[cfg(test)]
mod tests {
    use concert_policies::affinity::{Completeness, TableBuilder, TransferRow};

    use super::*;

    fn solver() -> AskedSolver {
        let mut table = TableBuilder::new("table");
        for (source, affinity) in [("xfeat", 0.7), ("efficientnet_lite0", 0.3)] {
            let row = TransferRow {
                target: "keypoints2d".to_owned(),
                sources: vec![source.to_owned()],
                affinity: Some(affinity),
                win_vs_task: None,
                win_vs_pixels: Some(affinity),
            };
            table.push(&row, None).expect("a row");
        }
        let table = table.finish(Completeness::Whole).expect("a table");
        AskedSolver::new(table, None)
    }

    #[test]
    fn a_problem_in_toml_or_json_is_answered_with_the_policy_it_makes() {
        let toml = "target_only = [\"keypoints2d\"]\nsource_only = [\"xfeat\", \"efficientnet_lite0\"]\nbudget = 1\n";
        let json = r#"{"target_only": ["keypoints2d"], "source_only": ["xfeat", "efficientnet_lite0"], "budget": 1}"#;
        for problem in [toml, json] {
            let answer = solver().answer(problem);
            assert_eq!(answer["status"], "optimal", "{answer}");
            assert_eq!(answer["sources_used"], json!(["xfeat"]));
            let text = answer["policy"]["toml"].as_str().expect("a policy");
            let policy = concert_policies::Policy::parse(text, "policy").expect("a policy");
            assert_eq!(answer["policy"]["hash"], policy.hash().to_string());
        }
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_the_reason() {
        for (problem, reason) in [
            ("budget = 1", "target"),
            ("target_only = [\"keypoints2d\"]\nbudget = 0", "budget"),
            (
                "target_only = [\"no_such_task\"]\nbudget = 1",
                "no_such_task",
            ),
            ("{\"budget\": ", "EOF"),
            (
                "{\"target_only\": [\"keypoints2d\"], \"budget\": 1, \"speed\": 2}",
                "speed",
            ),
            (
                "{\"target_only\": [\"keypoints2d\"], \"budget\": null}",
                "null",
            ),
        ] {
            let answer = solver().answer(problem);
            assert_eq!(answer["status"], "refused", "{answer}");
            let error = answer["error"].as_str().expect("a reason");
            assert!(error.contains(reason), "{error}");
        }
        let limited = "target_only = [\"keypoints2d\"]\nsource_only = [\"xfeat\"]\nbudget = 1\n[device]\nframe_millis = 20";
        let answer = solver().answer(limited);
        assert_eq!(answer["status"], "refused", "{answer}");
        let error = answer["error"].as_str().expect("a reason");
        assert!(error.contains("no profile"), "{error}");
        let poor = "target_only = [\"keypoints2d\"]\nsource_only = [\"xfeat\"]\nbudget = 0.5";
        let answer = solver().answer(poor);
        assert_eq!(answer["status"], "infeasible");
        assert_eq!(answer["smallest_budget"], 1.0);
        assert_eq!(answer["policy"], Value::Null);
    }
}
