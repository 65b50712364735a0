//! Gradient descent: a net fitted to samples, a batch a step, on a few threads.

use rayon::prelude::*;

use super::adamw::{AdamW, LrSchedule};
use super::convolutional::Scaling;
use super::net::{Net, Workspace};
use super::objective::Objective;
use super::representations::{Representation, RepresentationLayout};
use concert_models::give_way::give_way;
use concert_models::rng::Rng;

/// Parts into which a batch is split; fixed, so that sums do not depend on the
/// number of threads.
const WORKERS: usize = 4;

/// A frame as the fit sees it.
#[derive(Debug, Clone)]
pub(crate) struct Sample<'a> {
    pub(crate) representation: &'a Representation,
    /// As [`Objective`] says, on the output's grid.
    pub(crate) label: &'a [f32],
}

/// The settings of a descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Training {
    pub(crate) schedule: LrSchedule,
    pub(crate) batch: usize,
    /// Share of the channels of every view that is left out of a step.
    pub(crate) dropout: f32,
    pub(crate) seed: u64,
}

/// Fills the inputs of a net from a representation.
pub(crate) fn fill(
    net: &Net,
    layout: &RepresentationLayout,
    scaling: &Scaling,
    representation: &Representation,
    space: &mut Workspace,
    mut dropout: Option<(&mut Rng, f32)>,
) {
    for (at, view) in layout.views.iter().enumerate() {
        give_way();
        let values = space.input(net, at);
        representation.read(layout, at, values);
        let planes = values.chunks_exact_mut(view.grid.cells());
        for (plane, [mean, scale]) in planes.zip(&scaling.channels[at]) {
            let mut scale = *scale;
            if let Some((rng, share)) = &mut dropout {
                let kept = rng.uniform() >= *share;
                scale *= if kept { 1.0 / (1.0 - *share) } else { 0.0 };
            }
            plane
                .iter_mut()
                .for_each(|value| *value = (*value - mean) * scale);
        }
    }
}

/// A net, what it is fitted to, and how.
pub(crate) struct Descent<'a> {
    pub(crate) net: &'a Net,
    pub(crate) layout: &'a RepresentationLayout,
    pub(crate) scaling: &'a Scaling,
    /// At least one.
    pub(crate) samples: &'a [Sample<'a>],
    pub(crate) objective: Objective,
    pub(crate) training: Training,
}

impl Descent<'_> {
    /// Moves weights down the gradient; `report` is told every step with its loss,
    /// and ends it all by returning false.
    ///
    /// Returns the mean of the last weights; `None` where it was ended.
    pub(crate) fn run(
        &self,
        mut weights: Vec<f32>,
        report: &mut dyn FnMut(usize, f32) -> bool,
    ) -> Option<Vec<f32>> {
        let training = &self.training;
        let mut optimiser = AdamW::new(training.schedule, &weights);
        let mut rng = Rng::from_seed(training.seed);
        let mut order: Vec<usize> = Vec::new();
        let mut workers: Vec<Worker> = (0..WORKERS).map(|at| Worker::new(self, at)).collect();
        let mut gradient = vec![0.0; self.net.weights];
        for step in 0..training.schedule.steps {
            workers.iter_mut().for_each(|worker| worker.samples.clear());
            for at in 0..training.batch {
                if order.is_empty() {
                    order = rng.permutation(self.samples.len());
                }
                let sample = order.pop().expect("there is at least one sample");
                workers[at % WORKERS].samples.push(sample);
            }
            workers
                .par_iter_mut()
                .for_each(|worker| worker.run(self, &weights));
            gradient.fill(0.0);
            let mut loss = 0.0;
            let share = 1.0 / training.batch as f32;
            for worker in &workers {
                let both = gradient.iter_mut().zip(&worker.gradient);
                both.for_each(|(sum, gradient)| *sum += gradient * share);
                loss += worker.loss * share;
                give_way();
            }
            optimiser.step(&mut weights, &gradient);
            if !report(step, loss) {
                return None;
            }
        }
        Some(optimiser.average().to_vec())
    }
}

/// One thread's share of a batch.
struct Worker {
    space: Workspace,
    gradient: Vec<f32>,
    rng: Rng,
    samples: Vec<usize>,
    loss: f32,
}

impl Worker {
    fn new(descent: &Descent<'_>, number: usize) -> Self {
        let seed = (0xab5 + number as u64) << 32;
        Self {
            space: Workspace::new(descent.net),
            gradient: vec![0.0; descent.net.weights],
            rng: Rng::from_seed(descent.training.seed ^ seed),
            samples: Vec::new(),
            loss: 0.0,
        }
    }

    fn run(&mut self, descent: &Descent<'_>, weights: &[f32]) {
        let Descent {
            net,
            layout,
            scaling,
            ..
        } = descent;
        let share = descent.training.dropout;
        self.gradient.fill(0.0);
        self.loss = 0.0;
        for at in &self.samples {
            let Sample {
                representation,
                label,
            } = &descent.samples[*at];
            let dropout = (share > 0.0).then_some((&mut self.rng, share));
            fill(
                net,
                layout,
                scaling,
                representation,
                &mut self.space,
                dropout,
            );
            self.space.forward(net, weights);
            let grid = net.nodes[net.output].grid;
            let (output, gradient) = self.space.output_and_gradient(net);
            self.loss += descent.objective.loss(output, label, grid, gradient);
            self.space.backward(net, weights, &mut self.gradient);
        }
    }
}
