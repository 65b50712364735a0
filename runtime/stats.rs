//! Figures of a running runtime: exact counts and histograms.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::counts::{CameraCounts, OutcomeCounts};
use crate::pipeline::StepReport;

/// A histogram of durations, 1 µs to 60 s, two significant digits. Longer ones
/// count as 60 s; nothing is ever left out.
#[derive(Debug, Clone)]
pub struct DurationHistogram(Histogram<u64>);

impl Default for DurationHistogram {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, 60_000_000, 2);
        Self(histogram.expect("1 to 60 000 000 with 2 digits are valid bounds"))
    }
}

impl DurationHistogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.max(1));
    }

    /// The figures.
    #[must_use]
    pub fn summary(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        let empty = self.0.is_empty();
        let or_zero = |value: f64| if empty { 0.0 } else { value };
        Percentiles {
            count: self.0.len(),
            mean_millis: or_zero(self.0.mean() / 1e3),
            p50_millis: or_zero(at(0.50)),
            p99_millis: or_zero(at(0.99)),
            p999_millis: or_zero(at(0.999)),
            max_millis: or_zero(self.0.max() as f64 / 1e3),
        }
    }
}

/// Figures of one histogram, in milliseconds; all 0 where `count` is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Durations counted.
    pub count: u64,
    /// Mean.
    pub mean_millis: f64,
    /// Half are at most this.
    pub p50_millis: f64,
    /// 99 of 100 are at most this.
    pub p99_millis: f64,
    /// 999 of 1000 are at most this.
    pub p999_millis: f64,
    /// The longest.
    pub max_millis: f64,
}

/// Figures of one camera.
#[derive(Debug, Clone, Default)]
pub(crate) struct CameraStats {
    pub(crate) counts: CameraCounts,
    /// Usual time between frames (moving average), once two have come.
    pub(crate) interval: Option<Duration>,
    /// Monotonic time of the last arrival.
    pub(crate) last_arrival: Option<Duration>,
    /// Why it delivers nothing, if it said so.
    pub(crate) interrupted: Option<String>,
    pub(crate) ended: bool,
    pub(crate) wait: DurationHistogram,
    pub(crate) step: DurationHistogram,
}

/// Figures of one target of one camera.
#[derive(Debug, Clone, Default)]
pub(crate) struct TargetStats {
    pub(crate) outcomes: OutcomeCounts,
    pub(crate) read: DurationHistogram,
    /// From the frame's arrival to the bus having taken the output.
    pub(crate) latency: DurationHistogram,
    /// Stamp to the same moment, where the stamp is of now.
    pub(crate) age: DurationHistogram,
    /// Outputs whose stamp lay in the future or over an hour back.
    pub(crate) foreign_stamps: u64,
    pub(crate) published: u64,
    pub(crate) lost_on_bus: u64,
    pub(crate) last_published: Option<Duration>,
    pub(crate) publish_interval: Option<Duration>,
}

/// All figures; one lock around it, taken a few times per frame.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) cameras: Vec<CameraStats>,
    /// Per camera, per target.
    pub(crate) targets: Vec<Vec<TargetStats>>,
    pub(crate) encoders: Vec<DurationHistogram>,
    pub(crate) preprocess: DurationHistogram,
}

impl Stats {
    pub(crate) fn new(cameras: usize, targets: usize, encoders: usize) -> Self {
        Self {
            cameras: vec![CameraStats::default(); cameras],
            targets: vec![vec![TargetStats::default(); targets]; cameras],
            encoders: vec![DurationHistogram::default(); encoders],
            preprocess: DurationHistogram::default(),
        }
    }

    pub(crate) fn note_step(&mut self, camera: usize, report: &StepReport) {
        let stats = &mut self.cameras[camera];
        stats.counts.processed += 1;
        stats.wait.record(report.wait);
        stats.step.record(report.total);
        let targets = self.targets[camera].iter_mut();
        for ((target, outcome), read) in targets.zip(&report.outcomes).zip(&report.read) {
            target.outcomes.add(*outcome);
            if let Some(read) = read {
                target.read.record(*read);
            }
        }
        for (encoder, time) in self.encoders.iter_mut().zip(&report.encode) {
            if let Some(time) = time {
                encoder.record(*time);
            }
        }
        for time in report.preprocess.iter().flatten() {
            self.preprocess.record(*time);
        }
    }
}

/// Moving average over about eight intervals.
pub(crate) fn smooth(average: Option<Duration>, newest: Duration) -> Duration {
    average.map_or(newest, |average| (average * 7 + newest) / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_beyond_the_range_is_counted_at_the_end_of_it() {
        let mut histogram = DurationHistogram::default();
        histogram.record(Duration::from_millis(10));
        histogram.record(Duration::from_secs(3600));
        let summary = histogram.summary();
        assert_eq!(summary.count, 2);
        assert!(summary.max_millis >= 59_000.0);
        assert!((summary.p50_millis - 10.0).abs() < 0.2);
    }

    #[test]
    fn an_empty_histogram_has_no_figures() {
        assert_eq!(
            DurationHistogram::default().summary(),
            Percentiles::default()
        );
    }
}
