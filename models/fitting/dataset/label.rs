//! The true output of a task for one picture.

use std::path::Path;

use concert_policies::{OutputKind, Task};
use nalgebra::Isometry3;

use super::derive::{Surface, edges, room_in_view, shading};
use super::error::LabelError;
use super::example::{Example, LabelFiles};
use super::label_file;
use super::objects;

/// The true output of a task for one picture: `channels` planes of `height`
/// rows of `width` values, in the task's unit; NaN where unknown.
///
/// That of `room_layout` has the task's nine numbers and, where depth and
/// intrinsics are known too, six more: the share of the pixels of known depth
/// that lie on the sides at the low and the high end of the room's x, y and z.
///
/// That of `object_detection` has no value per pixel: `width` and `height` are
/// the picture's, and `values` are rows of [`BOX_NUMBERS`](super::BOX_NUMBERS) numbers, one
/// row per object that is to be seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Planes.
    pub channels: usize,
    /// Values in a row; 1 for labels of the whole picture.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row-major, plane by plane.
    pub values: Vec<f32>,
    /// The rule by which values are brought to another size.
    pub kind: LabelKind,
}

/// The rule by which values of several pixels become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// Mean of the known ones.
    Continuous,
    /// Median of the known ones, so that a cell on an edge shows one of its
    /// sides and nothing between.
    Depth,
    /// Greatest of the known ones: whether anything is there.
    Edge,
    /// Mean direction, of unit length.
    Normal,
    /// The most frequent number.
    Class,
    /// One row of numbers for the whole picture.
    Whole,
    /// Boxes, moved and scaled with the picture.
    Boxes,
}

impl Label {
    /// The label of `example` for `task`: read from its file where there is
    /// one, else derived from depth and intrinsics. `None` where the example
    /// has neither.
    ///
    /// Normals are fitted planes in inverse depth over a neighbourhood that
    /// grows with depth; occlusion edges are those of the apartment's rule
    /// (nearer than a neighbour by more than 4 cm + 2 % beyond both tangent
    /// planes); curvature is the derivative of the normals along the surface;
    /// reshading is max(0, n · −r) with the unit ray r.
    ///
    /// # Errors
    /// A task that no data set labels, intrinsics that are needed and unknown,
    /// and files that cannot be used.
    pub fn of(task: &'static Task, example: &Example) -> Result<Option<Self>, LabelError> {
        let files = &example.files;
        if task.output == OutputKind::Boxes2d {
            return boxes(example);
        }
        let (image, path) = match task.name {
            "depth_zbuffer" => return Ok(depth(example)),
            "depth_euclidean" => return euclidean(task, example),
            "class_scene" if example.class.is_none() => {
                return Ok(match &files.layout {
                    Some(path) => label_file::scene(path)?.map(one_class),
                    None => None,
                });
            }
            "class_scene" | "class_object" => return Ok(example.class.map(one_class)),
            "autoencoding" => return Ok(Some(label_file::colours(&example.image))),
            "room_layout" | "vanishing_point" => {
                return match &files.layout {
                    Some(path) => Ok(label_file::layout(task, path)?.map(|label| {
                        let shows = task.name == "room_layout";
                        let view = shows
                            .then(|| room_in_view(&label.values, example))
                            .flatten();
                        label.and(view)
                    })),
                    None => Ok(None),
                };
            }
            "normal" => (LabelKind::Normal, &files.normal),
            "edge_occlusion" => (LabelKind::Edge, &files.edge_occlusion),
            "curvature" | "reshading" => (
                LabelKind::Continuous,
                match task.name {
                    "curvature" => &files.curvature,
                    _ => &files.reshading,
                },
            ),
            "segment_semantic" => (LabelKind::Class, &files.semantic),
            task => return Err(LabelError::NoSuchLabel { task }),
        };
        if let Some(path) = path {
            return Ok(Some(label_file::dense(task, image, path, example)?));
        }
        derive(task, example)
    }

    /// The file from which the label of a task is read, where there is one.
    #[must_use]
    pub fn file<'f>(task: &Task, files: &'f LabelFiles) -> Option<&'f Path> {
        if task.output == OutputKind::Boxes2d {
            return files.instance.as_deref();
        }
        let file = match task.name {
            "room_layout" | "vanishing_point" => &files.layout,
            "normal" => &files.normal,
            "edge_occlusion" => &files.edge_occlusion,
            "curvature" => &files.curvature,
            "reshading" => &files.reshading,
            "segment_semantic" => &files.semantic,
            _ => &None,
        };
        file.as_deref()
    }

    /// A label of the whole picture with more numbers.
    fn and(mut self, more: Option<[f32; 6]>) -> Self {
        self.values.extend(more.into_iter().flatten());
        self.channels = self.values.len();
        self
    }

    /// Values of one plane.
    ///
    /// # Panics
    /// Where `channel` is not below the number of channels.
    #[must_use]
    pub fn plane(&self, channel: usize) -> &[f32] {
        let plane = self.width * self.height;
        &self.values[channel * plane..(channel + 1) * plane]
    }

    /// Share of the pixels whose value is known, 0..=1.
    #[must_use]
    pub fn known_share(&self) -> f64 {
        if self.kind == LabelKind::Boxes {
            // Where no object is listed, none is to be seen.
            return 1.0;
        }
        let plane = self.width * self.height;
        let known = (self.values[..plane.min(self.values.len())].iter()).filter(|v| !v.is_nan());
        known.count() as f64 / plane.max(1) as f64
    }
}

fn dense(channels: usize, example: &Example, values: Vec<f32>, kind: LabelKind) -> Label {
    Label {
        channels,
        width: example.image.width(),
        height: example.image.height(),
        values,
        kind,
    }
}

/// The boxes that a data set lists, else those of its images of instances.
fn boxes(example: &Example) -> Result<Option<Label>, LabelError> {
    let size = (example.image.width(), example.image.height());
    if let Some(objects) = &example.objects {
        return Ok(Some(Label::of_objects(size, objects)));
    }
    let files = &example.files;
    match (&files.instance, &files.semantic) {
        (Some(instance), Some(semantic)) => {
            Ok(Some(objects::of_instances(instance, semantic, example)?))
        }
        _ => Ok(None),
    }
}

fn depth(example: &Example) -> Option<Label> {
    let metres = example.depth.as_ref()?.metres.clone();
    Some(dense(1, example, metres, LabelKind::Depth))
}

fn euclidean(task: &'static Task, example: &Example) -> Result<Option<Label>, LabelError> {
    let Some(depth) = &example.depth else {
        return Ok(None);
    };
    let rays = no_intrinsics(task, example)?;
    let metres = (depth.metres.iter().enumerate())
        .map(|(pixel, z)| z * rays.length(pixel % depth.width, pixel / depth.width));
    Ok(Some(dense(1, example, metres.collect(), LabelKind::Depth)))
}

fn no_intrinsics(
    task: &'static Task,
    example: &Example,
) -> Result<super::derive::Rays, LabelError> {
    let intrinsics = example.intrinsics.ok_or_else(|| LabelError::NoIntrinsics {
        example: example.name.clone(),
        task: task.name,
    })?;
    Ok(super::derive::Rays::of(&intrinsics))
}

/// The class of a whole picture, by number.
fn one_class(class: usize) -> Label {
    Label {
        channels: 1,
        width: 1,
        height: 1,
        values: vec![class as f32],
        kind: LabelKind::Class,
    }
}

fn derive(task: &'static Task, example: &Example) -> Result<Option<Label>, LabelError> {
    let Some(depth) = &example.depth else {
        return Ok(None);
    };
    if task.name == "segment_semantic" {
        return Ok(None);
    }
    let rays = no_intrinsics(task, example)?;
    let surface = Surface::of(depth, &rays);
    Ok(Some(match task.name {
        "normal" => dense(3, example, surface.normals_chw(), LabelKind::Normal),
        "edge_occlusion" => dense(1, example, edges(depth, &rays, &surface), LabelKind::Edge),
        "curvature" => dense(2, example, surface.curvature(&rays), LabelKind::Continuous),
        _ => dense(1, example, shading(&rays, &surface), LabelKind::Continuous),
    }))
}

/// `previous_from_current`: the camera's motion between two examples of one
/// sequence, where both poses are known.
#[must_use]
pub fn relative_pose(previous: &Example, current: &Example) -> Option<Isometry3<f64>> {
    let world_from_previous = previous.world_from_optical?;
    Some(world_from_previous.inverse() * current.world_from_optical?)
}
