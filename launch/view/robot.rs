//! What the view knows of a robot: its outputs, how well it is, what it runs.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use concert_runtime::Timestamp;
use concert_runtime::io::zenoh::{KeyCounts, Received};
use concert_runtime::wire::{AnyMessage, keys};
use serde_json::{Value, json};

use super::about::{errand, kind, millis, note, rate, task_of, tenths};
use super::digest::{Scales, Subject, digest};
use super::history::History;
use super::hub::Item;
use super::moment::Moment;
use super::policy::Running;
use super::status::{Status, cut};
use crate::draw::note_of_message;

/// Time over which a rate is taken, and after which an output is silent.
pub(super) const RECENT: Duration = Duration::from_secs(3);
/// Most arrivals that a rate is taken over.
const MAX_ARRIVALS: usize = 256;
/// A runtime that says nothing for this long is silent; it says something once
/// a second.
const SILENT: Duration = Duration::from_secs(3);
/// Most keys that are known.
const MAX_KEYS: usize = 256;

/// A connection with the robot's side of the bus.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Link {
    Up,
    /// Why not.
    Down(String),
}

/// What is known of a robot.
pub(super) struct Robot {
    prefix: String,
    keys: BTreeMap<String, Key>,
    status: Status,
    /// When it said something of itself (monotonic).
    heard: Option<Duration>,
    running: Option<Running>,
    scales: Scales,
    /// Messages of keys beyond those that are kept apart.
    ignored: u64,
}

/// What is known of one key.
#[derive(Default)]
struct Key {
    /// Monotonic.
    arrivals: VecDeque<Duration>,
    /// Age of the newest when it came, ms: from its stamp to its arrival here.
    age: Option<f64>,
    /// The newest in a few words.
    note: String,
    /// Messages that could not be read, and why the last could not.
    unreadable: u64,
    reason: String,
    /// Messages that did not come, or for which there was no time here.
    dropped: u64,
}

impl Robot {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            keys: BTreeMap::new(),
            status: Status::default(),
            heard: None,
            running: None,
            scales: Scales::new(),
            ignored: 0,
        }
    }

    /// Takes note of a message that came at this moment; gives what pages are told of
    /// it, if they are. What cannot be read costs that message, and is counted.
    pub(super) fn observe(&mut self, received: &Received, came: Moment) -> Option<Item> {
        let read = match received.key.as_str() {
            keys::STATUS => self.observe_status(received, came).map(|()| None),
            keys::ERRAND => errand(received),
            _ => self.observe_output(received, came),
        };
        match read {
            Ok(told) => {
                let (head, bytes) = told?;
                Some(Item::new(&received.key, head, bytes, came.monotonic))
            }
            Err(reason) => {
                if let Some(key) = self.key(&received.key) {
                    key.unreadable += 1;
                    key.reason = cut(&reason);
                }
                None
            }
        }
    }

    fn key(&mut self, name: &str) -> Option<&mut Key> {
        if self.keys.len() >= MAX_KEYS && !self.keys.contains_key(name) {
            return None;
        }
        Some(self.keys.entry(name.to_owned()).or_default())
    }

    fn observe_status(&mut self, received: &Received, came: Moment) -> Result<(), String> {
        let message = received.message().map_err(|error| error.to_string())?;
        let AnyMessage::DiagnosticArray(status) = message else {
            return Err(format!(
                "it is {}, which is no status",
                cut(&received.message_type)
            ));
        };
        self.heard = Some(came.monotonic);
        self.status.take(&status, came.monotonic.as_secs_f64());
        Ok(())
    }

    fn observe_output(
        &mut self,
        received: &Received,
        came: Moment,
    ) -> Result<Option<(Value, Vec<u8>)>, String> {
        let message = received.message().map_err(|error| error.to_string())?;
        let attachment = received.attachment.as_ref();
        let labels = attachment.and_then(|attachment| {
            let running = self.running.as_ref()?;
            running.labels.get(&attachment.readout.1)
        });
        let about = Subject {
            key: &received.key,
            task: task_of(&received.key, attachment.map(|a| a.task.as_str())),
            attachment,
            labels: labels.map_or(&[], Vec::as_slice),
        };
        let mut told = digest(&message, &about, &mut self.scales)?;
        let stamp = message.header().map(|header| header.stamp);
        let stamp = stamp.or_else(|| Some(Timestamp::from_nanos(attachment?.stamp_ns)));
        let age = stamp.and_then(|stamp| stamp.age_at(came.stamp));
        if let (Some((head, _)), Some(stamp)) = (&mut told, stamp) {
            // Nanoseconds are more than a number of JavaScript has digits for.
            head["stamp"] = json!(stamp.nanos() / 1_000_000);
        }
        let note = told.as_ref().and_then(|(head, _)| note(head));
        let note = note.unwrap_or_else(|| note_of_message(&message));
        if let Some(key) = self.key(&received.key) {
            key.note = cut(&note);
            key.age = age.map(|age| age.as_secs_f64() * 1e3);
            if key.arrivals.len() == MAX_ARRIVALS {
                key.arrivals.pop_front();
            }
            key.arrivals.push_back(came.monotonic);
        }
        Ok(told)
    }

    /// The policy that runs, where the robot said it.
    pub(super) fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Tells whether the robot is to be asked which policy it runs: it runs another
    /// than is known here.
    pub(super) fn lacks_policy(&self) -> bool {
        let known = self.running.as_ref().map(|running| running.hash.as_str());
        !self.status.policy_hash.is_empty() && known != Some(self.status.policy_hash.as_str())
    }

    /// Takes the answer at `<prefix>/policy`; true where it is understood.
    pub(super) fn take_policy(&mut self, answer: &Value) -> bool {
        match Running::read(answer) {
            Ok(running) => {
                self.running = Some(running);
                true
            }
            Err(error) => {
                if let Some(key) = self.key(keys::POLICY) {
                    key.unreadable += 1;
                    key.reason = cut(&error.to_string());
                }
                false
            }
        }
    }

    /// Messages that could not be read, of all keys.
    pub(super) fn unreadable(&self) -> u64 {
        self.keys.values().map(|key| key.unreadable).sum()
    }

    /// Takes note of what did not come, by key, and of messages whose keys are too
    /// many; both since the beginning.
    pub(super) fn note_drops(&mut self, counts: &[(String, KeyCounts)], ignored: u64) {
        for (name, counts) in counts {
            if let Some(key) = self.key(name) {
                key.dropped = counts.lost + counts.superseded + counts.refused;
            }
        }
        self.ignored = ignored;
    }

    /// Messages that did not come, or for which there was no time here, of all keys.
    pub(super) fn dropped(&self) -> u64 {
        let dropped: u64 = self.keys.values().map(|key| key.dropped).sum();
        dropped + self.ignored
    }

    /// How everything is, for pages, and the points by which curves grow; `now` is
    /// monotonic.
    pub(super) fn state(&self, now: Duration, link: &Link, pages: usize) -> Value {
        let silent = self.heard.map(|heard| now.saturating_sub(heard));
        let faults = self.keys.iter().filter(|(_, key)| key.unreadable > 0);
        let faults = faults.map(
            |(name, key)| json!({ "key": name, "count": key.unreadable, "reason": key.reason }),
        );
        let is_silent = silent.is_none_or(|silent| silent > SILENT);
        json!({
            "robot": self.words(silent, link),
            "outputs": self.outputs(now, is_silent),
            "cameras": self.cameras(is_silent),
            "status": self.status.lines,
            "learning": self.status.learning,
            "faults": faults.collect::<Vec<_>>(),
            "unreadable": self.unreadable(),
            "dropped": self.dropped(),
            "pages": pages,
        })
    }

    /// Whether the robot is heard, and how well it says it is.
    fn words(&self, silent: Option<Duration>, link: &Link) -> Value {
        let prefix = &self.prefix;
        let (reach, health, words) = match (link, silent) {
            (Link::Down(reason), _) => ("down", 3, format!("{prefix} is not reached: {reason}")),
            (Link::Up, None) => (
                "waiting",
                3,
                format!("nothing was heard below {prefix} yet"),
            ),
            (Link::Up, Some(silent)) if silent > SILENT => {
                let seconds = silent.as_secs();
                (
                    "silent",
                    3,
                    format!("{prefix} has been silent for {seconds} s"),
                )
            }
            (Link::Up, Some(_)) => match self.status.whole() {
                Some(whole) if whole.level > 0 => {
                    ("up", whole.level, format!("{prefix}: {}", whole.message))
                }
                _ => ("up", 0, format!("{prefix} is well")),
            },
        };
        let silent = silent.map(millis);
        json!({ "reach": reach, "health": health, "words": words, "silent": silent })
    }

    /// The cameras; a rate that was said long ago is none.
    fn cameras(&self, is_silent: bool) -> Vec<Value> {
        let mut cameras = self.status.cameras.clone();
        if is_silent {
            cameras.iter_mut().for_each(|camera| {
                (camera["rate"], camera["health"]) = (Value::Null, json!(3));
            });
        }
        cameras
    }

    /// Cameras first, then outputs in the order of the policy.
    fn outputs(&self, now: Duration, is_silent: bool) -> Vec<Value> {
        let known = self
            .keys
            .keys()
            .filter(|key| keys::is_output(key) || keys::is_image(key));
        let known = known.filter(|key| key.as_str() != keys::POLICY);
        // What nobody speaks of any more, as after a swap, is forgotten while the
        // robot speaks.
        let known = known.filter(|_| self.status.outputs.is_empty());
        let mut all: Vec<&String> = self.status.outputs.keys().chain(known).collect();
        let targets = self
            .running
            .as_ref()
            .map_or(&[][..], |running| &running.targets);
        let place = |key: &str| {
            let target = keys::target(key);
            let place = targets.iter().position(|known| *known == target);
            (!keys::is_image(key), place.unwrap_or(targets.len()))
        };
        all.sort_by_key(|key| (place(key), key.as_str()));
        let each = all.into_iter().map(|key| self.output(key, now, is_silent));
        each.collect()
    }

    fn output(&self, name: &str, now: Duration, is_silent: bool) -> Value {
        let task = task_of(name, None);
        let said = self.status.outputs.get(name);
        let key = self.keys.get(name);
        let is_fresh = |at: &Duration| now.saturating_sub(*at) <= RECENT;
        let fresh = key.filter(|key| key.arrivals.back().is_some_and(is_fresh));
        let said_if = said.filter(|said| said.is_busy && !is_silent);
        let rate = fresh.map_or_else(|| said_if?.rate_hz, |key| rate(&key.arrivals, now));
        let age = fresh.and_then(|key| key.age);
        let latency = said_if.and_then(|said| said.latency_millis);
        let newest = key.and_then(|key| key.arrivals.back());
        let since = newest.map(|newest| millis(now.saturating_sub(*newest)));
        json!({
            "key": name, "task": keys::target(name), "kind": kind(name, task),
            "unit": task.map_or("1", |task| task.unit),
            "description": task.map(|task| task.description),
            "rate": rate.map(tenths), "age": age.map(tenths), "latency": latency.map(tenths),
            "since": since, "dropped": key.map_or(0, |key| key.dropped),
            "health": if is_silent { 3 } else { said.map_or(0, |said| said.level) },
            "message": said.map(|said| &said.message),
            "note": fresh.map_or("", |key| key.note.as_str()),
            "now": said.and_then(|said| said.now).map(|now| now.name()),
            "more": said.and_then(|said| said.more.as_deref()),
            "busy": said.is_some_and(|said| said.is_busy) && !is_silent,
            "unreadable": key.map_or(0, |key| key.unreadable),
        })
    }

    /// Lets every curve grow by what a [state](Self::state) says.
    pub(super) fn note(&mut self, state: &Value, history: &mut History) {
        let outputs = state["outputs"].as_array().into_iter().flatten();
        let points: Vec<_> = outputs
            .map(|output| {
                let key = output["key"].as_str().unwrap_or_default();
                let number = |name: &str| output[name].as_f64();
                (key, ["rate", "latency", "age"].map(number))
            })
            .collect();
        history.note(&points);
        for (target, point) in std::mem::take(&mut self.status.learning_points) {
            history.note_learning(&target, point);
        }
    }
}

#[cfg(test)]
#[path = "robot_tests.rs"]
mod tests;
