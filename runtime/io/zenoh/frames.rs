//! Camera images that arrive over zenoh as ROS 2 messages.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use concert_models::image_file::{self, DecodeLimits, DepthImage};
use concert_models::{Image, Intrinsics, PixelFormat};
use zenoh::bytes::ZBytes;
use zenoh::pubsub::Subscriber;
use zenoh::sample::{Sample, SampleKind};
use zenoh::{Session, Wait};

use super::depth::{DepthQueue, Found, MOST_APART, depth_image};
use super::message_type;
use super::session::ZenohError;
use crate::camera::{Camera, Capture, FrameFault};
use crate::clock::{Clock, lock};
use crate::frame::Frame;
use crate::time::Timestamp;
use crate::wire::Message;
use crate::wire::common::Header;
use crate::wire::sensor_msgs::{CameraInfo, CompressedImage, Image as ImageMessage};

/// Longest payload that is accepted where nothing else is said: a 64 MiB image.
pub(super) const DEFAULT_PAYLOAD_LIMIT: usize = 64 * 1024 * 1024;

/// Which images a camera receives.
#[derive(Debug, Clone)]
pub struct ZenohCameraOptions {
    /// Key of the images: `sensor_msgs/msg/Image` or `CompressedImage`.
    pub key: String,
    /// Type of messages that do not say theirs in their encoding.
    pub message_type: Option<String>,
    /// Coordinate frame of images whose header names none.
    pub frame_id: Arc<str>,
    /// Intrinsics, used for images of just their size.
    pub intrinsics: Option<Intrinsics>,
    /// Key of the `sensor_msgs/msg/CameraInfo` that goes with the images; it
    /// comes before `intrinsics`.
    pub camera_info_key: Option<String>,
    /// Key of depth images registered to the images: `sensor_msgs/msg/Image`
    /// of `32FC1` (m) or `16UC1` (mm), stamped within 20 ms of them.
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
    /// What the last frame's depth image lacked.
    depth_fault: Option<DepthLack>,
    _subscribers: Vec<Subscriber<()>>,
    /// A session closes when nobody holds it.
    _session: Session,
}

/// Why a frame goes without depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DepthLack {
    /// None came.
    Absent,
    /// What came cannot be used.
    Unusable,
}

/// Where zenoh's thread leaves the newest image.
#[derive(Default)]
struct Slot {
    newest: Mutex<Newest>,
    changed: Condvar,
    superseded: Arc<AtomicU64>,
}

#[derive(Default)]
struct Newest {
    arrival: Option<Arrival>,
    info: Option<ZBytes>,
    depths: DepthQueue,
    intrinsics: Option<Intrinsics>,
    count: u64,
}

struct Arrival {
    sequence: u64,
    arrived: Duration,
    content: Result<(Option<String>, ZBytes), FrameFault>,
}

impl ZenohCamera {
    /// Begins to listen.
    ///
    /// # Errors
    /// A key that is none, or a session that is closed.
    pub fn open(
        session: &Session,
        options: ZenohCameraOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ZenohError> {
        let slot = Arc::new(Slot::default());
        let images = {
            let (slot, clock) = (Arc::clone(&slot), Arc::clone(&clock));
            let (key, limit) = (options.key.clone(), options.payload_limit);
            listen(session, &options.key, move |sample| {
                if sample.kind() == SampleKind::Put {
                    let content = accept(&sample, &key, limit);
                    slot.put(clock.monotonic(), content);
                }
            })?
        };
        let mut subscribers = vec![images];
        if let Some(key) = &options.camera_info_key {
            let slot = Arc::clone(&slot);
            subscribers.push(listen(session, key, move |sample| {
                if sample.payload().len() <= CAMERA_INFO_LIMIT {
                    lock(&slot.newest).info = Some(sample.payload().clone());
                }
            })?);
        }
        if let Some(key) = &options.depth_key {
            let (slot, limit) = (Arc::clone(&slot), options.payload_limit);
            subscribers.push(listen(session, key, move |sample| {
                if (1..=limit).contains(&sample.payload().len()) {
                    lock(&slot.newest).depths.put(sample.payload().clone());
                    slot.changed.notify_one();
                }
            })?);
        }
        Ok(Self {
            options,
            clock,
            slot,
            frame_ids: HashMap::new(),
            depth_fault: None,
            _subscribers: subscribers,
            _session: session.clone(),
        })
    }

    /// Counts the images that a newer one took the place of before they were
    /// looked at.
    #[must_use]
    pub fn superseded(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.slot.superseded)
    }

    fn frame(&mut self, arrival: Arrival) -> Result<Frame, FrameFault> {
        let (message_type, payload) = arrival.content?;
        let read = self.read(message_type.as_deref(), &payload);
        let (header, image) = read.map_err(|reason| FrameFault {
            subject: self.options.key.clone(),
            reason,
        })?;
        Ok(Frame {
            sequence: arrival.sequence,
            stamp: self.stamp(header.stamp),
            arrived: arrival.arrived,
            frame_id: self.frame_id(&header.frame_id),
            intrinsics: self.intrinsics(&image),
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
            Some(payload) => depth_image(&payload, (image.width(), image.height()))
                .map_err(|reason| (DepthLack::Unusable, reason)),
            None => Err((
                DepthLack::Absent,
                format!("no depth came within {MOST_APART:?} of the image's stamp"),
            )),
        };
        match found {
            Ok(depth) => {
                self.depth_fault = None;
                Some(Arc::new(depth))
            }
            Err((fault, reason)) => {
                if self.depth_fault.replace(fault) != Some(fault) {
                    tracing::warn!("{key}: depth left out: {reason}");
                }
                None
            }
        }
    }

    fn read(&self, encoded_as: Option<&str>, payload: &ZBytes) -> Result<(Header, Image), String> {
        let Some(kind) = encoded_as.or(self.options.message_type.as_deref()) else {
            return Err(
                "neither the encoding nor the launch file names the message type".to_owned(),
            );
        };
        let bytes = payload.to_bytes();
        if kind == ImageMessage::TYPE {
            let message = ImageMessage::decode(&bytes).map_err(|error| error.to_string())?;
            let image = raw_image(&message)?;
            Ok((message.header, image))
        } else if kind == CompressedImage::TYPE {
            let message = CompressedImage::decode(&bytes).map_err(|error| error.to_string())?;
            let limits = DecodeLimits {
                max_bytes: self.options.payload_limit,
                ..DecodeLimits::default()
            };
            let image = image_file::decode(&message.data, &limits);
            Ok((message.header, image.map_err(|error| error.to_string())?))
        } else {
            Err(format!(
                "message is a {kind}, but must be {} or {}",
                ImageMessage::TYPE,
                CompressedImage::TYPE
            ))
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

    fn intrinsics(&self, image: &Image) -> Option<Intrinsics> {
        let mut newest = lock(&self.slot.newest);
        if let Some(info) = newest.info.take() {
            newest.intrinsics = CameraInfo::decode(&info.to_bytes())
                .ok()
                .and_then(|info| intrinsics_of(&info));
        }
        let known = newest.intrinsics.or(self.options.intrinsics);
        known.filter(|known| (known.width, known.height) == (image.width(), image.height()))
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
}

impl Slot {
    fn put(&self, arrived: Duration, content: Result<(Option<String>, ZBytes), FrameFault>) {
        let mut newest = lock(&self.newest);
        let sequence = newest.count;
        newest.count += 1;
        let arrival = Arrival {
            sequence,
            arrived,
            content,
        };
        if newest.arrival.replace(arrival).is_some() {
            self.superseded.fetch_add(1, Ordering::Relaxed);
        }
        self.changed.notify_one();
    }

    fn take(&self, timeout: Duration) -> Option<Arrival> {
        let waited = self
            .changed
            .wait_timeout_while(lock(&self.newest), timeout, |newest| {
                newest.arrival.is_none()
            });
        let (mut newest, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        newest.arrival.take()
    }
}

impl Slot {
    /// The depth image of this stamp; waits a little for one that may come.
    fn depth(&self, stamp: Timestamp) -> Option<ZBytes> {
        let mut payload = None;
        let newest = lock(&self.newest);
        let patience = newest.depths.patience();
        let waited = self.changed.wait_timeout_while(newest, patience, |newest| {
            match newest.depths.take(stamp) {
                Found::Depth(found) => payload = Some(found),
                Found::NotYet => return true,
                Found::Never => {}
            }
            false
        });
        let (mut newest, timeout) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        if timeout.timed_out() {
            newest.depths.note_silence();
        }
        payload
    }
}

/// Longest `CameraInfo`; its distortion may have a handful of numbers.
const CAMERA_INFO_LIMIT: usize = 64 * 1024;

fn listen(
    session: &Session,
    key: &str,
    heard: impl Fn(Sample) + Send + Sync + 'static,
) -> Result<Subscriber<()>, ZenohError> {
    let subscriber = session.declare_subscriber(key.to_owned()).callback(heard);
    subscriber.wait().map_err(|error| ZenohError::Key {
        key: key.to_owned(),
        reason: error.to_string(),
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

fn raw_image(message: &ImageMessage<'_>) -> Result<Image, String> {
    let format = match message.encoding.as_ref() {
        "rgb8" => PixelFormat::Rgb8,
        "bgr8" => PixelFormat::Bgr8,
        "mono8" | "8UC1" => PixelFormat::Grey8,
        "rgba8" => PixelFormat::Rgba8,
        "bgra8" => PixelFormat::Bgra8,
        "yuv422_yuy2" | "yuyv" => PixelFormat::Yuyv,
        other => {
            let other: String = other.chars().take(64).collect();
            return Err(format!(
                "image encoding is {other:?}, but must be rgb8, bgr8, mono8, rgba8, bgra8 or \
                 yuv422_yuy2"
            ));
        }
    };
    let (width, height) = (message.width as usize, message.height as usize);
    let step = message.step as usize;
    Image::new(width, height, step, format, message.data.as_ref().into())
        .map_err(|error| error.to_string())
}

/// The intrinsics in a camera info, if they can be a camera's.
fn intrinsics_of(info: &CameraInfo) -> Option<Intrinsics> {
    let [fx, _, cx, _, fy, cy, ..] = info.k;
    let intrinsics = Intrinsics {
        fx,
        fy,
        cx,
        cy,
        width: info.width as usize,
        height: info.height as usize,
    };
    intrinsics.fault().is_none().then_some(intrinsics)
}
