//! Bars for long work.

use crate::cli::Global;

/// A bar on standard error, where that is a terminal.
pub(crate) fn progress(
    length: usize,
    name: &'static str,
    global: &Global,
) -> indicatif::ProgressBar {
    if global.quiet {
        return indicatif::ProgressBar::hidden();
    }
    let style = indicatif::ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    let bar = indicatif::ProgressBar::new(length as u64).with_message(name);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
