//! The camera of a benchmark: recorded frames, published over zenoh.

use std::sync::Arc;

use concert_runtime::io::clock::since_boot;
use concert_runtime::io::zenoh::{MessageOptions, MessagePublisher, Session};
use concert_runtime::wire::encode::camera_info;
use concert_runtime::{CameraImage, Frame, ImageEncoding, Timestamp};

use super::frames::CameraFrames;
use super::schedule::{Schedule, Sent};
use crate::commands::apartment::messages;
use crate::commands::bench_part::{CAMERA_PREFIX, camera_keys};

/// Shared memory for pictures, bytes.
const SHARED_MEMORY_BYTES: usize = 32 << 20;

/// Publishes frames of every camera.
pub(super) struct Feed {
    publisher: MessagePublisher,
    cameras: Vec<Channel>,
    with_depth: bool,
    message: Vec<u8>,
}

/// One camera: its frames, and the keys of image, camera info and depth.
struct Channel {
    frames: CameraFrames,
    keys: [String; 3],
    shown: u64,
}

impl Feed {
    /// Declares the keys of all cameras.
    ///
    /// # Errors
    /// A session that is closed.
    pub(super) fn open(
        session: Session,
        frames: &[CameraFrames],
        with_depth: bool,
    ) -> anyhow::Result<Self> {
        let cameras = frames.iter().map(|frames| Channel {
            frames: frames.clone(),
            keys: camera_keys(&frames.camera),
            shown: 0,
        });
        let cameras: Vec<_> = cameras.collect();
        let keys = cameras.iter().flat_map(|camera| camera.keys.clone());
        let options = MessageOptions {
            prefix: CAMERA_PREFIX.to_owned(),
            keys: keys.collect(),
            shared_memory_bytes: SHARED_MEMORY_BYTES,
            claim: None,
        };
        Ok(Self {
            publisher: MessagePublisher::open(session, &options)?,
            cameras,
            with_depth,
            message: Vec::new(),
        })
    }

    /// Tells whether the server listens to every camera.
    pub(super) fn is_heard(&self) -> bool {
        let mut images = self.cameras.iter().map(|camera| &camera.keys[0]);
        images.all(|image| self.publisher.has_subscriber(image))
    }

    /// Publishes frame `n` of a schedule, now.
    ///
    /// # Errors
    /// Where the bus does not take it.
    pub(super) fn send(&mut self, schedule: &Schedule, n: u64) -> anyhow::Result<Sent> {
        let began = since_boot();
        let (camera, stamp) = (schedule.camera(n), schedule.stamp(n));
        self.publish(camera, stamp)?;
        Ok(Sent {
            camera,
            stamp_ns: stamp.nanos(),
            due: schedule.due(n),
            began,
            put: since_boot(),
        })
    }

    /// The camera's information and depth first: whoever hears the picture has
    /// them.
    fn publish(&mut self, camera: usize, stamp: Timestamp) -> anyhow::Result<()> {
        let channel = &mut self.cameras[camera];
        let frame = channel.frames.nth(channel.shown);
        channel.shown += 1;
        let [image_key, info_key, depth_key] = &channel.keys;
        let header = || messages::header(stamp, &frame.frame_id);
        if let Some(intrinsics) = &frame.intrinsics {
            let info = camera_info(header(), intrinsics);
            self.publisher.publish(info_key, &info)?;
        }
        if let (true, Some(depth)) = (self.with_depth, &frame.depth) {
            let depth = messages::depth(header(), depth);
            self.publisher.publish(depth_key, &depth)?;
        }
        let image = CameraImage {
            with_depth: false,
            key: Arc::from(image_key.as_str()),
            camera: Arc::clone(&channel.frames.camera),
            sequence: channel.shown,
            frame: Frame {
                stamp,
                ..frame.clone()
            },
            encoding: ImageEncoding::Raw,
        };
        let message_type = image.encode(&mut self.message)?;
        self.publisher
            .publish_bytes(image_key, message_type, &self.message)?;
        Ok(())
    }
}
