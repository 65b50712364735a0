//! The terms of a linear readout: each counted cell of a frame as one row.

use ndarray::Array2;

use super::super::convolutional::Scaling;
use super::super::kernels::{Grid, Resampling};
use super::super::net::{POSITIONS, position_basis};
use super::super::product;
use super::super::representations::{Representation, RepresentationLayout};
use super::Statistics;
use concert_models::give_way::give_way;

/// Cells from one that is counted to the next, per axis: neighbours say almost
/// the same.
const STEP: usize = 4;
/// Terms of one cell.
pub(crate) fn terms(layout: &RepresentationLayout) -> usize {
    layout.views.iter().map(|view| view.channels).sum::<usize>() + POSITIONS + 1
}

/// Turns frames into terms.
pub(crate) struct Terms {
    grid: Grid,
    resamplings: Vec<Resampling>,
    positions: Vec<f32>,
    view: Vec<f32>,
}

impl Terms {
    /// For labels on this grid.
    pub(crate) fn new(layout: &RepresentationLayout, grid: Grid) -> Self {
        let resamplings = layout
            .views
            .iter()
            .map(|view| Resampling::new(view.grid, grid));
        Self {
            grid,
            resamplings: resamplings.collect(),
            positions: position_basis(grid),
            view: Vec::new(),
        }
    }

    /// Adds the known cells of one frame, each with weight `weight`. `label`
    /// has one plane per label, NaN where unknown; `phase` says which of the
    /// neighbouring cells are counted.
    pub(crate) fn add(
        &mut self,
        statistics: &mut Statistics,
        (layout, scaling): (&RepresentationLayout, &Scaling),
        representation: &Representation,
        label: &[f32],
        phase: usize,
        weight: f64,
    ) {
        let cells = self.cells_in_phase(label, phase);
        if cells.is_empty() {
            return;
        }
        let rows = self.rows(layout, scaling, representation, &cells);
        let labels = statistics.subject.labels;
        let plane = self.grid.cells();
        let wanted = |cell: usize| (0..labels).map(move |at| label[at * plane + cell]);
        let wanted: Vec<f32> = cells.iter().copied().flat_map(wanted).collect();
        let (count, terms) = (cells.len(), statistics.subject.terms);
        let x = product::rows(&rows, count, terms).transpose();
        let mut sums = vec![0.0; terms * terms.max(labels)];
        let mut add = |into: &mut Array2<f64>, by: product::Matrix<'_, f32>| {
            let (height, width) = into.dim();
            let sums = &mut sums[..height * width];
            sums.fill(0.0);
            product::add_product(product::rows_mut(sums, height, width), x, by);
            for (mut into, sums) in into.outer_iter_mut().zip(sums.chunks_exact(width)) {
                let both = into.iter_mut().zip(sums);
                both.for_each(|(sum, new)| *sum += weight * f64::from(*new));
                give_way();
            }
        };
        add(&mut statistics.xx, x.transpose());
        add(&mut statistics.xy, product::rows(&wanted, count, labels));
        for (at, y) in wanted.iter().enumerate() {
            statistics.yy[at % labels] += weight * f64::from(*y).powi(2);
        }
        statistics.weight += weight * count as f64;
        statistics.frames += 1;
    }

    /// The known ones of every `STEP`th cell of every `STEP`th row.
    fn cells_in_phase(&self, label: &[f32], phase: usize) -> Vec<usize> {
        let plane = self.grid.cells();
        let known = |cell: &usize| label.iter().skip(*cell).step_by(plane).all(|y| !y.is_nan());
        if plane == 1 {
            return [0].into_iter().filter(known).collect();
        }
        let (left, top) = (phase % STEP, phase / STEP % STEP);
        let rows = (top..self.grid.height).step_by(STEP);
        let cells = rows.flat_map(|y| {
            let row = y * self.grid.width;
            (left..self.grid.width).step_by(STEP).map(move |x| row + x)
        });
        cells.filter(known).collect()
    }

    fn rows(
        &mut self,
        layout: &RepresentationLayout,
        scaling: &Scaling,
        representation: &Representation,
        cells: &[usize],
    ) -> Vec<f32> {
        let terms = terms(layout);
        let mut rows = vec![1.0; cells.len() * terms];
        let mut column = 0;
        for (at, view) in layout.views.iter().enumerate() {
            self.view.resize(view.channels * view.grid.cells(), 0.0);
            representation.read(layout, at, &mut self.view);
            let resampling = &self.resamplings[at];
            let planes = self.view.chunks_exact(view.grid.cells());
            for (plane, [mean, scale]) in planes.zip(&scaling.channels[at]) {
                give_way();
                for (row, cell) in cells.iter().enumerate() {
                    let value = resampling.at(plane, *cell);
                    rows[row * terms + column] = (value - mean) * scale;
                }
                column += 1;
            }
        }
        for basis in self.positions.chunks_exact(self.grid.cells()) {
            for (row, cell) in cells.iter().enumerate() {
                rows[row * terms + column] = basis[*cell];
            }
            column += 1;
        }
        rows
    }
}
