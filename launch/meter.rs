//! Rates, ages and latencies of outputs as their reader sees them.

use std::collections::VecDeque;
use std::time::Duration;

use concert_runtime::{Health, Timestamp};

/// How many of the newest outputs percentiles are taken over.
const WINDOW: usize = 512;
/// How far back a rate looks.
const RATE_SPAN: Duration = Duration::from_secs(5);

/// One line of the live table; made by a [`Meter`], whoever feeds it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct Row {
    /// Key below the prefix.
    pub key: String,
    /// Outputs received in all.
    pub count: u64,
    /// Outputs per second over the last five seconds.
    pub rate_hz: f64,
    /// Now minus the stamp of the newest; `None` where the stamp is ahead of
    /// the clock.
    #[serde(rename = "age_millis", serialize_with = "as_millis")]
    pub age: Option<Duration>,
    /// Median latency of the newest 512.
    #[serde(rename = "p50_millis", serialize_with = "as_millis")]
    pub p50: Option<Duration>,
    /// Latency that 99 of 100 of the newest 512 stay below.
    #[serde(rename = "p99_millis", serialize_with = "as_millis")]
    pub p99: Option<Duration>,
    /// Outputs that were made but never came here, by their sequence numbers.
    pub drops: u64,
    /// How well it is.
    pub health: Health,
    /// What is wrong, or the newest output, in a few words.
    pub note: String,
}

fn as_millis<S: serde::Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.serialize_some(&(value.as_secs_f64() * 1e3)),
        None => to.serialize_none(),
    }
}

/// Follows the outputs of one key.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    key: String,
    count: u64,
    drops: u64,
    arrivals: VecDeque<Duration>,
    latencies: VecDeque<Duration>,
    last: Option<(u64, Timestamp)>,
    note: String,
}

/// What a [`Meter`] wants to know of one output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observation {
    /// Sequence number of the output.
    pub sequence: u64,
    /// Stamp of its frame.
    pub stamp: Timestamp,
    /// Monotonic time at which it came here.
    pub at: Duration,
    /// How long it took; `None` where the clocks do not tell.
    pub latency: Option<Duration>,
    /// The output in a few words.
    pub note: String,
}

impl Meter {
    /// A meter of the key below the prefix that has seen nothing.
    #[must_use]
    pub(crate) fn new(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            count: 0,
            drops: 0,
            arrivals: VecDeque::with_capacity(WINDOW),
            latencies: VecDeque::with_capacity(WINDOW),
            last: None,
            note: String::new(),
        }
    }

    /// Takes note of one output.
    pub(crate) fn observe(&mut self, seen: Observation) {
        if let Some((last, _)) = self.last {
            // A number that is not higher: the publisher began anew.
            self.drops += seen.sequence.saturating_sub(last).saturating_sub(1);
        }
        self.last = Some((seen.sequence, seen.stamp));
        self.count += 1;
        self.note = seen.note;
        push(&mut self.arrivals, seen.at);
        if let Some(latency) = seen.latency {
            push(&mut self.latencies, latency);
        }
    }

    /// The line of the table at a moment, on both clocks.
    #[must_use]
    pub(crate) fn row(&self, now: Timestamp, monotonic: Duration) -> Row {
        let mut sorted: Vec<_> = self.latencies.iter().copied().collect();
        sorted.sort_unstable();
        Row {
            key: self.key.clone(),
            count: self.count,
            rate_hz: self.rate_hz(monotonic),
            age: self.last.and_then(|(_, stamp)| stamp.age_at(now)),
            p50: percentile(&sorted, 50),
            p99: percentile(&sorted, 99),
            drops: self.drops,
            health: Health::Ok,
            note: self.note.clone(),
        }
    }

    fn rate_hz(&self, monotonic: Duration) -> f64 {
        let since = monotonic.saturating_sub(RATE_SPAN);
        let recent = self.arrivals.iter().filter(|at| **at >= since);
        let (count, first) = recent.fold((0u32, None), |(count, first), at| {
            (count + 1, first.or(Some(*at)))
        });
        // The first marks the beginning of the time that the others fill.
        let Some(first) = first.filter(|_| count > 1) else {
            return 0.0;
        };
        let span = monotonic.saturating_sub(first).as_secs_f64();
        if span > 0.0 {
            f64::from(count - 1) / span
        } else {
            0.0
        }
    }
}

fn push(window: &mut VecDeque<Duration>, value: Duration) {
    if window.len() == WINDOW {
        window.pop_front();
    }
    window.push_back(value);
}

/// The nearest-rank percentile of sorted values.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn observation(sequence: u64, at: u64, latency: u64) -> Observation {
        Observation {
            sequence,
            stamp: Timestamp::from_nanos(at as i64 * 1_000_000),
            at: millis(at),
            latency: Some(millis(latency)),
            note: format!("number {sequence}"),
        }
    }

    #[test]
    fn a_gap_in_the_sequence_is_counted_and_a_new_beginning_is_not() {
        let mut meter = Meter::new("a");
        for sequence in [0, 1, 5, 6, 0, 1] {
            meter.observe(observation(sequence, sequence, 1));
        }
        let row = meter.row(Timestamp::from_nanos(0), millis(10));
        assert_eq!(
            (row.count, row.drops, row.note.as_str()),
            (6, 3, "number 1")
        );
    }

    #[test]
    fn percentiles_and_rate_are_those_of_what_came() {
        let mut meter = Meter::new("a");
        for index in 0..100 {
            meter.observe(observation(index, index * 20, index + 1));
        }
        let row = meter.row(Timestamp::from_nanos(2_000_000_000), millis(1980));
        assert_eq!((row.p50, row.p99), (Some(millis(50)), Some(millis(99))));
        assert_eq!(row.age, Some(millis(20)));
        assert!((row.rate_hz - 50.0).abs() < 1e-9, "{}", row.rate_hz);
    }

    #[test]
    fn an_output_that_stopped_has_no_rate_left() {
        let mut meter = Meter::new("a");
        (0..10).for_each(|index| meter.observe(observation(index, index * 20, 1)));
        let row = meter.row(Timestamp::from_nanos(0), millis(60_000));
        assert_eq!(row.rate_hz, 0.0);
        assert_eq!(row.age, None, "a stamp ahead of the clock has no age");
        assert_eq!(
            Meter::new("b").row(Timestamp::from_nanos(0), millis(0)).p99,
            None
        );
    }
}
