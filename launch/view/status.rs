//! What a runtime says of itself, once a second, and what changed since.

use std::collections::BTreeMap;

use concert_runtime::Outcome;
use concert_runtime::wire::diagnostic_msgs::{DiagnosticArray, DiagnosticStatus};
use serde::Serialize;
use serde_json::{Value, json};

use super::history::LearningPoint;

/// Most entries of a status that are kept.
const MAX_ENTRIES: usize = 256;
/// Most letters of a text that are kept.
const MAX_LETTERS: usize = 400;
/// Share of the frames from which on a loss is what an output does now.
const MUCH: f64 = 0.25;

/// One line of the status.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) level: u8,
    pub(super) message: String,
}

/// What was said of one output, and what became of its frames since the time before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SaidOutput {
    pub(super) level: u8,
    pub(super) message: String,
    /// Outputs per second.
    pub(super) rate_hz: Option<f64>,
    /// Median time from a frame's arrival in the runtime until its output was handed
    /// to the bus, ms.
    pub(super) latency_millis: Option<f64>,
    /// What it does now; `None` where there were no frames.
    pub(super) now: Option<Outcome>,
    /// How many frames that was, where not all.
    pub(super) more: Option<String>,
    /// True where something was computed.
    pub(super) is_busy: bool,
}

/// The newest status.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) lines: Vec<Line>,
    /// By key below the prefix, the cameras' images among them.
    pub(super) outputs: BTreeMap<String, SaidOutput>,
    pub(super) policy_hash: String,
    pub(super) cameras: Vec<Value>,
    pub(super) learning: Vec<Value>,
    /// Points that learning curves grow by.
    pub(super) learning_points: Vec<(String, LearningPoint)>,
    /// Counts of the status before, by entry and name.
    counts: BTreeMap<String, Counts>,
}

type Counts = [u64; Outcome::ALL.len()];

impl Status {
    /// Takes a new status in the place of the one before; `seconds` is the time.
    pub(super) fn take(&mut self, status: &DiagnosticArray, seconds: f64) {
        let before = std::mem::take(&mut self.counts);
        *self = Self::default();
        for entry in status.status.iter().take(MAX_ENTRIES) {
            self.lines.push(Line {
                name: cut(&entry.name),
                level: entry.level.min(3),
                message: cut(&entry.message),
            });
            self.take_entry(entry, &before, seconds);
        }
    }

    fn take_entry(
        &mut self,
        entry: &DiagnosticStatus,
        before: &BTreeMap<String, Counts>,
        seconds: f64,
    ) {
        if entry.name == "concert" {
            self.policy_hash = cut(value(entry, "policy_hash").unwrap_or_default());
        } else if let Some(camera) = entry.name.strip_prefix("camera/") {
            self.cameras.push(json!({
                "name": cut(camera), "rate": float(entry, "rate_hz"), "health": entry.level.min(3),
                "message": cut(&entry.message),
            }));
        } else if let Some(target) = entry.name.strip_prefix("learning/") {
            self.take_learning(target, entry, seconds);
        } else {
            let is_image = value(entry, "no_subscriber").is_some() && value(entry, "off").is_some();
            let key = entry.name.strip_prefix("target/");
            let key = key.or_else(|| is_image.then_some(entry.name.as_str()));
            if let Some(key) = key.filter(|_| !entry.message.starts_with("ended: ")) {
                let key = cut(key);
                let counts = counts(entry);
                let recent = since(&counts, before.get(&key));
                self.counts.insert(key.clone(), counts);
                self.outputs.insert(key, said(entry, &recent));
            }
        }
    }

    fn take_learning(&mut self, target: &str, entry: &DiagnosticStatus, seconds: f64) {
        let text = |name: &str| cut(value(entry, name).unwrap_or_default());
        let error = |name: &str| float(entry, name);
        let point = [
            Some(seconds.round()),
            error("candidate_error"),
            error("served_error"),
            error("first_error"),
            error("constant_error"),
            error("exchanges"),
        ];
        let target = cut(target);
        self.learning.push(json!({
            "target": target, "serving": text("serving"), "paused": text("paused") == "true",
            "learnt": error("learnt"), "held_out": error("held_out"),
            "exchanges": error("exchanges"), "taken_back": error("taken_back"),
            "verdict": text("verdict"), "measure": text("measure"), "point": point,
        }));
        self.learning_points.push((target, point));
    }

    /// The worst level, and its message: that of the whole, which is no better
    /// than its parts.
    pub(super) fn whole(&self) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == "concert")
    }
}

fn said(entry: &DiagnosticStatus, recent: &Counts) -> SaidOutput {
    let (now, more) = outcome(recent);
    let computed = [Outcome::Delivered, Outcome::Internal, Outcome::Withheld];
    let above = |value: &f64| *value > 0.0;
    SaidOutput {
        level: entry.level.min(3),
        message: cut(&entry.message),
        rate_hz: float(entry, "rate_hz").filter(above),
        latency_millis: float(entry, "latency_p50_millis").filter(above),
        now,
        more,
        is_busy: computed.iter().any(|one| recent[*one as usize] > 0),
    }
}

/// What an output does now: a loss where it is much of the frames, else what comes
/// out.
fn outcome(recent: &Counts) -> (Option<Outcome>, Option<String>) {
    let total: u64 = recent.iter().sum();
    if total == 0 {
        return (None, None);
    }
    let losses = [
        Outcome::Failed,
        Outcome::Withheld,
        Outcome::Shed,
        Outcome::Lost,
        Outcome::InputMissing,
        Outcome::Warming,
    ];
    let of = |outcome: Outcome| recent[outcome as usize];
    let worst = losses.into_iter().max_by_key(|outcome| of(*outcome));
    if let Some(worst) = worst.filter(|worst| of(*worst) as f64 >= MUCH * total as f64) {
        let more = (of(worst) < total).then(|| format!("{} of {total}", of(worst)));
        return (Some(worst), more);
    }
    let comes = [
        Outcome::Delivered,
        Outcome::Internal,
        Outcome::NotDue,
        Outcome::NoSubscriber,
    ];
    let now = comes.into_iter().find(|outcome| of(*outcome) > 0);
    (now.or(worst), None)
}

fn counts(entry: &DiagnosticStatus) -> Counts {
    Outcome::ALL.map(|outcome| {
        let value = value(entry, outcome.name());
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    })
}

/// Counts since the status before; of a runtime that began anew, all of them.
fn since(counts: &Counts, before: Option<&Counts>) -> Counts {
    let Some(before) = before else {
        return *counts;
    };
    let mut recent = *counts;
    for (count, before) in recent.iter_mut().zip(before) {
        match count.checked_sub(*before) {
            Some(more) => *count = more,
            None => return *counts,
        }
    }
    recent
}

fn value<'a>(entry: &'a DiagnosticStatus, name: &str) -> Option<&'a str> {
    let mut values = entry.values.iter();
    let found = values.find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

fn float(entry: &DiagnosticStatus, name: &str) -> Option<f64> {
    let value = value(entry, name)?.parse::<f64>().ok()?;
    value.is_finite().then_some(value)
}

/// The beginning of a text, as much as a page shows.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(MAX_LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(shed: u64, delivered: u64) -> DiagnosticArray {
        let entry = DiagnosticStatus::well;
        DiagnosticArray {
            status: vec![
                entry("concert", &[("policy_hash", "abc".to_owned())]),
                entry("camera/front", &[("rate_hz", "9.5".to_owned())]),
                entry(
                    "target/normal",
                    &[
                        ("shed", shed.to_string()),
                        ("delivered", delivered.to_string()),
                        ("rate_hz", "NaN".to_owned()),
                    ],
                ),
                entry(
                    "image",
                    &[("off", "0".to_owned()), ("no_subscriber", "7".to_owned())],
                ),
            ],
            ..DiagnosticArray::default()
        }
    }

    #[test]
    fn what_an_output_does_now_is_what_became_of_its_newest_frames() {
        let mut said = Status::default();
        let normal = |said: &Status| said.outputs["normal"].clone();
        said.take(&status(0, 100), 0.0);
        assert_eq!(
            (normal(&said).now, normal(&said).is_busy),
            (Some(Outcome::Delivered), true)
        );
        said.take(&status(4, 106), 1.0);
        assert_eq!(normal(&said).now, Some(Outcome::Shed));
        assert_eq!(normal(&said).more.as_deref(), Some("4 of 10"));
        said.take(&status(5, 116), 2.0);
        assert_eq!(normal(&said).now, Some(Outcome::Delivered));
        said.take(&status(5, 116), 3.0);
        assert_eq!((normal(&said).now, normal(&said).is_busy), (None, false));
        // It began anew.
        said.take(&status(0, 3), 4.0);
        assert_eq!(normal(&said).now, Some(Outcome::Delivered));
        assert_eq!(normal(&said).rate_hz, None);
        assert_eq!(said.outputs["image"].now, None);
        assert_eq!((said.policy_hash.as_str(), said.cameras.len()), ("abc", 1));
    }

    #[test]
    fn a_flood_of_entries_is_bounded() {
        let mut flood = status(0, 0);
        let one = flood.status[2].clone();
        flood.status.extend((0..1000).map(|index| DiagnosticStatus {
            name: format!("target/{index}"),
            message: "x".repeat(100_000),
            ..one.clone()
        }));
        let mut said = Status::default();
        said.take(&flood, 0.0);
        assert_eq!(said.lines.len(), MAX_ENTRIES);
        assert!(
            said.lines
                .iter()
                .all(|line| line.message.len() <= MAX_LETTERS)
        );
    }
}
