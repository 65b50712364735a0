//! Flat layers of surface across one direction: what may be a side of a room.

use nalgebra::Vector3;

use super::surface::Placed;

/// Angle within which a surface may be part of a side, rad.
const FACING: f64 = 0.45;
/// Half the thickness of a layer as a sensor measures it, m and share of its
/// distance.
const THICKNESS: f64 = 0.04;
const THICKNESS_SHARE: f64 = 0.02;
/// The same of depth whose mean relative error is known, as a share of that.
const THICKNESS_OF_ERROR: f64 = 0.5;
/// A camera is at least so far from every side of its room, m.
pub(super) const MIN_OFFSET: f64 = 0.05;
/// Most layers that are looked at in one direction.
const MAX_LAYERS: usize = 8;

/// An outward direction along an axis of the room: which, and its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Direction(pub(super) usize);

impl Direction {
    /// 0 ahead, 1 left, 2 up.
    pub(super) fn axis(self) -> usize {
        self.0 / 2
    }

    /// How far a point of the room's frame lies in this direction, m.
    pub(super) fn along(self, point: &Vector3<f64>) -> f64 {
        match self.0 % 2 {
            0 => point[self.axis()],
            _ => -point[self.axis()],
        }
    }

    /// Whether a surface looks back at the camera from this direction.
    pub(super) fn faces_back(self, patch: &Placed) -> bool {
        -self.along(&patch.normal) > FACING.cos()
    }
}

/// How flat a flat surface looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blur {
    /// Half the thickness of a layer, as a share of its distance.
    share: f64,
}

impl Blur {
    /// Of depth with this mean relative error, or as a sensor measures it.
    pub(super) fn of(relative_error: Option<f64>) -> Self {
        let told = relative_error.map_or(0.0, |error| THICKNESS_OF_ERROR * error);
        Self {
            share: told.clamp(THICKNESS_SHARE, 0.2),
        }
    }

    /// Half the thickness of a layer at this distance, m.
    pub(super) fn thickness(self, offset: f64) -> f64 {
        THICKNESS.max(self.share * offset)
    }
}

/// One layer.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// Distance from the camera, m: the median over its area.
    pub(super) offset: f64,
    /// Half of it, m.
    pub(super) thickness: f64,
    /// m².
    pub(super) area: f64,
    /// Share of it among everything from it outwards that looks the same way.
    pub(super) share: f64,
    /// From and to, m, along the two other axes: all but the outermost
    /// twentieths.
    pub(super) extent: [[f64; 2]; 2],
}

/// Layers of at least this area, m², the nearest first; those that hold most
/// area are found first, and no two of them overlap.
pub(super) fn layers(
    surfaces: &[Placed],
    direction: Direction,
    blur: Blur,
    least_area: f64,
) -> Vec<Layer> {
    let facing = surfaces.iter().filter(|patch| direction.faces_back(patch));
    let placed = facing.map(|patch| (direction.along(&patch.point), patch));
    let mut points: Vec<(f64, &Placed)> = placed.filter(|point| point.0 > MIN_OFFSET).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut windows = windows(&points, blur);
    let mut layers = Vec::new();
    while layers.len() < MAX_LAYERS {
        let most = windows.iter().max_by(|a, b| a.area.total_cmp(&b.area));
        let Some(window) = most.filter(|window| window.area >= least_area).copied() else {
            break;
        };
        layers.push(layer(&points, &window, direction, blur));
        let (low, high) = (points[window.first].0, points[window.end - 1].0);
        let gap = 2.0 * blur.thickness(high);
        let apart = |other: &Window| {
            let last = points[other.end - 1].0;
            last < low - gap || last > high + gap
        };
        windows.retain(apart);
    }
    layers.sort_unstable_by(|a, b| a.offset.total_cmp(&b.offset));
    layers
}

/// Points of a layer that ends with one of them.
#[derive(Debug, Clone, Copy)]
struct Window {
    first: usize,
    end: usize,
    area: f64,
}

/// For every point, of points sorted by offset.
fn windows(points: &[(f64, &Placed)], blur: Blur) -> Vec<Window> {
    let (mut first, mut area) = (0, 0.0);
    let mut windows = Vec::with_capacity(points.len());
    for (last, (offset, patch)) in points.iter().enumerate() {
        area += patch.area;
        while offset - points[first].0 > 2.0 * blur.thickness(*offset) {
            area -= points[first].1.area;
            first += 1;
        }
        let end = last + 1;
        windows.push(Window { first, end, area });
    }
    windows
}

fn layer(points: &[(f64, &Placed)], window: &Window, direction: Direction, blur: Blur) -> Layer {
    let members = &points[window.first..window.end];
    let outwards: f64 = points[window.first..]
        .iter()
        .map(|point| point.1.area)
        .sum();
    let offset = weighted_median(members);
    Layer {
        offset,
        thickness: blur.thickness(offset),
        area: window.area,
        share: (window.area / outwards).min(1.0),
        extent: extent(members, direction.axis()),
    }
}

/// Of points sorted by offset.
fn weighted_median(points: &[(f64, &Placed)]) -> f64 {
    let half = 0.5 * points.iter().map(|point| point.1.area).sum::<f64>();
    let mut sum = 0.0;
    let middle = points.iter().find(|point| {
        sum += point.1.area;
        sum >= half
    });
    middle.map_or(MIN_OFFSET, |point| point.0)
}

fn extent(members: &[(f64, &Placed)], axis: usize) -> [[f64; 2]; 2] {
    let others = [[1, 2], [0, 2], [0, 1]][axis];
    others.map(|other| {
        let mut along: Vec<f64> = members.iter().map(|one| one.1.point[other]).collect();
        along.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| along[(share * (along.len() - 1) as f64) as usize];
        [at(0.05), at(0.95)]
    })
}
