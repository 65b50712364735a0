//! A fitted readout before it is a file: structure, weights, and how its
//! numbers become the task's.

use super::convolutional::Scaling;
use super::descent::{Sample, fill};
use super::kernels::Grid;
use super::net::{Net, Workspace};
use super::objective::{Decoding, Objective};
use super::representations::{Representation, RepresentationLayout};

/// Structure, weights and scale of a readout.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) net: Net,
    pub(crate) weights: Vec<f32>,
    pub(crate) scaling: Scaling,
    pub(crate) objective: Objective,
    pub(crate) decoding: Decoding,
}

impl Model {
    /// The grid of the output.
    pub(crate) fn grid(&self) -> Grid {
        self.net.nodes[self.net.output].grid
    }

    /// Memory to run it in.
    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::new(&self.net)
    }

    /// The task's numbers for one frame; depth for a focal length of `focal`
    /// times the reference.
    pub(crate) fn run(
        &self,
        layout: &RepresentationLayout,
        representation: &Representation,
        focal: f32,
        space: &mut Workspace,
    ) -> Vec<f32> {
        fill(
            &self.net,
            layout,
            &self.scaling,
            representation,
            space,
            None,
        );
        space.forward(&self.net, &self.weights);
        self.decoding
            .decode(space.output(&self.net), self.grid(), focal)
    }

    /// The error in the objective's own measure over the known cells of all
    /// samples, and over those of each (`NaN` where none is known).
    pub(crate) fn errors(
        &self,
        layout: &RepresentationLayout,
        samples: &[Sample<'_>],
    ) -> (f64, Vec<f64>) {
        let mut space = self.workspace();
        let (mut sum, mut count) = (0.0, 0.0);
        let each = samples.iter().map(|sample| {
            let output = self.run(layout, sample.representation, 1.0, &mut space);
            let (error, cells) = self.objective.error(&output, sample.label, self.grid());
            sum += error;
            count += cells;
            error / cells
        });
        let each = each.collect();
        (sum / f64::max(count, 1.0), each)
    }
}
