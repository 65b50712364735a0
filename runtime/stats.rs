//! Figures of a running runtime: exact counts and histograms.

use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::counts::{CameraCounts, OutcomeCounts};
use crate::evidence::{Evidence, Recent};
use crate::output::OutputOrigin;
use crate::picture::PictureFault;
use crate::shedding::Cost;
use crate::step::StepReport;

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

    /// Tells whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The figures.
    #[must_use]
    pub fn summary(&self) -> Percentiles {
        let mut buckets = [0; BUCKET_MILLIS.len()];
        for step in self.0.iter_recorded() {
            let millis = step.value_iterated_to() as f64 / 1e3;
            if let Some(bucket) = BUCKET_MILLIS.iter().position(|bound| millis <= *bound) {
                buckets[bucket] += step.count_at_value();
            }
        }
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
            buckets,
        }
    }
}

/// Upper bounds of [`Percentiles::buckets`], ms.
pub const BUCKET_MILLIS: [f64; 16] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0, 500.0, 1_000.0,
    2_000.0, 10_000.0,
];

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
    /// Durations above the bound before and up to that of [`BUCKET_MILLIS`], as exactly
    /// as the histogram has them (1 %); what is longer than the last is in `count` alone.
    #[serde(skip)]
    pub buckets: [u64; BUCKET_MILLIS.len()],
}

/// Figures of one camera.
#[derive(Debug, Clone, Default)]
pub(crate) struct CameraStats {
    pub(crate) counts: CameraCounts,
    /// Usual time between frames (moving average), once two have come.
    pub(crate) interval: Option<Duration>,
    /// Monotonic time of the last arrival.
    pub(crate) last_arrival: Option<Duration>,
    /// Monotonic time at which the camera last gave anything, usable or not.
    pub(crate) heard: Option<Duration>,
    /// Monotonic arrival of the last frame that was neither refused nor twice.
    pub(crate) passed: Option<Duration>,
    /// Which of the newest frames were refused.
    pub(crate) refusals: Recent,
    /// Why the last refused one was; empty where none was.
    pub(crate) last_refusal: String,
    /// Frames in a row with the stamp of the one before.
    pub(crate) same_stamp: u64,
    /// Frames in a row that had waited too long when their turn came.
    pub(crate) too_old: u64,
    /// Fault of the picture, and the number of frames that have it.
    pub(crate) picture: Option<(PictureFault, u64)>,
    /// Why it delivers nothing, if it said so.
    pub(crate) interrupted: Option<String>,
    /// Why what comes beside its frames cannot be used, while that is so.
    pub(crate) companion_fault: Option<Arc<str>>,
    pub(crate) ended: bool,
    pub(crate) wait: DurationHistogram,
    pub(crate) step: DurationHistogram,
}

impl CameraStats {
    /// Something came, usable or not.
    pub(crate) fn hear(&mut self, now: Duration) {
        if let Some(last) = self.heard.replace(now) {
            self.interval = Some(smooth(self.interval, now.saturating_sub(last)));
        }
    }
}

/// Figures of one target of one camera, over all policies it was in.
#[derive(Debug, Clone)]
pub(crate) struct TargetStats {
    pub(crate) camera: usize,
    /// Its maker, or its last one.
    pub(crate) origin: Arc<OutputOrigin>,
    pub(crate) presence: Presence,
    pub(crate) outcomes: OutcomeCounts,
    /// Outcomes of its newest frames.
    pub(crate) evidence: Evidence,
    pub(crate) read: DurationHistogram,
    /// Cost of the newest runs of its readout.
    pub(crate) cost: Cost,
    /// From the frame's arrival to the bus having taken the output.
    pub(crate) latency: DurationHistogram,
    /// Stamp to the same moment, where the stamp is of now.
    pub(crate) age: DurationHistogram,
    /// Outputs whose stamp lay in the future or over an hour back.
    pub(crate) foreign_stamps: u64,
    pub(crate) published: u64,
    /// Outputs that a newer one replaced before the publisher came to them.
    pub(crate) superseded: u64,
    pub(crate) lost_on_bus: u64,
    pub(crate) last_published: Option<Duration>,
    pub(crate) publish_interval: Option<Duration>,
}

impl TargetStats {
    fn new(camera: usize, origin: Arc<OutputOrigin>) -> Self {
        Self {
            camera,
            origin,
            presence: Presence::default(),
            outcomes: OutcomeCounts::default(),
            evidence: Evidence::default(),
            read: DurationHistogram::default(),
            cost: Cost::default(),
            latency: DurationHistogram::default(),
            age: DurationHistogram::default(),
            foreign_stamps: 0,
            published: 0,
            superseded: 0,
            lost_on_bus: 0,
            last_published: None,
            publish_interval: None,
        }
    }
}

/// Which of a camera's processed frames fell into the policies that something
/// was in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    /// Frames processed until it left the last time.
    before: u64,
    /// Number of frames processed when it joined, while it is there.
    since: Option<u64>,
    joined: bool,
}

impl Presence {
    fn join(&mut self, processed: u64) {
        self.since = Some(processed);
        self.joined = true;
    }

    fn leave(&mut self, processed: u64) {
        if let Some(since) = self.since.take() {
            self.before += processed - since;
        }
    }

    /// Frames processed while it was there, of `processed` in all.
    pub(crate) fn frames(&self, processed: u64) -> u64 {
        self.before + self.since.map_or(0, |since| processed - since)
    }

    /// Tells whether it was there once and is no more.
    pub(crate) fn is_over(&self) -> bool {
        self.joined && self.since.is_none()
    }
}

/// Figures of one source encoder, over all policies it was in.
#[derive(Debug, Clone)]
pub(crate) struct EncoderStats {
    pub(crate) source: String,
    pub(crate) run: DurationHistogram,
    /// Cost of the newest runs.
    pub(crate) cost: Cost,
}

/// Steps of all cameras, by whether a piece of work was done beside them: while
/// the step ran, or in the pause before it. Counted from the first such work on.
#[derive(Debug, Default)]
pub(crate) struct StepsBeside {
    alone: DurationHistogram,
    beside: DurationHistogram,
}

/// Times of steps with and without work beside them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepsSnapshot {
    /// Steps during which, and in the pause before which, no work was done.
    pub alone: Percentiles,
    /// The others.
    pub beside: Percentiles,
}

impl StepsBeside {
    pub(crate) fn note(&mut self, total: Duration, worked: bool) {
        if worked {
            self.beside.record(total);
        } else if !self.beside.is_empty() {
            self.alone.record(total);
        }
    }

    pub(crate) fn snapshot(&self) -> Option<StepsSnapshot> {
        (!self.beside.is_empty()).then(|| StepsSnapshot {
            alone: self.alone.summary(),
            beside: self.beside.summary(),
        })
    }
}

/// All figures; one lock around it, taken a few times per frame.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) cameras: Vec<CameraStats>,
    /// Every target of every camera that is in the policy, was, or is about to be.
    pub(crate) targets: Vec<TargetStats>,
    pub(crate) encoders: Vec<EncoderStats>,
    pub(crate) preprocess: DurationHistogram,
    /// Cost of the newest preprocessing of one contract.
    pub(crate) preprocess_cost: Cost,
    pub(crate) steps: StepsBeside,
    /// Exchanges of the pipeline since the start.
    pub(crate) swaps: u64,
}

impl Stats {
    pub(crate) fn new(cameras: usize) -> Self {
        Self {
            cameras: vec![CameraStats::default(); cameras],
            ..Self::default()
        }
    }

    /// The record of a target: the one it had, or a new one.
    pub(crate) fn admit_target(&mut self, camera: usize, origin: &Arc<OutputOrigin>) -> usize {
        let same = |known: &TargetStats| known.camera == camera && known.origin.key == origin.key;
        let known = self.targets.iter().position(same);
        known.unwrap_or_else(|| {
            self.targets
                .push(TargetStats::new(camera, Arc::clone(origin)));
            self.targets.len() - 1
        })
    }

    /// The record of an encoder: the one its source had, or a new one.
    pub(crate) fn admit_encoder(&mut self, source: &str) -> usize {
        let known = self
            .encoders
            .iter()
            .position(|known| known.source == source);
        known.unwrap_or_else(|| {
            self.encoders.push(EncoderStats {
                source: source.to_owned(),
                run: DurationHistogram::default(),
                cost: Cost::default(),
            });
            self.encoders.len() - 1
        })
    }

    /// Between two frames: targets of the records `new`, made by `origins`, take
    /// the place of those of `old`.
    pub(crate) fn exchange(&mut self, old: &[usize], new: &[usize], origins: &[Arc<OutputOrigin>]) {
        for &record in old.iter().filter(|record| !new.contains(record)) {
            let target = &mut self.targets[record];
            let processed = self.cameras[target.camera].counts.processed;
            target.presence.leave(processed);
        }
        for (&record, origin) in new.iter().zip(origins) {
            let target = &mut self.targets[record];
            if target.origin.hashes.readout != origin.hashes.readout
                || target.origin.hashes.encoders != origin.hashes.encoders
            {
                // What others made of it says nothing of these.
                target.evidence = Evidence::default();
            }
            target.origin = Arc::clone(origin);
            if !old.contains(&record) {
                let processed = self.cameras[target.camera].counts.processed;
                target.presence.join(processed);
            }
        }
    }

    /// Counts a step of `camera`; `targets` and `encoders` are the records of
    /// what it reports of.
    pub(crate) fn note_step(
        &mut self,
        camera: usize,
        (targets, encoders): (&[usize], &[usize]),
        report: &StepReport,
    ) {
        let stats = &mut self.cameras[camera];
        stats.counts.processed += 1;
        stats.counts.late += u64::from(report.late);
        stats.too_old = 0;
        stats.wait.record(report.wait);
        stats.step.record(report.total);
        let targets = targets.iter();
        for ((&record, outcome), read) in targets.zip(&report.outcomes).zip(&report.read) {
            let target = &mut self.targets[record];
            target.outcomes.add(*outcome);
            target.evidence.note(*outcome);
            if let Some(read) = read {
                target.read.record(*read);
                target.cost.note(*read);
            }
        }
        for (&record, time) in encoders.iter().zip(&report.encode) {
            if let Some(time) = time {
                let encoder = &mut self.encoders[record];
                encoder.run.record(*time);
                encoder.cost.note(*time);
            }
        }
        for time in report.preprocess.iter().flatten() {
            self.preprocess.record(*time);
            self.preprocess_cost.note(*time);
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
    fn every_duration_is_in_one_bucket_or_longer_than_all() {
        let mut histogram = DurationHistogram::default();
        for micros in [1, 999, 1_500, 12_000, 12_100, 3_600_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let summary = histogram.summary();
        assert_eq!(summary.buckets[..5], [2, 1, 0, 0, 2]);
        assert_eq!(summary.buckets.iter().sum::<u64>(), summary.count - 1);
    }

    #[test]
    fn an_empty_histogram_has_no_figures() {
        assert_eq!(
            DurationHistogram::default().summary(),
            Percentiles::default()
        );
    }
}
