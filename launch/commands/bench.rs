//! `concert bench`: how fast a policy is, as a subscriber sees it.

mod account;
pub(crate) mod args;
mod chart;
mod compare;
mod feed;
pub(crate) mod frames;
mod hog;
mod load;
mod machine;
mod measured;
mod moment;
mod page;
mod receiver;
mod report;
mod rig;
mod schedule;
mod series;
mod single;
mod sustain;

use std::path::Path;

use anyhow::anyhow;
use concert_policies::document::check_place;
use serde_json::json;

use self::report::About;
use self::rig::Subject;
use crate::cli::Global;
use crate::report::{Exit, Failure, Refuse, Report};
use crate::stop::Stop;

pub(crate) use args::BenchArgs;

/// Measures a policy, or two by turns.
pub(crate) fn run(args: &BenchArgs, global: &Global) -> Result<Report, Failure> {
    if global.gpu && !args.provider.is_empty() {
        return Err(Failure::refused(anyhow!(
            "--gpu and --provider both name providers: give one of them"
        )));
    }
    if let Some(path) = &args.html {
        check_place(path).or_refuse()?;
    }
    let stop = Stop::on_signals()?;
    // Until something is measured there is nothing to lose.
    stop.ends_with(Exit::Done);
    let subject = Subject::of(&args.file, args, global)?;
    let folder = tempfile::tempdir().map_err(|error| anyhow!("no temporary folder: {error}"))?;
    let other = match (&args.compare, &args.compare_program) {
        (Some(file), _) => Some(Subject::of(file, args, global)?),
        (None, Some(program)) => Some(subject.by_program(program)),
        (None, None) => None,
    };
    match other {
        None => alone(&subject, folder.path(), (args, global), &stop),
        Some(other) => both([&subject, &other], folder.path(), (args, global), &stop),
    }
}

fn alone(
    subject: &Subject,
    folder: &Path,
    (args, global): (&BenchArgs, &Global),
    stop: &Stop,
) -> Result<Report, Failure> {
    let Some(single) = single::run(subject, folder, (args, global), stop)? else {
        return Ok(nothing());
    };
    let about = About::of(args);
    let report = report::of_single(&about, subject, &single);
    with_page(args, report, |text| {
        page::of_single(&about, subject, &single, text)
    })
}

fn both(
    subjects: [&Subject; 2],
    folder: &Path,
    (args, global): (&BenchArgs, &Global),
    stop: &Stop,
) -> Result<Report, Failure> {
    let Some(compared) = compare::run(subjects, folder, (args, global), stop)? else {
        return Ok(nothing());
    };
    let about = About::of(args);
    let report = report::of_compared(&about, subjects, &compared);
    with_page(args, report, |text| {
        page::of_compared(&about, subjects, &compared, text)
    })
}

/// The report, and where one is asked for the page on it, which has its text, too.
fn with_page(
    args: &BenchArgs,
    mut report: Report,
    page: impl FnOnce(&str) -> String,
) -> Result<Report, Failure> {
    if let Some(path) = &args.html {
        let page = page(&report.text);
        page::write(path, &page, &mut report)?;
    }
    Ok(report)
}

/// Somebody stopped it before there was anything to say.
fn nothing() -> Report {
    let text = "stopped before anything was measured";
    Report::done(json!({ "stopped": true, "note": text }), text)
}
