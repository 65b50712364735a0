//! Depth images that arrive beside the colour images of one camera.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use concert_models::image_file::{DecodeLimits, DepthImage, decode_depth_png};
use zenoh::bytes::ZBytes;

use crate::time::Timestamp;
use crate::wire::Message;
use crate::wire::ros_image::no_image;
use crate::wire::sensor_msgs::{CompressedImage, Image as ImageMessage};

/// Depth images that are kept until their colour image is looked at.
pub(super) const MAX_KEPT: usize = 4;
/// Stamps further apart are not of one exposure.
pub(super) const MAX_APART: Duration = Duration::from_millis(20);
/// Longest wait of a colour image for its depth image.
pub(super) const PATIENCE: Duration = Duration::from_millis(40);
/// Colour images that wait in vain before a depth camera counts as silent. Many,
/// because depth may come less often than colour.
const MAX_IN_VAIN: u32 = 30;

/// A message with a depth image, decoded no further than its stamp.
pub(super) struct DepthMessage {
    stamp: Timestamp,
    is_compressed: bool,
    payload: ZBytes,
}

impl DepthMessage {
    /// Reads the header. `kind` is the message's type; where nobody says it,
    /// both are tried.
    ///
    /// # Errors
    /// What is no message with an image.
    pub(super) fn of(kind: Option<&str>, payload: ZBytes) -> Result<Self, String> {
        let bytes = payload.to_bytes();
        let raw = || ImageMessage::decode(&bytes).map(|message| (message.header.stamp, false));
        let packed = || CompressedImage::decode(&bytes).map(|message| (message.header.stamp, true));
        let read = match kind {
            Some(ImageMessage::TYPE) => raw(),
            Some(CompressedImage::TYPE) => packed(),
            None => raw().or_else(|error| packed().map_err(|_| error)),
            Some(other) => return Err(no_image(other)),
        };
        let (stamp, is_compressed) = read.map_err(|error| error.to_string())?;
        drop(bytes);
        Ok(Self {
            stamp,
            is_compressed,
            payload,
        })
    }
}

/// The newest depth images, undecoded but for their stamps.
#[derive(Default)]
pub(super) struct DepthQueue {
    kept: VecDeque<DepthMessage>,
    /// Messages that could not be used.
    pub(super) refused: u64,
    /// Why the newest of them could not, until one could.
    pub(super) fault: Option<Arc<str>>,
    /// Colour images that waited in vain since one came that was not too old.
    in_vain: u32,
    /// Stamp of the colour image that waits, or waited last.
    awaited: Option<Timestamp>,
}

/// Content of the queue for one colour image.
pub(super) enum Found {
    /// Depth of the same exposure.
    Depth(DepthMessage),
    /// None yet, but it may still come.
    NotYet,
    /// None, and a later one is there already.
    Never,
}

impl DepthQueue {
    /// Keeps a message; the oldest makes room.
    pub(super) fn put(&mut self, message: DepthMessage) {
        let stamp = message.stamp;
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(message);
        // A camera whose depth is always older than what waits is of no more use
        // than a silent one.
        let is_old = |awaited: Timestamp| stamp < awaited && apart(stamp, awaited) > MAX_APART;
        if !self.awaited.is_some_and(is_old) {
            self.in_vain = 0;
        }
    }

    /// Counts a message that cannot be used.
    pub(super) fn refuse(&mut self, fault: &str) {
        self.refused += 1;
        if self.fault.as_deref() != Some(fault) {
            self.fault = Some(fault.into());
        }
    }

    /// Longest wait of a colour image: none for a depth camera that is
    /// silent.
    pub(super) fn patience(&self) -> Duration {
        match self.in_vain {
            MAX_IN_VAIN.. => Duration::ZERO,
            _ => PATIENCE,
        }
    }

    /// A colour image waited in vain.
    pub(super) fn note_silence(&mut self) {
        self.in_vain = self.in_vain.saturating_add(1);
    }

    /// The depth image whose stamp lies nearest to `stamp`. Those from before
    /// it are forgotten: colour images do not go back.
    pub(super) fn take(&mut self, stamp: Timestamp) -> Found {
        self.awaited = Some(stamp);
        let apart_from = |index: &usize| apart(self.kept[*index].stamp, stamp);
        let nearest = (0..self.kept.len()).min_by_key(apart_from);
        match nearest {
            Some(index) if apart_from(&index) <= MAX_APART => {
                self.kept.drain(..index);
                self.kept.pop_front().map_or(Found::NotYet, Found::Depth)
            }
            _ if self.kept.iter().any(|kept| kept.stamp > stamp) => Found::Never,
            _ => Found::NotYet,
        }
    }
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    Duration::from_nanos(one.nanos().abs_diff(other.nanos()))
}

/// Metres from a depth message of `needed` (width, height): depth must be
/// registered to its image. Its picture may have at most `limit` bytes.
pub(super) fn depth_image(
    message: &DepthMessage,
    needed: (usize, usize),
    limit: usize,
) -> Result<DepthImage, String> {
    let bytes = message.payload.to_bytes();
    match message.is_compressed {
        false => raw_depth(&bytes, needed),
        true => compressed_depth(&bytes, needed, limit),
    }
}

/// Header that `compressed_depth_image_transport` puts before a picture: its format
/// (4 bytes) and the two numbers of its steps in inverse depth.
const PREFIX_BYTES: usize = 12;
const PNG: &[u8] = b"\x89PNG";

/// Depth as `16UC1; compressedDepth png`, `32FC1; compressedDepth png` or
/// `16UC1; png compressed`.
fn compressed_depth(
    bytes: &[u8],
    needed: (usize, usize),
    limit: usize,
) -> Result<DepthImage, String> {
    let message = CompressedImage::decode(bytes).map_err(|error| error.to_string())?;
    let picture = match &*message.data {
        data if data.starts_with(PNG) => data,
        data => data.get(PREFIX_BYTES..).unwrap_or_default(),
    };
    if !picture.starts_with(PNG) {
        let format: String = message.format.chars().take(64).collect();
        return Err(format!(
            "message is a {} of format {format:?}, but must hold a PNG",
            CompressedImage::TYPE
        ));
    }
    let limits = DecodeLimits {
        max_bytes: limit,
        ..DecodeLimits::default()
    };
    let mut depth = decode_depth_png(picture, &limits).map_err(|error| error.to_string())?;
    check_size((depth.width, depth.height), needed)?;
    if message.format.starts_with("32FC1") && picture.len() < message.data.len() {
        let number = |at: usize| -> Option<f32> {
            let bytes = message.data.get(at..at + 4)?.first_chunk::<4>()?;
            Some(f32::from_le_bytes(*bytes))
        };
        let [a, b] = [number(4), number(8)].map(|number| number.unwrap_or(f32::NAN));
        for metres in &mut depth.metres {
            // The picture's numbers q, which were taken for millimetres: a / (q - b) m.
            let inverse = a / ((*metres * 1000.0).round() - b);
            *metres = match inverse.is_finite() && inverse > 0.0 {
                true => inverse,
                false => f32::NAN,
            };
        }
    }
    Ok(depth)
}

fn check_size(got: (usize, usize), needed: (usize, usize)) -> Result<(), String> {
    match got == needed {
        true => Ok(()),
        false => Err(format!(
            "depth is {}x{}, but its image is {}x{}: depth must be registered to the image",
            got.0, got.1, needed.0, needed.1
        )),
    }
}

/// Metres from a `32FC1` (m) or `16UC1` (mm) image.
fn raw_depth(bytes: &[u8], needed: (usize, usize)) -> Result<DepthImage, String> {
    let message = ImageMessage::decode(bytes).map_err(|error| error.to_string())?;
    let pixel = match message.encoding.as_ref() {
        "32FC1" => 4,
        "16UC1" | "mono16" => 2,
        other => {
            let other: String = other.chars().take(64).collect();
            return Err(format!(
                "depth encoding is {other:?}, but must be 32FC1 (metres) or 16UC1 (millimetres)"
            ));
        }
    };
    let (width, height) = (message.width as usize, message.height as usize);
    check_size((width, height), needed)?;
    let step = message.step as usize;
    if step < width * pixel {
        return Err(format!(
            "a row of {width} pixels of depth needs {} bytes, but the step is {step}",
            width * pixel
        ));
    }
    // The last row may end with its last pixel.
    let bytes_needed = step * (height - 1) + width * pixel;
    if message.data.len() < bytes_needed {
        return Err(format!(
            "{height} rows of depth need {bytes_needed} bytes, but there are {}",
            message.data.len()
        ));
    }
    let rows = message.data.chunks(step).take(height);
    let pixels = rows.flat_map(|row| row[..width * pixel].chunks_exact(pixel));
    let metres = pixels.map(|bytes| metres(bytes, message.is_bigendian));
    Ok(DepthImage {
        width,
        height,
        metres: metres.collect(),
    })
}

/// NaN where nothing was measured: 0 and 65535 mm, and what is not a positive
/// finite number of metres (REP-118 has infinities for too near and too far).
fn metres(bytes: &[u8], is_bigendian: bool) -> f32 {
    match *bytes {
        [a, b] => {
            let pair = [a, b];
            let millimetres = if is_bigendian {
                u16::from_be_bytes(pair)
            } else {
                u16::from_le_bytes(pair)
            };
            match millimetres {
                0 | u16::MAX => f32::NAN,
                known => f32::from(known) / 1000.0,
            }
        }
        [a, b, c, d] => {
            let four = [a, b, c, d];
            let metres = if is_bigendian {
                f32::from_be_bytes(four)
            } else {
                f32::from_le_bytes(four)
            };
            if metres.is_finite() && metres > 0.0 {
                metres
            } else {
                f32::NAN
            }
        }
        _ => f32::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::common::Header;

    fn depth_at(millis: i64) -> DepthMessage {
        let header = Header {
            stamp: Timestamp::from_nanos(millis * 1_000_000),
            frame_id: String::new(),
        };
        let message = ImageMessage {
            header,
            height: 1,
            width: 1,
            encoding: "32FC1".into(),
            is_bigendian: false,
            step: 4,
            data: 1.5f32.to_le_bytes().to_vec().into(),
        };
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        DepthMessage::of(None, bytes.into()).expect("is an image")
    }

    /// A picture of 2 x 1 numbers as `CompressedImage`.
    fn packed(format: &str, prefix: &[u8], numbers: [u16; 2]) -> DepthMessage {
        let mut png = std::io::Cursor::new(Vec::new());
        image::ImageBuffer::<image::Luma<u16>, _>::from_raw(2, 1, numbers.to_vec())
            .expect("two pixels")
            .write_to(&mut png, image::ImageFormat::Png)
            .expect("is written");
        let message = CompressedImage {
            header: Header::default(),
            format: format.into(),
            data: [prefix, png.get_ref()].concat().into(),
        };
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        DepthMessage::of(Some(CompressedImage::TYPE), bytes.into()).expect("has a header")
    }

    #[test]
    fn compressed_depth_is_read_in_metres() {
        let read = |message| depth_image(&message, (2, 1), 1 << 20);
        let plain = read(packed("16UC1; png compressed ", &[], [1500, 0])).unwrap();
        assert!(plain.metres[0] == 1.5 && plain.metres[1].is_nan());
        let packed_mm = packed("16UC1; compressedDepth png", &[0; 12], [2000, 65535]);
        let depth = read(packed_mm).unwrap();
        assert!(depth.metres[0] == 2.0 && depth.metres[1].is_nan());
        // q = a / z + b, as the transport writes floating point.
        let (a, b) = (10_000.0f32, 100.0f32);
        let prefix = [[1, 0, 0, 0], a.to_le_bytes(), b.to_le_bytes()].concat();
        let depth = read(packed("32FC1; compressedDepth png", &prefix, [5100, 0])).unwrap();
        assert!((depth.metres[0] - 2.0).abs() < 1e-6, "{depth:?}");
        assert!(depth.metres[1].is_nan());
    }

    #[test]
    fn depth_that_cannot_be_unpacked_is_named_by_what_came() {
        let rvl = packed("16UC1; compressedDepth rvl", b"not a picture", [1, 2]);
        let error = depth_image(&rvl, (2, 1), 1 << 20).unwrap_err();
        assert!(error.contains("compressedDepth rvl"), "{error}");
        let other = DepthMessage::of(Some("std_msgs/msg/String"), vec![0; 40].into());
        assert!(
            other
                .err()
                .unwrap()
                .starts_with("message is a std_msgs/msg/String")
        );
        let mut queue = DepthQueue::default();
        queue.refuse("depth: nonsense");
        assert_eq!(
            (queue.refused, queue.fault.as_deref()),
            (1, Some("depth: nonsense"))
        );
    }

    #[test]
    fn a_silent_depth_camera_costs_no_time_until_it_is_heard_again() {
        let mut queue = DepthQueue::default();
        for _ in 0..MAX_IN_VAIN {
            assert_eq!(queue.patience(), PATIENCE);
            queue.note_silence();
        }
        assert_eq!(queue.patience(), Duration::ZERO);
        queue.put(depth_at(100));
        assert_eq!(queue.patience(), PATIENCE);
    }

    #[test]
    fn depth_that_is_always_too_old_costs_no_time_in_the_end() {
        let mut queue = DepthQueue::default();
        for frame in 0..i64::from(MAX_IN_VAIN) {
            let stamp = Timestamp::from_nanos((1000 + 33 * frame) * 1_000_000);
            assert!(matches!(queue.take(stamp), Found::NotYet));
            assert_eq!(queue.patience(), PATIENCE);
            queue.put(depth_at(1000 + 33 * frame - 30));
            queue.note_silence();
        }
        assert_eq!(queue.patience(), Duration::ZERO);
        queue.put(depth_at(10_000));
        assert_eq!(queue.patience(), PATIENCE);
    }

    #[test]
    fn depth_is_paired_by_stamp_whichever_comes_first() {
        let stamp = |millis: i64| Timestamp::from_nanos(millis * 1_000_000);
        let mut queue = DepthQueue::default();
        assert!(matches!(queue.take(stamp(100)), Found::NotYet));
        queue.put(depth_at(115));
        assert!(matches!(queue.take(stamp(100)), Found::Depth(_)));
        queue.put(depth_at(300));
        assert!(matches!(queue.take(stamp(200)), Found::Never));
        assert!(matches!(queue.take(stamp(310)), Found::Depth(_)));
        assert!(matches!(queue.take(stamp(320)), Found::NotYet));
    }
}
