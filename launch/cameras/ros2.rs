//! Kind `ros2`: images that a node of ROS 2 publishes.

use concert_models::Intrinsics;
use concert_runtime::io::zenoh::ZenohCamera;
use concert_runtime::wire::ros2::ros_name_fault;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::over_bus::{Names, OverBus};
use super::{Opened, Rules, Site, Source, Subject, needs_a_bus};
use crate::launch_file::LaunchFile;
use crate::launch_file::value::{Placed, Text};

/// Images that a node of ROS 2 publishes over `rmw_zenoh`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ros2 {
    /// Topic of `sensor_msgs/Image` or `sensor_msgs/CompressedImage`.
    pub topic: String,
    /// Topic of `sensor_msgs/Image` with the depth of the same exposures.
    pub depth_topic: Option<String>,
    /// Topic of the `sensor_msgs/CameraInfo` that goes with them; it comes before
    /// the intrinsics written in the file.
    pub camera_info_topic: Option<String>,
    /// True where the images are rectified, so that P of their camera info holds;
    /// where it is not given, whether their topic says so.
    pub rectified: Option<bool>,
}

/// Images that a node of ROS 2 publishes over `rmw_zenoh`; `distro` in `[publish]` says
/// which ROS 2. Names of topics are whole (`/camera/image_raw`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Intrinsics in pixels of the images as they come.
    #[schemars(with = "Option<Intrinsics>")]
    intrinsics: Option<Spanned<Intrinsics>>,
    /// Topic of `sensor_msgs/Image` or `sensor_msgs/CompressedImage`.
    #[schemars(with = "String")]
    topic: Option<Text>,
    /// Topic of depth registered to the images, `sensor_msgs/Image` of 32FC1 (m)
    /// or 16UC1 (mm), or `sensor_msgs/CompressedImage` of these, stamped within
    /// 20 ms of them; default: none.
    #[schemars(with = "Option<String>")]
    depth_topic: Option<Text>,
    /// Topic of the `sensor_msgs/CameraInfo` that goes with the images; it comes
    /// before `intrinsics`.
    #[schemars(with = "Option<String>")]
    camera_info_topic: Option<Text>,
    /// True where the images are rectified, so that P of their `CameraInfo` holds,
    /// not K; default: whether the topic says so (`image_rect`).
    rectified: Option<bool>,
}

impl Rules for Ros2 {
    const NAME: &'static str = "ros2";
    const KEYS: &'static [&'static str] = &[
        "intrinsics",
        "topic",
        "depth_topic",
        "camera_info_topic",
        "rectified",
    ];
    type Entry = Entry;

    fn check(entry: &Entry, subject: &Subject) -> Placed<Self> {
        let topics = Names {
            subject,
            fault: topic_fault,
        };
        Ok(Self {
            topic: topics.one("topic", subject.needed("topic", &entry.topic)?)?,
            depth_topic: topics.beside("depth_topic", &entry.depth_topic)?,
            camera_info_topic: topics.beside("camera_info_topic", &entry.camera_info_topic)?,
            rectified: entry.rectified,
        })
    }

    fn intrinsics(entry: &Entry) -> Option<&Spanned<Intrinsics>> {
        entry.intrinsics.as_ref()
    }
}

/// What is wrong with the whole name of a topic.
fn topic_fault(topic: &str) -> Option<&'static str> {
    match topic.starts_with('/') {
        true => ros_name_fault(topic),
        false => Some("must begin with `/`, as the whole name of a topic of ROS 2"),
    }
}

impl Ros2 {
    fn over_bus(&self) -> OverBus<'_> {
        OverBus {
            images: &self.topic,
            depth: self.depth_topic.as_deref(),
            camera_info: self.camera_info_topic.as_deref(),
            rectified: self.rectified,
        }
    }
}

impl Source for Ros2 {
    fn describe(&self, _launch: &LaunchFile) -> String {
        let topic = format!("topic {} of ROS 2", self.topic);
        self.over_bus().describe(&topic)
    }

    fn own_intrinsics(&self, _launch: &LaunchFile) -> (String, Option<Intrinsics>) {
        self.over_bus().own_intrinsics()
    }

    fn carries_depth(&self, _launch: &LaunchFile) -> bool {
        self.depth_topic.is_some()
    }

    fn heard_key(&self) -> Option<&str> {
        Some(&self.topic)
    }

    fn open(&self, site: &Site<'_>) -> anyhow::Result<Opened> {
        let transport = site.transport.ok_or_else(|| needs_a_bus(Self::NAME))?;
        let node = transport.node().ok_or_else(|| needs_a_bus(Self::NAME))?;
        let options = self.over_bus().options(site);
        let sessions = transport.sessions().clone();
        let camera = ZenohCamera::open_topics(sessions, node, options, site.clock())?;
        Ok(Opened::Ready(Box::new(camera)))
    }
}
