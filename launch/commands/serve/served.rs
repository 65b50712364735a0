//! What serving came to, for programs and for people.

use concert_models::Placement;
use concert_policies::Policy;
use concert_runtime::snapshot::CameraSnapshot;
use concert_runtime::{DegradationSnapshot, Snapshot};
use serde_json::{Value, json};

use super::learning::Learnt;
use crate::meter::Row;
use crate::report::{Exit, Report};
use crate::terminal::{table, width_of_stdout, wrap};

/// A policy that was served until it was told to stop.
pub(super) struct Served<'a> {
    pub(super) policy: &'a Policy,
    /// The engine, in words.
    pub(super) engine: &'a str,
    /// Where each network ran.
    pub(super) placements: &'a [(String, Placement)],
    /// Where each network comes from.
    pub(super) provenance: &'a Value,
    /// Where the outputs went, in words.
    pub(super) published: &'a str,
    pub(super) snapshot: &'a Snapshot,
    /// The last state of the live table.
    pub(super) rows: &'a [Row],
    /// What was learnt meanwhile.
    pub(super) learnt: Learnt,
}

impl Served<'_> {
    /// The report; counts that do not add up are a failure.
    pub(super) fn report(self) -> Report {
        let (begun_text, begun) = self.learnt.begun.unzip();
        let placements: Vec<_> = (self.placements.iter())
            .map(|(network, placement)| json!({ "network": network, "placement": placement }))
            .collect();
        let width = width_of_stdout();
        let wrapped = |text: &str| wrap(text, width).join("\n");
        let mut report = Report::done(
            json!({
                "policy": self.policy.summary(), "engine": self.engine, "networks": placements,
                "provenance": self.provenance, "published": self.published,
                "figures": self.snapshot, "outputs": self.rows, "learning": self.learnt.figures,
                "from_nothing": begun,
            }),
            format!(
                "{}\n{}{}",
                wrapped(&cameras_text(self.snapshot)),
                table(self.rows, width).join("\n"),
                beside_text(self.snapshot, begun_text)
                    .iter()
                    .map(|text| format!("\n{}", wrapped(text)))
                    .collect::<String>()
            ),
        );
        if let Some(error) = self.learnt.lost_curve {
            tracing::error!("the curve was not written: {error:#}");
            report.exit = Exit::Failed;
        }
        if let Some(fault) = &self.snapshot.fault {
            tracing::error!("{fault}");
            report.exit = Exit::Failed;
        } else if let Err(law) = self.snapshot.check_conservation() {
            tracing::error!("counts do not add up: {law}");
            report.exit = Exit::Failed;
        }
        report
    }
}

fn cameras_text(snapshot: &Snapshot) -> String {
    let each = snapshot.cameras.iter().map(|camera| {
        let counts = &camera.counts;
        format!(
            "camera {}: {} frames in {:.1} s, {} processed, {} dropped ({} for a newer one, {} refused, {} too old, {} twice){}",
            camera.camera, counts.arrived, snapshot.seconds, counts.processed, counts.drops(),
            counts.superseded, counts.refused, counts.too_old, counts.duplicate,
            refusal(camera),
        )
    });
    each.collect::<Vec<_>>().join("\n")
}

/// Why frames were refused, and a stamp that stood still; where that was so.
fn refusal(camera: &CameraSnapshot) -> String {
    let (counts, reason) = (&camera.counts, &camera.last_refusal);
    let mut text = match counts.refused {
        0 => String::new(),
        _ => format!("\n  refused: {reason}"),
    };
    if counts.duplicate > counts.processed {
        text.push_str("\n  twice: the stamps stood still, and frames of one stamp are one frame");
    }
    text
}

/// What steps a chain of policies made, and where it stands.
fn chain_text(chain: &DegradationSnapshot) -> Vec<String> {
    let (down, up) = (chain.steps_down, chain.steps_up);
    let stands = match chain.line() {
        Some(line) => line,
        None => format!("{} serves", chain.policy()),
    };
    let head = format!("chain of policies: {down} steps down, {up} up; {stands}");
    let steps = chain.steps.iter().map(|step| {
        let (from, to, words) = (&step.from, &step.to, &step.words);
        format!("  after {:.1} s from {from} to {to}: {words}", step.seconds)
    });
    [head].into_iter().chain(steps).collect()
}

/// What the shadow and learning came to.
fn beside_text(snapshot: &Snapshot, begun: Option<String>) -> Vec<String> {
    let mut lines: Vec<String> = begun.into_iter().collect();
    if let Some(shadow) = &snapshot.shadow {
        lines.push(format!(
            "shadow {}: ran on {} frames, {} left it no time, step p99 {:.1} ms",
            shadow.policy, shadow.runs, shadow.skipped, shadow.step.p99_millis
        ));
        lines.extend(shadow.targets.iter().map(|target| {
            format!(
                "  {}: {} {:.4} over {} frames",
                target.key,
                target.measure.name(),
                target.mean,
                target.compared
            )
        }));
    }
    lines.extend(snapshot.degradation.iter().flat_map(chain_text));
    lines.extend(snapshot.learning.iter().map(|learning| {
        let fault = match learning.last_fault.as_str() {
            "" => String::new(),
            fault => format!("\n  {fault}"),
        };
        format!("{}\n  {}{fault}", learning.line(), learning.verdict)
    }));
    lines
}
