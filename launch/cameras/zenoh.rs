//! Kind `zenoh`: images that another process publishes.

use concert_models::Intrinsics;
use concert_runtime::io::zenoh::ZenohCamera;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::over_bus::{Names, OverBus};
use super::{Opened, Rules, Site, Source, Subject, needs_a_bus};
use crate::launch_file::LaunchFile;
use crate::launch_file::value::{Placed, Text, unknown};
use crate::rules;

/// Types of messages that carry an image.
const MESSAGE_TYPES: [&str; 2] = ["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"];

/// Images that another process publishes over zenoh.
#[derive(Debug, Clone, PartialEq)]
pub struct Zenoh {
    /// Key of `sensor_msgs/Image` or `sensor_msgs/CompressedImage`.
    pub key: String,
    /// Key of `sensor_msgs/Image` with the depth of the same exposures.
    pub depth_key: Option<String>,
    /// Key of the `sensor_msgs/CameraInfo` that goes with them; it comes before
    /// the intrinsics written in the file.
    pub camera_info_key: Option<String>,
    /// Type of images whose encoding and key do not name it; where it is not
    /// given, both that there are are tried.
    pub message_type: Option<String>,
    /// True where the images are rectified, so that P of their camera info holds;
    /// where it is not given, whether their key says so.
    pub rectified: Option<bool>,
}

/// Images that another process publishes over zenoh.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Intrinsics in pixels of the images as they come.
    #[schemars(with = "Option<Intrinsics>")]
    intrinsics: Option<Spanned<Intrinsics>>,
    /// Key of `sensor_msgs/Image` or `sensor_msgs/CompressedImage`.
    #[schemars(with = "String")]
    key: Option<Text>,
    /// Key of depth registered to the images, `sensor_msgs/Image` of 32FC1 (m)
    /// or 16UC1 (mm), or `sensor_msgs/CompressedImage` of these, stamped within
    /// 20 ms of them; default: none.
    #[schemars(with = "Option<String>")]
    depth_key: Option<Text>,
    /// Key of the `sensor_msgs/CameraInfo` that goes with the images; it comes
    /// before `intrinsics`.
    #[schemars(with = "Option<String>")]
    camera_info_key: Option<Text>,
    /// What the images are, where neither encoding nor key says it (as of
    /// `zenoh-bridge-ros2dds`); default: both are tried.
    #[schemars(
        with = "Option<String>",
        regex(pattern = "^sensor_msgs/msg/(Image|CompressedImage)$")
    )]
    message_type: Option<Text>,
    /// True where the images are rectified, so that P of their `CameraInfo` holds,
    /// not K; default: whether the key says so (`image_rect`).
    rectified: Option<bool>,
}

impl Rules for Zenoh {
    const NAME: &'static str = "zenoh";
    const KEYS: &'static [&'static str] = &[
        "intrinsics",
        "key",
        "depth_key",
        "camera_info_key",
        "message_type",
        "rectified",
    ];
    type Entry = Entry;

    fn check(entry: &Entry, subject: &Subject) -> Placed<Self> {
        let keys = Names {
            subject,
            fault: rules::heard_key_fault,
        };
        let message_type = match &entry.message_type {
            Some(written) if !MESSAGE_TYPES.contains(&written.get_ref().as_str()) => {
                return unknown(subject.entry("message_type"), written, &MESSAGE_TYPES);
            }
            written => written.as_ref().map(|written| written.get_ref().clone()),
        };
        Ok(Self {
            key: keys.one("key", subject.needed("key", &entry.key)?)?,
            depth_key: keys.beside("depth_key", &entry.depth_key)?,
            camera_info_key: keys.beside("camera_info_key", &entry.camera_info_key)?,
            message_type,
            rectified: entry.rectified,
        })
    }

    fn intrinsics(entry: &Entry) -> Option<&Spanned<Intrinsics>> {
        entry.intrinsics.as_ref()
    }
}

impl Zenoh {
    fn over_bus(&self) -> OverBus<'_> {
        OverBus {
            images: &self.key,
            depth: self.depth_key.as_deref(),
            camera_info: self.camera_info_key.as_deref(),
            rectified: self.rectified,
        }
    }
}

impl Source for Zenoh {
    fn describe(&self, _launch: &LaunchFile) -> String {
        self.over_bus().describe(&format!("zenoh key {}", self.key))
    }

    fn own_intrinsics(&self, _launch: &LaunchFile) -> (String, Option<Intrinsics>) {
        self.over_bus().own_intrinsics()
    }

    fn carries_depth(&self, _launch: &LaunchFile) -> bool {
        self.depth_key.is_some()
    }

    fn heard_key(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn open(&self, site: &Site<'_>) -> anyhow::Result<Opened> {
        let transport = site.transport.ok_or_else(|| needs_a_bus(Self::NAME))?;
        let mut options = self.over_bus().options(site);
        options.message_type.clone_from(&self.message_type);
        let camera = ZenohCamera::open(transport.sessions().clone(), options, site.clock())?;
        Ok(Opened::Ready(Box::new(camera)))
    }
}
