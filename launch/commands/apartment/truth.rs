//! What a perfect perception would publish: the labels of the picture, in the
//! messages and at the keys of Concert's outputs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use concert_apartment::{Class, Labels};
use concert_models::Intrinsics;
use concert_runtime::io::zenoh::{MessageOptions, MessagePublisher, Sessions, ZenohError};
use concert_runtime::wire::encode::camera_info;
use concert_runtime::wire::sensor_msgs::Image;
use concert_runtime::wire::vision_msgs::{Detection2D, Detection2DArray, ObjectHypothesis};
use concert_runtime::{BusError, Timestamp};

use super::messages::{OPTICAL, header};
use crate::simulated_robot::SimulatedRobot;

const DEPTH: &str = "depth_zbuffer";
const DEPTH_INFO: &str = "depth_zbuffer/camera_info";
const NORMALS: &str = "normal";
const CLASSES: &str = "segment_semantic";
const BOXES: &str = "object_detection";
/// Of so many pixels a side, one is published: dense outputs are as coarse as
/// those of the shipped readouts.
const STRIDE: usize = 4;
/// Objects of fewer pixels have no box.
const MIN_PIXELS: usize = 24;
/// Shared memory for the messages.
const SHARED_MEMORY_BYTES: usize = 4 << 20;

/// Publishes true outputs.
pub(super) struct Truth {
    publisher: MessagePublisher,
}

impl Truth {
    /// Declares the outputs below `prefix`.
    pub(super) fn open(sessions: &Sessions, prefix: &str) -> Result<Self, ZenohError> {
        let options = MessageOptions {
            prefix: prefix.to_owned(),
            keys: [DEPTH, DEPTH_INFO, NORMALS, CLASSES, BOXES]
                .map(str::to_owned)
                .to_vec(),
            shared_memory_bytes: SHARED_MEMORY_BYTES,
            claim: None,
        };
        let publisher = MessagePublisher::open(sessions.clone(), &options)?;
        Ok(Self { publisher })
    }

    /// Tells whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        let mut keys = [DEPTH, NORMALS, CLASSES, BOXES].into_iter();
        keys.any(|key| self.publisher.has_subscriber(key))
    }

    /// Publishes what is true of a picture.
    pub(super) fn publish(
        &mut self,
        stamp: Timestamp,
        labels: &Labels,
        robot: &SimulatedRobot,
    ) -> Result<(), BusError> {
        let (width, height) = (labels.width as usize, labels.height as usize);
        let (columns, rows) = (width / STRIDE, height / STRIDE);
        let of = |encoding: &'static str, cell: usize, data: Vec<u8>| Image {
            header: header(stamp, OPTICAL),
            height: rows as u32,
            width: columns as u32,
            encoding: Cow::Borrowed(encoding),
            is_bigendian: false,
            step: (columns * cell) as u32,
            data: Cow::Owned(data),
        };
        let cells = || {
            (0..columns * rows).map(|cell| {
                let (u, v) = (cell % columns, cell / columns);
                (v * STRIDE + STRIDE / 2) * width + u * STRIDE + STRIDE / 2
            })
        };
        let depth = cells().flat_map(|pixel| labels.depth[pixel].to_le_bytes());
        let info = camera_info(header(stamp, OPTICAL), &coarse(robot.intrinsics()));
        self.publisher.publish(DEPTH_INFO, &info)?;
        self.publisher
            .publish(DEPTH, &of("32FC1", 4, depth.collect()))?;
        let normals = cells().flat_map(|pixel| labels.normals[pixel]);
        let normals = normals.flat_map(f32::to_le_bytes).collect();
        self.publisher.publish(NORMALS, &of("32FC3", 12, normals))?;
        let classes = cells().map(|pixel| labels.semantic[pixel]).collect();
        self.publisher.publish(CLASSES, &of("mono8", 1, classes))?;
        let named = robot.home().named();
        self.publisher.publish(BOXES, &boxes(stamp, labels, named))
    }
}

/// The intrinsics at a quarter of the resolution.
fn coarse(full: Intrinsics) -> Intrinsics {
    let stride = STRIDE as f64;
    let middle = |c: f64| (c - (STRIDE / 2) as f64) / stride;
    Intrinsics {
        fx: full.fx / stride,
        fy: full.fy / stride,
        cx: middle(full.cx),
        cy: middle(full.cy),
        width: full.width / STRIDE,
        height: full.height / STRIDE,
    }
}

/// A box around each object's pixels, with its class, or a name of its own.
fn boxes(stamp: Timestamp, labels: &Labels, named: &[(u16, String)]) -> Detection2DArray {
    let mut bounds: BTreeMap<u16, (u8, usize, [u32; 4])> = BTreeMap::new();
    for (pixel, instance) in labels.instance.iter().enumerate() {
        let (u, v) = (pixel as u32 % labels.width, pixel as u32 / labels.width);
        let class = labels.semantic[pixel];
        let (_, count, sides) = bounds.entry(*instance).or_insert((class, 0, [u, v, u, v]));
        *count += 1;
        *sides = [
            sides[0].min(u),
            sides[1].min(v),
            sides[2].max(u),
            sides[3].max(v),
        ];
    }
    let seen = bounds.into_iter();
    let seen = seen.filter(|(_, (class, count, _))| {
        *count >= MIN_PIXELS && Class::from_id(*class).is_some_and(is_an_object)
    });
    let detection = |(number, (class, _, sides)): (u16, (u8, usize, [u32; 4]))| {
        let [left, top, right, bottom] = sides;
        let side = |low: u32, high: u32| f64::from(high - low + 1);
        let middle = |low: u32, high: u32| f64::from(low + high) / 2.0;
        let own = named.iter().find(|(named, _)| *named == number);
        let name = match own {
            Some((_, name)) => name,
            None => Class::from_id(class).map_or("", Class::name),
        };
        Detection2D {
            header: header(stamp, OPTICAL),
            results: vec![ObjectHypothesis {
                class_id: name.to_owned(),
                score: 1.0,
            }],
            center: [middle(left, right), middle(top, bottom)],
            theta: 0.0,
            size: [side(left, right), side(top, bottom)],
            id: String::new(),
        }
    };
    Detection2DArray {
        header: header(stamp, OPTICAL),
        detections: seen.map(detection).collect(),
    }
}

/// What has bounds that say something: not walls, floors and the like.
fn is_an_object(class: Class) -> bool {
    !matches!(
        class,
        Class::Nothing
            | Class::Wall
            | Class::Floor
            | Class::Ceiling
            | Class::Window
            | Class::DoorFrame
            | Class::Carpet
            | Class::Curtain
    )
}
