//! What is told of one output beside its picture: its kind, its rate, a few words.

use std::collections::VecDeque;
use std::time::Duration;

use concert_policies::{OutputKind, Task};
use concert_runtime::io::zenoh::Received;
use concert_runtime::wire::keys;
use serde_json::{Value, json};

use super::errand::Errand;
use super::robot::RECENT;

/// What pages are told of a map, in a few words: from where to where it reaches, or
/// what covers most of it.
pub(super) fn note(head: &Value) -> Option<String> {
    match head["form"].as_str()? {
        "grey" => {
            let (low, high) = (head["low"].as_f64()?, head["high"].as_f64()?);
            let unit = head["unit"].as_str().filter(|unit| *unit != "1");
            Some(format!(
                "{low:.2} to {high:.2} {}",
                unit.unwrap_or_default()
            ))
        }
        "classes" => {
            let classes = head["classes"].as_array()?.iter().take(3);
            let each = classes.filter_map(|class| {
                let percent = 100.0 * class["share"].as_f64()?;
                Some(format!("{} {percent:.0} %", class["name"].as_str()?))
            });
            Some(each.collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }
}

pub(super) fn errand(received: &Received) -> Result<Option<(Value, Vec<u8>)>, String> {
    let errand = Errand::parse(&received.payload)?;
    let errand = serde_json::to_value(errand).map_err(|error| error.to_string())?;
    Ok(Some((
        json!({ "form": "errand", "errand": errand }),
        Vec::new(),
    )))
}

/// The task that a message is about: as it says, or as its key does.
pub(super) fn task_of(key: &str, said: Option<&str>) -> Option<&'static Task> {
    let said = said.and_then(Task::find);
    said.or_else(|| Task::find(keys::target(key)))
}

pub(super) fn kind(key: &str, task: Option<&'static Task>) -> &'static str {
    if keys::is_image(key) {
        return "camera";
    }
    match task.map(|task| task.output) {
        Some(OutputKind::Dense { .. }) => "dense",
        Some(OutputKind::ClassMap) => "classmap",
        Some(OutputKind::Classes) => "classes",
        Some(OutputKind::Points { .. }) => "points",
        Some(OutputKind::Boxes2d) => "boxes",
        Some(OutputKind::RoomLayout) => "room",
        Some(OutputKind::Vector { .. }) => "vector",
        Some(OutputKind::Odometry) => "odometry",
        None => "unknown",
    }
}

/// Arrivals per second over the last three.
pub(super) fn rate(arrivals: &VecDeque<Duration>, now: Duration) -> Option<f64> {
    let recent = |at: &&Duration| now.saturating_sub(**at) <= RECENT;
    let (first, count) = (
        arrivals.iter().find(recent)?,
        arrivals.iter().filter(recent).count(),
    );
    let span = arrivals.back()?.saturating_sub(*first).as_secs_f64();
    (count > 1 && span > 0.0).then(|| (count - 1) as f64 / span)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
