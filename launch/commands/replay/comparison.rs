//! One target's outputs, recorded and computed again.

use std::collections::{HashMap, HashSet, VecDeque};

use concert_policies::Task;
use concert_runtime::wire::AnyMessage;

use super::difference::{Differ, unit};

/// Outputs that wait for the other, by stamp.
type Waiting = HashMap<i64, VecDeque<Vec<u8>>>;

/// One target's outputs, recorded and computed again.
pub(super) struct Comparison {
    pub(super) task: &'static Task,
    /// Stamps of recorded outputs whose image was recorded, too.
    recorded: HashSet<i64>,
    images: HashSet<i64>,
    waiting: (Waiting, Waiting),
    waiting_bytes: usize,
    differ: Differ,
    /// Compared, and equal to the last bit.
    pub(super) compared: u64,
    pub(super) identical: u64,
    pub(super) largest: f64,
    sum: f64,
    /// Stamp of the first that is not identical.
    pub(super) parts_at: Option<i64>,
    /// Outputs by which something else would be decided, and the first of them: its
    /// stamp, and what.
    pub(super) decisions: u64,
    pub(super) first_decision: Option<(i64, String)>,
    /// Recorded, and not computed again.
    pub(super) only_recorded: u64,
    /// Computed, and not recorded.
    pub(super) only_computed: u64,
    /// Recorded without the image that they are of.
    pub(super) without_image: u64,
    /// Recorded while another policy ran.
    pub(super) other_policy: u64,
}

impl Comparison {
    pub(super) fn new(task: &'static Task, recorded: HashSet<i64>, images: HashSet<i64>) -> Self {
        Self {
            task,
            recorded,
            images,
            waiting: Default::default(),
            waiting_bytes: 0,
            differ: Differ::default(),
            compared: 0,
            identical: 0,
            largest: 0.0,
            sum: 0.0,
            parts_at: None,
            decisions: 0,
            first_decision: None,
            only_recorded: 0,
            only_computed: 0,
            without_image: 0,
            other_policy: 0,
        }
    }

    /// Unit of the differences.
    pub(super) fn unit(&self) -> &'static str {
        unit(self.task)
    }

    /// Mean of the differences of those that were compared.
    pub(super) fn mean(&self) -> f64 {
        self.sum / self.compared.max(1) as f64
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// A recorded output; `was_played` where its frame was computed already.
    pub(super) fn note_recorded(&mut self, stamp: i64, message: Vec<u8>, was_played: bool) {
        if !self.images.contains(&stamp) {
            self.without_image += 1;
        } else if let Some(computed) = self.take(stamp, false) {
            self.compare(stamp, &message, &computed);
        } else if was_played {
            self.only_recorded += 1;
        } else {
            self.keep(stamp, message, true);
        }
    }

    /// An output that was computed again.
    pub(super) fn note_computed(&mut self, stamp: i64, message: &[u8]) {
        if let Some(recorded) = self.take(stamp, true) {
            self.compare(stamp, &recorded, message);
        } else if self.recorded.contains(&stamp) {
            self.keep(stamp, message.to_vec(), false);
        } else {
            self.only_computed += 1;
        }
    }

    /// Nothing was computed for a frame.
    pub(super) fn note_nothing_computed(&mut self, stamp: i64) {
        while self.take(stamp, true).is_some() {
            self.only_recorded += 1;
        }
    }

    /// What still waits stays alone.
    pub(super) fn finish(&mut self) {
        let count = |waiting: &Waiting| waiting.values().map(|all| all.len() as u64).sum::<u64>();
        self.only_recorded += count(&self.waiting.0);
        self.only_computed += count(&self.waiting.1);
        self.waiting = Default::default();
    }

    fn side(&mut self, is_recorded: bool) -> &mut Waiting {
        match is_recorded {
            true => &mut self.waiting.0,
            false => &mut self.waiting.1,
        }
    }

    fn keep(&mut self, stamp: i64, message: Vec<u8>, is_recorded: bool) {
        self.waiting_bytes += message.len();
        let waiting = self.side(is_recorded).entry(stamp).or_default();
        waiting.push_back(message);
    }

    fn take(&mut self, stamp: i64, is_recorded: bool) -> Option<Vec<u8>> {
        let side = self.side(is_recorded);
        let message = side.get_mut(&stamp)?.pop_front();
        if side.get(&stamp).is_some_and(VecDeque::is_empty) {
            side.remove(&stamp);
        }
        self.waiting_bytes -= message.as_ref().map_or(0, Vec::len);
        message
    }

    fn compare(&mut self, stamp: i64, recorded: &[u8], computed: &[u8]) {
        self.compared += 1;
        let kind = self.task.message_type();
        let read = |bytes| AnyMessage::decode(kind, bytes);
        let found = match (read(recorded), read(computed)) {
            (Ok(recorded), Ok(computed)) => self.differ.differ(self.task, &recorded, &computed),
            _ => None,
        };
        if recorded == computed {
            self.identical += 1;
            return;
        }
        self.parts_at.get_or_insert(stamp);
        let Some(found) = found else {
            return;
        };
        self.largest = self.largest.max(found.largest);
        self.sum += found.mean;
        if let Some(decision) = found.decision {
            self.decisions += 1;
            self.first_decision.get_or_insert((stamp, decision));
        }
    }
}

#[cfg(test)]
mod tests {
    use concert_runtime::wire::Message as _;
    use concert_runtime::wire::vision_msgs::{Classification, ObjectHypothesis};

    use super::*;

    fn named(name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let result = ObjectHypothesis {
            class_id: name.to_owned(),
            score: 0.5,
        };
        let message = Classification {
            results: vec![result],
            ..Classification::default()
        };
        message.encode(&mut bytes);
        bytes
    }

    #[test]
    fn outputs_meet_whichever_comes_first_and_none_is_forgotten() {
        let task = Task::find("class_object").expect("a task");
        let stamps = |all: &[i64]| all.iter().copied().collect();
        let mut comparison = Comparison::new(task, stamps(&[1, 2, 3, 4]), stamps(&[1, 2, 3, 4]));
        comparison.note_recorded(1, named("cup"), false);
        comparison.note_computed(1, &named("cup"));
        comparison.note_computed(2, &named("can"));
        comparison.note_recorded(2, named("cup"), true);
        // No image, none computed, none recorded, none computed so far.
        comparison.note_recorded(9, named("cup"), false);
        comparison.note_recorded(3, named("cup"), false);
        comparison.note_nothing_computed(3);
        comparison.note_computed(8, &named("cup"));
        comparison.note_recorded(4, named("cup"), false);
        comparison.finish();
        assert_eq!((comparison.compared, comparison.identical), (2, 1));
        assert_eq!((comparison.only_recorded, comparison.only_computed), (2, 1));
        assert_eq!(
            (comparison.without_image, comparison.parts_at),
            (1, Some(2))
        );
        let decided = comparison.first_decision.expect("another class");
        assert_eq!(decided, (2, "cup (0.50) became can (0.50)".to_owned()));
    }
}
