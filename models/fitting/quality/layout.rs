//! Room layouts and vanishing points.
//!
//! A box has no first axis: its axes are matched by the one of the 24 rotations
//! of a cube that turns it least. With that, `manhattan_deg` is the angle
//! between the boxes' axes, `corner_m` the mean distance of the eight corners,
//! `plane_m` the mean distance of the six sides along the true axes. Measures
//! are means over frames.
//!
//! No picture shows all sides of the room that it was taken in, and where the
//! others are can only be guessed. So where the truth says what is in view, the
//! same distances are also told apart, as means over sides: `seen_plane_m` of
//! those on which at least one in a hundred of the pixels of known depth lies,
//! with `seen_within_10_cm`, their share that is no further off than that, and
//! `unseen_plane_m` of the rest.
//!
//! Vanishing points: `axis_deg` is the mean angle between the three directions,
//! matched in the best order and taken without sign.

use concert_policies::{OutputKind, Task};
use nalgebra::{Matrix3, Rotation3, Vector3};

use super::measures::{Measures, mean};

/// Numbers of a room layout and of vanishing points; a true layout may have
/// more: see [`Label`](crate::dataset::Label).
pub(super) const LAYOUT_NUMBERS: usize = 9;
/// A side is in view from this share of the pixels on.
const IN_VIEW: f32 = 0.01;
/// m.
const NEAR: f64 = 0.1;

/// The task's nine numbers as a box in the optical frame.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cuboid {
    centre: Vector3<f64>,
    /// The box's axes in the optical frame, as columns.
    axes: Matrix3<f64>,
    size: Vector3<f64>,
}

impl Cuboid {
    fn of(values: &[f32]) -> Option<Self> {
        let numbers: [f32; LAYOUT_NUMBERS] = values.get(..LAYOUT_NUMBERS)?.try_into().ok()?;
        let [x, y, z, a, b, c, sx, sy, sz] = numbers.map(f64::from);
        if !numbers.iter().all(|number| number.is_finite()) {
            return None;
        }
        // Euler angles about the static axes x, y, z of room_from_optical.
        let room_from_optical = Rotation3::from_euler_angles(a, b, c);
        Some(Self {
            centre: Vector3::new(x, y, z),
            axes: room_from_optical.matrix().transpose(),
            size: Vector3::new(sx, sy, sz),
        })
    }

    fn corner(&self, signs: [f64; 3]) -> Vector3<f64> {
        let half = Vector3::from(signs).component_mul(&self.size) / 2.0;
        self.centre + self.axes * half
    }
}

/// The 24 rotations of a cube.
fn cube_rotations() -> impl Iterator<Item = Matrix3<f64>> {
    const ORDERS: [[usize; 3]; 6] = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let all = ORDERS
        .into_iter()
        .flat_map(|order| (0..8u8).map(move |bits| (order, bits)));
    all.map(|(order, bits)| {
        let mut matrix = Matrix3::zeros();
        for (column, row) in order.into_iter().enumerate() {
            matrix[(row, column)] = sign(bits, column);
        }
        matrix
    })
    .filter(|matrix| matrix.determinant() > 0.0)
}

fn sign(bits: u8, axis: usize) -> f64 {
    if bits >> axis & 1 == 0 { -1.0 } else { 1.0 }
}

/// Errors of one box.
struct Errors {
    /// Mean, m.
    corner: f64,
    /// Distances of the sides at the low and the high end of the true x, y and z, m.
    sides: [f64; 6],
    /// deg.
    angle: f64,
}

fn errors(truth: &Cuboid, predicted: &Cuboid) -> Errors {
    let trace = |turn: &Matrix3<f64>| (truth.axes.transpose() * predicted.axes * turn).trace();
    let turn = cube_rotations().max_by(|a, b| trace(a).total_cmp(&trace(b)));
    let turn = turn.unwrap_or_else(Matrix3::identity);
    let angle = ((trace(&turn) - 1.0) / 2.0).clamp(-1.0, 1.0).acos();
    let turned = Cuboid {
        centre: predicted.centre,
        axes: predicted.axes * turn,
        size: turn.abs().transpose() * predicted.size,
    };
    let mut corners = 0.0;
    for bits in 0..8u8 {
        let signs = std::array::from_fn(|axis| sign(bits, axis));
        corners += (truth.corner(signs) - turned.corner(signs)).norm();
    }
    let sides = std::array::from_fn(|side| {
        let axis = side / 2;
        let along = truth.axes.column(axis).dot(&(turned.centre - truth.centre));
        let grown = (turned.size[axis] - truth.size[axis]) / 2.0;
        match side % 2 {
            0 => (along - grown).abs(),
            _ => (along + grown).abs(),
        }
    });
    Errors {
        corner: corners / 8.0,
        sides,
        angle: angle.to_degrees(),
    }
}

/// A mean in the making.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    fn value(&self) -> f64 {
        mean(self.sum, self.count)
    }
}

/// Means of the errors of boxes.
#[derive(Debug, Clone, Default)]
pub(super) struct Layouts {
    corner: Mean,
    plane: Mean,
    angle: Mean,
    seen: Mean,
    seen_near: Mean,
    unseen: Mean,
    covered: Mean,
}

impl Layouts {
    pub(super) fn add(&mut self, truth: &[f32], predicted: &[f32]) {
        let Some(box_of_truth) = Cuboid::of(truth) else {
            return;
        };
        let predicted = Cuboid::of(predicted);
        self.covered.add(f64::from(u8::from(predicted.is_some())));
        let Some(predicted) = predicted else {
            return;
        };
        let errors = errors(&box_of_truth, &predicted);
        self.corner.add(errors.corner);
        self.plane.add(errors.sides.iter().sum::<f64>() / 6.0);
        self.angle.add(errors.angle);
        for (side, error) in errors.sides.into_iter().enumerate() {
            let Some(share) = truth.get(LAYOUT_NUMBERS + side) else {
                continue;
            };
            if *share >= IN_VIEW {
                self.seen.add(error);
                self.seen_near.add(f64::from(u8::from(error <= NEAR)));
            } else {
                self.unseen.add(error);
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.corner.merge(&other.corner);
        self.plane.merge(&other.plane);
        self.angle.merge(&other.angle);
        self.seen.merge(&other.seen);
        self.seen_near.merge(&other.seen_near);
        self.unseen.merge(&other.unseen);
        self.covered.merge(&other.covered);
    }

    pub(super) fn measures(&self) -> Measures {
        let values = vec![
            ("corner_m", self.corner.value()),
            ("plane_m", self.plane.value()),
            ("manhattan_deg", self.angle.value()),
            ("coverage", self.covered.value()),
            ("seen_plane_m", self.seen.value()),
            ("seen_within_10_cm", self.seen_near.value()),
            ("unseen_plane_m", self.unseen.value()),
        ];
        Measures {
            values,
            median_scaled: Vec::new(),
        }
    }
}

/// Sums of angles between directions.
#[derive(Debug, Clone, Default)]
pub(super) struct Vanishing {
    sum_deg: f64,
    frames: u64,
    known: u64,
}

fn axis_deg(truth: &[f32], predicted: &[f32]) -> Option<f64> {
    let axes = |values: &[f32]| -> Option<Matrix3<f64>> {
        let numbers: [f32; 9] = values.try_into().ok()?;
        let matrix = Matrix3::from_iterator(numbers.map(f64::from));
        let lengths = [0, 1, 2].map(|axis| matrix.column(axis).norm());
        (lengths
            .iter()
            .all(|length| *length > 1e-6 && length.is_finite()))
        .then(|| Matrix3::from_columns(&[0, 1, 2].map(|axis| matrix.column(axis) / lengths[axis])))
    };
    let cosines = (axes(truth)?.transpose() * axes(predicted)?).abs();
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let angle = |(row, column): (usize, usize)| cosines[(row, column)].min(1.0).acos().to_degrees();
    let mean = |order: [usize; 3]| order.into_iter().enumerate().map(angle).sum::<f64>() / 3.0;
    orders.into_iter().map(mean).min_by(f64::total_cmp)
}

impl Vanishing {
    pub(super) fn add(&mut self, truth: &[f32], predicted: &[f32]) {
        self.known += 1;
        if let Some(angle) = axis_deg(truth, predicted) {
            self.sum_deg += angle;
            self.frames += 1;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.sum_deg += other.sum_deg;
        self.frames += other.frames;
        self.known += other.known;
    }

    pub(super) fn measures(&self) -> Measures {
        Measures {
            values: vec![
                ("axis_deg", mean(self.sum_deg, self.frames)),
                ("coverage", mean(self.frames as f64, self.known)),
            ],
            median_scaled: Vec::new(),
        }
    }
}

/// The one among truths of whole pictures that is nearest to all others.
pub(super) fn most_central<'a>(task: &Task, all: &'a [Vec<f32>]) -> Option<&'a [f32]> {
    let distance = |a: &[f32], b: &[f32]| match task.output {
        OutputKind::RoomLayout => match (Cuboid::of(a), Cuboid::of(b)) {
            (Some(a), Some(b)) => errors(&a, &b).corner,
            _ => f64::MAX / 1e6,
        },
        _ => axis_deg(a, b).unwrap_or(90.0),
    };
    let total = |one: &[f32]| all.iter().map(|other| distance(other, one)).sum::<f64>();
    let totals = all.iter().map(|one| (total(one), one));
    let nearest = totals.min_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map(|(_, one)| one.as_slice())
}
