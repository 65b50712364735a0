//! The last seconds of a robot, in memory.

use std::collections::VecDeque;
use std::time::Duration;

use concert_runtime::io::zenoh::HeardMessage;

/// The last seconds of a robot, in memory: within a time and a number of bytes.
pub(super) struct BlackBox {
    kept: VecDeque<HeardMessage>,
    bytes: u64,
    span: Duration,
    max_bytes: u64,
    /// Messages that had to go before their time.
    pub(super) pushed_out: u64,
}

impl BlackBox {
    /// An empty one.
    pub(super) fn new(span: Duration, max_bytes: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            span,
            max_bytes,
            pushed_out: 0,
        }
    }

    /// Takes a message in; what is too old for it, or has no place beside it, goes.
    pub(super) fn put(&mut self, message: HeardMessage) {
        let now = message.arrived;
        self.bytes += message.size_bytes() as u64;
        self.kept.push_back(message);
        while let Some(oldest) = self.kept.front() {
            // A clock that was set back makes nothing old.
            let age = oldest.arrived.age_at(now);
            let is_old = age.is_some_and(|age| age > self.span);
            if !is_old && self.bytes <= self.max_bytes {
                return;
            }
            self.pushed_out += u64::from(!is_old);
            self.bytes -= oldest.size_bytes() as u64;
            self.kept.pop_front();
        }
    }

    /// What is kept, oldest first.
    pub(super) fn messages(&self) -> impl Iterator<Item = &HeardMessage> {
        self.kept.iter()
    }

    /// How far back it goes now.
    pub(super) fn reach(&self) -> Duration {
        let ends = self.kept.front().zip(self.kept.back());
        let reach = ends.and_then(|(oldest, newest)| oldest.arrived.age_at(newest.arrived));
        reach.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use concert_runtime::Timestamp;

    use super::*;

    fn message(seconds: i64, bytes: usize) -> HeardMessage {
        HeardMessage {
            key: "a".to_owned(),
            message_type: String::new(),
            payload: vec![0; bytes],
            attachment: Vec::new(),
            arrived: Timestamp::from_nanos(seconds * 1_000_000_000),
        }
    }

    #[test]
    fn what_is_older_than_its_span_is_forgotten() {
        let mut kept = BlackBox::new(Duration::from_secs(3), 1 << 20);
        (0..10).for_each(|second| kept.put(message(second, 10)));
        assert_eq!(
            (kept.messages().count(), kept.reach()),
            (4, Duration::from_secs(3))
        );
        assert_eq!(kept.pushed_out, 0);
    }

    #[test]
    fn what_has_no_place_goes_before_its_time_and_is_counted() {
        let mut kept = BlackBox::new(Duration::from_secs(100), 3000);
        (0..10).for_each(|second| kept.put(message(second, 1000)));
        assert_eq!((kept.messages().count(), kept.pushed_out), (2, 8));
        assert!(kept.bytes <= 3000);
        // One that is larger than all the room leaves it empty.
        kept.put(message(10, 5000));
        assert_eq!((kept.messages().count(), kept.bytes), (0, 0));
    }
}
