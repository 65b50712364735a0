//! Memory that odometry keeps of a frame.

use nalgebra::{Isometry3, Vector2, Vector3};

use super::OdometryParameters;
use super::inverse_depth::InverseDepth;
use super::pose::Covariance;
use super::surface::{Surface, part_of};
use crate::geometric::keypoints::{Detector, KeypointLevels, Keypoints, LOGITS, copy_into};
use crate::geometric::scene::{Dense, Scene, Unable};
use crate::geometry::Intrinsics;

/// Depths further away are as good as unknown, m.
pub(super) const MAX_DEPTH: f32 = 20.0;
/// Least depth that a camera measures, m.
pub(super) const MIN_DEPTH: f32 = 0.05;
/// Fewer points of measured depth do not make a frame metric.
const MIN_MEASURED: usize = 20;
/// Share by which neighbouring depths of one surface differ at most.
const ONE_SURFACE: f32 = 0.08;

/// Keypoints of one frame, and where the camera was.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) stamp_nanos: i64,
    pub(super) keypoints: Keypoints,
    /// On the plane z = 1, as many as keypoints.
    pub(super) rays: Vec<Vector2<f64>>,
    /// In 1/m, or in the unit of a trajectory without scale.
    pub(super) inverse_depths: Vec<InverseDepth>,
    /// Parts of the picture that keypoints lie in.
    pub(super) parts: Vec<u8>,
    /// What a depth camera sees.
    pub(super) surface: Surface,
    /// Whether depth was measured here, by the frame itself.
    pub(super) is_measured: bool,
    /// Whether inverse depths are in metres: measured here, or handed on from
    /// where they were.
    pub(super) is_metric: bool,
    /// What all its depths may be off by together, as a share: a wrong scale does
    /// not average out over the points of a frame.
    pub(super) scale_error: f64,
    /// Whether a readout made its depths: their errors are alike over wide parts
    /// of a frame.
    pub(super) is_read_out: bool,
    /// Length of a pixel of the network's input on the plane z = 1.
    pub(super) pixel: f64,
    /// Of optical frames.
    pub(super) odom_from_this: Isometry3<f64>,
    /// Along the axes of odom, but for `scaled`.
    pub(super) covariance: Covariance,
    /// How far off the position is, should all depths since the start have been
    /// off by their scale error, m along the axes of odom.
    pub(super) scaled: Vector3<f64>,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            stamp_nanos: 0,
            keypoints: Keypoints::default(),
            rays: Vec::new(),
            inverse_depths: Vec::new(),
            parts: Vec::new(),
            surface: Surface::default(),
            is_measured: false,
            is_metric: false,
            scale_error: 0.0,
            is_read_out: false,
            pixel: 1.0,
            odom_from_this: Isometry3::identity(),
            covariance: Covariance::zeros(),
            scaled: Vector3::zeros(),
        }
    }
}

impl Snapshot {
    /// Becomes the same as another, in the memory that it has.
    pub(super) fn copy(&mut self, other: &Self) {
        let Self {
            stamp_nanos,
            keypoints,
            rays,
            inverse_depths,
            parts,
            surface,
            is_measured,
            is_metric,
            scale_error,
            is_read_out,
            pixel,
            odom_from_this,
            covariance,
            scaled,
        } = other;
        self.keypoints.copy(keypoints);
        copy_into(rays, &mut self.rays);
        copy_into(inverse_depths, &mut self.inverse_depths);
        copy_into(parts, &mut self.parts);
        self.surface.copy(surface);
        (self.stamp_nanos, self.pixel) = (*stamp_nanos, *pixel);
        (self.is_measured, self.is_metric) = (*is_measured, *is_metric);
        (self.scale_error, self.is_read_out) = (*scale_error, *is_read_out);
        self.odom_from_this = *odom_from_this;
        (self.covariance, self.scaled) = (*covariance, *scaled);
    }

    /// Takes a frame in; what stood here is lost.
    ///
    /// # Errors
    /// Views that are missing or do not fit together.
    pub(super) fn take(
        &mut self,
        scene: &Scene<'_>,
        detector: &mut Detector,
        parameters: &OdometryParameters,
    ) -> Result<(), Unable> {
        let channels = scene.view("descriptors", 4).map_or(0, |view| view.shape[1]);
        let descriptors = scene.dense("descriptors", channels.max(1))?;
        let reliability = scene.dense("reliability", 1)?;
        let logits = scene.dense("keypoint_logits", LOGITS)?;
        let cells = (descriptors.width, descriptors.height);
        let others = [&reliability, &logits].map(|view| (view.width, view.height));
        if others != [cells; 2] {
            return Err(Unable::Unusable(format!(
                "descriptors have {cells:?} cells, but reliability and keypoint_logits {others:?}"
            )));
        }
        let levels = KeypointLevels {
            cells,
            descriptors: descriptors.values,
            reliability: reliability.values,
            logits: logits.values,
        };
        detector.detect(&levels, parameters.most_points, &mut self.keypoints);
        self.stamp_nanos = scene.stamp_nanos;
        self.place(scene, &descriptors);
        self.measure(scene, parameters)
    }

    fn place(&mut self, scene: &Scene<'_>, level: &Dense<'_>) {
        let Intrinsics { fx, fy, cx, cy, .. } = scene.intrinsics();
        let points = self.keypoints.points.iter();
        let most = self.keypoints.points.capacity();
        self.rays.clear();
        self.rays.reserve(most);
        self.rays.extend(points.map(|point| {
            let [u, v] = image_of(level, point.u, point.v);
            Vector2::new((u - cx) / fx, (v - cy) / fy)
        }));
        let size = (8.0 * level.width as f64, 8.0 * level.height as f64);
        self.parts.clear();
        self.parts.reserve(most);
        let points = self.keypoints.points.iter();
        self.parts.extend(
            points.map(|point| part_of(f64::from(point.u) / size.0, f64::from(point.v) / size.1)),
        );
        let [[across, ..], [_, down, _]] = level.image_from_pixel.0;
        self.pixel = (across * down / (fx * fy)).abs().sqrt() / 8.0;
    }

    fn measure(
        &mut self,
        scene: &Scene<'_>,
        parameters: &OdometryParameters,
    ) -> Result<(), Unable> {
        self.scale_error = 0.0;
        self.is_read_out = false;
        self.is_measured = false;
        self.is_metric = false;
        self.surface.clear();
        self.inverse_depths.clear();
        self.inverse_depths
            .reserve(self.keypoints.points.capacity());
        self.inverse_depths
            .resize(self.rays.len(), InverseDepth::UNKNOWN);
        if scene.view("depth", 4).is_none() {
            return Ok(());
        }
        let depth = scene.dense("depth", 1)?;
        let Some(pixel_from_image) = depth.image_from_pixel.inverse() else {
            return Ok(());
        };
        let Intrinsics { fx, fy, cx, cy, .. } = scene.intrinsics();
        let noise = DepthNoise::of(depth.relative_error, parameters);
        let mut measured = 0;
        for (ray, inverse) in self.rays.iter().zip(&mut self.inverse_depths) {
            let pixel = pixel_from_image.apply([ray.x * fx + cx, ray.y * fy + cy]);
            let metres = depth_at(&depth, pixel);
            if metres.is_finite() {
                *inverse = InverseDepth::measured(metres, noise.share(metres));
                measured += 1;
            }
        }
        self.is_measured = measured >= MIN_MEASURED;
        self.is_metric = self.is_measured;
        if self.is_measured {
            self.scale_error = noise.scale;
            self.is_read_out = depth.relative_error.is_some();
            if !self.is_read_out {
                self.surface.take(&depth, &scene.intrinsics());
            }
        }
        Ok(())
    }
}

/// How wrong depths may be.
struct DepthNoise {
    /// Of a frame as a whole, as a share.
    scale: f64,
    /// Of a point, as a share, and what is added to it per metre of depth.
    of_point: f64,
    per_metre: f64,
}

impl DepthNoise {
    /// Of a readout with this mean relative error, or else of a sensor, whose
    /// noise grows with the square of the depth (K. Khoshelham, S. Oude Elberink,
    /// "Accuracy and Resolution of Kinect Depth Data", Sensors 12, 2012).
    fn of(relative_error: Option<f64>, parameters: &OdometryParameters) -> Self {
        match relative_error {
            Some(mean) => {
                let sigma = (mean * SIGMA_OF_MEAN).clamp(parameters.depth_error, 1.0);
                Self {
                    scale: sigma,
                    of_point: sigma,
                    per_metre: 0.0,
                }
            }
            None => Self {
                scale: parameters.depth_error,
                of_point: parameters.depth_error,
                per_metre: parameters.depth_noise,
            },
        }
    }

    /// Standard deviation of one depth, as a share of it.
    fn share(&self, metres: f64) -> f64 {
        self.of_point.hypot(self.per_metre * metres)
    }
}

/// Standard deviation of a normal distribution over its mean absolute value:
/// √(π / 2).
const SIGMA_OF_MEAN: f64 = 1.2533;

/// A pixel of the network's input, eight of which are a cell, in the image.
fn image_of(level: &Dense<'_>, u: f32, v: f32) -> [f64; 2] {
    let cell = |pixel: f32| (f64::from(pixel) + 0.5) / 8.0 - 0.5;
    level.image_from_pixel.apply([cell(u), cell(v)])
}

/// Bilinear within one surface; NaN outside, and between two surfaces.
fn depth_at(depth: &Dense<'_>, [u, v]: [f64; 2]) -> f64 {
    let (right, bottom) = (depth.width as f64 - 1.0, depth.height as f64 - 1.0);
    if !(-0.5..=right + 0.5).contains(&u) || !(-0.5..=bottom + 0.5).contains(&v) {
        return f64::NAN;
    }
    let (u, v) = (u.clamp(0.0, right), v.clamp(0.0, bottom));
    let x = (u as usize).min(depth.width - 2);
    let y = (v as usize).min(depth.height - 2);
    let (fx, fy) = (u - x as f64, v - y as f64);
    let upper = &depth.values[y * depth.width + x..][..2];
    let lower = &depth.values[(y + 1) * depth.width + x..][..2];
    let four = [upper[0], upper[1], lower[0], lower[1]];
    let least = four.into_iter().fold(f32::INFINITY, f32::min);
    let most = four.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let known = four
        .iter()
        .all(|metres| (MIN_DEPTH..=MAX_DEPTH).contains(metres));
    if !known || most - least > ONE_SURFACE * least {
        return f64::NAN;
    }
    let [a, b, c, d] = four.map(f64::from);
    let (upper, lower) = (a + (b - a) * fx, c + (d - c) * fx);
    upper + (lower - upper) * fy
}
