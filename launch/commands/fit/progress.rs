//! Bars on standard error while a readout is fitted.

use concert_fitting::fit::FitProgress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Global;

/// One bar per stage; nothing where standard error is no terminal.
pub(super) struct Bars {
    quiet: bool,
    stage: Option<(String, ProgressBar)>,
}

impl Bars {
    pub(super) fn new(global: &Global) -> Self {
        Self {
            quiet: global.quiet,
            stage: None,
        }
    }

    pub(super) fn show(&mut self, progress: FitProgress) {
        if self.quiet {
            return;
        }
        let (stage, done, of) = match progress {
            FitProgress::Encoded { done, of } => ("encoding frames".to_owned(), done, of),
            FitProgress::Comparing { what, done, of } => (format!("trying {what}"), done, of),
            FitProgress::Fitting { done, of, loss } => {
                self.bar("fitting on all frames", of)
                    .set_message(match loss > 0.0 {
                        true => format!("loss {loss:.4}"),
                        false => String::new(),
                    });
                ("fitting on all frames".to_owned(), done, of)
            }
        };
        self.bar(&stage, of).set_position(done as u64);
    }

    fn bar(&mut self, stage: &str, of: usize) -> &ProgressBar {
        if self.stage.as_ref().is_none_or(|(shown, _)| shown != stage) {
            self.finish();
            let bar = ProgressBar::new(of as u64);
            let style = ProgressStyle::with_template("{prefix:<36} {wide_bar} {pos}/{len} {msg}");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar.set_prefix(stage.to_owned());
            self.stage = Some((stage.to_owned(), bar));
        }
        let (_, bar) = self.stage.as_ref().expect("made above");
        bar
    }

    pub(super) fn finish(&mut self) {
        if let Some((_, bar)) = self.stage.take() {
            bar.finish_and_clear();
        }
    }
}
