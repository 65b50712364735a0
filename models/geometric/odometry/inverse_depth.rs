//! Distance of a point, as one over its depth, and how sure it is.
//!
//! Inverse depth is what images tell linearly: a point at infinity is 0, and a
//! few pixels of parallax are an estimate with a nearly Gaussian error
//! (Civera, Davison, Montiel, IEEE TRO 24(5), 2008).

use nalgebra::{Isometry3, Matrix2, Vector2};

/// One over the depth along the optical axis, with its standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct InverseDepth {
    pub(super) value: f64,
    pub(super) sigma: f64,
}

/// Smallest standard deviation that parallax alone leads to, as a share.
const FLOOR: f64 = 0.01;
/// Greatest inverse depth: 5 cm, or a twentieth of the unit.
const MOST: f64 = 20.0;
/// A standard deviation below this share counts as known.
const KNOWN: f64 = 0.15;
/// A standard deviation below this share is a start.
const ROUGH: f64 = 0.5;

impl InverseDepth {
    /// What is expected of a point in a room (in metres), and of one where the
    /// median distance is the unit.
    pub(super) const UNKNOWN: Self = Self {
        value: 0.6,
        sigma: 0.6,
    };

    /// From a depth whose standard deviation is this share of it.
    pub(super) fn measured(depth: f64, error: f64) -> Self {
        Self {
            value: 1.0 / depth,
            sigma: error / depth,
        }
    }

    /// Whether it is good enough to try motions from.
    pub(super) fn is_rough(&self) -> bool {
        self.sigma < ROUGH * self.value
    }

    /// Whether it may give a motion its length.
    pub(super) fn is_known(&self) -> bool {
        self.sigma < KNOWN * self.value
    }

    /// Of the same point seen from a frame that lies at `now_from_then`.
    pub(super) fn moved(&self, ray: &Vector2<f64>, now_from_then: &Isometry3<f64>) -> Self {
        let (turned, step) = (
            now_from_then.rotation * ray.push(1.0),
            now_from_then.translation.z,
        );
        let along = turned.z + self.value * step;
        if along < 1e-3 {
            return Self::UNKNOWN;
        }
        let derivative = turned.z / (along * along);
        Self {
            value: (self.value / along).clamp(0.0, MOST),
            sigma: (self.sigma * derivative.abs() * 1.05).min(Self::UNKNOWN.sigma),
        }
    }

    /// Learns from where the point is seen, which is known to `pixel`.
    pub(super) fn learn(&mut self, sight: &Sight, now_from_then: &Isometry3<f64>, pixel: f64) {
        let Some(seen) = sight.project(now_from_then) else {
            return;
        };
        let moves = seen.by_inverse_depth.norm_squared();
        let known = 1.0 / (self.sigma * self.sigma);
        let told = moves / (pixel * pixel);
        let better = seen.residual.dot(&seen.by_inverse_depth) / (pixel * pixel);
        self.value = (self.value - better / (known + told)).clamp(0.0, MOST);
        let sigma = 1.0 / (known + told).sqrt();
        self.sigma = sigma.max((FLOOR * self.value).min(self.sigma)).max(1e-4);
    }
}

/// A point of one frame as it is seen in another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    /// On the plane z = 1 of the frame then.
    pub(super) ray: Vector2<f64>,
    pub(super) inverse: InverseDepth,
    /// On the plane z = 1 of the frame now.
    pub(super) seen: Vector2<f64>,
}

/// Where a point should be seen.
pub(super) struct Projected {
    /// From where it is seen to where it should be.
    pub(super) residual: Vector2<f64>,
    pub(super) by_inverse_depth: Vector2<f64>,
}

impl Sight {
    /// `None` for a point behind the camera.
    pub(super) fn project(&self, now_from_then: &Isometry3<f64>) -> Option<Projected> {
        let step = now_from_then.translation.vector;
        let point = now_from_then.rotation * self.ray.push(1.0) + step * self.inverse.value;
        if point.z < 1e-3 {
            return None;
        }
        let at = point.xy() / point.z;
        Some(Projected {
            residual: at - self.seen,
            by_inverse_depth: (step.xy() - at * step.z) / point.z,
        })
    }
}

impl Projected {
    /// Weights the residual by what of it the depth cannot explain: the inverse
    /// of its covariance in units of a pixel's.
    pub(super) fn information(&self, sigma: f64, pixel: f64) -> Matrix2<f64> {
        let along = self.by_inverse_depth;
        let share = sigma * sigma / (pixel * pixel + sigma * sigma * along.norm_squared());
        Matrix2::identity() - along * along.transpose() * share
    }
}
