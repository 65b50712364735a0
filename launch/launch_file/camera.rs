//! One `[[camera]]` of a launch file, checked.

use concert_models::Intrinsics;

/// One camera of a launch file.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraEntry {
    pub(super) name: String,
    pub(super) frame_id: String,
    pub(super) intrinsics: Option<Intrinsics>,
    pub(super) kind: CameraKind,
}

/// What delivers the frames, with the keys that only this kind has.
#[derive(Debug, Clone, PartialEq)]
pub enum CameraKind {
    /// Image files: a folder, a folder with one `*` in the last part, or files
    /// in the order given.
    Images {
        /// One folder or pattern, or image files; as written, at least one.
        paths: Vec<String>,
        /// Frames per second.
        rate_hz: f64,
        /// Whether the first follows the last.
        repeat: bool,
        /// Whether stamps come from file names that carry them.
        stamps_from_names: bool,
    },
    /// A window that moves over photographs: the camera of a robot without one.
    Pan {
        /// Photographs, as written; none for those that ship with Concert.
        photographs: Vec<String>,
        /// Width of the window, px.
        width: usize,
        /// Height of the window, px.
        height: usize,
        /// Frames per second.
        rate_hz: f64,
    },
    /// A robot that tours a simulated home; its frames carry intrinsics and
    /// depth.
    Apartment {
        /// Picks the home.
        seed: u64,
        /// Width, px.
        width: usize,
        /// Height, px.
        height: usize,
        /// Horizontal field of view, degrees.
        field_of_view_degrees: f64,
        /// Frames per second.
        rate_hz: f64,
        /// Whether edges are smoothed.
        antialias: bool,
    },
    /// Images that another process publishes over zenoh.
    Zenoh {
        /// Key of `sensor_msgs/Image` or `sensor_msgs/CompressedImage`.
        key: String,
        /// Key of `sensor_msgs/Image` with the depth of the same exposures.
        depth_key: Option<String>,
        /// Key of the `sensor_msgs/CameraInfo` that goes with them; it comes
        /// before the intrinsics written in the file.
        camera_info_key: Option<String>,
        /// Type of images whose encoding and key do not name it; where it is
        /// not given, both that there are are tried.
        message_type: Option<String>,
        /// Whether the images are rectified, so that P of their camera info
        /// holds; where it is not given, whether their key says so.
        rectified: Option<bool>,
    },
    /// A camera of the Linux kernel.
    V4l2 {
        /// `/dev/video0`.
        device: String,
        /// Width to ask the device for, px.
        width: usize,
        /// Height to ask the device for, px.
        height: usize,
        /// Rate to ask the device for.
        rate_hz: f64,
    },
    /// A program that writes Y4M or MJPEG to its standard output.
    Command {
        /// The program and its arguments; no shell is between.
        command: Vec<String>,
        /// Whether it is started again when it ends.
        repeat: bool,
        /// At most so many frames a second are taken, where it would write them
        /// as fast as it can.
        paced_hz: Option<f64>,
    },
}

impl CameraEntry {
    /// Its name, distinct within the file; part of keys where there are several.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Coordinate frame of the images; ends in `_optical`.
    #[must_use]
    pub fn frame_id(&self) -> &str {
        &self.frame_id
    }

    /// The camera's intrinsics, if they are known.
    #[must_use]
    pub fn intrinsics(&self) -> Option<Intrinsics> {
        self.intrinsics
    }

    /// What delivers the frames.
    #[must_use]
    pub fn kind(&self) -> &CameraKind {
        &self.kind
    }
}

impl CameraKind {
    /// Kinds as they are written, with the keys that each has of its own.
    pub(super) const KEYS: [(&'static str, &'static [&'static str]); 6] = [
        (
            "images",
            &["intrinsics", "paths", "rate_hz", "repeat", "stamps"],
        ),
        ("pan", &["photographs", "width", "height", "rate_hz"]),
        (
            "apartment",
            &[
                "seed",
                "width",
                "height",
                "field_of_view_degrees",
                "rate_hz",
                "antialias",
            ],
        ),
        (
            "zenoh",
            &[
                "intrinsics",
                "key",
                "depth_key",
                "camera_info_key",
                "message_type",
                "rectified",
            ],
        ),
        (
            "v4l2",
            &["intrinsics", "device", "width", "height", "rate_hz"],
        ),
        ("command", &["intrinsics", "command", "repeat"]),
    ];

    /// How the kind is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            CameraKind::Images { .. } => "images",
            CameraKind::Pan { .. } => "pan",
            CameraKind::Apartment { .. } => "apartment",
            CameraKind::Zenoh { .. } => "zenoh",
            CameraKind::V4l2 { .. } => "v4l2",
            CameraKind::Command { .. } => "command",
        }
    }
}
