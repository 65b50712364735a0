//! What makes a black box write.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{HeardMessage, Sessions, Watcher};
use concert_runtime::wire::diagnostic_msgs::DiagnosticArray;
use concert_runtime::wire::{Message as _, keys};
use signal_hook::consts::SIGUSR1;

use super::args::RecordArgs;
use crate::report::Failure;

/// Level of a part that is well.
const OK: u8 = 0;

/// What makes a black box write: a part that gets worse, a key, a signal, a person.
pub(super) struct Triggers {
    /// By key: one listens to each.
    keys: Vec<(String, Watcher)>,
    signal: Arc<AtomicBool>,
    pressed: Arc<AtomicBool>,
    has_terminal: bool,
    /// Level of every part at the last status.
    levels: Option<BTreeMap<String, u8>>,
    fault: Option<String>,
}

impl Triggers {
    /// Begins to listen.
    ///
    /// # Errors
    /// A key that is none; where the system lets no signal be handled.
    pub(super) fn begin(args: &RecordArgs, sessions: &Sessions) -> Result<Self, Failure> {
        let listen = |key: &String| {
            let (prefix, last) = key.rsplit_once('/').unwrap_or(("", key.as_str()));
            let mut watcher = Watcher::idle(std::slice::from_ref(sessions), prefix);
            watcher.listen_to([last]).map_err(Failure::refused)?;
            Ok((key.clone(), watcher))
        };
        let keys = args.trigger.iter().map(listen);
        let keys = keys.collect::<Result<Vec<_>, Failure>>()?;
        let signal = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGUSR1, Arc::clone(&signal))?;
        let pressed = Arc::new(AtomicBool::new(false));
        let has_terminal = std::io::stdin().is_terminal();
        if has_terminal {
            let pressed = Arc::clone(&pressed);
            thread::spawn("enter", move || {
                for line in std::io::stdin().lock().lines() {
                    if line.is_err() {
                        return;
                    }
                    pressed.store(true, Ordering::Relaxed);
                }
            })?;
        }
        Ok(Self {
            keys,
            signal,
            pressed,
            has_terminal,
            levels: None,
            fault: None,
        })
    }

    /// What is waited for, in words.
    pub(super) fn describe(&self) -> String {
        let mut all = vec!["a fault".to_owned(), "SIGUSR1".to_owned()];
        all.extend(self.keys.iter().map(|(key, _)| key.clone()));
        if self.has_terminal {
            all.push("Enter".to_owned());
        }
        format!("{} writes them", all.join(", "))
    }

    /// Looks whether a message says that something got worse.
    pub(super) fn look(&mut self, message: &HeardMessage) {
        if message.key != keys::STATUS {
            return;
        }
        if let Ok(status) = DiagnosticArray::decode(&message.payload) {
            self.look_at_status(&status);
        }
    }

    /// Whatever happened first since the last call.
    pub(super) fn take(&mut self) -> Option<String> {
        if let Some(fault) = self.fault.take() {
            return Some(fault);
        }
        for (key, watcher) in &self.keys {
            if !watcher.take(Duration::ZERO).is_empty() {
                return Some(format!("a message at {key}"));
            }
        }
        let is_raised = |flag: &AtomicBool| flag.swap(false, Ordering::Relaxed);
        if is_raised(&self.signal) {
            return Some("SIGUSR1".to_owned());
        }
        is_raised(&self.pressed).then(|| "Enter was pressed".to_owned())
    }

    /// A part that was well enough before is worse now. Parts that are new are only
    /// remembered: what begins is not well yet.
    fn look_at_status(&mut self, status: &DiagnosticArray) {
        let entries = status.status.iter();
        let levels: BTreeMap<_, _> = entries.map(|it| (it.name.clone(), it.level)).collect();
        let before = self.levels.replace(levels).unwrap_or_default();
        let worse = status.status.iter().find(|entry| {
            let before = before.get(&entry.name);
            before.is_some_and(|before| entry.level > *before && entry.level > OK)
        });
        if let Some(worse) = worse {
            let fault = format!("{}: {}", worse.name, worse.message);
            self.fault.get_or_insert(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use concert_runtime::wire::diagnostic_msgs::DiagnosticStatus;

    use super::*;

    fn triggers() -> Triggers {
        Triggers {
            keys: Vec::new(),
            signal: Arc::default(),
            pressed: Arc::default(),
            has_terminal: false,
            levels: None,
            fault: None,
        }
    }

    fn status(levels: &[(&str, u8)]) -> DiagnosticArray {
        let entry = |(name, level): &(&str, u8)| DiagnosticStatus {
            level: *level,
            name: (*name).to_owned(),
            message: "why".to_owned(),
            ..DiagnosticStatus::default()
        };
        DiagnosticArray {
            status: levels.iter().map(entry).collect(),
            ..DiagnosticArray::default()
        }
    }

    #[test]
    fn a_part_that_gets_worse_is_a_fault_once() {
        let mut triggers = triggers();
        let mut look = |levels: &[(&str, u8)]| {
            triggers.look_at_status(&status(levels));
            triggers.take()
        };
        assert_eq!(look(&[("camera/front", 2)]), None, "nothing was before");
        assert_eq!(look(&[("camera/front", 0), ("target/normal", 3)]), None);
        let worse = Some("camera/front: why".to_owned());
        assert_eq!(look(&[("camera/front", 1), ("target/normal", 3)]), worse);
        assert_eq!(look(&[("camera/front", 1), ("target/normal", 0)]), None);
    }
}
