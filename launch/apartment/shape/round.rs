//! Round things: cylinders, balls, surfaces of revolution, bars, leaves.

use glam::{Affine3A, Quat, Vec2, Vec3};

use super::{Model, Sample, steps};
use crate::material::MaterialId;

impl Model {
    /// An upright closed cylinder on `base`.
    pub(crate) fn cylinder(
        &mut self,
        material: MaterialId,
        base: Vec3,
        radius: f32,
        height: f32,
        sides: usize,
    ) {
        self.turned(
            material,
            base,
            &[(0.0, 0.0), (radius, 0.0), (radius, height), (0.0, height)],
            sides,
        );
    }

    /// A ball.
    pub(crate) fn ball(&mut self, material: MaterialId, centre: Vec3, radius: f32, sides: usize) {
        self.ellipsoid(material, centre, Vec3::splat(radius), sides);
    }

    /// An ellipsoid of revolution about z: `radii.x` (= y) and `radii.z`.
    pub(crate) fn ellipsoid(
        &mut self,
        material: MaterialId,
        centre: Vec3,
        radii: Vec3,
        sides: usize,
    ) {
        let rings = (sides / 2).max(4);
        let profile: Vec<(f32, f32)> = steps(rings)
            .iter()
            .map(|t| {
                let angle = std::f32::consts::PI * (t - 0.5);
                (radii.x * angle.cos().max(0.0), radii.z * angle.sin())
            })
            .collect();
        self.lathe(material, centre, &profile, sides, Vec2::new(1.0, 1.0));
    }

    /// A surface of revolution about the upright axis through `base`, with
    /// sharp edges at the points (radius, height) of the profile. Going up the
    /// profile, the outside is on the right (away from the axis).
    pub(crate) fn turned(
        &mut self,
        material: MaterialId,
        base: Vec3,
        profile: &[(f32, f32)],
        sides: usize,
    ) {
        for pair in profile.windows(2) {
            self.lathe(material, base, pair, sides, Vec2::new(1.0, 1.0));
        }
    }

    /// A surface of revolution, smooth along its profile of (radius, height).
    /// The texture repeats `repeat` times around and along.
    pub(crate) fn lathe(
        &mut self,
        material: MaterialId,
        base: Vec3,
        profile: &[(f32, f32)],
        sides: usize,
        repeat: Vec2,
    ) {
        let last = profile.len() - 1;
        let point =
            |index: usize| Vec2::new(profile[index.min(last)].0, profile[index.min(last)].1);
        let tangent = |index: usize| {
            let before = point(index.saturating_sub(1));
            (point(index + 1) - before).normalize_or(Vec2::Y)
        };
        let bend = |index: usize| {
            if index == 0 || index >= last {
                return 0.0;
            }
            let (a, b) = (
                point(index) - point(index - 1),
                point(index + 1) - point(index),
            );
            let turn = a.perp_dot(b).atan2(a.dot(b));
            // Turning left going up, towards the axis, is convex.
            2.0 * turn / (a.length() + b.length()).max(1e-6)
        };
        let columns = (sides / 2 + 1).max(4);
        let rows = (profile.len()).clamp(2, 12);
        let knots_t = steps(last);
        self.sheet(
            material,
            (&steps(sides), &knots_t),
            (columns, rows),
            |s, t| {
                let along = t * last as f32;
                let index = (along.floor() as usize).min(last - 1);
                let part = along - index as f32;
                let position = point(index).lerp(point(index + 1), part);
                let direction = tangent(index)
                    .lerp(tangent(index + 1), part)
                    .normalize_or(Vec2::Y);
                let direction = if last == 1 { tangent(0) } else { direction };
                let (sin, cos) = (std::f32::consts::TAU * s).sin_cos();
                let round = if position.x > 1e-5 {
                    direction.y / position.x
                } else {
                    0.0
                };
                let inner = if index == 0 { 1 } else { index };
                let outer = (index + 1).min(last.saturating_sub(1)).max(inner);
                let around = bend(inner) * (1.0 - part) + bend(outer) * part;
                Sample {
                    position: base + Vec3::new(position.x * cos, position.x * sin, position.y),
                    normal: Vec3::new(direction.y * cos, direction.y * sin, -direction.x),
                    uv: Vec2::new(s * repeat.x, (1.0 - t) * repeat.y),
                    curvature: [round, around],
                }
            },
        );
    }

    /// A round bar from `from` to `to` (an open tube: its ends are hidden).
    pub(crate) fn bar(
        &mut self,
        material: MaterialId,
        from: Vec3,
        to: Vec3,
        radius: f32,
        sides: usize,
    ) {
        self.taper(material, from, to, (radius, radius), sides);
    }

    /// A round leg that changes its radius from one end to the other.
    pub(crate) fn taper(
        &mut self,
        material: MaterialId,
        from: Vec3,
        to: Vec3,
        radii: (f32, f32),
        sides: usize,
    ) {
        let along = to - from;
        let length = along.length();
        let turn = Quat::from_rotation_arc(Vec3::Z, along / length);
        self.at(Affine3A::from_rotation_translation(turn, from), |part| {
            part.turned(
                material,
                Vec3::ZERO,
                &[(0.0, 0.0), (radii.0, 0.0), (radii.1, length), (0.0, length)],
                sides,
            );
        });
    }

    /// A leaf: from its stalk at `root` along `reach`, drooping by `droop` (m), `width` wide.
    pub(crate) fn leaf(
        &mut self,
        material: MaterialId,
        root: Vec3,
        reach: Vec3,
        width: f32,
        droop: f32,
    ) {
        let side = reach.cross(Vec3::Z).normalize_or(Vec3::X) * (width / 2.0);
        let length = reach.length().max(1e-4);
        let up = side.cross(reach).normalize_or(Vec3::Z);
        let up = if up.z < 0.0 { -up } else { up };
        self.sheet(material, (&[0.0, 0.5, 1.0], &steps(4)), (2, 3), |s, t| {
            let wide = (std::f32::consts::PI * (t * 0.93 + 0.04)).sin().powf(0.8);
            let across = (s - 0.5) * 2.0;
            let slope = -2.0 * droop * t / length;
            let fold = up * (across.abs() * wide * width * 0.12);
            Sample {
                position: root + reach * t - Vec3::Z * (droop * t * t)
                    + side * (across * wide)
                    + fold,
                normal: (up - reach / length * slope).normalize(),
                uv: Vec2::new(s, t),
                curvature: [2.0 * droop / (length * length), 0.0],
            }
        });
    }
}
