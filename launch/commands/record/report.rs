//! What a recorder has to say at its end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::black_box::BlackBox;
use super::capsule::Capsules;
use super::exit_of;
use super::file::{Ended, RecordingFile};
use super::heard::Heard;
use crate::report::Report;

/// The report of a recording into one file.
pub(super) fn of_file(
    file: &RecordingFile,
    heard: &Heard,
    lost: &BTreeMap<String, u64>,
    ended: &Ended,
) -> Report {
    let writer = file.writer();
    let mut json = common(heard, lost, ended);
    json["file"] = json!(file.path());
    json["messages"] = json!(writer.messages());
    json["bytes"] = json!(std::fs::metadata(file.path()).map_or(0, |about| about.len()));
    json["refused"] = json!(writer.refused());
    let mut lines = vec![format!(
        "{}: {} messages of {} keys, {:.1} MB",
        file.path().display(),
        writer.messages(),
        heard.keys().len(),
        json["bytes"].as_u64().unwrap_or(0) as f64 / 1e6
    )];
    lines.extend(remarks(heard, lost, writer.refused()));
    if let Ended::Failed(reason) = ended {
        json["error"] = json!(reason);
        lines.push(format!(
            "it ended early: {reason}; what came before can be read"
        ));
    }
    if writer.messages() == 0 {
        lines.push("nothing came: is a robot publishing there? (see `concert doctor`)".to_owned());
    }
    let is_well = !matches!(ended, Ended::Failed(_)) && writer.messages() > 0;
    Report {
        exit: exit_of(is_well),
        ..Report::done(json, lines.join("\n"))
    }
}

/// The report of a black box.
pub(super) fn of_black_box(
    (kept, capsules): (&BlackBox, &Capsules<'_>),
    heard: &Heard,
    lost: &BTreeMap<String, u64>,
    ended: &Ended,
) -> Report {
    let mut json = common(heard, lost, ended);
    json["files"] = json!(capsules.written());
    json["files_failed"] = json!(capsules.failed);
    json["triggers_without_file"] = json!(capsules.unwritten);
    json["pushed_out"] = json!(kept.pushed_out);
    let files = capsules.written().iter();
    let mut lines: Vec<String> = files
        .map(|file| {
            let text = |name: &str| file[name].as_str().unwrap_or_default().to_owned();
            format!("{}: {}", text("file"), text("trigger"))
        })
        .collect();
    if lines.is_empty() {
        lines.push("no file was written".to_owned());
    }
    if capsules.unwritten + capsules.failed > 0 {
        lines.push(format!(
            "{} more happened without a file of their own, {} files failed",
            capsules.unwritten, capsules.failed
        ));
    }
    if kept.pushed_out > 0 {
        lines.push(format!(
            "{} messages had to go before their time: give it more --memory",
            kept.pushed_out
        ));
    }
    lines.extend(remarks(heard, lost, 0));
    Report {
        exit: exit_of(capsules.failed == 0),
        ..Report::done(json, lines.join("\n"))
    }
}

fn common(heard: &Heard, lost: &BTreeMap<String, u64>, ended: &Ended) -> Value {
    let keys = heard.keys().iter().map(|(key, heard)| {
        let counts = json!({ "messages": heard.messages, "lost_on_the_way": heard.gaps });
        (key.clone(), counts)
    });
    let policies = heard.policies().iter().map(|policy| &policy["hash"]);
    json!({
        "ended": ended.words(), "keys": keys.collect::<serde_json::Map<_, _>>(),
        "lost_here": lost, "policies": policies.collect::<Vec<_>>(),
    })
}

/// What whoever replays it will want to know.
fn remarks(heard: &Heard, lost: &BTreeMap<String, u64>, refused: u64) -> Vec<String> {
    let mut lines = Vec::new();
    let gaps: u64 = heard.keys().values().map(|heard| heard.gaps).sum();
    let here: u64 = lost.values().sum();
    if gaps + here > 0 {
        lines.push(format!(
            "{gaps} messages were lost on the way, {here} came faster than they were written"
        ));
    }
    if refused > 0 {
        lines.push(format!(
            "{refused} messages are of types without a definition here"
        ));
    }
    if !heard.has_images() && !heard.keys().is_empty() {
        lines
            .push("no image came: the robot publishes none, so nothing can be replayed".to_owned());
    }
    if heard.policies().is_empty() && !heard.keys().is_empty() {
        lines.push("the robot did not say its policy: name one at `concert replay`".to_owned());
    }
    lines
}
