//! What a robot perceives: Concert's outputs and its own wheels and bumper, as
//! numbers. Every one bears the stamp of the frame that it was made of.

use concert_runtime::Timestamp;

use super::place::{Pinhole, Place};

/// One thing that was perceived.
#[derive(Debug, Clone)]
pub(crate) enum Sense {
    /// Depth along the optical axis, m; NaN where unknown.
    Depth(DepthMap),
    /// A class for each pixel.
    Classes(ClassMap),
    /// Unit normals of the surfaces, in the optical frame.
    Normals(NormalMap),
    /// Objects in the image.
    Boxes(Boxes),
    /// The camera's pose as its pictures have it.
    Visual(Visual),
    /// `odom_from_base`, as the wheels have it.
    Wheels(Timestamp, Place),
    /// The base touches something.
    Bumper(bool),
    /// The gripper holds something.
    Holding(bool),
}

/// Depth, row by row.
#[derive(Debug, Clone)]
pub(crate) struct DepthMap {
    pub(crate) stamp: Timestamp,
    pub(crate) camera: Pinhole,
    pub(crate) metres: Vec<f32>,
}

impl DepthMap {
    /// The median of the depths in a window (left, top, right, bottom, px,
    /// exclusive); `None` where none is known.
    pub(crate) fn median(&self, window: [usize; 4]) -> Option<f64> {
        let [left, top, right, bottom] = window;
        let (right, bottom) = (right.min(self.camera.width), bottom.min(self.camera.height));
        let mut depths: Vec<f32> = (top..bottom)
            .flat_map(|v| (left..right).map(move |u| v * self.camera.width + u))
            .filter_map(|pixel| self.metres.get(pixel).copied())
            .filter(|depth| depth.is_finite() && *depth > 0.0)
            .collect();
        depths.sort_by(f32::total_cmp);
        depths.get(depths.len() / 2).map(|depth| f64::from(*depth))
    }
}

/// Classes, row by row.
#[derive(Debug, Clone)]
pub(crate) struct ClassMap {
    pub(crate) stamp: Timestamp,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) classes: Vec<u8>,
}

/// Normals, row by row: x right, y down, z forward.
#[derive(Debug, Clone)]
pub(crate) struct NormalMap {
    pub(crate) stamp: Timestamp,
    pub(crate) normals: Vec<[f32; 3]>,
}

/// Objects of one frame.
#[derive(Debug, Clone)]
pub(crate) struct Boxes {
    pub(crate) stamp: Timestamp,
    pub(crate) boxes: Vec<ObjectBox>,
}

/// An object's bounds as shares of the image's width and height.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ObjectBox {
    pub(crate) class: String,
    pub(crate) score: f64,
    /// Left, top, right, bottom, 0 to 1.
    pub(crate) sides: [f64; 4],
}

/// `odom_from_body` of visual odometry: the body is x ahead along the optical
/// axis, y left, z up in the image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visual {
    pub(crate) stamp: Timestamp,
    /// Unit quaternion x, y, z, w.
    pub(crate) orientation: [f64; 4],
    /// Variance of the rotation about z, rad².
    pub(crate) yaw_variance: f64,
}
