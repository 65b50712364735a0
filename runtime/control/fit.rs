//! Whether another policy would fit, by what its networks are measured to take.

use std::time::Duration;

use super::Control;
use crate::clock::lock;
use crate::pipeline::Pipeline;
use crate::plan::Plan;
use crate::stats::Stats;
use crate::swap::SwapError;

impl Control {
    /// Checks that a prepared pipeline would keep the perceive thread busy for no
    /// more than `most` of the time between frames, and of the time limit. What it
    /// shares with the policy that runs costs what it costs now; what was loaded for
    /// it is run some times.
    ///
    /// # Errors
    /// Where it would not fit, with both shares; a network that fails.
    pub(super) fn check_fit(&self, pipeline: &mut Pipeline, most: f64) -> Result<(), SwapError> {
        let own = pipeline.cost_of_own_networks()?;
        let beside: Vec<String> = pipeline
            .side_by_side()
            .iter()
            .map(|&source| source.to_owned())
            .collect();
        let plan = pipeline.plan();
        let generation = self.shared.generation();
        let is_wanted = |target: &str| {
            let origins = generation.origins.iter().enumerate();
            let mut places = origins.filter(|(_, origin)| origin.task.name == target);
            // What nobody could listen to yet counts as wanted.
            let mut known = false;
            let wanted = places.any(|(place, _)| {
                known = true;
                generation.is_wanted(place)
            });
            wanted || !known
        };
        let stats = lock(&self.shared.stats);
        let needs = Needs {
            plan,
            cost: &|name| cost_of(&stats, &own, name),
            preprocess: stats.preprocess_cost.usual().unwrap_or_default(),
            beside: &beside,
            is_wanted: &is_wanted,
        };
        let cameras = stats.cameras.iter().filter(|camera| !camera.ended);
        let rates = cameras.filter_map(|camera| Some(1.0 / camera.interval?.as_secs_f64()));
        let busy: f64 = rates.map(|rate_hz| needs.per_second(rate_hz)).sum();
        let limit = pipeline.time_limit();
        let of_limit = limit.map_or(0.0, |limit| needs.every_frame() / limit.as_secs_f64());
        let share = busy.max(of_limit);
        if share <= most {
            return Ok(());
        }
        Err(SwapError::DoesNotFit {
            policy: plan.policy().to_owned(),
            percent: share * 100.0,
            limit_percent: most * 100.0,
        })
    }
}

/// Cost of a network: as it was just measured, or as it usually is on frames; zero
/// where neither is known.
fn cost_of(stats: &Stats, own: &[(String, Duration)], name: &str) -> Duration {
    if let Some((_, cost)) = own.iter().find(|(known, _)| known == name) {
        return *cost;
    }
    let encoder = stats.encoders.iter().find(|known| known.source == name);
    let mut targets = stats.targets.iter();
    let mut readout = || targets.find(|known| known.origin.hashes.readout.0 == name);
    let cost = encoder.map(|encoder| encoder.cost);
    let cost = cost.or_else(|| readout().map(|readout| readout.cost));
    cost.and_then(|cost| cost.usual()).unwrap_or_default()
}

/// What the stages of a plan need.
struct Needs<'a> {
    plan: &'a Plan,
    /// Cost of a network by its name.
    cost: &'a dyn Fn(&str) -> Duration,
    /// Cost of the preprocessing for one contract.
    preprocess: Duration,
    /// Sources whose encoders run side by side.
    beside: &'a [String],
    is_wanted: &'a dyn Fn(&str) -> bool,
}

impl Needs<'_> {
    /// Seconds of work a second, for a camera of this rate.
    fn per_second(&self, camera_hz: f64) -> f64 {
        total(&self.runs(camera_hz), &|hz| hz)
    }

    /// Seconds of work on a frame on which only what has no rate of its own is due.
    fn every_frame(&self) -> f64 {
        let every_frame = |hz: f64| if hz.is_infinite() { 1.0 } else { 0.0 };
        total(&self.runs(f64::INFINITY), &every_frame)
    }

    /// What runs for a camera of this rate: encoders, readouts, preprocessing.
    fn runs(&self, camera_hz: f64) -> Vec<Run> {
        let plan = self.plan;
        let rates = self.rates(camera_hz);
        let run = |name: &str, hz: f64| Run {
            seconds: (self.cost)(name).as_secs_f64(),
            hz,
            is_beside: false,
        };
        let readouts = plan.readouts.iter().zip(&rates);
        let mut runs: Vec<Run> = readouts
            .clone()
            .map(|(stage, &hz)| run(&stage.file.name, hz))
            .collect();
        let mut images = vec![0.0_f64; plan.contracts.len()];
        for (index, stage) in plan.encoders.iter().enumerate() {
            let reading = readouts.clone();
            let reading = reading.filter(|(readout, _)| readout.encoders.contains(&index));
            let hz = reading.map(|(_, &hz)| hz).fold(0.0, f64::max);
            images[stage.contract] = images[stage.contract].max(hz);
            runs.push(Run {
                is_beside: self.beside.contains(&stage.source),
                ..run(&stage.file.name, hz)
            });
        }
        let preprocess = self.preprocess.as_secs_f64();
        runs.extend(images.into_iter().map(|hz| Run {
            seconds: preprocess,
            hz,
            is_beside: false,
        }));
        runs
    }

    /// How often each readout runs in a second: as its own rate asks, or that of
    /// what reads it; 0 where nobody wants either.
    fn rates(&self, camera_hz: f64) -> Vec<f64> {
        let readouts = &self.plan.readouts;
        let own = |index: usize| {
            let stage = &readouts[index];
            match (self.is_wanted)(stage.task.name) {
                true => stage.rate_hz.map_or(camera_hz, |hz| hz.min(camera_hz)),
                false => 0.0,
            }
        };
        let mut rates: Vec<f64> = (0..readouts.len()).map(own).collect();
        for index in (0..readouts.len()).rev() {
            for &input in &readouts[index].inputs {
                rates[input] = rates[input].max(rates[index]);
            }
        }
        rates
    }
}

/// One stage of a plan.
struct Run {
    /// Time that it takes, s.
    seconds: f64,
    /// How often it runs in a second.
    hz: f64,
    /// True where it runs beside others.
    is_beside: bool,
}

/// The sum of all times, each as often as `weight` makes of its rate.
fn total(runs: &[Run], weight: &dyn Fn(f64) -> f64) -> f64 {
    let time = |run: &Run| match run.seconds > 0.0 {
        true => run.seconds * weight(run.hz),
        false => 0.0,
    };
    let alone: f64 = runs.iter().filter(|run| !run.is_beside).map(time).sum();
    // Those that run side by side take as long as the slowest.
    let beside = runs.iter().filter(|run| run.is_beside).map(time);
    alone + beside.fold(0.0, f64::max)
}
