//! Camera images that arrive over zenoh as ROS 2 messages.

mod slot;
mod topics;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use concert_models::image_file::DepthImage;
use concert_models::{Image, Intrinsics};
use zenoh::Wait;
use zenoh::bytes::ZBytes;
use zenoh::sample::{Sample, SampleKind};

use super::calibrations::Calibrations;
use super::depth::depth_image;
use super::error::ZenohError;
use super::message_type;
use super::session::DEFAULT_PAYLOAD_LIMIT;
use super::sessions::{EverywhereKept, Sessions};
use crate::calibration::CalibrationView;
use crate::camera::{Camera, CameraLosses, Capture, Companions, FrameFault};
use crate::clock::{Clock, lock};
use crate::frame::Frame;
use crate::time::Timestamp;
use crate::wire::ros_image::read_image;
use slot::{Arrival, Slot};

/// Which images a camera receives.
#[derive(Debug, Clone)]
pub struct ZenohCameraOptions {
    /// Key of the images: `sensor_msgs/msg/Image` or `CompressedImage`.
    pub key: String,
    /// Type of messages that do not say theirs in encoding or key; where it is
    /// not given either, both are tried.
    pub message_type: Option<String>,
    /// Coordinate frame of images whose header names none.
    pub frame_id: Arc<str>,
    /// Intrinsics, used for images of just their size.
    pub intrinsics: Option<Intrinsics>,
    /// Key of the `sensor_msgs/msg/CameraInfo` that goes with the images; it
    /// comes before `intrinsics`.
    pub camera_info_key: Option<String>,
    /// True where the images are rectified, so that P of their camera info holds;
    /// where `None`, whether their key says so (`image_rect`).
    pub rectified: Option<bool>,
    /// Key of depth images registered to the images: `sensor_msgs/msg/Image`
    /// of `32FC1` (m) or `16UC1` (mm), or `CompressedImage` of these as
    /// `compressedDepth` or PNG, stamped within 20 ms of them.
    pub depth_key: Option<String>,
    /// Longest payload in bytes; longer ones are refused before they are
    /// copied or read.
    pub payload_limit: usize,
}

impl ZenohCameraOptions {
    /// Images of `key`, up to 64 MiB each.
    #[must_use]
    pub fn new(key: &str, frame_id: &str) -> Self {
        Self {
            key: key.to_owned(),
            message_type: None,
            frame_id: frame_id.into(),
            intrinsics: None,
            camera_info_key: None,
            rectified: None,
            depth_key: None,
            payload_limit: DEFAULT_PAYLOAD_LIMIT,
        }
    }
}

/// A camera whose images arrive over zenoh. Holds the newest one alone; those
/// that it takes the place of are counted, and leave a gap in
/// [`Frame::sequence`].
pub struct ZenohCamera {
    options: ZenohCameraOptions,
    clock: Arc<dyn Clock>,
    slot: Arc<Slot>,
    frame_ids: HashMap<String, Arc<str>>,
    /// The lack of the last frame's depth image.
    depth_fault: Option<DepthLack>,
    /// Subscribers, and what others see of them.
    declared: Vec<EverywhereKept>,
    /// A session closes when nobody holds it.
    _sessions: Sessions,
}

/// Why a frame goes without depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DepthLack {
    /// None came.
    Absent,
    /// A message that cannot be used.
    Unusable,
}

impl ZenohCamera {
    /// Begins to listen.
    ///
    /// # Errors
    /// A key that is none, or a session that is closed.
    pub fn open(
        sessions: impl Into<Sessions>,
        options: ZenohCameraOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ZenohError> {
        let sessions = sessions.into();
        let slot = Arc::new(Slot::default());
        let images = {
            let (slot, clock) = (Arc::clone(&slot), Arc::clone(&clock));
            let (key, limit) = (options.key.clone(), options.payload_limit);
            listen(&sessions, &options.key, move |sample| {
                if sample.kind() == SampleKind::Put {
                    let content = accept(&sample, &key, limit);
                    slot.put(clock.monotonic(), content);
                }
            })?
        };
        let mut subscribers = vec![images];
        if let Some(key) = &options.camera_info_key {
            let calibrations = Calibrations::new(key, &options.key, options.rectified);
            lock(&slot.newest).calibrations = Some(calibrations);
            let (slot, clock) = (Arc::clone(&slot), Arc::clone(&clock));
            subscribers.push(listen(&sessions, key, move |sample| {
                if sample.kind() == SampleKind::Put
                    && let Some(calibrations) = &mut lock(&slot.newest).calibrations
                {
                    calibrations.put(sample.payload(), clock.monotonic());
                }
            })?);
        }
        if let Some(key) = &options.depth_key {
            let (slot, clock) = (Arc::clone(&slot), Arc::clone(&clock));
            let (named, limit) = (key.clone(), options.payload_limit);
            subscribers.push(listen(&sessions, key, move |sample| {
                if sample.kind() == SampleKind::Put {
                    slot.put_depth(&named, &sample, limit, clock.monotonic());
                }
            })?);
        }
        Ok(Self {
            options,
            clock,
            slot,
            frame_ids: HashMap::new(),
            depth_fault: None,
            declared: subscribers,
            _sessions: sessions,
        })
    }

    fn frame(&mut self, arrival: Arrival) -> Result<Frame, FrameFault> {
        let (message_type, payload) = arrival.content?;
        let kind = message_type
            .as_deref()
            .or(self.options.message_type.as_deref());
        let read = read_image(kind, &payload.to_bytes(), self.options.payload_limit);
        let (header, image) = read.map_err(|reason| FrameFault {
            subject: self.options.key.clone(),
            reason,
        })?;
        let view = self.view(&image);
        Ok(Frame {
            sequence: arrival.sequence,
            stamp: self.stamp(header.stamp),
            arrived: arrival.arrived,
            frame_id: self.frame_id(&header.frame_id),
            intrinsics: view.intrinsics,
            distorted: view.bent_px.is_some(),
            depth: self.depth(header.stamp, &image),
            image,
        })
    }

    /// The depth image of the same exposure. A frame whose depth does not come
    /// or cannot be used goes without; the first of a row of its kind is logged,
    /// and whoever needs it counts every one.
    fn depth(&mut self, stamp: Timestamp, image: &Image) -> Option<Arc<DepthImage>> {
        let key = self.options.depth_key.as_ref()?;
        let found = match self.slot.depth(stamp) {
            Some(message) => {
                let size = (image.width(), image.height());
                let read = depth_image(&message, size, self.options.payload_limit);
                read.map_err(|reason| (DepthLack::Unusable, reason))
            }
            None => Err((DepthLack::Absent, self.slot.why_no_depth())),
        };
        match found {
            Ok(depth) => {
                self.depth_fault = None;
                lock(&self.slot.newest).depths.fault = None;
                Some(Arc::new(depth))
            }
            Err((fault, reason)) => {
                if fault == DepthLack::Unusable {
                    let fault = format!("{key}: depth left out: {reason}");
                    lock(&self.slot.newest).depths.refuse(&fault);
                }
                if self.depth_fault.replace(fault) != Some(fault) {
                    tracing::warn!("{key}: depth left out: {reason}");
                }
                None
            }
        }
    }

    /// A stamp of 0 means that the publisher set none: then the image is as
    /// old as its arrival.
    fn stamp(&self, stamp: Timestamp) -> Timestamp {
        if stamp == Timestamp::default() {
            return self.clock.now();
        }
        stamp
    }

    fn frame_id(&mut self, named: &str) -> Arc<str> {
        if named.is_empty() {
            return Arc::clone(&self.options.frame_id);
        }
        if let Some(known) = self.frame_ids.get(named) {
            return Arc::clone(known);
        }
        // A camera has one frame; a publisher of ever new ones gets no memory.
        self.frame_ids.clear();
        let id: Arc<str> = named.into();
        self.frame_ids.insert(named.to_owned(), Arc::clone(&id));
        id
    }

    /// Intrinsics of the image's camera: as they came beside it, else as the
    /// launch file says.
    fn view(&self, image: &Image) -> CalibrationView {
        let size = (image.width(), image.height());
        let mut newest = lock(&self.slot.newest);
        let calibrations = newest.calibrations.as_mut();
        let view = calibrations.and_then(|all| all.view(size, self.clock.monotonic()));
        let written = self.options.intrinsics;
        view.unwrap_or_else(|| CalibrationView {
            intrinsics: written.filter(|known| (known.width, known.height) == size),
            bent_px: None,
        })
    }
}

impl Camera for ZenohCamera {
    fn describe(&self) -> String {
        format!("zenoh {}", self.options.key)
    }

    fn next_frame(&mut self, timeout: Duration) -> Capture {
        match self.slot.take(timeout).map(|arrival| self.frame(arrival)) {
            None => Capture::Nothing,
            Some(Ok(frame)) => Capture::Frame(frame),
            Some(Err(fault)) => Capture::Refused(fault),
        }
    }

    fn losses(&self) -> CameraLosses {
        CameraLosses {
            superseded: self.slot.superseded.load(Ordering::Relaxed),
            refused: 0,
        }
    }

    fn companions(&self) -> Companions {
        let newest = lock(&self.slot.newest);
        let calibrations = newest.calibrations.as_ref();
        let fault = calibrations.and_then(|all| all.fault.clone());
        Companions {
            camera_infos_refused: calibrations.map_or(0, |all| all.refused),
            depths_refused: newest.depths.refused,
            fault: fault.or_else(|| newest.depths.fault.clone()),
        }
    }
}

fn listen(
    sessions: &Sessions,
    key: &str,
    heard: impl Fn(Sample) + Send + Sync + 'static,
) -> Result<EverywhereKept, ZenohError> {
    let (key, heard) = (key.to_owned(), Arc::new(heard));
    sessions.declare(move |session| {
        let heard = Arc::clone(&heard);
        let subscriber = session
            .declare_subscriber(key.clone())
            .callback(move |sample| heard(sample))
            .wait();
        let subscriber = subscriber.map_err(|error| ZenohError::Key {
            key: key.clone(),
            reason: error.to_string(),
        })?;
        Ok(Box::new(subscriber))
    })
}

/// Looks at the length alone; the payload is neither copied nor read.
fn accept(
    sample: &Sample,
    key: &str,
    limit: usize,
) -> Result<(Option<String>, ZBytes), FrameFault> {
    let reason = match sample.payload().len() {
        0 => "payload is empty, but an image needs a header and pixels".to_owned(),
        got if got > limit => {
            format!("payload is {got} bytes, but at most {limit} are allowed")
        }
        _ => return Ok((message_type(sample), sample.payload().clone())),
    };
    let subject = key.to_owned();
    Err(FrameFault { subject, reason })
}
