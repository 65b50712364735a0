//! What came of a replay.

use concert_runtime::Timestamp;
use concert_runtime::io::recording::{RecordingContents, RecordingEnd};
use concert_runtime::wire::keys;
use serde_json::{Value, json};

use super::args::ReplayArgs;
use super::comparison::Comparison;
use super::player::Played;
use super::subject::Subject;
use crate::report::{Exit, Report};

/// The report of a replay.
pub(super) fn report(
    played: Played,
    contents: &RecordingContents,
    subject: &Subject,
    (args, engine): (&ReplayArgs, &str),
) -> Report {
    let all = &played.comparisons;
    let compared: u64 = all.values().map(|one| one.compared).sum();
    let identical: u64 = all.values().map(|one| one.identical).sum();
    let is_exact = compared > 0 && compared == identical;
    let missing = missing_images(contents);
    let remarks = remarks(&played, contents, missing);
    let counts = played.counts;
    let json = json!({
        "file": contents.path,
        "policy": {
            "name": subject.policy.name(), "hash": subject.policy.hash().to_string(),
            "recorded": subject.is_recorded,
        },
        "engine": engine,
        "frames": {
            "replayed": counts.replayed, "refused": counts.refused,
            "duplicate": counts.duplicate, "backward": counts.backward,
            "jpeg": counts.inexact, "missing": missing,
        },
        "outputs": all.iter().map(|(key, one)| row_json(key, one)).collect::<Vec<_>>(),
        "exact": is_exact,
        "whole": contents.end == RecordingEnd::Whole,
        "remarks": remarks,
    });
    let which = match subject.is_recorded {
        true => "the recorded policy",
        false => "not the recorded policy",
    };
    let mut lines = vec![format!(
        "{}: {} images through {} ({which})",
        contents.path.display(),
        counts.replayed,
        subject.policy.name(),
    )];
    if compared > 0 {
        let width = all.keys().map(String::len).max().unwrap_or(0).max(6);
        lines.push(format!(
            "{:width$}  {:>8}  {:>9}  {:>9}  {:>9}  {:9}  parts at",
            "output", "compared", "identical", "largest", "mean", "unit"
        ));
        lines.extend(all.iter().map(|(key, one)| row_text(key, one, width)));
    }
    lines.extend(remarks);
    let fails = args.exact && !is_exact || counts.replayed == 0;
    Report {
        exit: if fails { Exit::Failed } else { Exit::Done },
        ..Report::done(json, lines.join("\n"))
    }
}

fn row_json(key: &str, one: &Comparison) -> Value {
    let decision = one.first_decision.as_ref();
    json!({
        "key": key, "compared": one.compared, "identical": one.identical,
        "largest": one.largest, "mean": one.mean(), "unit": one.unit(),
        "parts_at_ns": one.parts_at, "decisions": one.decisions,
        "first_decision": decision.map(|(at, what)| json!({ "stamp_ns": at, "what": what })),
        "only_recorded": one.only_recorded, "only_replayed": one.only_computed,
        "without_image": one.without_image, "other_policy": one.other_policy,
    })
}

fn row_text(key: &str, one: &Comparison, width: usize) -> String {
    let (compared, identical) = (one.compared, one.identical);
    let of = |number: f64| match identical == compared {
        true => "-".to_owned(),
        false => format!("{number:.3e}"),
    };
    let (largest, mean, unit) = (of(one.largest), of(one.mean()), one.unit());
    let parts = one.parts_at.map_or("-".to_owned(), stamp);
    format!(
        "{key:width$}  {compared:>8}  {identical:>9}  {largest:>9}  {mean:>9}  {unit:9}  {parts}"
    )
}

fn stamp(nanos: i64) -> String {
    Timestamp::from_nanos(nanos).to_string()
}

/// Images that the robot computed and the recording lacks, as the gaps in their
/// numbers say.
fn missing_images(contents: &RecordingContents) -> u64 {
    let topics = contents.topics.iter();
    let images = topics.filter(|(name, _)| contents.key(name).is_some_and(keys::is_image));
    let gaps = images.map(|(_, topic)| {
        let pairs = topic.notes.windows(2);
        let gaps = pairs.filter_map(|pair| {
            let next = pair[0].sequence?.checked_add(1)?;
            pair[1].sequence?.checked_sub(next)
        });
        gaps.sum::<u64>()
    });
    gaps.sum()
}

/// What explains differences, and what was not compared.
fn remarks(played: &Played, contents: &RecordingContents, missing: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, one) in &played.comparisons {
        if let Some((at, what)) = &one.first_decision {
            let (count, at) = (one.decisions, stamp(*at));
            lines.push(format!(
                "{key}: decisions part in {count} outputs, first at {at}: {what}"
            ));
        }
        for (count, what) in [
            (one.only_recorded, "recorded and not computed again"),
            (one.only_computed, "computed, and not recorded"),
            (one.without_image, "recorded without their image"),
            (one.other_policy, "recorded while another policy ran"),
        ] {
            if count > 0 {
                lines.push(format!("{key}: {count} {what}"));
            }
        }
    }
    let counts = played.counts;
    for (count, what) in [
        (missing, "images of the robot are not in the recording"),
        (
            counts.inexact,
            "images are JPEGs of what was perceived: equal within a tolerance alone",
        ),
        (counts.refused, "images cannot be used"),
        (
            counts.duplicate,
            "images have the stamp of the one before and are left out",
        ),
        (
            counts.backward,
            "stamps go back; what was seen before is forgotten there",
        ),
        (
            counts.foreign_outputs,
            "recorded outputs are of targets that the policy does not have",
        ),
    ] {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    }
    if let RecordingEnd::Cut { at, reason } = &contents.end {
        lines.push(format!("the file is cut at byte {at}: {reason}"));
    }
    lines
}
