//! The progress of a measurement: a bar on a terminal, lines in a log.

use std::io::IsTerminal as _;
use std::time::Duration;

use concert_fitting::fit::FitProgress;
use concert_fitting::measure::MeasureProgress;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::cli::Global;

/// Two bars that take turns: frames that a source sees, and transfers.
pub(super) struct Bars {
    shown: bool,
    encoding: Option<(String, ProgressBar)>,
    transfers: Option<ProgressBar>,
    remaining: Option<Duration>,
}

impl Bars {
    pub(super) fn new(global: &Global) -> Self {
        Self {
            shown: !global.quiet && std::io::stderr().is_terminal(),
            encoding: None,
            transfers: None,
            remaining: None,
        }
    }

    pub(super) fn show(&mut self, progress: MeasureProgress<'_>) {
        match progress {
            MeasureProgress::Encoding { source, done, of } => self.show_encoding(source, done, of),
            MeasureProgress::Fitting {
                transfer,
                done,
                of,
                progress,
            } => self.show_fitting(transfer, done, of, progress),
            MeasureProgress::Measured {
                transfer,
                done,
                of,
                kept,
                remaining,
            } => {
                self.remaining = remaining.or(self.remaining);
                self.show_measured(transfer, (done, of), kept);
            }
        }
    }

    fn show_encoding(&mut self, source: &str, done: usize, of: usize) {
        if !self.shown {
            if done == of {
                tracing::info!("{source} has seen {of} frames");
            }
            return;
        }
        if (self.encoding.as_ref()).is_none_or(|(shown, _)| shown != source) {
            self.finish();
            let bar = bar(of, "{prefix:<36} {wide_bar} {pos}/{len} {eta}");
            bar.set_prefix(format!("frames seen by {source}"));
            self.encoding = Some((source.to_owned(), bar));
        }
        if let Some((_, bar)) = &self.encoding {
            bar.set_position(done as u64);
        }
    }

    fn show_fitting(&mut self, transfer: &str, done: usize, of: usize, progress: FitProgress) {
        if !self.shown {
            return;
        }
        let rest = match self.remaining {
            Some(rest) => format!(", {} left", HumanDuration(rest)),
            None => String::new(),
        };
        let bar = self.transfers(of);
        bar.set_position(done as u64);
        let step = match progress {
            FitProgress::Comparing { what, done, of } => format!("{what} {done}/{of}"),
            FitProgress::Fitting { done, of, .. } => format!("all {done}/{of}"),
            _ => String::new(),
        };
        bar.set_message(format!("{transfer} {step}{rest}"));
    }

    fn show_measured(&mut self, transfer: &str, (done, of): (usize, usize), kept: bool) {
        if self.shown {
            self.transfers(of).set_position(done as u64);
            return;
        }
        let what = if kept {
            "was measured before"
        } else {
            "is measured"
        };
        match self.remaining.filter(|_| !kept) {
            Some(rest) => tracing::info!(
                "{done} of {of}: {transfer} {what}, about {} left",
                HumanDuration(rest)
            ),
            None => tracing::info!("{done} of {of}: {transfer} {what}"),
        }
    }

    fn transfers(&mut self, of: usize) -> &ProgressBar {
        if let Some((_, bar)) = self.encoding.take() {
            bar.finish_and_clear();
        }
        let new = || bar(of, "{bar:20} {pos}/{len} transfers  {wide_msg}");
        self.transfers.get_or_insert_with(new)
    }

    pub(super) fn finish(&mut self) {
        let encoding = self.encoding.take().map(|(_, bar)| bar);
        let bars = encoding.into_iter().chain(self.transfers.take());
        bars.for_each(|bar| bar.finish_and_clear());
    }
}

fn bar(of: usize, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(of as u64);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
