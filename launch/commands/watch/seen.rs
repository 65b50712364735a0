//! What a subscriber knows of each output of a runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use concert_policies::{OutputKind, Task};
use concert_runtime::io::zenoh::{KeyCounts, Received};
use concert_runtime::wire::diagnostic_msgs::DiagnosticArray;
use concert_runtime::wire::{AnyMessage, keys};
use concert_runtime::{Clock, Health, Timestamp};
use serde_json::Value;

use crate::draw::{About, Canvas, Legend, note_of_message, picture_of_message};
use crate::meter::{Meter, Observation, Row};
use crate::terminal::Panel;

/// A runtime that says nothing for this long is silent; it says something once
/// a second.
const SILENT: Duration = Duration::from_secs(3);

/// What is known of a runtime.
#[derive(Default)]
pub(super) struct Seen {
    keys: BTreeMap<String, Key>,
    /// The cameras' images, by key, where they can be drawn.
    images: BTreeMap<String, Option<(Canvas, Legend)>>,
    /// How well the runtime says that each of its outputs is.
    healths: BTreeMap<String, (Health, String)>,
    /// When something came last (monotonic).
    heard: Option<Duration>,
    /// True where it ever said how it is.
    says: bool,
    /// Names of classes, by the hash of the readout.
    labels: BTreeMap<String, Vec<String>>,
    /// Readouts whose classes have no names yet, by hash.
    nameless: BTreeSet<String>,
}

/// What is known of one key.
struct Key {
    meter: Meter,
    picture: Option<(Canvas, Legend)>,
    /// The task that its messages are about, where they say.
    task: Option<&'static Task>,
    /// When its newest message came (monotonic).
    heard: Duration,
}

impl Seen {
    /// Takes note of a message; makes a picture of it where they are shown.
    pub(super) fn observe(&mut self, received: &Received, clock: &dyn Clock, pictures: bool) {
        let at = clock.monotonic();
        self.heard = Some(at);
        let message = received.message();
        if received.key == keys::STATUS {
            if let Ok(AnyMessage::DiagnosticArray(status)) = &message {
                self.note_status(status);
            }
            return;
        }
        if keys::is_image(&received.key) && pictures {
            let picture = message.ok();
            let picture = picture.and_then(|image| picture_of_message(&image, &About::default()));
            self.images.insert(received.key.clone(), picture);
            return;
        }
        if !keys::is_output(&received.key) {
            return;
        }
        let note = match &message {
            Ok(message) => note_of_message(message),
            Err(error) => format!("cannot be read: {error}"),
        };
        let attachment = received.attachment.as_ref();
        let header = message.as_ref().ok().and_then(|message| message.header());
        let stamp = header.map(|header| header.stamp);
        let stamp = stamp.or_else(|| Some(Timestamp::from_nanos(attachment?.stamp_ns)));
        let stamp = stamp.unwrap_or_default();
        let task = attachment.and_then(|attachment| Task::find(&attachment.task));
        let entry = self.keys.entry(received.key.clone());
        let entry = entry.or_insert_with(|| Key {
            meter: Meter::new(&received.key),
            picture: None,
            task,
            heard: at,
        });
        (entry.heard, entry.task) = (at, task);
        entry.meter.observe(Observation {
            sequence: attachment.map_or(0, |attachment| attachment.sequence),
            stamp,
            at,
            latency: stamp.age_at(clock.now()),
            note,
        });
        if !pictures {
            return;
        }
        let readout = attachment.map_or("", |attachment| attachment.readout.1.as_str());
        let labels = self.labels.get(readout);
        let of_classes = task.is_some_and(|task| task.output == OutputKind::ClassMap);
        if of_classes && labels.is_none() {
            self.nameless.insert(readout.to_owned());
        }
        let about = About {
            task,
            image_size: attachment.map_or((0, 0), |attachment| attachment.image_size),
            labels: labels.map_or(&[], Vec::as_slice),
        };
        entry.picture = message
            .ok()
            .and_then(|message| picture_of_message(&message, &about));
    }

    /// What the runtime says of its outputs counts: one that it does not have
    /// any more, as after a swap, is forgotten.
    fn note_status(&mut self, status: &DiagnosticArray) {
        self.says = true;
        let entries = status.status.iter();
        let targets = entries.filter_map(|entry| {
            let key = entry.name.strip_prefix("target/")?;
            let ended = entry.message.starts_with("ended: ");
            let health = match entry.level {
                0 => Health::Ok,
                1 => Health::Warn,
                2 => Health::Error,
                _ => Health::Stale,
            };
            (!ended).then(|| (key.to_owned(), (health, entry.message.clone())))
        });
        self.healths = targets.collect();
        let healths = &self.healths;
        self.keys
            .retain(|key, seen| seen.task.is_none() || healths.contains_key(key));
    }

    /// How long nothing came, where that is longer than a runtime is silent.
    fn silence(&self, clock: &dyn Clock) -> Option<Duration> {
        let silent = clock.monotonic().saturating_sub(self.heard?);
        (silent > SILENT && self.says).then_some(silent)
    }

    /// The prefix, and whether anybody is heard below it.
    pub(super) fn title(&self, prefix: &str, clock: &dyn Clock) -> String {
        match (self.silence(clock), self.heard) {
            (Some(silent), _) => format!("{prefix}, silent for {:.0} s", silent.as_secs_f64()),
            (None, Some(_)) => prefix.to_owned(),
            (None, None) => format!("{prefix}, where nothing came yet"),
        }
    }

    /// One row per output that there is; `counts` as the watcher has them.
    pub(super) fn rows(&self, counts: &[(String, KeyCounts)], clock: &dyn Clock) -> Vec<Row> {
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let silence = self.silence(clock);
        let each = self.keys.iter().map(|(key, seen)| {
            let mut row = seen.meter.row(now, monotonic);
            // The watcher sees also those that a newer one replaced before
            // they were looked at here.
            if let Some((_, counts)) = counts.iter().find(|(name, _)| name == key) {
                (row.count, row.drops) = (counts.received, counts.lost + counts.refused);
            }
            let healths = self.healths.get(key);
            if let Some(silent) = silence {
                row.health = Health::Stale;
                row.note = format!("silent for {:.0} s", silent.as_secs_f64());
            } else if let Some((health, message)) = healths.filter(|(h, _)| *h != Health::Ok) {
                row.health = *health;
                row.note.clone_from(message);
            }
            row
        });
        each.collect()
    }

    /// The cameras' pictures, then those of the outputs.
    pub(super) fn panels(&self) -> Vec<Panel> {
        let cameras = self.images.iter();
        let outputs = self.keys.iter().map(|(key, seen)| (key, &seen.picture));
        let pictures = cameras.chain(outputs).filter_map(|(key, picture)| {
            let (canvas, legend) = picture.clone()?;
            Some(Panel::Picture {
                name: key.clone(),
                canvas,
                legend,
            })
        });
        pictures.collect()
    }

    /// Tells whether the runtime is to be asked what its classes are called.
    pub(super) fn lacks_names(&self) -> bool {
        !self.nameless.is_empty()
    }

    /// Takes the names of classes from what the runtime says of its policy. It
    /// is not asked again for readouts that have none.
    pub(super) fn name_classes(&mut self, policy: &Value) {
        for network in policy["provenance"].as_array().into_iter().flatten() {
            let hash = network["sha256"].as_str().unwrap_or_default();
            if !self.nameless.contains(hash) {
                continue;
            }
            let names = network["labels"].as_array().into_iter().flatten();
            let names = names.map(|name| name.as_str().unwrap_or_default().to_owned());
            self.labels.insert(hash.to_owned(), names.collect());
        }
        for hash in std::mem::take(&mut self.nameless) {
            self.labels.entry(hash).or_default();
        }
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
