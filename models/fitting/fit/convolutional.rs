//! The small convolutional readout: its shape, and how it is fitted.
//!
//! Every level is narrowed by a 1×1 convolution; from the coarsest grid to the
//! finest the sums are refined by 3×3 convolutions; what has no place (means
//! over the frame, class tokens) joins at the coarsest.

use super::kernels::Grid;
use super::net::{Net, NodeId};
use super::representations::{Representation, RepresentationLayout, View};

/// Least spread of a channel that is believed, as a share of the mean spread of
/// its view's channels.
const MIN_SPREAD: f32 = 0.5;

/// Mean and spread of every channel of every view: what initial weights expect to
/// be 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scaling {
    /// Per view, per channel: mean and one over the standard deviation.
    pub(crate) channels: Vec<Vec<[f32; 2]>>,
}

impl Scaling {
    /// The scale of these numbers, in the order of views and channels, mean and
    /// one over spread; `None` where they are no scale of this layout.
    pub(crate) fn from_numbers(layout: &RepresentationLayout, numbers: &[f32]) -> Option<Self> {
        let channels: usize = layout.views.iter().map(|view| view.channels).sum();
        let (pairs, rest) = numbers.as_chunks::<2>();
        let sound = |[mean, scale]: &[f32; 2]| mean.is_finite() && scale.is_normal();
        if pairs.len() != channels || !rest.is_empty() || !pairs.iter().all(sound) {
            return None;
        }
        let mut pairs = pairs.iter().copied();
        let of = |view: &View| pairs.by_ref().take(view.channels).collect();
        Some(Self {
            channels: layout.views.iter().map(of).collect(),
        })
    }

    /// Numbers as they are.
    pub(crate) fn none(layout: &RepresentationLayout) -> Self {
        let of = |view: &View| vec![[0.0, 1.0]; view.channels];
        Self {
            channels: layout.views.iter().map(of).collect(),
        }
    }

    /// Measured on representations, of which there is at least one.
    pub(crate) fn measure<'a>(
        layout: &RepresentationLayout,
        frames: impl Iterator<Item = &'a Representation>,
    ) -> Self {
        let mut sums: Vec<Vec<[f64; 2]>> = (layout.views.iter())
            .map(|view| vec![[0.0; 2]; view.channels])
            .collect();
        let mut count = 0.0;
        let mut values = Vec::new();
        for frame in frames {
            count += 1.0;
            for (at, view) in layout.views.iter().enumerate() {
                values.resize(view.channels * view.grid.cells(), 0.0);
                frame.read(layout, at, &mut values);
                let planes = values.chunks_exact(view.grid.cells());
                for (sum, plane) in sums[at].iter_mut().zip(planes) {
                    for value in plane {
                        sum[0] += f64::from(*value);
                        sum[1] += f64::from(*value).powi(2);
                    }
                }
            }
        }
        let scale = |view: &View, [sum, squares]: [f64; 2]| {
            let n = f64::max(count * view.grid.cells() as f64, 1.0);
            let mean = sum / n;
            let variance = (squares / n - mean * mean).max(0.0);
            // A channel that never changes says nothing: it is not blown up.
            let spread = variance.sqrt().max(1e-3 + 1e-3 * mean.abs());
            [mean as f32, (1.0 / spread) as f32]
        };
        let channels = layout.views.iter().zip(sums).map(|(view, sums)| {
            let mut channels: Vec<[f32; 2]> =
                sums.into_iter().map(|sum| scale(view, sum)).collect();
            // A channel that hardly moved on a few frames may move on others: it
            // is not blown up beyond what its neighbours are.
            let spreads = channels.iter().map(|[_, scale]| 1.0 / scale);
            let mean = spreads.sum::<f32>() / view.channels as f32;
            let most = 1.0 / (MIN_SPREAD * mean);
            channels
                .iter_mut()
                .for_each(|[_, scale]| *scale = scale.min(most));
            channels
        });
        Self {
            channels: channels.collect(),
        }
    }
}

/// Widths of the readout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    /// Channels of grids coarser than `input / 12`.
    pub(crate) coarse: usize,
    /// Channels of grids up to `input / 6`.
    pub(crate) middle: usize,
    /// Channels of finer grids.
    pub(crate) fine: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            coarse: 64,
            middle: 32,
            fine: 16,
        }
    }
}

impl Shape {
    /// Widths for maps of the centres of many classes, which say more than one number each.
    pub(crate) fn of_boxes() -> Self {
        Self {
            coarse: 96,
            middle: 64,
            fine: 32,
        }
    }
}

/// The grid that dense outputs have: a quarter of the first encoder's input.
pub(crate) fn output_grid(layout: &RepresentationLayout) -> Grid {
    let (width, height) = layout.input;
    Grid::new(height.div_ceil(4), width.div_ceil(4))
}

/// The net for these views, with `channels` dense outputs.
pub(crate) fn dense_net(layout: &RepresentationLayout, channels: usize, shape: Shape) -> Net {
    let out = output_grid(layout);
    let mut net = Net::default();
    let inputs: Vec<NodeId> = (layout.views.iter())
        .map(|view| net.input(view.channels, view.grid))
        .collect();
    let placed = |at: &usize| layout.views[*at].grid.cells() > 1;
    let mut grids: Vec<Grid> = (0..inputs.len())
        .filter(placed)
        .map(|at| layout.views[at].grid)
        .collect();
    // Grids between the finest level and the output, each twice as fine.
    grids.push(out);
    let mut half = out;
    while half.width > 2 * grids[0].width.min(out.width)
        && half.width.is_multiple_of(2)
        && half.height.is_multiple_of(2)
    {
        half = Grid::new(half.height / 2, half.width / 2);
        grids.push(half);
    }
    grids.sort_by_key(|grid| (grid.cells(), grid.width));
    grids.dedup();
    grids.retain(|grid| grid.cells() <= out.cells());
    let width_of = |grid: Grid| {
        let share = out.cells() / grid.cells().max(1);
        match share {
            0..=1 => shape.fine,
            2..=8 => shape.middle,
            _ => shape.coarse,
        }
    };
    let width = width_of(grids[0]);
    let mut before = Some(global(&mut net, layout, &inputs, grids[0], width));
    for (at, grid) in grids.iter().enumerate() {
        let node = net.node(width_of(*grid), *grid);
        for (input, view) in inputs.iter().zip(&layout.views) {
            let finest = *grid == out && view.grid.cells() > out.cells();
            if view.grid == *grid {
                let name = format!("view{input}");
                net.convolution(&name, *input, node, 1, true);
            } else if finest {
                let narrow = net.node(shape.fine, view.grid);
                net.convolution(&format!("view{input}"), *input, narrow, 1, true);
                net.resize(narrow, node);
            }
        }
        if let Some(before) = before.take() {
            match net.nodes[before].grid.cells() {
                1 => net.add(before, node),
                _ => net.resize(before, node),
            }
        }
        net.relu(node);
        let next = grids
            .get(at + 1)
            .map_or(width_of(*grid), |grid| width_of(*grid));
        let refined = net.node(next, *grid);
        net.convolution(&format!("refine{at}"), node, refined, 3, true);
        if next == net.nodes[node].channels {
            net.add(node, refined);
        }
        net.relu(refined);
        before = Some(refined);
    }
    let refined = before.expect("there is at least one grid");
    net.output = net.node(channels, out);
    net.convolution("output", refined, net.output, 1, true);
    net
}

/// The net for numbers of the whole frame: one hidden layer over the means of
/// the coarsest views and over vectors.
pub(crate) fn whole_net(layout: &RepresentationLayout, channels: usize) -> Net {
    let mut net = Net::default();
    let inputs: Vec<NodeId> = (layout.views.iter())
        .map(|view| net.input(view.channels, view.grid))
        .collect();
    let placed = layout.views.iter().map(|view| view.grid);
    let placed = placed.filter(|grid| grid.cells() > 1);
    let coarsest = placed.min_by_key(|grid| grid.cells());
    let coarsest = coarsest.unwrap_or(Grid::new(1, 1));
    let coarse = Shape::default().coarse;
    let hidden = global(&mut net, layout, &inputs, coarsest, coarse);
    net.relu(hidden);
    net.output = net.node(channels, Grid::new(1, 1));
    net.convolution("output", hidden, net.output, 1, true);
    net
}

/// Adds the part that has no place: the mean of the coarsest views, and vectors, as so many
/// channels.
fn global(
    net: &mut Net,
    layout: &RepresentationLayout,
    inputs: &[NodeId],
    coarsest: Grid,
    channels: usize,
) -> NodeId {
    let one = Grid::new(1, 1);
    let hidden = net.node(Shape::default().coarse, one);
    for (input, view) in inputs.iter().zip(&layout.views) {
        let name = format!("global{input}");
        if view.grid == one {
            net.convolution(&name, *input, hidden, 1, true);
        } else if view.grid == coarsest {
            let mean = net.node(view.channels, one);
            net.mean(*input, mean);
            net.convolution(&name, mean, hidden, 1, true);
        }
    }
    net.relu(hidden);
    let spread = net.node(channels, one);
    net.convolution("global", hidden, spread, 1, true);
    spread
}
