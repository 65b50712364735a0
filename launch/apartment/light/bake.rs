//! The bake: irradiance at every light point, by tracing rays once.
//!
//! Direct light comes from the sun, from windows (their panes sampled as area
//! lights) and from lamps (small balls); then one gather over the hemisphere
//! brings what the other surfaces send on, with a per-room constant standing in
//! for the bounces after that. Every point draws from its own stream, so the
//! result does not depend on threads.

use glam::{Vec2, Vec3};
use rayon::prelude::*;

use crate::bvh::Bvh;
use crate::dice::hash;
use crate::material::Kind;
use crate::scene::Scene;
use crate::shape::Surface;

/// A window as a source of light.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowLight {
    pub(crate) corner: Vec3,
    pub(crate) edge: Vec3,
    pub(crate) height: f32,
    /// Unit, into the room.
    pub(crate) inwards: Vec3,
}

/// A lamp as a source of light.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lamp {
    pub(crate) position: Vec3,
    pub(crate) radius: f32,
    /// Radiant intensity: irradiance at one metre.
    pub(crate) intensity: Vec3,
}

/// How much work the bake does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quality {
    /// Shadow rays per window.
    pub(crate) window: u32,
    /// Shadow rays per lamp and for the sun.
    pub(crate) lamp: u32,
    /// Gathering rays.
    pub(crate) gather: u32,
}

struct Baker<'a> {
    scene: &'a Scene,
    bvh: &'a Bvh,
    windows: &'a [WindowLight],
    lamps: &'a [Lamp],
    quality: Quality,
}

/// Fills in `scene.light`.
pub(crate) fn bake(
    scene: &mut Scene,
    bvh: &Bvh,
    windows: &[WindowLight],
    lamps: &[Lamp],
    quality: Quality,
) {
    scene.light = vec![Vec3::ZERO; scene.light_points.len()];
    let owners = owners(scene);
    let baker = Baker {
        scene,
        bvh,
        windows,
        lamps,
        quality,
    };
    let (sun, mut direct): (Vec<Vec3>, Vec<Vec3>) = (0..owners.len())
        .into_par_iter()
        .map(|i| baker.direct(i, owners[i]))
        .unzip();
    soften(&scene.surfaces, &mut direct);
    direct
        .iter_mut()
        .zip(&sun)
        .for_each(|(total, sun)| *total += *sun);
    scene.light.clone_from(&direct);
    let ambient = mean_light(scene, &direct);
    let baker = Baker {
        scene,
        bvh,
        windows,
        lamps,
        quality,
    };
    let gathered: Vec<Option<Vec3>> = (0..owners.len())
        .into_par_iter()
        .map(|i| baker.gather(i, owners[i], &ambient))
        .collect();
    settle(scene, direct, gathered);
}

/// Bakes one object again where it stands now.
pub(crate) fn bake_object(
    scene: &mut Scene,
    bvh: &Bvh,
    object: usize,
    lights: (&[WindowLight], &[Lamp]),
    quality: Quality,
) {
    let ambient = mean_light(scene, &scene.light.clone());
    let range = scene.objects[object].light.clone();
    let baker = Baker {
        scene,
        bvh,
        windows: lights.0,
        lamps: lights.1,
        quality,
    };
    let fresh: Vec<Vec3> = range
        .clone()
        .into_par_iter()
        .map(|i| {
            baker.direct_sum(i, object as u32)
                + baker
                    .gather(i, object as u32, &ambient)
                    .unwrap_or(Vec3::ZERO)
        })
        .collect();
    scene.light[range].copy_from_slice(&fresh);
}

/// The object of each light point.
fn owners(scene: &Scene) -> Vec<u32> {
    let mut owners = vec![0; scene.light_points.len()];
    for (index, object) in scene.objects.iter().enumerate() {
        owners[object.light.clone()].fill(index as u32);
    }
    owners
}

/// Mean irradiance per room: what later bounces start from.
fn mean_light(scene: &Scene, light: &[Vec3]) -> Vec<Vec3> {
    let rooms = scene.objects.iter().map(|o| o.room + 1).max().unwrap_or(0);
    let mut sums = vec![(Vec3::ZERO, 0.0f32); rooms];
    for object in &scene.objects {
        for &value in &light[object.light.clone()] {
            sums[object.room].0 += value.min(Vec3::splat(20.0));
            sums[object.room].1 += 1.0;
        }
    }
    // 0.8: a mean reflectance of 0.45 sums to 0.45 / (1 - 0.45) over all further bounces.
    sums.into_iter()
        .map(|(sum, count)| sum * (0.8 / count.max(1.0)))
        .collect()
}

impl Baker<'_> {
    fn place(&self, index: usize, owner: u32) -> (Vec3, Vec3) {
        let point = self.scene.light_points[index];
        let pose = self.scene.objects[owner as usize].pose;
        let normal = pose.direction(point.normal);
        (pose.point(point.position) + normal * 0.004, normal)
    }

    /// Light from the sun, and from windows and lamps.
    fn direct(&self, index: usize, owner: u32) -> (Vec3, Vec3) {
        let (point, normal) = self.place(index, owner);
        let mut seed = hash(index as u32 ^ 0x51ed_2701);
        let sun = self.sun(point, normal, &mut seed);
        (
            sun,
            self.windows(point, normal, &mut seed) + self.lamps(point, normal, &mut seed),
        )
    }

    fn direct_sum(&self, index: usize, owner: u32) -> Vec3 {
        let (sun, rest) = self.direct(index, owner);
        sun + rest
    }

    fn sun(&self, point: Vec3, normal: Vec3, seed: &mut u32) -> Vec3 {
        let outside = &self.scene.outside;
        let facing = normal.dot(outside.sun);
        if facing <= 0.0 || outside.sunlight == Vec3::ZERO {
            return Vec3::ZERO;
        }
        let mut seen = 0;
        for _ in 0..self.quality.lamp {
            let jitter = Vec3::new(draw(seed) - 0.5, draw(seed) - 0.5, draw(seed) - 0.5) * 0.025;
            seen += u32::from(!self.bvh.blocked(point, outside.sun + jitter, 60.0));
        }
        outside.sunlight * (facing * seen as f32 / self.quality.lamp as f32)
    }

    fn windows(&self, point: Vec3, normal: Vec3, seed: &mut u32) -> Vec3 {
        let mut total = Vec3::ZERO;
        for window in self.windows {
            let middle = window.corner + window.edge * 0.5 + Vec3::Z * (window.height * 0.5);
            let away = point - middle;
            if away.dot(window.inwards) <= 0.0 || away.length_squared() > 150.0 {
                continue;
            }
            let size = window.edge.length() + window.height;
            if normal.dot(-away) < -size {
                continue;
            }
            total += self.window(window, point, normal, seed);
        }
        total
    }

    fn window(&self, window: &WindowLight, point: Vec3, normal: Vec3, seed: &mut u32) -> Vec3 {
        let count = self.quality.window;
        let area = window.edge.length() * window.height;
        let mut sum = Vec3::ZERO;
        let shift = (draw(seed), draw(seed));
        for i in 0..count {
            // A rank-one lattice spreads the samples over the pane.
            let s = (i as f32 * 0.618_034 + shift.0).fract();
            let t = ((i as f32 + shift.1) / count as f32).fract();
            let target = window.corner + window.edge * s + Vec3::Z * (window.height * t);
            let ray = target - point;
            let squared = ray.length_squared().max(0.02);
            let length = squared.sqrt();
            let (here, there) = (normal.dot(ray) / length, -window.inwards.dot(ray) / length);
            if here <= 0.0 || there <= 0.0 || self.bvh.blocked(point, ray, 0.985) {
                continue;
            }
            sum += self.scene.outside.glow(ray / length) * (here * there * area / squared);
        }
        sum / count as f32
    }

    fn lamps(&self, point: Vec3, normal: Vec3, seed: &mut u32) -> Vec3 {
        let mut total = Vec3::ZERO;
        for lamp in self.lamps {
            let away = lamp.position - point;
            if away.length_squared() > 64.0 || normal.dot(away) < -lamp.radius {
                continue;
            }
            let mut seen = 0.0;
            for _ in 0..self.quality.lamp {
                let jitter = Vec3::new(draw(seed) - 0.5, draw(seed) - 0.5, draw(seed) - 0.5)
                    * (lamp.radius * 1.6);
                let ray = away + jitter;
                let squared = ray.length_squared().max(0.01);
                let length = squared.sqrt();
                let facing = normal.dot(ray) / length;
                // The lamp's own bulb and shade let its light out.
                let reach = ((length - lamp.radius * 1.9) / length).max(0.0);
                if facing > 0.0 && !self.bvh.blocked(point, ray, reach) {
                    seen += facing / squared.max(0.06);
                }
            }
            total += lamp.intensity * (seen / self.quality.lamp as f32);
        }
        total
    }

    /// Light from other surfaces; none if the point is inside something.
    fn gather(&self, index: usize, owner: u32, ambient: &[Vec3]) -> Option<Vec3> {
        let (point, normal) = self.place(index, owner);
        let mut seed = hash(index as u32 ^ 0x0bad_cafe);
        let (side, up) = normal.any_orthonormal_pair();
        let count = self.quality.gather;
        let (mut sum, mut inside) = (Vec3::ZERO, 0);
        let shift = (draw(&mut seed), draw(&mut seed));
        for i in 0..count {
            let r = ((i as f32 + shift.0) / count as f32).sqrt();
            let angle = std::f32::consts::TAU * (i as f32 * 0.618_034 + shift.1);
            let (sin, cos) = angle.sin_cos();
            let direction =
                side * (r * cos) + up * (r * sin) + normal * (1.0 - r * r).max(0.0).sqrt();
            let Some(hit) = self.bvh.closest(point, direction, 40.0) else {
                continue;
            };
            match self.sent(hit.face, hit.weights, direction, ambient) {
                Some(light) => sum += light.min(Vec3::splat(12.0)),
                None if hit.distance < 0.5 => inside += 1,
                None => {}
            }
        }
        (inside * 3 < count).then(|| sum * (std::f32::consts::PI / count as f32))
    }

    /// Radiance sent by a face against `direction`; none from its back.
    fn sent(
        &self,
        face: u32,
        weights: (f32, f32),
        direction: Vec3,
        ambient: &[Vec3],
    ) -> Option<Vec3> {
        let scene = self.scene;
        let face_data = scene.faces[face as usize];
        let surface: &Surface = &scene.surfaces[face_data.surface as usize];
        let material = &scene.materials[usize::from(surface.material.0)];
        let object = &scene.objects[surface.object as usize];
        let corners = face_data.vertices.map(|v| scene.vertices[v as usize]);
        let normal = object.pose.direction(corners[0].normal);
        if material.kind == Kind::Pane {
            // The pane's own light was counted as direct.
            return Some(Vec3::ZERO);
        }
        if normal.dot(direction) > 0.0 && !material.two_sided {
            return None;
        }
        let place: Vec2 = corners[0].light * (1.0 - weights.0 - weights.1)
            + corners[1].light * weights.0
            + corners[2].light * weights.1;
        let reflectance = material.tint
            * material
                .texture
                .map_or(Vec3::ONE, |t| scene.textures[usize::from(t)].mean());
        let light = scene.irradiance(surface, place) + ambient[object.room];
        Some(reflectance * light / std::f32::consts::PI)
    }
}

/// Evens out the grain of sampled windows and lamps: a 3 × 3 tent on charts large enough.
fn soften(surfaces: &[Surface], light: &mut [Vec3]) {
    for chart in surfaces.iter().filter(|s| s.columns > 5 && s.rows > 5) {
        let (first, columns, rows) = (
            chart.chart as usize,
            chart.columns as usize,
            chart.rows as usize,
        );
        let before = light[first..first + columns * rows].to_vec();
        for row in 0..rows {
            for column in 0..columns {
                let (mut sum, mut total) = (Vec3::ZERO, 0.0);
                for r in row.saturating_sub(1)..(row + 2).min(rows) {
                    for c in column.saturating_sub(1)..(column + 2).min(columns) {
                        let weight = 1.0 / (1 << (c.abs_diff(column) + r.abs_diff(row))) as f32;
                        sum += before[r * columns + c] * weight;
                        total += weight;
                    }
                }
                light[first + row * columns + column] = sum / total;
            }
        }
    }
}

/// Adds what was gathered, smoothed over each chart, and fills points that lie
/// inside something from their neighbours.
fn settle(scene: &mut Scene, direct: Vec<Vec3>, gathered: Vec<Option<Vec3>>) {
    for index in 0..scene.surfaces.len() {
        let chart = scene.surfaces[index];
        let (first, columns, rows) = (
            chart.chart as usize,
            chart.columns as usize,
            chart.rows as usize,
        );
        let reach = if columns.min(rows) > 7 { 3 } else { 1 };
        for row in 0..rows {
            for column in 0..columns {
                let own = gathered[first + row * columns + column].is_some();
                let (mut soft, mut hard, mut total) = (Vec3::ZERO, Vec3::ZERO, 0.0);
                for r in row.saturating_sub(reach)..(row + reach + 1).min(rows) {
                    for c in column.saturating_sub(reach)..(column + reach + 1).min(columns) {
                        let place = first + r * columns + c;
                        let Some(value) = gathered[place] else {
                            continue;
                        };
                        let squared = c.abs_diff(column).pow(2) + r.abs_diff(row).pow(2);
                        let weight = (-(squared as f32) / (0.6 * (reach * reach) as f32)).exp();
                        soft += value * weight;
                        hard += direct[place] * weight;
                        total += weight;
                    }
                }
                let place = first + row * columns + column;
                let straight = if own || total == 0.0 {
                    direct[place]
                } else {
                    hard / total
                };
                scene.light[place] = straight
                    + if total > 0.0 {
                        soft / total
                    } else {
                        Vec3::ZERO
                    };
            }
        }
    }
}

/// The next draw of a small generator in 0..1.
fn draw(seed: &mut u32) -> f32 {
    *seed = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    (hash(*seed) >> 8) as f32 * (1.0 / 16_777_216.0)
}
