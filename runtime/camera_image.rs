//! The camera's image on the bus: computed frames, beside their outputs, while
//! somebody listens. The newest one waits for the publisher, and what became of
//! each computed frame is counted, as for outputs.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use concert_models::{Image, PixelFormat};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use serde::Serialize;

use crate::clock::lock;
use crate::frame::Frame;
use crate::health::Health;
use crate::rate::Rate;
use crate::status::StatusEntry;
use crate::wire::cdr::CdrWriter;
use crate::wire::common::Header;
use crate::wire::sensor_msgs::{CompressedImage, Image as ImageMessage};
use crate::wire::{Message, Pixels, keys};

/// Settings of the camera's image on the bus.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImagePublishing {
    /// True where it is; `None` for images of at most
    /// [`DEFAULT_MAX_PIXELS`](Self::DEFAULT_MAX_PIXELS).
    pub enabled: Option<bool>,
    /// Encoding of the pixels.
    pub encoding: ImageEncoding,
    /// Most images a second; `None` for [`DEFAULT_RATE_HZ`](Self::DEFAULT_RATE_HZ),
    /// or every computed frame where it is enabled by name.
    pub rate_hz: Option<f64>,
}

impl ImagePublishing {
    /// Most images a second where nothing is said.
    pub const DEFAULT_RATE_HZ: f64 = 10.0;
    /// Most pixels of an image that is published where nothing is said.
    pub const DEFAULT_MAX_PIXELS: usize = 640 * 480;

    /// Tells whether an image is published; `every` where somebody asks for the
    /// image of every frame, however large.
    fn is_for(&self, image: &Image, every: bool) -> bool {
        let is_small = image.width() * image.height() <= Self::DEFAULT_MAX_PIXELS;
        self.enabled.unwrap_or(is_small || every)
    }

    fn rate(&self) -> Rate {
        let default = (self.enabled != Some(true)).then_some(Self::DEFAULT_RATE_HZ);
        Rate::new(self.rate_hz.or(default))
    }
}

/// Encoding of a camera's image on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageEncoding {
    /// `sensor_msgs/Image`: the pixels as they came.
    #[default]
    Raw,
    /// `sensor_msgs/CompressedImage`.
    Jpeg {
        /// From 1 to 100.
        quality: u8,
    },
}

/// One camera's image on its way to the bus.
#[derive(Debug, Clone)]
pub struct CameraImage {
    /// Key below the publish prefix.
    pub key: Arc<str>,
    /// Name of the camera.
    pub camera: Arc<str>,
    /// Counts the images of this key, from 0; a gap is a loss.
    pub sequence: u64,
    /// The frame that was computed.
    pub frame: Frame,
    /// Encoding of the pixels.
    pub encoding: ImageEncoding,
    /// True where the depth that came with the frame goes with it.
    pub with_depth: bool,
}

impl CameraImage {
    /// Stamp and optical frame.
    #[must_use]
    pub fn header(&self) -> Header {
        Header {
            stamp: self.frame.stamp,
            frame_id: self.frame.frame_id.to_string(),
        }
    }

    /// Writes the depth that goes with it as a `sensor_msgs/Image` in metres, but
    /// for the numbers, which stand at its end; `None` where there is none.
    pub fn encode_depth_head(&self, to: &mut Vec<u8>) -> Option<Pixels<'_>> {
        let depth = self.frame.depth.as_deref().filter(|_| self.with_depth)?;
        let pixels = Pixels::Planes {
            values: &depth.metres,
            channels: 1,
        };
        // At most 16384 a side.
        let message = ImageMessage {
            header: self.header(),
            height: depth.height as u32,
            width: depth.width as u32,
            encoding: Cow::Borrowed("32FC1"),
            is_bigendian: false,
            step: 4 * depth.width as u32,
            data: Cow::Borrowed(&[]),
        };
        message.write_head(pixels.len(), &mut CdrWriter::begin(to));
        Some(pixels)
    }

    /// Writes the message in CDR; what stood in `to` is lost. Gives the
    /// message's full name.
    ///
    /// # Errors
    /// An image that cannot be a JPEG.
    pub fn encode(&self, to: &mut Vec<u8>) -> Result<&'static str, image::ImageError> {
        let (message_type, pixels) = self.encode_head(to)?;
        pixels.append(to);
        Ok(message_type)
    }

    /// As [`encode`](Self::encode), but for the pixels of a raw image, which stand
    /// at its end.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_head(
        &self,
        to: &mut Vec<u8>,
    ) -> Result<(&'static str, Pixels<'_>), image::ImageError> {
        match self.encoding {
            ImageEncoding::Raw => {
                let image = &self.frame.image;
                // Its last row may come without padding.
                let pixels = Pixels::Bytes {
                    bytes: image.bytes(),
                    length: image.stride_bytes() * image.height(),
                };
                let mut writer = CdrWriter::begin(to);
                raw(self.header(), image).write_head(pixels.len(), &mut writer);
                Ok((ImageMessage::TYPE, pixels))
            }
            ImageEncoding::Jpeg { quality } => {
                let message = CompressedImage {
                    header: self.header(),
                    format: Cow::Borrowed("jpeg"),
                    data: Cow::Owned(jpeg(&self.frame.image, quality)?),
                };
                message.encode(to);
                Ok((CompressedImage::TYPE, Pixels::None))
            }
        }
    }
}

/// The message without its pixels.
fn raw(header: Header, image: &Image) -> ImageMessage<'static> {
    let encoding = match image.format() {
        PixelFormat::Rgb8 => "rgb8",
        PixelFormat::Bgr8 => "bgr8",
        PixelFormat::Grey8 => "mono8",
        PixelFormat::Rgba8 => "rgba8",
        PixelFormat::Bgra8 => "bgra8",
        PixelFormat::Yuyv => "yuv422_yuy2",
    };
    // At most 16384 a side.
    ImageMessage {
        header,
        height: image.height() as u32,
        width: image.width() as u32,
        encoding: Cow::Borrowed(encoding),
        is_bigendian: false,
        step: image.stride_bytes() as u32,
        data: Cow::Borrowed(&[]),
    }
}

fn jpeg(image: &Image, quality: u8) -> Result<Vec<u8>, image::ImageError> {
    let grey = image.format() == PixelFormat::Grey8;
    let mut pixels = Vec::with_capacity(image.width() * image.height() * 3);
    for v in 0..image.height() {
        rgb_or_grey(image.row(v), image.format(), &mut pixels);
    }
    let mut bytes = Vec::new();
    let colour = match grey {
        true => ExtendedColorType::L8,
        false => ExtendedColorType::Rgb8,
    };
    let (width, height) = (image.width() as u32, image.height() as u32);
    JpegEncoder::new_with_quality(&mut bytes, quality).encode(&pixels, width, height, colour)?;
    Ok(bytes)
}

/// Appends a row as red, green, blue, or as grey where it is grey.
fn rgb_or_grey(row: &[u8], format: PixelFormat, to: &mut Vec<u8>) {
    match format {
        PixelFormat::Rgb8 | PixelFormat::Grey8 => to.extend_from_slice(row),
        PixelFormat::Bgr8 => to.extend(row.chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]])),
        PixelFormat::Rgba8 => to.extend(row.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]])),
        PixelFormat::Bgra8 => to.extend(row.chunks_exact(4).flat_map(|p| [p[2], p[1], p[0]])),
        PixelFormat::Yuyv => to.extend(row.chunks_exact(4).flat_map(|p| {
            let (first, second) = (rgb_of(p[0], p[1], p[3]), rgb_of(p[2], p[1], p[3]));
            first.into_iter().chain(second)
        })),
    }
}

/// BT.601, limited range.
fn rgb_of(y: u8, u: u8, v: u8) -> [u8; 3] {
    let y = 1.164_383_6 * (f32::from(y) - 16.0);
    let (u, v) = (f32::from(u) - 128.0, f32::from(v) - 128.0);
    let channels = [
        y + 1.596_026_8 * v,
        y - 0.391_762_3 * u - 0.812_967_7 * v,
        y + 2.017_232_2 * u,
    ];
    // `as` saturates.
    channels.map(|channel| channel.round() as u8)
}

/// Counts of the image of each computed frame of one camera.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ImageCounts {
    /// Not published by the settings: off, or larger than what is published
    /// unasked.
    pub off: u64,
    /// Nobody listened.
    pub no_subscriber: u64,
    /// The rate did not ask for it.
    pub not_due: u64,
    /// Handed to the publisher: published, superseded, lost or waiting.
    pub delivered: u64,
    /// Taken by the bus.
    pub published: u64,
    /// A newer one came before the publisher came to it.
    pub superseded: u64,
    /// Refused by the bus.
    pub lost_on_bus: u64,
}

/// One camera's image, in figures.
#[derive(Debug, Clone, Serialize)]
pub struct ImageSnapshot {
    /// Key below the prefix.
    pub key: String,
    /// Camera.
    pub camera: String,
    /// Counts of the image of each computed frame.
    pub counts: ImageCounts,
    /// Images that wait for the publisher: 0 or 1.
    pub waiting: u64,
}

impl ImageSnapshot {
    /// Tells whether every computed frame is accounted for, of `processed`.
    pub(crate) fn check(&self, processed: u64) -> Result<(), String> {
        let counts = &self.counts;
        let frames = counts.off + counts.no_subscriber + counts.not_due + counts.delivered;
        if frames != processed {
            return Err(format!(
                "{}: {processed} frames processed, but {frames} are accounted for",
                self.key
            ));
        }
        let sum = counts.published + counts.superseded + counts.lost_on_bus + self.waiting;
        if counts.delivered != sum {
            return Err(format!(
                "{}: {} images delivered, but {sum} are accounted for",
                self.key, counts.delivered
            ));
        }
        Ok(())
    }

    pub(crate) fn entry(&self) -> StatusEntry {
        let counts = &self.counts;
        let values = [
            ("off", counts.off),
            ("no_subscriber", counts.no_subscriber),
            ("not_due", counts.not_due),
            ("delivered", counts.delivered),
            ("published", counts.published),
            ("superseded", counts.superseded),
            ("lost_on_bus", counts.lost_on_bus),
        ];
        StatusEntry {
            name: self.key.clone(),
            health: Health::Ok,
            message: String::new(),
            values: values
                .map(|(name, count)| (name.to_owned(), count.to_string()))
                .into(),
        }
    }
}

/// The place of one camera's image, between the perceive thread and the
/// publisher thread.
pub(crate) struct ImagePlace {
    pub(crate) key: Arc<str>,
    camera: Arc<str>,
    publishing: ImagePublishing,
    is_wanted: AtomicBool,
    /// True where somebody asks for the image of every frame.
    every: AtomicBool,
    inside: Mutex<Inside>,
}

struct Inside {
    rate: Rate,
    counts: ImageCounts,
    waiting: Option<CameraImage>,
}

impl ImagePlace {
    /// A place for each camera.
    pub(crate) fn of(cameras: &[String], publishing: &ImagePublishing) -> Vec<Self> {
        let place = |camera: &String| {
            let in_key = (cameras.len() > 1).then_some(camera.as_str());
            let key = keys::output(in_key, keys::IMAGE);
            Self {
                key: key.into(),
                camera: camera.as_str().into(),
                publishing: publishing.clone(),
                is_wanted: AtomicBool::new(false),
                every: AtomicBool::new(false),
                inside: Mutex::new(Inside {
                    rate: publishing.rate(),
                    counts: ImageCounts::default(),
                    waiting: None,
                }),
            }
        };
        cameras.iter().map(place).collect()
    }

    /// Notes whether anyone listens, and whether somebody asks for the image of every
    /// frame, whatever the rate.
    pub(crate) fn want(&self, is_wanted: bool, every: bool) {
        self.every.store(every, Ordering::Relaxed);
        self.is_wanted.store(is_wanted, Ordering::Relaxed);
    }

    /// Counts a frame that is about to be computed, and hands its image to the
    /// publisher where somebody wants it; whether it did.
    pub(crate) fn offer(&self, frame: &Frame, interval: Duration) -> bool {
        let mut inside = lock(&self.inside);
        let every = self.every.load(Ordering::Relaxed);
        if !self.publishing.is_for(&frame.image, every) {
            inside.counts.off += 1;
        } else if !self.is_wanted.load(Ordering::Relaxed) {
            inside.counts.no_subscriber += 1;
        } else if !every && !inside.rate.is_due(frame.arrived, interval) {
            inside.counts.not_due += 1;
        } else {
            inside.rate.take(frame.arrived);
            let image = CameraImage {
                key: Arc::clone(&self.key),
                camera: Arc::clone(&self.camera),
                sequence: inside.counts.delivered,
                frame: frame.clone(),
                encoding: self.publishing.encoding,
                with_depth: every,
            };
            inside.counts.delivered += 1;
            if inside.waiting.replace(image).is_some() {
                inside.counts.superseded += 1;
            }
            return true;
        }
        false
    }

    /// The image that waits, if one does.
    pub(crate) fn take(&self) -> Option<CameraImage> {
        lock(&self.inside).waiting.take()
    }

    /// Counts an image that the bus took, or did not.
    pub(crate) fn note(&self, is_published: bool) {
        let counts = &mut lock(&self.inside).counts;
        match is_published {
            true => counts.published += 1,
            false => counts.lost_on_bus += 1,
        }
    }

    pub(crate) fn snapshot(&self) -> ImageSnapshot {
        let inside = lock(&self.inside);
        ImageSnapshot {
            key: self.key.to_string(),
            camera: self.camera.to_string(),
            counts: inside.counts,
            waiting: u64::from(inside.waiting.is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn frame(image: Image, millis: u64) -> Frame {
        Frame {
            sequence: 0,
            stamp: Timestamp::from_nanos(7),
            arrived: Duration::from_millis(millis),
            frame_id: "front_optical".into(),
            image,
            distorted: false,
            intrinsics: None,
            depth: None,
        }
    }

    /// The raw message of an image, as it goes out.
    fn encoded(image: &Image) -> Vec<u8> {
        let image = CameraImage {
            key: "image".into(),
            camera: "front".into(),
            sequence: 0,
            frame: frame(image.clone(), 0),
            encoding: ImageEncoding::Raw,
            with_depth: false,
        };
        let mut bytes = Vec::new();
        image.encode(&mut bytes).expect("encodes");
        bytes
    }

    fn grey(width: usize, height: usize) -> Image {
        let pixels = vec![9; width * height];
        Image::packed(width, height, PixelFormat::Grey8, pixels).expect("an image")
    }

    fn place(publishing: &ImagePublishing) -> ImagePlace {
        let place = ImagePlace::of(&["front".to_owned()], publishing).remove(0);
        place.want(true, false);
        place
    }

    #[test]
    fn a_large_image_is_published_only_where_somebody_asked_for_it() {
        let large = frame(grey(641, 480), 0);
        assert!(!place(&ImagePublishing::default()).offer(&large, Duration::ZERO));
        let enabled = ImagePublishing {
            enabled: Some(true),
            ..ImagePublishing::default()
        };
        assert!(place(&enabled).offer(&large, Duration::ZERO));
        assert!(
            place(&ImagePublishing::default()).offer(&frame(grey(640, 480), 0), Duration::ZERO)
        );
    }

    #[test]
    fn who_asks_for_every_image_gets_it_whatever_its_rate_and_size_unless_there_are_none() {
        let offered = |enabled| {
            let place = place(&ImagePublishing {
                enabled,
                rate_hz: Some(1.0),
                ..ImagePublishing::default()
            });
            place.want(true, true);
            let frames = (0..10).map(|index| frame(grey(641, 480), index * 20));
            let taken = frames.filter(|frame| place.offer(frame, Duration::ZERO));
            (
                taken.count(),
                place.take().is_some_and(|image| image.with_depth),
            )
        };
        assert_eq!(offered(None), (10, true));
        assert_eq!(offered(Some(false)), (0, false));
    }

    #[test]
    fn every_computed_frame_is_accounted_for() {
        let place = place(&ImagePublishing::default());
        for millis in (0..1000).step_by(20) {
            place.offer(&frame(grey(4, 4), millis), Duration::from_millis(20));
        }
        place.want(false, false);
        place.offer(&frame(grey(4, 4), 1000), Duration::from_millis(20));
        place.offer(&frame(grey(4000, 400), 1020), Duration::from_millis(20));
        let snapshot = place.snapshot();
        assert_eq!(snapshot.check(52), Ok(()));
        let counts = snapshot.counts;
        assert_eq!((counts.off, counts.no_subscriber), (1, 1));
        assert_eq!((counts.delivered, counts.not_due), (10, 40), "10 Hz of 50");
        assert_eq!((counts.superseded, snapshot.waiting), (9, 1));
        assert!(place.take().is_some_and(|image| image.sequence == 9));
        place.note(true);
        assert_eq!(place.snapshot().check(52), Ok(()));
    }

    #[test]
    fn every_pixel_format_keeps_its_colours_raw_and_as_jpeg() {
        let red: [(PixelFormat, &[u8], &str); 5] = [
            (PixelFormat::Rgb8, &[255, 0, 0, 255, 0, 0], "rgb8"),
            (PixelFormat::Bgr8, &[0, 0, 255, 0, 0, 255], "bgr8"),
            (PixelFormat::Rgba8, &[255, 0, 0, 9, 255, 0, 0, 9], "rgba8"),
            (PixelFormat::Bgra8, &[0, 0, 255, 9, 0, 0, 255, 9], "bgra8"),
            (PixelFormat::Yuyv, &[81, 90, 81, 240], "yuv422_yuy2"),
        ];
        for (format, pair, encoding) in red {
            let pixels: Vec<u8> = pair.repeat(16 * 8);
            let image = Image::packed(16, 16, format, pixels.clone()).expect("an image");
            let bytes = encoded(&image);
            let message = ImageMessage::decode(&bytes).expect("a message");
            assert_eq!((&*message.encoding, &*message.data), (encoding, &*pixels));
            let file = jpeg(&image, 90).expect("encodes");
            let read = concert_models::image_file::decode(&file, &Default::default());
            let read = read.expect("a JPEG");
            let [r, g, b] = [0, 1, 2].map(|channel| read.bytes()[channel]);
            assert!(r > 240 && g < 15 && b < 15, "{format:?}: {r} {g} {b}");
        }
    }

    #[test]
    fn rows_without_their_last_padding_are_padded() {
        let image = Image::new(2, 2, 3, PixelFormat::Grey8, vec![1, 2, 0, 3, 4].into());
        let image = image.expect("an image");
        let bytes = encoded(&image);
        let message = ImageMessage::decode(&bytes).expect("a message");
        assert_eq!(&*message.data, [1, 2, 0, 3, 4, 0]);
    }
}
