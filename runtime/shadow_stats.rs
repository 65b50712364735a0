//! Figures of a shadow policy, and how far its outputs agree with those served.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::agreement::AgreementMeasure;
use crate::output::Output;
use crate::plan::Plan;
use crate::stats::{DurationHistogram, Percentiles};

/// Figures of a shadow.
#[derive(Debug)]
pub(crate) struct ShadowStats {
    policy: String,
    policy_hash: String,
    runs: u64,
    skipped: u64,
    step: DurationHistogram,
    targets: Vec<AgreementStats>,
}

#[derive(Debug)]
pub(crate) struct AgreementStats {
    key: Arc<str>,
    measure: AgreementMeasure,
    compared: u64,
    sum: f64,
    newest: f64,
}

/// A shadow policy at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShadowSnapshot {
    /// Name of the policy.
    pub policy: String,
    /// Its hash, 64 hexadecimal digits.
    pub policy_hash: String,
    /// Frames that it ran on.
    pub runs: u64,
    /// Frames that left it no time.
    pub skipped: u64,
    /// Time of a step.
    pub step: Percentiles,
    /// One entry per camera and target of the shadow.
    pub targets: Vec<AgreementSnapshot>,
}

/// Agreement of a shadow's outputs for one target with those that are served.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgreementSnapshot {
    /// Key below the prefix.
    pub key: String,
    /// Measure of `mean` and `newest`.
    pub measure: AgreementMeasure,
    /// Frames for which both policies had an output; 0 where the policy that
    /// serves has no such target.
    pub compared: u64,
    /// Mean over them; 0 where there is none.
    pub mean: f64,
    /// For the newest of them.
    pub newest: f64,
}

impl AgreementStats {
    /// No figures yet of the target whose buffer this is.
    pub(crate) fn of(made: &Output) -> Self {
        Self {
            key: Arc::clone(&made.origin.key),
            measure: AgreementMeasure::of(made.origin.task.output),
            compared: 0,
            sum: 0.0,
            newest: 0.0,
        }
    }
}

impl ShadowStats {
    /// No figures yet.
    pub(crate) fn new(plan: &Plan, targets: Vec<AgreementStats>) -> Self {
        Self {
            policy: plan.policy().to_owned(),
            policy_hash: plan.policy_hash().to_owned(),
            runs: 0,
            skipped: 0,
            step: DurationHistogram::default(),
            targets,
        }
    }

    /// Counts a frame that it ran on, and for how long.
    pub(crate) fn note_run(&mut self, took: Duration) {
        self.runs += 1;
        self.step.record(took);
    }

    /// Counts a frame that left it no time.
    pub(crate) fn note_skipped(&mut self) {
        self.skipped += 1;
    }

    /// Counts how far the outputs of one target agree on one frame.
    pub(crate) fn note(&mut self, record: usize, agreed: f64) {
        let target = &mut self.targets[record];
        target.compared += 1;
        target.sum += agreed;
        target.newest = agreed;
    }

    /// The figures now.
    pub(crate) fn snapshot(&self) -> ShadowSnapshot {
        let target = |target: &AgreementStats| AgreementSnapshot {
            key: target.key.to_string(),
            measure: target.measure,
            compared: target.compared,
            mean: target.sum / target.compared.max(1) as f64,
            newest: target.newest,
        };
        ShadowSnapshot {
            policy: self.policy.clone(),
            policy_hash: self.policy_hash.clone(),
            runs: self.runs,
            skipped: self.skipped,
            step: self.step.summary(),
            targets: self.targets.iter().map(target).collect(),
        }
    }
}
