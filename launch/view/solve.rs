//! Press the button, get the policy: problems of the page, and what stands beside
//! their answers.

use std::sync::Arc;

use axum::http::StatusCode;
use concert_policies::affinity::{TransferRow, TransferTable};
use concert_policies::document::shown;
use concert_policies::solve::MAX_PROBLEM_TASKS;
use serde_json::{Map, Value, json};

use super::tables::Tables;
use crate::http::refusal::Refusal;

/// Name of the network that is trained from the pixels alone, in tables that have
/// it as a source.
const SCRATCH: &str = "pixels";
/// Share of images on which a network beats its equal.
const EVEN: f64 = 0.5;

/// A question of the page: a problem as `concert solve` has it, and the table.
pub(super) struct Asked {
    table: String,
    problem: String,
}

/// The answer, or why there is none.
pub(super) type Solved = Result<Value, Refusal>;

impl Asked {
    /// Checks a question: `{"table": NAME, "problem": {…}}`.
    ///
    /// # Errors
    /// What is no question, a table that is not there, and numbers beyond what
    /// the page may ask for; the rest is the solver's to refuse.
    pub(super) fn parse(body: &Value, tables: &Tables) -> Result<Self, Refusal> {
        let (table, problem) = match body.as_object() {
            Some(fields) => fields_of(fields)?,
            None => {
                return Err(Refusal::bad(
                    "the body must be an object of `table` and `problem`",
                ));
            }
        };
        if tables.find(table).is_none() {
            let shown = shown(table, 100);
            return Err(Refusal::bad(format!(
                "table is `{shown}`, but there are {}",
                tables.names().join(", ")
            )));
        }
        let device = problem
            .get("device")
            .and_then(|device| device.get("frame_millis"));
        let numbers = [
            ("budget", problem.get("budget")),
            ("max_order", problem.get("max_order")),
            ("device.frame_millis", device),
        ];
        for (name, value) in numbers {
            if let Some(value) = value.filter(|value| !value.is_number()) {
                let shown = shown(&value.to_string(), 100);
                return Err(Refusal::bad(format!(
                    "{name} is {shown}, but must be a number"
                )));
            }
        }
        // No policy runs more encoders than a problem may name.
        let most = MAX_PROBLEM_TASKS as f64;
        if let Some(budget) = problem.get("budget").and_then(Value::as_f64)
            && budget > most
        {
            return Err(Refusal::bad(format!(
                "budget is {budget}, but must be at most {most}"
            )));
        }
        Ok(Self {
            table: table.to_owned(),
            problem: Value::Object(problem.clone()).to_string(),
        })
    }
}

fn fields_of(fields: &Map<String, Value>) -> Result<(&str, &Map<String, Value>), Refusal> {
    if let Some(other) = fields
        .keys()
        .find(|key| !["table", "problem"].contains(&key.as_str()))
    {
        let shown = shown(other, 100);
        return Err(Refusal::bad(format!(
            "there is no field `{shown}`, but `table` and `problem` alone"
        )));
    }
    let table = fields.get("table").and_then(Value::as_str);
    let problem = fields.get("problem").and_then(Value::as_object);
    match (table, problem) {
        (None, _) => Err(Refusal::bad(
            "`table` must be the name of a table, in quotes",
        )),
        (_, None) => Err(Refusal::bad("`problem` must be an object")),
        (Some(table), Some(problem)) => Ok((table, problem)),
    }
}

/// Solves a question on its table: the answer of `concert solve --json`, its
/// `policy`, and the `baselines` of the same targets.
pub(super) fn solve(asked: &Asked, tables: &Arc<Tables>) -> Solved {
    let table = tables.find(&asked.table);
    let table = table.ok_or_else(|| Refusal::bad("there is no such table"))?;
    let mut answer = table.solver.answer(&asked.problem);
    if answer["status"] == "refused" {
        let error = answer["error"].as_str().unwrap_or("no reason given");
        return Err(Refusal::bad(error));
    }
    let transfers = answer["transfers"].as_array().into_iter().flatten();
    let targets = transfers.filter_map(|transfer| transfer["target"].as_str());
    let targets: Vec<String> = targets.map(str::to_owned).collect();
    if targets.is_empty() && answer["status"] == "unknown" {
        let error = "time ran out before any policy was found";
        return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, error));
    }
    answer["baselines"] = baselines(table.solver.table(), table.imagenet(), &targets);
    Ok(answer)
}

/// The same targets without a choice: each from ImageNet features alone (`null`
/// where the table lacks them), and each from scratch.
fn baselines(table: &TransferTable, imagenet: Option<&str>, targets: &[String]) -> Value {
    let features = imagenet.map(|source| {
        let rows: Vec<_> = targets
            .iter()
            .map(|target| row(table, target, source))
            .collect();
        let mut json = means(targets, &rows);
        json["source"] = json!(source);
        json
    });
    let scratch: Vec<_> = targets
        .iter()
        .map(|target| {
            let measured = row(table, target, SCRATCH);
            Some(TransferRow {
                target: target.clone(),
                sources: vec![SCRATCH.to_owned()],
                affinity: None,
                win_vs_task: measured.as_ref().and_then(|row| row.win_vs_task),
                // It is what Gain is measured against.
                win_vs_pixels: Some(EVEN),
            })
        })
        .collect();
    json!({ "imagenet": features, "scratch": means(targets, &scratch) })
}

fn row(table: &TransferTable, target: &str, source: &str) -> Option<TransferRow> {
    let mut rows = table.rows();
    rows.find(|row| row.target == target && row.sources == [source])
}

/// Gain and Quality of each target, and their means where none is missing.
fn means(targets: &[String], rows: &[Option<TransferRow>]) -> Value {
    let mean = |of: fn(&TransferRow) -> Option<f64>| {
        let values = rows.iter().map(|row| row.as_ref().and_then(of));
        let sum: Option<f64> = values.sum();
        sum.filter(|_| !rows.is_empty())
            .map(|sum| sum / rows.len() as f64)
    };
    let each = targets.iter().zip(rows).map(|(target, row)| {
        let row = row.as_ref();
        json!({
            "target": target,
            "win_vs_pixels": row.and_then(|row| row.win_vs_pixels),
            "win_vs_task": row.and_then(|row| row.win_vs_task),
        })
    });
    json!({
        "gain": mean(|row| row.win_vs_pixels),
        "quality": mean(|row| row.win_vs_task),
        "transfers": each.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfers::TableFiles;

    fn tables() -> Arc<Tables> {
        Arc::new(Tables::read(&TableFiles::default()).expect("tables that ship"))
    }

    fn asked(body: &Value) -> Solved {
        let tables = tables();
        solve(&Asked::parse(body, &tables)?, &tables)
    }

    fn problem(budget: impl Into<Value>) -> Value {
        json!({ "table": "apartment", "problem": {
            "target_only": ["depth_zbuffer", "normal"],
            "source_only": ["efficientnet_lite0", "xfeat"],
            "budget": budget.into(), "max_order": 2,
        }})
    }

    #[test]
    fn an_answer_comes_with_its_policy_and_what_it_is_better_than() {
        let answer = asked(&problem(2)).expect("an answer");
        assert_eq!(answer["status"], "optimal");
        assert!(answer["policy"]["toml"].is_string());
        let (imagenet, scratch) = (
            &answer["baselines"]["imagenet"],
            &answer["baselines"]["scratch"],
        );
        assert_eq!(imagenet["source"], "efficientnet_lite0");
        // Of the table: 0.925 for depth, 1 for normals.
        assert_eq!(imagenet["gain"], 0.9625);
        assert_eq!(
            (&scratch["gain"], &scratch["quality"]),
            (&json!(0.5), &Value::Null)
        );
        assert!(answer["gain"].as_f64() > imagenet["gain"].as_f64());
    }

    #[test]
    fn a_question_that_cannot_be_is_refused_by_field_number_and_rule() {
        for (body, words) in [
            (problem(0), ["budget", "0", "above 0"].as_slice()),
            (problem(-3.5), &["budget", "-3.5", "above 0"]),
            (problem(1e9), &["budget", "1000000000", "at most 256"]),
            (problem("two"), &["budget", "two", "a number"]),
            (
                json!({ "table": "moon", "problem": {} }),
                &["table", "moon", "apartment"],
            ),
            (json!([1]), &["object"]),
            (json!({ "table": "apartment" }), &["problem"]),
            (
                json!({ "table": "apartment", "problem": {}, "speed": 1 }),
                &["speed"],
            ),
            (
                json!({ "table": "apartment", "problem": { "targets": ["smell"], "budget": 1 } }),
                &["targets", "smell"],
            ),
        ] {
            let refusal = asked(&body).expect_err("a refusal");
            assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
            let text = format!("{refusal:?}");
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        }
    }

    #[test]
    fn milliseconds_are_above_zero_and_need_a_profile() {
        for (millis, words) in [
            (-1.0, "must be a finite number above 0"),
            (5.0, "no profile"),
        ] {
            let mut body = problem(2);
            body["problem"]["device"] = json!({ "frame_millis": millis });
            let refusal = format!("{:?}", asked(&body).expect_err("a refusal"));
            assert!(refusal.contains(words), "{refusal}");
        }
    }

    #[test]
    fn what_is_not_feasible_is_an_answer_with_the_smallest_budget() {
        let mut body = problem(1);
        body["problem"]["budget"] = json!(0.5);
        let answer = asked(&body).expect("an answer");
        assert_eq!(
            (&answer["status"], &answer["smallest_budget"]),
            (&json!("infeasible"), &json!(1.0))
        );
    }
}
