//! The kinds of readout that compete, and how each is fitted.

use super::super::FitError;
use super::super::adamw::LrSchedule;
use super::super::descent::{Descent, Sample, Training};
use super::super::from_onnx::Start;
use super::super::model::Model;
use super::super::request::Effort;
use super::super::ridge;
use super::super::training_set::TrainingSample;
use super::fitter::Fitter;
use concert_models::rng::Rng;

/// The kinds that compete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Candidate {
    Ridge,
    Convolutional,
    Warm,
}

impl Candidate {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Candidate::Ridge => "ridge",
            Candidate::Convolutional => "convolutional",
            Candidate::Warm => "convolutional, warm start",
        }
    }
}

impl Fitter<'_> {
    /// Fits one kind on samples.
    pub(crate) fn candidate(
        &self,
        candidate: Candidate,
        samples: &[&TrainingSample],
        report: &mut dyn FnMut(usize, usize, f32) -> bool,
    ) -> Result<(Model, Option<f64>), FitError> {
        match candidate {
            Candidate::Ridge => {
                let model = self.ridge(samples)?;
                if !report(1, 1, 0.0) {
                    return Err(FitError::Stopped);
                }
                Ok(model)
            }
            Candidate::Convolutional => {
                let steps = self.request.effort.steps;
                let learning_rate = self.request.effort.learning_rate;
                self.descend(
                    &self.initial_model(samples),
                    samples,
                    (steps, learning_rate),
                    report,
                )
                .map(|model| (model, None))
            }
            Candidate::Warm => {
                let steps = self.request.effort.warm_steps;
                let learning_rate = self.request.effort.warm_learning_rate;
                let first;
                let start = match &self.warm {
                    Some(warm) => warm,
                    None => {
                        first = self.initial_model(samples);
                        &first
                    }
                };
                self.descend(start, samples, (steps, learning_rate), report)
                    .map(|model| (model, None))
            }
        }
    }

    /// A network that was fitted on some of the samples for `steps` goes on with
    /// all of them, for fewer.
    pub(super) fn continue_descent(
        &self,
        model: &Model,
        steps: usize,
        samples: &[&TrainingSample],
        report: &mut dyn FnMut(usize, usize, f32) -> bool,
    ) -> Result<Model, FitError> {
        let steps = Effort::last_steps(steps);
        let learning_rate = self.request.effort.warm_learning_rate;
        self.descend(model, samples, (steps, learning_rate), report)
    }

    /// Random initial weights.
    fn initial_model(&self, samples: &[&TrainingSample]) -> Model {
        let seed = u64::from(self.request.seed);
        let mut weights = self.net.initial_weights(&mut Rng::from_seed(seed));
        let labels = samples.iter().map(|sample| sample.label.as_slice());
        let objective = &self.training_set.objective;
        objective.init_output_layer(&self.net, labels, &mut weights);
        self.model(Start {
            net: self.net.clone(),
            weights,
            scaling: self.scaling.clone(),
        })
    }

    fn ridge(&self, samples: &[&TrainingSample]) -> Result<(Model, Option<f64>), FitError> {
        // Cut and lit views teach ridge regression little for their time.
        let of_frame = |sample: &&&TrainingSample| sample.plain;
        let plain: Vec<&TrainingSample> = samples.iter().filter(of_frame).copied().collect();
        let (layout, scaling) = (&self.layout, &self.scaling);
        let training_set = &self.training_set;
        let target = self.request.target.name;
        let block = |frame: usize| self.block(frame);
        let blocks = ridge::blocks(
            target,
            layout,
            scaling,
            training_set,
            &block,
            self.blocks(),
            &plain,
        )?;
        let lambda = ridge::choose_lambda(&blocks, &mut || true)?;
        let mut all = blocks[0].clone();
        for block in &blocks[1..] {
            all.merge(block)?;
        }
        let form = (training_set.objective, training_set.grid);
        let model = ridge::model(layout, scaling, &all, lambda, form)?;
        Ok((model, Some(lambda)))
    }

    /// Moves a model down the gradient of its loss on the samples.
    fn descend(
        &self,
        start: &Model,
        samples: &[&TrainingSample],
        (steps, learning_rate): (usize, f32),
        report: &mut dyn FnMut(usize, usize, f32) -> bool,
    ) -> Result<Model, FitError> {
        let effort = self.request.effort;
        let training = Training {
            schedule: LrSchedule {
                learning_rate,
                weight_decay: 0.01,
                steps,
                warmup_steps: (steps / 10).clamp(1, 20),
            },
            batch: effort.batch,
            dropout: effort.dropout,
            seed: u64::from(self.request.seed),
        };
        let samples: Vec<Sample<'_>> = samples.iter().map(|sample| sample.as_sample()).collect();
        let descent = Descent {
            net: &start.net,
            layout: &self.layout,
            scaling: &start.scaling,
            samples: &samples,
            objective: start.objective,
            training,
        };
        let weights = descent.run(start.weights.clone(), &mut |step, loss| {
            report(step + 1, steps, loss)
        });
        Ok(Model {
            weights: weights.ok_or(FitError::Stopped)?,
            ..start.clone()
        })
    }
}
