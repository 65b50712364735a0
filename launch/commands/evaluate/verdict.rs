//! The report at the end.

use std::collections::BTreeMap;

use concert_fitting::dataset::DataSet;
use concert_fitting::quality::{ClassPrecision, Measures};
use concert_runtime::Outcome;
use serde_json::{Map, Value, json};

use super::args::EvaluateArgs;
use super::subject::Subject;
use super::table::number;
use super::tally::{Missing, Tally, Truth};
use crate::commands::data::left_out_line;
use crate::report::{Exit, Failure, Report};

/// Measures of all targets, and what else is to be said.
pub(super) struct Verdict {
    json: Map<String, Value>,
    lines: Vec<String>,
    targets: Vec<Target>,
    pub(super) step_ms_median: f64,
    pub(super) frame_lines: Vec<String>,
}

struct Target {
    name: &'static str,
    object: Map<String, Value>,
    constant: Map<String, Value>,
    lines: Vec<String>,
    delivered: u64,
}

impl Verdict {
    pub(super) fn of(
        tallies: &[Tally],
        data: &DataSet,
        args: &EvaluateArgs,
        frames: usize,
        seconds: f64,
    ) -> Self {
        let targets = tallies
            .iter()
            .filter_map(|tally| Target::of(tally, data, args.delta));
        let mut unmeasured = Map::new();
        for tally in tallies {
            if let Truth::Nothing(reason) = &tally.truth {
                unmeasured.insert(tally.task.name.to_owned(), Value::from(reason.as_str()));
            }
        }
        let mut json = Map::new();
        json.insert("frames".to_owned(), json!(frames));
        json.insert("seconds".to_owned(), json!(seconds));
        json.insert("data".to_owned(), json!(args.data));
        if !unmeasured.is_empty() {
            json.insert("unmeasured".to_owned(), Value::Object(unmeasured));
        }
        let paths: Vec<_> = args
            .data
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        Self {
            json,
            lines: vec![format!(
                "{frames} frames of {}, {seconds:.1} s",
                paths.join(", ")
            )],
            targets: targets.collect(),
            step_ms_median: f64::NAN,
            frame_lines: Vec::new(),
        }
    }

    /// Tells of frames that were left out because their files are damaged.
    pub(super) fn add_damaged(&mut self, damaged: usize, frames: usize) {
        self.json
            .insert("damaged_frames".to_owned(), json!(damaged));
        self.lines.extend(left_out_line(damaged, frames));
    }

    /// Tells of poses that cannot be used, where poses are compared with.
    pub(super) fn add_damaged_poses(&mut self, damaged: usize) {
        if damaged > 0 {
            self.json.insert("damaged_poses".to_owned(), json!(damaged));
            let line = format!("{damaged} poses are left out: their files are damaged");
            self.lines.push(line);
        }
    }

    pub(super) fn add_subject(&mut self, subject: &Subject) {
        self.lines.insert(0, subject.text.clone());
        if let Value::Object(object) = &subject.json {
            self.json.extend(object.clone());
        }
    }

    pub(super) fn report(mut self) -> Result<Report, Failure> {
        let text = self.text();
        self.json
            .insert("step_ms_median".to_owned(), json!(self.step_ms_median));
        if let [one] = self.targets.as_slice() {
            self.json.insert("target".to_owned(), json!(one.name));
        }
        let objects: Vec<_> = self.targets.iter().map(|target| &target.object).collect();
        let mut top = only_once(&objects);
        let constants: Vec<_> = self.targets.iter().map(|target| &target.constant).collect();
        top.insert("constant".to_owned(), Value::Object(only_once(&constants)));
        for (key, value) in top {
            self.json.entry(key).or_insert(value);
        }
        let nothing = self.targets.iter().all(|target| target.delivered == 0);
        let each = self.targets.into_iter().map(|target| {
            let mut object = target.object;
            object.insert("constant".to_owned(), Value::Object(target.constant));
            (target.name.to_owned(), Value::Object(object))
        });
        self.json
            .insert("targets".to_owned(), Value::Object(each.collect()));
        Ok(Report {
            json: Value::Object(self.json),
            text,
            // Frames went through and nothing came out.
            exit: if nothing { Exit::Failed } else { Exit::Done },
        })
    }

    fn text(&self) -> String {
        let mut lines = self.lines.clone();
        lines.push(format!(
            "one frame takes {:.1} ms (median)",
            self.step_ms_median
        ));
        for target in &self.targets {
            lines.push(String::new());
            lines.extend(target.lines.iter().cloned());
        }
        if self.frame_lines.len() > 1 {
            lines.push(String::new());
            lines.extend(self.frame_lines.iter().cloned());
        }
        lines.join("\n")
    }
}

impl Target {
    fn of(tally: &Tally, data: &DataSet, delta: usize) -> Option<Self> {
        let (own, constant) = tally.measures(delta)?;
        let name = tally.task.name;
        let mut object = own.to_json();
        object.insert("outcomes".to_owned(), json!(tally.outcomes));
        let mut lines = comparison(name, &own, &constant);
        let classes = tally.class_precisions();
        if !classes.is_empty() {
            object.insert("classes".to_owned(), classes_json(&classes));
            lines.extend(class_lines(&classes));
        }
        let delivered = tally.outcomes.get("delivered").copied().unwrap_or(0);
        let lost: Vec<_> = (tally.outcomes.iter())
            .filter(|(outcome, _)| **outcome != "delivered")
            .map(|(outcome, count)| format!("{count} {outcome}"))
            .collect();
        if !lost.is_empty() {
            lines.push(format!("{delivered} delivered, {}", lost.join(", ")));
        }
        if !tally.missing.is_empty() {
            object.insert("missing".to_owned(), missing_json(&tally.missing));
            lines.extend(missing_lines(&tally.missing));
        }
        if tally.uncalibrated > 0 {
            object.insert("uncalibrated".to_owned(), json!(tally.uncalibrated));
            lines.push(format!(
                "{} outputs are metric for a reference camera only: say --intrinsics",
                tally.uncalibrated
            ));
        }
        let unknown = tally.unknown_classes(data);
        if !unknown.is_empty() {
            object.insert("unknown_classes".to_owned(), json!(unknown));
            lines.push(format!(
                "classes that the readout does not know: {}",
                unknown.join(", ")
            ));
        }
        Some(Self {
            name,
            object,
            constant: constant_json(&constant, tally),
            lines,
            delivered,
        })
    }
}

fn classes_json(classes: &[(String, ClassPrecision)]) -> Value {
    let each = classes.iter().map(|(name, one)| {
        let measures = json!({
            "ap50": one.ap50, "recall50": one.recall,
            "objects": one.objects, "detections": one.detections,
        });
        (name.clone(), measures)
    });
    Value::Object(each.collect())
}

/// A line for each class that has objects.
fn class_lines(classes: &[(String, ClassPrecision)]) -> Vec<String> {
    let there = classes.iter().filter(|(_, one)| one.objects > 0);
    let lines = there.map(|(name, one)| {
        let (ap50, recall) = (number(one.ap50), number(one.recall));
        format!("  {name:<22}{ap50:>10}{recall:>10}{:>10}", one.objects)
    });
    let head = format!(
        "  {:<22}{:>10}{:>10}{:>10}",
        "class", "ap50", "recall50", "objects"
    );
    std::iter::once(head).chain(lines).collect()
}

/// Frames without an output that are named on a terminal.
const SHOWN_MISSING: usize = 8;

fn missing_json(missing: &[Missing]) -> Value {
    let each = missing.iter().map(
        |one| json!({ "frame": one.frame, "outcome": one.outcome.name(), "reason": one.reason }),
    );
    each.collect()
}

/// Lines about the missing frames that did not merely come first.
fn missing_lines(missing: &[Missing]) -> Vec<String> {
    let told: Vec<_> = (missing.iter())
        .filter(|one| one.outcome != Outcome::Warming)
        .collect();
    let mut lines: Vec<_> = (told.iter().take(SHOWN_MISSING))
        .map(|one| format!("  {}: {}", one.frame, one.reason))
        .collect();
    if told.len() > SHOWN_MISSING {
        lines.push("  … more stand in --json".to_owned());
    }
    lines
}

/// The constant predictor's measures, and what it says.
fn constant_json(constant: &Measures, tally: &Tally) -> Map<String, Value> {
    let mut object = constant.to_json();
    if let Some(values) = tally.constant_values() {
        object.insert("values".to_owned(), json!(values));
    }
    object
}

/// Measures beside the constant predictor's.
fn comparison(name: &str, own: &Measures, constant: &Measures) -> Vec<String> {
    let mut lines = vec![format!("{name:<24}{:>10}{:>10}", "measured", "constant")];
    let mut add = |prefix: &str, own: &[(&str, f64)], constant: &[(&str, f64)]| {
        for ((name, value), (_, other)) in own.iter().zip(constant) {
            let name = format!("{prefix}{name}");
            lines.push(format!(
                "  {name:<22}{:>10}{:>10}",
                number(*value),
                number(*other)
            ));
        }
    };
    add("", &own.values, &constant.values);
    add(
        "median_scaled ",
        &own.median_scaled,
        &constant.median_scaled,
    );
    lines
}

/// Entries whose key only one of the objects has.
fn only_once(objects: &[&Map<String, Value>]) -> Map<String, Value> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for key in objects.iter().flat_map(|object| object.keys()) {
        *counts.entry(key).or_default() += 1;
    }
    let entries = objects.iter().flat_map(|object| object.iter());
    entries
        .filter(|(key, _)| counts.get(key) == Some(&1))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
