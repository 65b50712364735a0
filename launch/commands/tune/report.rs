//! What `concert tune` has to say, for people and for programs.

use std::num::NonZeroUsize;
use std::path::Path;

use concert_runtime::io::board::processor;
use serde_json::{Value, json};

use super::args::TuneArgs;
use super::choice::{Choice, Measured};
use super::{Subject, Way};
use crate::report::Report;

/// All that was measured, and what came of it.
pub(super) struct Outcome<'a> {
    pub(super) subject: &'a Subject,
    pub(super) args: &'a TuneArgs,
    /// The ways that ran, the usual one first.
    pub(super) measured: &'a [Measured],
    /// Ways that could not run, each with the reason.
    pub(super) failed: &'a [(Way, String)],
    pub(super) choice: &'a Choice,
    /// Programs that wanted a processor before and afterwards, on average over a
    /// minute (`/proc/loadavg`).
    pub(super) load: [Option<f64>; 2],
    /// Where the choice is kept, if it is.
    pub(super) kept: Option<&'a Path>,
}

impl Outcome<'_> {
    pub(super) fn report(&self) -> Report {
        Report::done(self.json(), self.text())
    }

    /// What has to be known of a computer that does other things, too.
    fn note(&self) -> Option<String> {
        let load = self.load[0]?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        (load > cores as f64 / 2.0).then(|| {
            format!(
                "other programs wanted {load:.1} of {cores} cores: this holds where they always \
                 do; else measure again when they have ended"
            )
        })
    }

    fn chosen(&self) -> &Measured {
        &self.measured[self.choice.index]
    }

    fn has_same_outputs(&self, one: &Measured) -> bool {
        one.first.sha256 == self.measured[0].first.sha256
    }

    fn json(&self) -> Value {
        let candidates = self.measured.iter().enumerate().map(|(index, one)| {
            json!({
                "settings": one.settings, "text": one.settings.to_string(),
                "p50_millis": rounded(one.median()), "p99_millis": rounded(one.millis(0.99)),
                "processor_millis": rounded(one.processor()), "frames": one.frames(),
                "ratio": rounded(one.ratio_to(self.chosen())),
                "outputs": one.first.outputs, "outputs_sha256": one.first.sha256,
                "same_outputs": self.has_same_outputs(one),
                "chosen": index == self.choice.index,
            })
        });
        let failed = self.failed.iter().map(|(settings, reason)| {
            json!({ "settings": settings, "text": settings.to_string(), "reason": reason })
        });
        let chosen = self.chosen();
        json!({
            "policy": self.subject.policy.name(),
            "policy_hash": self.subject.policy.hash(),
            "device": processor(), "library": self.subject.with.library,
            "frames": chosen.first.frames, "rate_hz": self.args.rate,
            "rounds": chosen.turns.len(), "load_before": self.load[0], "load_after": self.load[1],
            "for": self.args.goal.to_string(),
            "candidates": candidates.collect::<Vec<_>>(),
            "failed": failed.collect::<Vec<_>>(),
            "chosen": chosen.settings, "why": self.choice.why,
            "kept": self.kept, "note": self.note(),
        })
    }

    fn text(&self) -> String {
        let chosen = self.chosen();
        let load = self.load.map(|load| match load {
            Some(load) => format!("{load:.2}"),
            None => "not told".to_owned(),
        });
        let mut lines = vec![
            format!(
                "{} on {}, {} a second; {} rounds",
                self.subject.policy.name(),
                chosen.first.frames,
                self.args.rate,
                chosen.turns.len()
            ),
            format!(
                "{}; onnxruntime {}; load {} before, {} afterwards",
                processor(),
                self.subject.with.library,
                load[0],
                load[1]
            ),
        ];
        lines.extend(self.table());
        for (settings, reason) in self.failed {
            lines.push(format!("not measured: {settings}: {reason}"));
        }
        lines.push(format!("chosen: {}: {}", chosen.settings, self.choice.why));
        lines.extend(self.note());
        lines.push(match self.kept {
            Some(path) => format!("kept in {}, for the next start", path.display()),
            None => "not kept".to_owned(),
        });
        lines.join("\n")
    }

    /// A line for each way, what is chosen marked.
    fn table(&self) -> Vec<String> {
        let names = self.measured.iter().map(|one| one.settings.to_string());
        let names: Vec<_> = names.collect();
        let width = names.iter().map(|name| name.chars().count()).max();
        let width = width.unwrap_or(0);
        let head = format!(
            "  {:<width$}  {:>8}  {:>8}  {:>12}  {:>6}  {:>6}",
            "", "p50 ms", "p99 ms", "processor ms", "frames", "ratio"
        );
        let rows = self.measured.iter().zip(&names).enumerate();
        let rows = rows.map(|(index, (one, name))| {
            let mark = if index == self.choice.index { '*' } else { ' ' };
            let note = match self.has_same_outputs(one) {
                true => "",
                false => "  other outputs",
            };
            format!(
                "{mark} {name:<width$}  {:>8.1}  {:>8.1}  {:>12.1}  {:>6}  {:>6.2}{note}",
                one.median(),
                one.millis(0.99),
                one.processor(),
                one.frames(),
                one.ratio_to(self.chosen()),
            )
        });
        std::iter::once(head).chain(rows).collect()
    }
}

/// To the microsecond: the rest is noise.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
