//! Flat and boxy things.

use glam::{Vec2, Vec3};

use super::{Model, Sample, steps};
use crate::material::MaterialId;

/// The six sides of a box as (normal axis, sign).
const SIDES: [(usize, f32); 6] = [
    (0, 1.0),
    (0, -1.0),
    (1, 1.0),
    (1, -1.0),
    (2, 1.0),
    (2, -1.0),
];

fn axis(index: usize) -> Vec3 {
    [Vec3::X, Vec3::Y, Vec3::Z][index % 3]
}

impl Model {
    /// A flat rectangle: `origin`, the two edges, texture in metres along them.
    pub(crate) fn rectangle(
        &mut self,
        material: MaterialId,
        origin: Vec3,
        edge_s: Vec3,
        edge_t: Vec3,
    ) {
        let size = Vec2::new(edge_s.length(), edge_t.length());
        let grain = self.next_grain();
        let chart = (self.texels(size.x), self.texels(size.y));
        let normal = edge_s.cross(edge_t).normalize_or(Vec3::Z);
        self.sheet(material, (&[0.0, 1.0], &[0.0, 1.0]), chart, |s, t| Sample {
            position: origin + edge_s * s + edge_t * t,
            normal,
            uv: Vec2::new(s, t) * size + grain,
            curvature: [0.0; 2],
        });
    }

    /// A flat rectangle that shows its whole texture once, upright along `edge_t`.
    pub(crate) fn picture(
        &mut self,
        material: MaterialId,
        origin: Vec3,
        edge_s: Vec3,
        edge_t: Vec3,
    ) {
        let chart = (self.texels(edge_s.length()), self.texels(edge_t.length()));
        let normal = edge_s.cross(edge_t).normalize_or(Vec3::Z);
        self.sheet(material, (&[0.0, 1.0], &[0.0, 1.0]), chart, |s, t| Sample {
            position: origin + edge_s * s + edge_t * t,
            normal,
            uv: Vec2::new(s, 1.0 - t),
            curvature: [0.0; 2],
        });
    }

    /// A rectangle of `size` (m) over (s, t) with rectangular holes
    /// (low corner, high corner, in metres), one chart of light for all of it.
    pub(crate) fn pierced(
        &mut self,
        material: MaterialId,
        origin: Vec3,
        edge_s: Vec3,
        edge_t: Vec3,
        holes: &[(Vec2, Vec2)],
    ) {
        let size = Vec2::new(edge_s.length(), edge_t.length());
        let cuts = |length: f32, values: Vec<f32>| {
            let mut cuts: Vec<f32> = values
                .iter()
                .map(|v| (v / length).clamp(0.0, 1.0))
                .collect();
            cuts.extend([0.0, 1.0]);
            cuts.sort_by(f32::total_cmp);
            cuts.dedup_by(|a, b| (*a - *b).abs() < 1e-5);
            cuts
        };
        let knots_s = cuts(size.x, holes.iter().flat_map(|h| [h.0.x, h.1.x]).collect());
        let knots_t = cuts(size.y, holes.iter().flat_map(|h| [h.0.y, h.1.y]).collect());
        let normal = edge_s.cross(edge_t).normalize_or(Vec3::Z);
        let chart = (self.texels(size.x), self.texels(size.y));
        let before = self.faces.len();
        self.sheet(material, (&knots_s, &knots_t), chart, |s, t| Sample {
            position: origin + edge_s * s + edge_t * t,
            normal,
            uv: Vec2::new(s, t) * size,
            curvature: [0.0; 2],
        });
        let light_scale = Vec2::new((chart.0 - 1) as f32, (chart.1 - 1) as f32);
        let vertices = &self.vertices;
        let mut index = 0;
        self.faces.retain(|face| {
            index += 1;
            if index <= before {
                return true;
            }
            let middle = face
                .vertices
                .iter()
                .map(|&v| vertices[v as usize].light / light_scale * size)
                .sum::<Vec2>()
                / 3.0;
            !holes
                .iter()
                .any(|(low, high)| middle.cmpgt(*low).all() && middle.cmplt(*high).all())
        });
    }

    /// A sharp box.
    pub(crate) fn block(&mut self, material: MaterialId, low: Vec3, high: Vec3) {
        for (normal_axis, sign) in SIDES {
            self.side(material, low, high, normal_axis, sign);
        }
    }

    /// A board: a box whose edges are broken by a small bevel.
    pub(crate) fn board(&mut self, material: MaterialId, low: Vec3, high: Vec3) {
        let thin = (high - low).min_element();
        self.rounded(material, low, high, (thin * 0.2).min(0.006), 1);
    }

    /// One side of a box; the texture's u runs along the longer edge.
    fn side(&mut self, material: MaterialId, low: Vec3, high: Vec3, normal_axis: usize, sign: f32) {
        let size = high - low;
        let (mut a, mut b) = ((normal_axis + 1) % 3, (normal_axis + 2) % 3);
        if size[a] < size[b] {
            std::mem::swap(&mut a, &mut b);
        }
        let grain = self.next_grain();
        let origin = if sign > 0.0 {
            low + axis(normal_axis) * size[normal_axis]
        } else {
            low
        };
        let chart = (self.texels(size[a]), self.texels(size[b]));
        self.sheet(material, (&[0.0, 1.0], &[0.0, 1.0]), chart, |s, t| Sample {
            position: origin + axis(a) * (s * size[a]) + axis(b) * (t * size[b]),
            normal: axis(normal_axis) * sign,
            uv: Vec2::new(s * size[a], t * size[b]) + grain,
            curvature: [0.0; 2],
        });
    }

    /// A soft box: edges and corners rounded with `radius`.
    pub(crate) fn cushion(&mut self, material: MaterialId, low: Vec3, high: Vec3, radius: f32) {
        self.rounded(material, low, high, radius, 3);
    }

    /// A box whose edges and corners are quarter cylinders and spheres of
    /// `radius` (m), each quarter in `2 * segments` steps.
    pub(crate) fn rounded(
        &mut self,
        material: MaterialId,
        low: Vec3,
        high: Vec3,
        radius: f32,
        segments: usize,
    ) {
        let size = high - low;
        let radius = radius.clamp(0.0005, size.min_element() * 0.499);
        for (normal_axis, sign) in SIDES {
            self.rounded_side(material, low, high, (normal_axis, sign), (radius, segments));
        }
    }

    fn rounded_side(
        &mut self,
        material: MaterialId,
        low: Vec3,
        high: Vec3,
        (normal_axis, sign): (usize, f32),
        (radius, segments): (f32, usize),
    ) {
        let size = high - low;
        let (mut a, mut b) = ((normal_axis + 1) % 3, (normal_axis + 2) % 3);
        if size[a] < size[b] {
            std::mem::swap(&mut a, &mut b);
        }
        // A point of the sharp box's side, given at knots that fall on equal
        // angles of the rounding, is pushed onto the rounded one.
        let knots = |length: f32| {
            let mut knots: Vec<f32> = (0..=segments)
                .map(|i| {
                    let angle = std::f32::consts::FRAC_PI_4 * (1.0 - i as f32 / segments as f32);
                    (radius - radius * angle.tan()) / length
                })
                .collect();
            let mirrored: Vec<f32> = knots.iter().rev().map(|k| 1.0 - k).collect();
            knots.extend(mirrored);
            knots
        };
        let grain = self.next_grain();
        let inner = (low + Vec3::splat(radius), high - Vec3::splat(radius));
        let face = if sign > 0.0 {
            high[normal_axis]
        } else {
            low[normal_axis]
        };
        let chart = (self.texels(size[a]), self.texels(size[b]));
        self.sheet(
            material,
            (&knots(size[a]), &knots(size[b])),
            chart,
            |s, t| {
                let mut cube = Vec3::ZERO;
                cube[normal_axis] = face;
                cube[a] = low[a] + s * size[a];
                cube[b] = low[b] + t * size[b];
                let core = cube.clamp(inner.0, inner.1);
                let normal = (cube - core).normalize_or(axis(normal_axis) * sign);
                let bent = |value: f32, low: f32, high: f32| {
                    if value < low || value > high {
                        1.0 / radius
                    } else {
                        0.0
                    }
                };
                Sample {
                    position: core + normal * radius,
                    normal,
                    uv: Vec2::new(s * size[a], t * size[b]) + grain,
                    curvature: [
                        bent(cube[a], inner.0[a], inner.1[a]),
                        bent(cube[b], inner.0[b], inner.1[b]),
                    ],
                }
            },
        );
    }

    /// Cloth hanging in folds: from `top` along `edge` (m), down by `drop`,
    /// with `folds` waves of the given depth along `out`.
    pub(crate) fn drape(
        &mut self,
        material: MaterialId,
        top: Vec3,
        edge: Vec3,
        drop: f32,
        out: Vec3,
        (folds, depth): (f32, f32),
    ) {
        let width = edge.length();
        let wave = std::f32::consts::TAU * folds;
        let columns = (folds * 8.0).ceil() as usize;
        let chart = ((folds * 4.0) as usize + 2, self.texels(drop));
        let along = edge / width;
        self.sheet(material, (&steps(columns), &steps(3)), chart, |s, t| {
            // Folds open a little towards the hem and are not all alike.
            let phase = wave * s + (s * 9.0).sin() * 0.6;
            let rate = wave + 5.4 * (s * 9.0).cos();
            let swing = depth * (0.55 + 0.45 * t);
            let slope = swing * phase.cos() * rate / width;
            let second = -swing * phase.sin() * (rate / width).powi(2);
            Sample {
                position: top + edge * s - Vec3::Z * (drop * t) + out * (swing * phase.sin()),
                normal: (out - along * slope).normalize(),
                uv: Vec2::new(s * width * 1.5, t * drop),
                curvature: [-second / (1.0 + slope * slope).powf(1.5), 0.0],
            }
        });
    }
}
