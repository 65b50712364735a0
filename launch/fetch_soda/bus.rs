//! The robot's nerves: Concert's outputs and the robot's own topics come in over
//! zenoh, velocities go out.
//!
//! | key | message | |
//! |---|---|---|
//! | `PERCEPTION/depth_zbuffer`, `…/camera_info` | `sensor_msgs/Image` 32FC1, `CameraInfo` | in |
//! | `PERCEPTION/segment_semantic`, `normal` | `sensor_msgs/Image` mono8, 32FC3 | in |
//! | `PERCEPTION/object_detection` | `vision_msgs/Detection2DArray` | in |
//! | `PERCEPTION/odometry` | `nav_msgs/Odometry`, of the pictures | in |
//! | `ROBOT/front/camera_info` | `sensor_msgs/CameraInfo`: the size of the image | in |
//! | `ROBOT/odom`, `tf` | `nav_msgs/Odometry`, of the wheels; the camera's mount | in |
//! | `ROBOT/bumper`, `gripper/holding` | `std_msgs/Bool` | in |
//! | `ROBOT/cmd_vel` | `geometry_msgs/Twist` | out |
//! | `ROBOT/gripper/close` | `std_msgs/Bool` | out |
//! | `PERCEPTION/errand` | JSON: what the robot is at, and its map | out |

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::anyhow;
use concert_runtime::BusError;
use concert_runtime::io::zenoh::{
    MessageOptions, MessagePublisher, Received, Sessions, Watcher, ZenohError,
};
use concert_runtime::wire::geometry_msgs::Twist;
use concert_runtime::wire::std_msgs::Bool;
use concert_runtime::wire::{AnyMessage, keys};
use serde_json::Value;

use super::behaviour::Action;
use super::place::{Mount, Place};
use super::reader::{BOXES, CLASSES, DEPTH, NORMALS, Reader, VISUAL, mount};
use super::senses::Sense;
use crate::draw::{About, Canvas, picture_of_message};

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
/// How long a server may take to say its policy.
const ANSWER: Duration = Duration::from_secs(5);
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
    sessions: Sessions,
    perception: String,
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
            sessions: sessions.clone(),
            perception: perception.to_owned(),
        })
    }

    /// Names of the classes of class maps, by number, as the server's policy has
    /// them; none where its class maps have no names, or there are no class maps.
    ///
    /// # Errors
    /// Where nobody answers for the policy.
    pub(crate) fn class_names(&self) -> anyhow::Result<Vec<String>> {
        let answer = self.sessions.ask_policy(&self.perception, ANSWER)?;
        let answer = answer.ok_or_else(|| {
            let (prefix, limit) = (&self.perception, ANSWER.as_secs());
            anyhow!("{prefix}/policy: nobody answered within {limit} s")
        })?;
        let networks = answer["provenance"].as_array().into_iter().flatten();
        let of_classes = format!("{CLASSES}_from_");
        let mut named = networks.filter(|network| {
            let name = network["name"].as_str();
            name.is_some_and(|name| name.starts_with(&of_classes))
        });
        let labels = named.find_map(|network| network["labels"].as_array());
        let labels = labels.into_iter().flatten();
        Ok(labels
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect())
    }

    /// The camera's mount, once the robot has said it.
    pub(crate) fn mount(&self) -> Option<Mount> {
        self.mount
    }

    /// True once an output came that can be driven by.
    pub(crate) fn sees(&self) -> bool {
        self.reader.sees()
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
