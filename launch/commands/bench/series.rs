//! A series of durations and its figures.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest duration that is told from longer ones, ns (one hour).
const LONGEST: u64 = 3_600_000_000_000;

/// Durations in the order in which they were: a histogram of three significant
/// digits, and how they differ from one to the next.
#[derive(Debug, Clone)]
pub(super) struct Series {
    histogram: Histogram<u64>,
    last: Option<Duration>,
    /// Sum of the differences from one to the next.
    steps: Duration,
}

impl Default for Series {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST, 3);
        Self {
            histogram: histogram.expect("1 ns to an hour with 3 digits are valid bounds"),
            last: None,
            steps: Duration::ZERO,
        }
    }
}

/// Figures of a series, ms; all 0 where `count` is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Durations.
    pub(super) count: u64,
    /// Mean.
    pub(super) mean_millis: f64,
    /// Half are at most this.
    pub(super) p50_millis: f64,
    /// 90 of 100 are at most this.
    pub(super) p90_millis: f64,
    /// 99 of 100 are at most this.
    pub(super) p99_millis: f64,
    /// 999 of 1000 are at most this.
    pub(super) p999_millis: f64,
    /// The longest.
    pub(super) max_millis: f64,
    /// Mean absolute difference from one to the next.
    pub(super) jitter_millis: f64,
}

impl Figures {
    /// What stands over each column of a table.
    pub(super) const COLUMNS: [&'static str; 7] =
        ["count", "p50", "p90", "p99", "p99.9", "max", "jitter"];

    /// The columns after the count, ms.
    pub(super) fn millis(&self) -> [f64; 6] {
        [
            self.p50_millis,
            self.p90_millis,
            self.p99_millis,
            self.p999_millis,
            self.max_millis,
            self.jitter_millis,
        ]
    }
}

impl Series {
    /// Counts the next duration.
    pub(super) fn add(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.histogram.saturating_record(nanos.max(1));
        if let Some(last) = self.last.replace(duration) {
            self.steps += duration.abs_diff(last);
        }
    }

    /// The figures.
    pub(super) fn figures(&self) -> Figures {
        let histogram = &self.histogram;
        if histogram.is_empty() {
            return Figures::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
        let steps = (histogram.len() - 1).max(1) as f64;
        Figures {
            count: histogram.len(),
            mean_millis: histogram.mean() / 1e6,
            p50_millis: at(0.5),
            p90_millis: at(0.9),
            p99_millis: at(0.99),
            p999_millis: at(0.999),
            max_millis: histogram.max() as f64 / 1e6,
            jitter_millis: self.steps.as_secs_f64() * 1e3 / steps,
        }
    }

    /// The cumulative distribution: ms, and the share that is at most so long.
    pub(super) fn distribution(&self) -> Vec<[f64; 2]> {
        let all = self.histogram.len().max(1) as f64;
        let mut below = 0;
        let values = self.histogram.iter_recorded();
        let points = values.map(|value| {
            below += value.count_at_value();
            [value.value_iterated_to() as f64 / 1e6, below as f64 / all]
        });
        points.collect()
    }
}

impl FromIterator<Duration> for Series {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut series = Self::default();
        durations
            .into_iter()
            .for_each(|duration| series.add(duration));
        series
    }
}

/// The median, or nothing of nothing.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        even if even % 2 == 0 => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        _ => Some(sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn figures_are_those_of_the_durations_to_three_digits() {
        let figures = (1..=1000).map(|n| n * MS).collect::<Series>().figures();
        assert_eq!(figures.count, 1000);
        let is_about = |found: f64, want: f64| (found - want).abs() <= want * 2e-3;
        assert!(is_about(figures.p50_millis, 500.0), "{figures:?}");
        assert!(is_about(figures.p90_millis, 900.0), "{figures:?}");
        assert!(is_about(figures.p99_millis, 990.0), "{figures:?}");
        assert!(is_about(figures.p999_millis, 999.0), "{figures:?}");
        assert!(is_about(figures.max_millis, 1000.0), "{figures:?}");
        assert!(is_about(figures.mean_millis, 500.5), "{figures:?}");
        assert!(is_about(figures.jitter_millis, 1.0), "{figures:?}");
    }

    #[test]
    fn jitter_tells_what_changes_from_one_to_the_next_and_not_what_is_rare() {
        let swings: Series = [10, 20, 10, 20, 10].map(|n| n * MS).into_iter().collect();
        let once: Series = [10, 10, 10, 20, 20].map(|n| n * MS).into_iter().collect();
        assert!((swings.figures().jitter_millis - 10.0).abs() < 1e-9);
        assert!((once.figures().jitter_millis - 2.5).abs() < 1e-9);
    }

    #[test]
    fn nothing_has_no_figures_and_an_hour_is_the_end() {
        assert_eq!(Series::default().figures(), Figures::default());
        assert!(Series::default().distribution().is_empty());
        let long: Series = [MS, 7200 * 1000 * MS].into_iter().collect();
        assert!(long.figures().max_millis >= 3.59e6);
        let curve = long.distribution();
        assert_eq!((curve.len(), curve[0][1], curve[1][1]), (2, 0.5, 1.0));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
