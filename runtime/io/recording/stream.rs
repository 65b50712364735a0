//! A recording as what it was: frames of cameras, and outputs of targets.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use concert_models::image_file::DepthImage;
use concert_models::{Image, Intrinsics};

use super::contents::{key_of, provenance_of};
use super::reader::{Item, RecordingReader};
use super::{ABOUT, RecordedMessage, RecordingEnd, RecordingError};
use crate::calibration::Calibration;
use crate::frame::Frame;
use crate::time::Timestamp;
use crate::wire::ros_image::read_image;
use crate::wire::sensor_msgs::{CameraInfo, CompressedImage, Image as ImageMessage};
use crate::wire::std_msgs::StringMessage;
use crate::wire::{Attachment, Message as _, keys};

/// Longest image that is taken, bytes.
const MAX_IMAGE_BYTES: usize = 256 << 20;
/// Most keys whose companions are kept for the message that they belong to.
const MAX_KEYS: usize = 1024;

/// Something of a recording.
#[derive(Debug)]
pub enum Recorded {
    /// A camera's image with all that belongs to it.
    Frame(Box<RecordedFrame>),
    /// An output of a target.
    Output(Box<RecordedOutput>),
    /// An image that cannot be used, and why.
    Refused {
        /// Its topic.
        topic: Arc<str>,
        /// Why not.
        reason: String,
    },
}

/// A camera's image with all that belongs to it.
#[derive(Debug, Clone)]
pub struct RecordedFrame {
    /// Its key below the prefix; its topic in a file that is not Concert's.
    pub key: String,
    /// Name of the camera, where the recording says it.
    pub camera: Option<String>,
    /// True where these are the pixels that were perceived.
    pub is_exact: bool,
    /// The frame; it has not arrived anywhere yet.
    pub frame: Frame,
}

/// An output of a target.
#[derive(Debug, Clone)]
pub struct RecordedOutput {
    /// Its key below the prefix.
    pub key: String,
    /// The message.
    pub message: RecordedMessage,
    /// What came beside it.
    pub attachment: Option<Attachment>,
}

/// Reads the frames and outputs of a recording, in its order.
pub struct RecordingStream {
    reader: RecordingReader,
    /// Topic of the only images that are taken.
    topic: Option<String>,
    prefix: Option<String>,
    beside: HashMap<String, Beside>,
    sequence: u64,
}

/// What belongs to the message of a key that comes next.
#[derive(Default)]
struct Beside {
    attachment: Option<Attachment>,
    info: Option<CameraInfo>,
    depth: Option<(Timestamp, Arc<DepthImage>)>,
}

impl RecordingStream {
    /// Opens a file. Of one that is not Concert's, `topic` says which images are
    /// meant; unsaid, all are.
    ///
    /// # Errors
    /// A file that cannot be read; one that is no MCAP file.
    pub fn open(path: &Path, topic: Option<&str>) -> Result<Self, RecordingError> {
        Ok(Self {
            reader: RecordingReader::open(path)?,
            topic: topic.map(str::to_owned),
            prefix: None,
            beside: HashMap::new(),
            sequence: 0,
        })
    }

    /// How the file ends, once [`next_recorded`](Self::next_recorded) came to its end.
    #[must_use]
    pub fn end(&self) -> Option<&RecordingEnd> {
        self.reader.end()
    }

    /// The next frame or output; `None` at the end.
    ///
    /// # Errors
    /// A file that cannot be read any more.
    pub fn next_recorded(&mut self) -> Result<Option<Recorded>, RecordingError> {
        while let Some(item) = self.reader.item()? {
            let recorded = match item {
                Item::Metadata(name, texts) if name == ABOUT => {
                    self.prefix = texts.get("prefix").cloned();
                    None
                }
                Item::Metadata(..) => None,
                Item::Message(message) => self.take(message),
            };
            if recorded.is_some() {
                return Ok(recorded);
            }
        }
        Ok(None)
    }

    fn take(&mut self, message: RecordedMessage) -> Option<Recorded> {
        if &*message.encoding != "cdr" {
            return None;
        }
        let Some(prefix) = &self.prefix else {
            return self.take_foreign(message);
        };
        let key = key_of(prefix, &message.topic)?.to_owned();
        if let Some(of) = provenance_of(&key) {
            let text = StringMessage::decode(&message.data).ok()?;
            let attachment = Attachment::parse(text.data.as_bytes()).ok();
            self.beside(of)?.attachment = attachment;
            return None;
        }
        if keys::is_image(&key) {
            let is_meant = self.topic.as_deref().is_none_or(|it| it == &*message.topic);
            return is_meant.then(|| self.frame(key, &message));
        }
        if let Some(image) = image_of(&key, keys::CAMERA_INFO) {
            self.beside(image)?.info = CameraInfo::decode(&message.data).ok();
        } else if let Some(image) = image_of(&key, keys::DEPTH) {
            self.beside(image)?.depth = depth(&message.data);
        } else if keys::is_output(&key) {
            let attachment = self.beside(&key)?.attachment.take();
            return Some(Recorded::Output(Box::new(RecordedOutput {
                key,
                message,
                attachment,
            })));
        }
        None
    }

    /// A message of a file of somebody else: images, and the camera info beside them.
    fn take_foreign(&mut self, message: RecordedMessage) -> Option<Recorded> {
        let topic = message.topic.to_string();
        match &*message.message_type {
            CameraInfo::TYPE => {
                let (camera, _) = topic.rsplit_once('/')?;
                self.beside(camera)?.info = CameraInfo::decode(&message.data).ok();
                None
            }
            ImageMessage::TYPE | CompressedImage::TYPE => {
                let is_meant = self.topic.as_deref().is_none_or(|it| it == topic);
                is_meant.then(|| self.frame(topic, &message))
            }
            _ => None,
        }
    }

    fn beside(&mut self, key: &str) -> Option<&mut Beside> {
        if self.beside.len() == MAX_KEYS && !self.beside.contains_key(key) {
            return None;
        }
        Some(self.beside.entry(key.to_owned()).or_default())
    }

    fn frame(&mut self, key: String, message: &RecordedMessage) -> Recorded {
        let read = read_image(Some(&message.message_type), &message.data, MAX_IMAGE_BYTES);
        let (header, image) = match read {
            Ok(read) => read,
            Err(reason) => {
                return Recorded::Refused {
                    topic: Arc::clone(&message.topic),
                    reason,
                };
            }
        };
        let (intrinsics, bent) = match self.prefix.is_some() {
            true => (self.own_intrinsics(&key, header.stamp), false),
            false => self.foreign_intrinsics(&key, &image),
        };
        let beside = self.beside.remove(&key).unwrap_or_default();
        let depth = beside.depth.filter(|(stamp, _)| *stamp == header.stamp);
        let said = beside.attachment;
        let said = said.filter(|said| said.stamp_ns == header.stamp.nanos());
        let sequence = said
            .as_ref()
            .map_or(self.sequence, |said| said.frame_sequence);
        self.sequence += 1;
        Recorded::Frame(Box::new(RecordedFrame {
            is_exact: &*message.message_type == ImageMessage::TYPE,
            key,
            camera: said.as_ref().map(|said| said.camera.clone()),
            frame: Frame {
                sequence,
                stamp: header.stamp,
                arrived: Duration::ZERO,
                frame_id: header.frame_id.into(),
                image,
                intrinsics,
                distorted: bent || said.is_some_and(|said| said.distorted),
                depth: depth.map(|(_, depth)| depth),
            },
        }))
    }

    /// Those that the frame had, to the bit.
    fn own_intrinsics(&self, key: &str, stamp: Timestamp) -> Option<Intrinsics> {
        let info = self.beside.get(key)?.info.as_ref()?;
        let [fx, _, cx, _, fy, cy, ..] = info.k;
        let intrinsics = Intrinsics {
            fx,
            fy,
            cx,
            cy,
            width: info.width as usize,
            height: info.height as usize,
        };
        let is_sound = info.header.stamp == stamp && intrinsics.fault().is_none();
        is_sound.then_some(intrinsics)
    }

    /// The newest of the camera, and whether its lens bends lines.
    fn foreign_intrinsics(&self, topic: &str, image: &Image) -> (Option<Intrinsics>, bool) {
        let camera = topic.rsplit_once('/').map_or(topic, |(camera, _)| camera);
        let info = self
            .beside
            .get(camera)
            .and_then(|beside| beside.info.as_ref());
        let calibration = info.and_then(|info| Calibration::of(info, false).ok());
        let view = calibration.and_then(|it| it.view(image.width(), image.height()).ok());
        let view = view.unwrap_or_default();
        (view.intrinsics, view.bent_px.is_some())
    }
}

/// The image's key of a companion.
fn image_of<'a>(key: &'a str, companion: &str) -> Option<&'a str> {
    let image = key.strip_suffix(companion)?.strip_suffix('/')?;
    keys::is_image(image).then_some(image)
}

/// Metres of a `32FC1` image.
fn depth(message: &[u8]) -> Option<(Timestamp, Arc<DepthImage>)> {
    let message = ImageMessage::decode(message).ok()?;
    let (width, height) = (message.width as usize, message.height as usize);
    let is_whole = message.data.len() == width.checked_mul(height)?.checked_mul(4)?;
    let numbers = message.data.chunks_exact(4);
    let metres = numbers.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let is_sound = is_whole && message.encoding == "32FC1" && !message.is_bigendian;
    is_sound.then(|| {
        let depth = DepthImage {
            width,
            height,
            metres: metres.collect(),
        };
        (message.header.stamp, Arc::new(depth))
    })
}
