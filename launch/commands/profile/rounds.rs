//! Rounds in which every network runs once, on the same frame.

use std::sync::Arc;
use std::time::Duration;

use concert_models::preprocess::Preprocessor;
use concert_models::store::Encoder;
use concert_models::{Engine, Network, Slot, TensorSpec, Wiring};
use concert_runtime::io::board::PowerMeter;
use concert_runtime::{Clock, Frame, Output, OutputSink, Pipeline};

/// Usual time between frames, as the pipeline is told.
const INTERVAL: Duration = Duration::from_millis(33);

/// Numbers of one network, run by run.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples {
    /// Time of each run, ms.
    pub(super) millis: Vec<f64>,
    /// How much of it was preprocessing, ms.
    pub(super) preprocess_millis: Vec<f64>,
    /// What the board drew after each run, mW.
    pub(super) milliwatts: Vec<f64>,
}

/// An encoder with slots of its own.
pub(super) struct EncoderBench {
    pub(super) source: String,
    pub(super) sha256: String,
    pub(super) samples: Samples,
    preprocessor: Preprocessor,
    image: Slot,
    network: Box<dyn Network>,
}

impl EncoderBench {
    pub(super) fn load(engine: &mut dyn Engine, encoder: &Encoder) -> anyhow::Result<Self> {
        let card = &encoder.card;
        let image = engine.slot(&card.input.spec())?;
        let mut outputs = Vec::new();
        for level in &card.levels {
            let spec = TensorSpec::f32(&level.shape);
            outputs.push((level.tensor.clone(), engine.slot(&spec)?));
        }
        let wiring = Wiring {
            inputs: vec![(card.input.tensor().to_owned(), image)],
            outputs,
        };
        Ok(Self {
            source: card.name.clone(),
            sha256: card.origin.sha256.clone(),
            samples: Samples::default(),
            preprocessor: Preprocessor::new(&card.input),
            image,
            network: engine.load(&encoder.file, &[wiring])?,
        })
    }

    fn run(
        &mut self,
        engine: &mut dyn Engine,
        frame: &Frame,
        (clock, meter): (&dyn Clock, Option<&PowerMeter>),
    ) -> anyhow::Result<()> {
        let begin = clock.monotonic();
        let mut prepared = Ok(());
        let preprocessor = &mut self.preprocessor;
        engine.fill(self.image, &mut |bytes| {
            prepared = preprocessor.run(&frame.image, bytes);
        })?;
        prepared?;
        let between = clock.monotonic();
        self.network.run(0)?;
        let end = clock.monotonic();
        self.samples.millis.push(millis(end.saturating_sub(begin)));
        let preprocess = millis(between.saturating_sub(begin));
        self.samples.preprocess_millis.push(preprocess);
        let drawn = meter.and_then(PowerMeter::milliwatts);
        self.samples.milliwatts.extend(drawn);
        Ok(())
    }
}

/// Readouts that run together in a pipeline.
pub(super) struct GroupBench {
    pub(super) pipeline: Pipeline,
    /// Name of each target's readout, in running order.
    pub(super) readouts: Vec<String>,
    /// Of each readout.
    pub(super) samples: Vec<Samples>,
    /// What became of each target the last time.
    pub(super) last: Vec<String>,
}

impl GroupBench {
    pub(super) fn new(pipeline: Pipeline, readouts: Vec<String>) -> Self {
        Self {
            samples: vec![Samples::default(); readouts.len()],
            last: vec![String::new(); readouts.len()],
            pipeline,
            readouts,
        }
    }

    fn run(&mut self, frame: &Frame, meter: Option<&PowerMeter>) {
        let mut everything = Everything(self.pipeline.buffers(0));
        let report = self.pipeline.step(0, frame, INTERVAL, &mut everything);
        let drawn = meter.and_then(PowerMeter::milliwatts);
        for (index, samples) in self.samples.iter_mut().enumerate() {
            self.last[index] = format!("{:?}", report.outcomes[index]).to_lowercase();
            if let Some(took) = report.read[index] {
                samples.millis.push(millis(took));
                samples.milliwatts.extend(drawn);
            }
        }
    }
}

/// Wants every output, and keeps none.
struct Everything(Vec<Output>);

impl OutputSink for Everything {
    fn wants(&self, _target: usize) -> bool {
        true
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        std::mem::swap(output, &mut self.0[target]);
    }
}

/// Everything that is measured.
pub(super) struct Rounds {
    pub(super) engine: Box<dyn Engine>,
    pub(super) encoders: Vec<EncoderBench>,
    pub(super) groups: Vec<GroupBench>,
    pub(super) frames: Vec<Frame>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) meter: Option<PowerMeter>,
}

impl Rounds {
    /// Round number `number`: every network once.
    pub(super) fn run(&mut self, number: usize) -> anyhow::Result<()> {
        let mut frame = self.frames[number % self.frames.len()].clone();
        frame.sequence = number as u64;
        frame.stamp = frame.stamp.after(INTERVAL * number as u32);
        let (clock, meter) = (self.clock.as_ref(), self.meter.as_ref());
        for encoder in &mut self.encoders {
            encoder.run(self.engine.as_mut(), &frame, (clock, meter))?;
        }
        for group in &mut self.groups {
            frame.arrived = clock.monotonic();
            group.run(&frame, meter);
        }
        Ok(())
    }

    /// What was measured so far does not count: it was the first runs.
    pub(super) fn forget(&mut self) {
        let encoders = self.encoders.iter_mut().map(|encoder| &mut encoder.samples);
        let groups = self.groups.iter_mut().flat_map(|group| &mut group.samples);
        encoders
            .chain(groups)
            .for_each(|samples| *samples = Samples::default());
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The value that a share of all do not exceed; `None` of none.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let place = (share * values.len() as f64).ceil() as usize;
    values.get(place.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&values, 0.5), Some(50.0));
        assert_eq!(quantile(&values, 0.99), Some(99.0));
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
