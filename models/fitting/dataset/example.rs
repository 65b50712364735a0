//! One picture and what is known about it.

use std::path::PathBuf;
use std::sync::Arc;

use nalgebra::Isometry3;

use super::objects::ObjectBox;
use concert_models::image_file::DepthImage;
use concert_models::{Image, Intrinsics};

/// One picture and what is known about it.
#[derive(Debug, Clone)]
pub struct Example {
    /// `SEQUENCE/FRAME`, for errors and tables.
    pub name: String,
    /// The picture.
    pub image: Image,
    /// Depth at every pixel of the picture, where the data set has it.
    pub depth: Option<Arc<DepthImage>>,
    /// Size at which depth was measured, px, where it was scaled to the picture.
    pub depth_scaled_from: Option<(usize, usize)>,
    /// The camera, for this very picture's size.
    pub intrinsics: Option<Intrinsics>,
    /// The camera's pose in a world that one sequence shares; `None` where it
    /// is unknown.
    pub world_from_optical: Option<Isometry3<f64>>,
    /// The fault of the file of its pose, which matters only where a pose
    /// is needed.
    pub pose_fault: Option<String>,
    /// Time of the exposure, in seconds of the data set's own clock.
    pub stamp_seconds: Option<f64>,
    /// Number of the picture's class, in [`super::DataSet::classes`].
    pub class: Option<usize>,
    /// The boxes of its objects, where the data set lists them; see
    /// [`super::DataSet::object_classes`].
    pub objects: Option<Arc<[ObjectBox]>>,
    /// Objects that have a class of their own: their number in the image of instances,
    /// and that of their class in [`super::DataSet::object_classes`].
    pub named: Arc<[(u16, usize)]>,
    /// Label files found beside the picture.
    pub files: LabelFiles,
}

/// Label files beside a picture, as the apartment writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelFiles {
    /// 8 bit RGB, `n * 127.5 + 127.5`, optical frame, towards the camera.
    pub normal: Option<PathBuf>,
    /// 8 bit class numbers; 0 and 255 unknown.
    pub semantic: Option<PathBuf>,
    /// 8 bit, 0 or 255.
    pub edge_occlusion: Option<PathBuf>,
    /// 8 bit RGB: k1, k2 as `127 + 127 * tanh(k / 10 per m)`.
    pub curvature: Option<PathBuf>,
    /// 8 bit, `255 * reshading`.
    pub reshading: Option<PathBuf>,
    /// The room's cuboid and vanishing points.
    pub layout: Option<PathBuf>,
    /// 16 bit numbers of objects; 0 nothing.
    pub instance: Option<PathBuf>,
}

impl LabelFiles {
    /// The endings after `NAME.`, in the order of the fields.
    pub(super) const ENDINGS: [&'static str; 7] = [
        "normal.png",
        "semantic.png",
        "edge_occlusion.png",
        "curvature.png",
        "reshading.png",
        "layout.json",
        "instance.png",
    ];

    pub(super) fn new(path: impl Fn(&str) -> PathBuf, present: u8) -> Self {
        let [
            normal,
            semantic,
            edge_occlusion,
            curvature,
            reshading,
            layout,
            instance,
        ] = std::array::from_fn(|bit| (present >> bit & 1 == 1).then(|| path(Self::ENDINGS[bit])));
        Self {
            normal,
            semantic,
            edge_occlusion,
            curvature,
            reshading,
            layout,
            instance,
        }
    }
}
