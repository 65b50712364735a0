//! The robot's nerves: Concert's outputs and the robot's own topics come in over
//! zenoh, velocities go out.
//!
//! | key | message | |
//! |---|---|---|
//! | `PERCEPTION/depth_zbuffer`, `…/camera_info` | `sensor_msgs/Image` 32FC1, `CameraInfo` | in |
//! | `PERCEPTION/segment_semantic`, `normal` | `sensor_msgs/Image` mono8, 32FC3 | in |
//! | `PERCEPTION/object_detection` | `vision_msgs/Detection2DArray` | in |
//! | `PERCEPTION/odometry` | `nav_msgs/Odometry`, of the pictures | in |
//! | `ROBOT/odom`, `tf` | `nav_msgs/Odometry`, of the wheels; the camera's mount | in |
//! | `ROBOT/bumper`, `gripper/holding` | `std_msgs/Bool` | in |
//! | `ROBOT/cmd_vel` | `geometry_msgs/Twist` | out |
//! | `ROBOT/gripper/close` | `std_msgs/Bool` | out |
//! | `PERCEPTION/errand` | JSON: what the robot is at, and its map | out |

use std::collections::VecDeque;
use std::time::Duration;

use concert_runtime::BusError;
use concert_runtime::io::zenoh::{
    MessageOptions, MessagePublisher, Received, Sessions, Watcher, ZenohError,
};
use concert_runtime::wire::geometry_msgs::Twist;
use concert_runtime::wire::sensor_msgs::{CameraInfo, Image};
use concert_runtime::wire::std_msgs::Bool;
use concert_runtime::wire::vision_msgs::Detection2DArray;
use concert_runtime::wire::{AnyMessage, keys};
use serde_json::Value;

use super::behaviour::Action;
use super::place::{Mount, Pinhole, Place};
use super::senses::{Boxes, ClassMap, DepthMap, NormalMap, ObjectBox, Sense, Visual};
use crate::draw::{About, Canvas, picture_of_message};

const DEPTH: &str = "depth_zbuffer";
const CLASSES: &str = "segment_semantic";
const NORMALS: &str = "normal";
const BOXES: &str = "object_detection";
const VISUAL: &str = "odometry";
const WHEELS: &str = "odom";
const BUMPER: &str = "bumper";
const HOLDING: &str = "gripper/holding";
const CAMERA: &str = "front/camera_info";
const IMAGE: &str = "front/image";
const COMMAND: &str = "cmd_vel";
const CLOSE: &str = "gripper/close";
/// Key of what the robot is at, below the perception's prefix.
const ERRAND: &str = keys::ERRAND;
/// A frame id that ends so is a camera's (REP-103).
const OPTICAL: &str = "_optical";
/// Boxes of a lower score are not acted on.
const MIN_SCORE: f64 = 0.3;
/// Most outputs that wait for their delay to pass.
const MAX_DELAYED: usize = 256;
/// Shared memory for what the robot says.
const SHARED_MEMORY_BYTES: usize = 1 << 20;

/// What ties the behaviour to a robot.
pub(crate) struct Nerves {
    outputs: Watcher,
    robot: Watcher,
    /// The camera's pictures, for people to look at.
    pictures: Option<Watcher>,
    commands: MessagePublisher,
    says: MessagePublisher,
    /// Outputs are acted on so much later.
    delay: Duration,
    /// When each may be acted on (monotonic), oldest first.
    delayed: VecDeque<(Duration, Sense)>,
    mount: Option<Mount>,
    reader: Reader,
}

/// Reads outputs; remembers what stands beside them.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Of depth outputs.
    camera: Option<Pinhole>,
    /// Width and height of the camera's image, px.
    pub(crate) image_size: Option<(f64, f64)>,
    /// Messages that could not be read.
    unreadable: u64,
}

impl Nerves {
    /// Listens and declares, on sessions with the robot and the perception.
    ///
    /// # Errors
    /// Keys that are none, sessions that are closed.
    pub(crate) fn open(
        sessions: &Sessions,
        (perception, robot): (&str, &str),
        delay: Duration,
        with_pictures: bool,
    ) -> Result<Self, ZenohError> {
        let all = std::slice::from_ref(sessions);
        let info = keys::beside(DEPTH, keys::CAMERA_INFO);
        let outputs = [DEPTH, &info, CLASSES, NORMALS, BOXES, VISUAL];
        // What nobody listens to is not computed.
        let watch = |prefix: &str, keys: &[&str]| {
            let mut watcher = Watcher::idle(all, prefix);
            watcher.listen_to(keys.iter().copied())?;
            Ok::<_, ZenohError>(watcher)
        };
        let own = [WHEELS, keys::TRANSFORMS, BUMPER, HOLDING, CAMERA];
        let publisher = |prefix: &str, keys: &[&str]| {
            let options = MessageOptions {
                prefix: prefix.to_owned(),
                keys: keys.iter().map(|key| (*key).to_owned()).collect(),
                shared_memory_bytes: SHARED_MEMORY_BYTES,
                claim: None,
            };
            MessagePublisher::open(sessions.clone(), &options)
        };
        Ok(Self {
            outputs: watch(perception, &outputs)?,
            robot: watch(robot, &own)?,
            pictures: match with_pictures {
                true => Some(watch(robot, &[IMAGE])?),
                false => None,
            },
            commands: publisher(robot, &[COMMAND, CLOSE])?,
            says: publisher(perception, &[ERRAND])?,
            delay,
            delayed: VecDeque::new(),
            mount: None,
            reader: Reader::default(),
        })
    }

    /// The camera's mount, once the robot has said it.
    pub(crate) fn mount(&self) -> Option<Mount> {
        self.mount
    }

    /// True once an output came that can be driven by.
    pub(crate) fn sees(&self) -> bool {
        self.reader.camera.is_some()
    }

    /// Messages that could not be read.
    pub(crate) fn unreadable(&self) -> u64 {
        self.reader.unreadable
    }

    /// What came since; waits for the first at most `timeout`. `at` is a
    /// monotonic time.
    pub(crate) fn senses(&mut self, timeout: Duration, at: Duration) -> Vec<Sense> {
        let outputs = self.outputs.take(timeout);
        let mut senses = Vec::new();
        for received in self.robot.take(Duration::ZERO) {
            senses.extend(self.of_robot(&received));
        }
        for received in outputs {
            let Some(sense) = self.of_output(&received) else {
                continue;
            };
            if self.delay.is_zero() {
                senses.push(sense);
            } else if self.delayed.len() < MAX_DELAYED {
                self.delayed.push_back((at + self.delay, sense));
            }
        }
        while let Some((due, sense)) = self.delayed.pop_front() {
            if due > at {
                self.delayed.push_front((due, sense));
                break;
            }
            senses.push(sense);
        }
        senses
    }

    /// The camera's newest picture since the last call, where pictures are
    /// wanted.
    pub(crate) fn picture(&mut self) -> Option<Canvas> {
        let received = self.pictures.as_ref()?.take(Duration::ZERO);
        let message = received.first()?.message().ok()?;
        picture_of_message(&message, &About::default()).map(|(canvas, _)| canvas)
    }

    /// Says a velocity, and what the gripper is to do.
    ///
    /// # Errors
    /// A session that is closed.
    pub(crate) fn command(&mut self, action: &Action) -> Result<(), BusError> {
        let twist = Twist {
            linear: [action.velocity.ahead, 0.0, 0.0],
            angular: [0.0, 0.0, action.velocity.turn],
        };
        self.commands.publish(COMMAND, &twist)?;
        match action.gripper {
            Some(data) => self.commands.publish(CLOSE, &Bool { data }),
            None => Ok(()),
        }
    }

    /// Tells what the robot is at, where anybody listens.
    ///
    /// # Errors
    /// A session that is closed.
    pub(crate) fn say(&mut self, picture: impl FnOnce() -> Value) -> Result<(), BusError> {
        if !self.says.has_subscriber(ERRAND) {
            return Ok(());
        }
        let text = picture().to_string();
        self.says.publish_bytes(ERRAND, "", text.as_bytes())
    }

    fn of_robot(&mut self, received: &Received) -> Option<Sense> {
        let message = self.read(received)?;
        match (received.key.as_str(), message) {
            (WHEELS, AnyMessage::Odometry(odometry)) => {
                let [x, y, _] = odometry.pose.position;
                let [_, _, qz, qw] = odometry.pose.orientation;
                let place = Place::new(x, y, 2.0 * qz.atan2(qw));
                let is_sound = [place.x, place.y, place.yaw].iter().all(|x| x.is_finite());
                is_sound.then_some(Sense::Wheels(odometry.header.stamp, place))
            }
            (BUMPER, AnyMessage::Bool(value)) => Some(Sense::Bumper(value.data)),
            (HOLDING, AnyMessage::Bool(value)) => Some(Sense::Holding(value.data)),
            (keys::TRANSFORMS, AnyMessage::TfMessage(tf)) => {
                let mut transforms = tf.transforms.iter();
                let camera = transforms.find(|one| one.child_frame_id.ends_with(OPTICAL))?;
                self.mount = mount(camera.transform.position[2], camera.transform.orientation);
                None
            }
            (CAMERA, AnyMessage::CameraInfo(info)) => {
                let (width, height) = (f64::from(info.width), f64::from(info.height));
                self.reader.image_size = Some((width, height));
                None
            }
            _ => None,
        }
    }

    fn of_output(&mut self, received: &Received) -> Option<Sense> {
        if let Some(attachment) = &received.attachment {
            let (width, height) = attachment.image_size;
            self.reader.image_size = Some((width as f64, height as f64));
        }
        let message = self.read(received)?;
        self.reader.sense(&received.key, message)
    }

    /// Reads a message, or counts that it cannot be read.
    fn read<'a>(&mut self, received: &'a Received) -> Option<AnyMessage<'a>> {
        let message = received.message();
        self.reader.unreadable += u64::from(message.is_err());
        message.ok()
    }
}

impl Reader {
    /// What the message at a key below the perception's prefix says.
    pub(crate) fn sense(&mut self, key: &str, message: AnyMessage<'_>) -> Option<Sense> {
        match (key, message) {
            (DEPTH, AnyMessage::Image(image)) => depth(&image, self.camera?).map(Sense::Depth),
            (CLASSES, AnyMessage::Image(image)) => classes(&image).map(Sense::Classes),
            (NORMALS, AnyMessage::Image(image)) => normals(&image).map(Sense::Normals),
            (BOXES, AnyMessage::Detection2DArray(array)) => {
                boxes(&array, self.image_size?).map(Sense::Boxes)
            }
            (VISUAL, AnyMessage::Odometry(odometry)) => Some(Sense::Visual(Visual {
                stamp: odometry.header.stamp,
                orientation: odometry.pose.orientation,
                yaw_variance: odometry.pose_covariance[35],
            })),
            (_, AnyMessage::CameraInfo(info)) if key.starts_with(DEPTH) => {
                self.camera = pinhole(&info);
                None
            }
            _ => None,
        }
    }
}

/// Height and tilt of a camera that looks ahead; `None` for one that does not.
fn mount(height: f64, [x, y, z, w]: [f64; 4]) -> Option<Mount> {
    // The optical axis in the base frame.
    let ahead = 2.0 * (x * z + w * y);
    let up = 1.0 - 2.0 * (x * x + y * y);
    let is_sound = ahead > 0.3 && up.abs() < 1.0 && height > 0.0;
    is_sound.then(|| Mount {
        height,
        tilt: up.asin(),
    })
}

fn pinhole(info: &CameraInfo) -> Option<Pinhole> {
    let [fx, _, cx, _, fy, cy, ..] = info.k;
    let is_sound = fx > 0.0 && fy > 0.0 && [fx, fy, cx, cy].iter().all(|x| x.is_finite());
    is_sound.then_some(Pinhole {
        fx,
        fy,
        cx,
        cy,
        width: info.width as usize,
        height: info.height as usize,
    })
}

/// The rows of an image of cells of `bytes` bytes; `None` where it is not what
/// it says.
fn cells<'a>(image: &'a Image<'_>, encoding: &str, bytes: usize) -> Option<Vec<&'a [u8]>> {
    let (width, height) = (image.width as usize, image.height as usize);
    let step = image.step as usize;
    let is_sound = image.encoding == encoding
        && !image.is_bigendian
        && step >= width.checked_mul(bytes)?
        && image.data.len() >= step.checked_mul(height)?
        && width.checked_mul(height)? <= 1 << 21;
    if !is_sound {
        return None;
    }
    let rows = (0..height).map(|row| &image.data[row * step..row * step + width * bytes]);
    Some(rows.flat_map(|row| row.chunks_exact(bytes)).collect())
}

fn float(bytes: &[u8]) -> f32 {
    f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn depth(image: &Image<'_>, camera: Pinhole) -> Option<DepthMap> {
    let metres = cells(image, "32FC1", 4)?.into_iter().map(float).collect();
    let (width, height) = (image.width as usize, image.height as usize);
    Some(DepthMap {
        stamp: image.header.stamp,
        camera: camera.resized(width, height),
        metres,
    })
}

fn classes(image: &Image<'_>) -> Option<ClassMap> {
    let classes = cells(image, "mono8", 1)?;
    Some(ClassMap {
        stamp: image.header.stamp,
        width: image.width as usize,
        height: image.height as usize,
        classes: classes.into_iter().map(|cell| cell[0]).collect(),
    })
}

fn normals(image: &Image<'_>) -> Option<NormalMap> {
    let normals = cells(image, "32FC3", 12)?.into_iter();
    let normals = normals.map(|cell| [float(cell), float(&cell[4..]), float(&cell[8..])]);
    Some(NormalMap {
        stamp: image.header.stamp,
        normals: normals.collect(),
    })
}

fn boxes(array: &Detection2DArray, (width, height): (f64, f64)) -> Option<Boxes> {
    if !(width > 0.0 && height > 0.0) {
        return None;
    }
    let one = |detection: &concert_runtime::wire::vision_msgs::Detection2D| {
        let best = detection
            .results
            .first()
            .filter(|best| best.score >= MIN_SCORE)?;
        let [u, v] = detection.center;
        let [wide, high] = detection.size;
        let sides = [
            (u - 0.5 * wide) / width,
            (v - 0.5 * high) / height,
            (u + 0.5 * wide) / width,
            (v + 0.5 * high) / height,
        ];
        let is_sound = sides.iter().all(|side| side.is_finite());
        is_sound.then(|| ObjectBox {
            class: best.class_id.clone(),
            score: best.score,
            sides: sides.map(|side| side.clamp(0.0, 1.0)),
        })
    };
    Some(Boxes {
        stamp: array.header.stamp,
        boxes: array.detections.iter().filter_map(one).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_a_camera_is_read_from_its_transform() {
        // Looks ahead and 0.3 rad down: a turn about y after that from the
        // optical frame.
        let (sin, cos) = 0.15f64.sin_cos();
        let [x, y, z, w] = [-0.5, 0.5, -0.5, 0.5];
        let rotation = [
            cos * x + sin * z,
            cos * y + sin * w,
            cos * z - sin * x,
            cos * w - sin * y,
        ];
        let mount = mount(1.1, rotation).unwrap();
        assert!((mount.tilt + 0.3).abs() < 1e-5, "{mount:?}");
        assert_eq!(super::mount(0.0, rotation), None);
        assert_eq!(super::mount(1.0, [0.0, 0.0, 0.0, 1.0]), None, "looks up");
    }
}
