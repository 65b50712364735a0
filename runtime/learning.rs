//! Figures of learning beside the frames, for people, `--json` and status. Who
//! learns tells it through [`Control::tell_learning`](crate::Control).

use serde::Serialize;

use crate::health::Health;
use crate::status::StatusEntry;

/// One target that is learnt while it is served. Counts are of this process;
/// `learnt` and `held_out` go on where a state was resumed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LearningSnapshot {
    /// The target.
    pub target: String,
    /// Name of the readout that serves.
    pub serving: String,
    /// Name of the readout that was there first.
    pub first: String,
    /// True where learning rests until it is asked to go on.
    pub paused: bool,
    /// Frames that were looked at.
    pub observed: u64,
    /// Frames learnt from.
    pub learnt: u64,
    /// Frames held out.
    pub held_out: u64,
    /// Frames that carried no depth.
    pub without_depth: u64,
    /// Frames that could not be used: [`last_fault`](Self::last_fault) says why.
    pub unusable: u64,
    /// Blocks of time that ended.
    pub blocks: u64,
    /// Times that a readout was made of what was learnt.
    pub refits: u64,
    /// Time that the last one took that judged something, s.
    pub refit_seconds: Option<f64>,
    /// Times that a readout was exchanged because of that.
    pub exchanges: u64,
    /// Number of these in which the first readout came back because what served got
    /// worse than that.
    pub taken_back: u64,
    /// Exchanges that were refused.
    pub refused_exchanges: u64,
    /// Files that could not be written.
    pub failed_writes: u64,
    /// Verdict of the last refit, in words.
    pub verdict: String,
    /// The last fault, in words; empty where there was none.
    pub last_fault: String,
    /// Measure of the errors (`abs_rel`, `mean_deg`).
    pub measure: String,
    /// Error of what was learnt, on recent held-out frames.
    pub candidate_error: Option<f64>,
    /// Error of what served then.
    pub served_error: Option<f64>,
    /// Error of the readout that was there first.
    pub first_error: Option<f64>,
    /// Error of the best constant.
    pub constant_error: Option<f64>,
}

impl LearningSnapshot {
    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let serving = match self.serving.split_once('@') {
            Some((_, variant)) => variant,
            None => "the first readout",
        };
        let errors = match (self.candidate_error, self.served_error) {
            (Some(candidate), Some(served)) => {
                format!("; {} {candidate:.3} (served {served:.3})", self.measure)
            }
            _ => String::new(),
        };
        let paused = if self.paused { ", paused" } else { "" };
        format!(
            "learning {}{paused}: {} frames learnt, {} held out{errors}; {serving} serves",
            self.target, self.learnt, self.held_out
        )
    }

    /// Its part of the status.
    #[must_use]
    pub(crate) fn entry(&self) -> StatusEntry {
        let error = |error: Option<f64>| error.map_or("".to_owned(), |e| format!("{e:.5}"));
        let values = [
            ("serving", self.serving.clone()),
            ("first", self.first.clone()),
            ("paused", self.paused.to_string()),
            ("observed", self.observed.to_string()),
            ("learnt", self.learnt.to_string()),
            ("held_out", self.held_out.to_string()),
            ("without_depth", self.without_depth.to_string()),
            ("unusable", self.unusable.to_string()),
            ("blocks", self.blocks.to_string()),
            ("refits", self.refits.to_string()),
            ("exchanges", self.exchanges.to_string()),
            ("refused_exchanges", self.refused_exchanges.to_string()),
            ("failed_writes", self.failed_writes.to_string()),
            ("verdict", self.verdict.clone()),
            ("measure", self.measure.clone()),
            ("candidate_error", error(self.candidate_error)),
            ("served_error", error(self.served_error)),
            ("first_error", error(self.first_error)),
            ("constant_error", error(self.constant_error)),
        ];
        let well = self.failed_writes == 0 && self.refused_exchanges == 0;
        StatusEntry {
            name: format!("learning/{}", self.target),
            health: if well && self.last_fault.is_empty() {
                Health::Ok
            } else {
                Health::Warn
            },
            message: if self.last_fault.is_empty() {
                self.line()
            } else {
                self.last_fault.clone()
            },
            values: values.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_learning_shows_in_the_status_and_costs_only_that_entry_its_health() {
        let mut learning = LearningSnapshot {
            target: "depth_zbuffer".into(),
            serving: "depth_zbuffer_from_a@learnt_2".into(),
            measure: "abs_rel".into(),
            candidate_error: Some(0.1),
            served_error: Some(0.2),
            learnt: 12,
            ..LearningSnapshot::default()
        };
        let entry = learning.entry();
        assert_eq!(entry.name, "learning/depth_zbuffer");
        assert_eq!(entry.health, Health::Ok);
        assert_eq!(
            entry.message,
            "learning depth_zbuffer: 12 frames learnt, 0 held out; abs_rel 0.100 (served 0.200); \
             learnt_2 serves"
        );
        learning.failed_writes = 1;
        learning.last_fault = "no space left".into();
        let entry = learning.entry();
        assert_eq!(
            (entry.health, entry.message.as_str()),
            (Health::Warn, "no space left")
        );
        assert!(entry.values.contains(&("failed_writes".into(), "1".into())));
    }
}
