//! The layout of a kernel driver's frames, and their decoding. Plain
//! computation, so that it is tested without a camera.

use std::time::Duration;

use concert_models::image_file::DecodeLimits;
use concert_models::{Image, PixelFormat};

use super::decode;
use crate::time::Timestamp;

/// Longest time since an exposure that is believed; a driver's clock that is
/// further off is not ours.
const MAX_AGE: Duration = Duration::from_secs(60);

/// Encoding of a device's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// A JPEG per frame.
    Mjpeg,
    /// Y0 U Y1 V, two pixels in four bytes.
    Yuyv,
}

impl Encoding {
    /// The kernel's four letters for it.
    #[must_use]
    pub fn fourcc(self) -> [u8; 4] {
        match self {
            Encoding::Mjpeg => *b"MJPG",
            Encoding::Yuyv => *b"YUYV",
        }
    }

    /// As it stands in a launch file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Mjpeg => "mjpeg",
            Encoding::Yuyv => "yuyv",
        }
    }
}

/// The format of a driver's frames, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CaptureFormat {
    encoding: Encoding,
    width: usize,
    height: usize,
    stride_bytes: usize,
}

impl CaptureFormat {
    /// Checks what the driver said: size in px, bytes per row (0: packed) and
    /// per frame.
    pub(super) fn new(
        encoding: Encoding,
        (width, height): (u32, u32),
        stride_bytes: u32,
        frame_bytes: u32,
        limits: &DecodeLimits,
    ) -> Result<Self, String> {
        let [width, height, stride, frame] =
            [width, height, stride_bytes, frame_bytes].map(|number| number as usize);
        let longest = limits.max_side;
        if !(1..=longest).contains(&width) || !(1..=longest).contains(&height) {
            return Err(format!(
                "frames are {width}x{height}, but each side must be 1 to {longest} pixels"
            ));
        }
        if width * height > limits.max_pixels {
            return Err(format!(
                "frames are {width}x{height}, but at most {} pixels are taken",
                limits.max_pixels
            ));
        }
        let packed = width * PixelFormat::Yuyv.bytes_per_pixel();
        let stride = if stride == 0 { packed } else { stride };
        if encoding == Encoding::Yuyv {
            if width % 2 == 1 {
                return Err(format!("yuyv frames are {width} wide, but must be even"));
            }
            let needed = stride.saturating_mul(height - 1).saturating_add(packed);
            if stride < packed || frame < needed {
                return Err(format!(
                    "yuyv rows of {width} pixels need {packed} bytes and frames {needed}, but they have {stride} and {frame}"
                ));
            }
        }
        Ok(Self {
            encoding,
            width,
            height,
            stride_bytes: stride,
        })
    }

    /// The image in a filled buffer, or why it is none.
    pub(super) fn image(&self, bytes: &[u8], limits: &DecodeLimits) -> Result<Image, String> {
        match self.encoding {
            Encoding::Mjpeg => self.jpeg(bytes, limits),
            Encoding::Yuyv => self.yuyv(bytes),
        }
    }

    fn jpeg(&self, bytes: &[u8], limits: &DecodeLimits) -> Result<Image, String> {
        let image = decode(bytes, limits)?;
        let (width, height) = (image.width(), image.height());
        if (width, height) != (self.width, self.height) {
            return Err(format!(
                "jpeg is {width}x{height}, but the device was set to {}x{}",
                self.width, self.height
            ));
        }
        Ok(image)
    }

    /// Rows are packed, so that padding is not copied on.
    fn yuyv(&self, bytes: &[u8]) -> Result<Image, String> {
        let packed = self.width * PixelFormat::Yuyv.bytes_per_pixel();
        let needed = self.stride_bytes * (self.height - 1) + packed;
        let Some(bytes) = bytes.get(..needed) else {
            return Err(format!(
                "yuyv frame has {} bytes, but {}x{} in rows of {} needs {needed}",
                bytes.len(),
                self.width,
                self.height,
                self.stride_bytes
            ));
        };
        let rows = bytes.chunks(self.stride_bytes);
        let pixels: Vec<u8> = rows.flat_map(|row| &row[..packed]).copied().collect();
        Image::packed(self.width, self.height, PixelFormat::Yuyv, pixels)
            .map_err(|error| error.to_string())
    }
}

/// The stamp of an exposure that ended `age` ago; without a believable age,
/// the time at which the frame was taken.
pub(super) fn stamp_of(now: Timestamp, age: Option<Duration>) -> Timestamp {
    let age = age.filter(|age| *age <= MAX_AGE).unwrap_or_default();
    let nanos = i64::try_from(age.as_nanos()).unwrap_or(0);
    Timestamp::from_nanos(now.nanos().saturating_sub(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(encoding: Encoding, size: (u32, u32), stride: u32) -> Result<CaptureFormat, String> {
        let limits = DecodeLimits::default();
        CaptureFormat::new(
            encoding,
            size,
            stride,
            stride.saturating_mul(size.1),
            &limits,
        )
    }

    #[test]
    fn the_padding_of_rows_is_left_out() {
        let format = format(Encoding::Yuyv, (2, 2), 6).unwrap();
        let limits = DecodeLimits::default();
        let image = format.image(b"abcd__efgh__", &limits).unwrap();
        assert_eq!(image.bytes(), b"abcdefgh");
        assert_eq!(image.format(), PixelFormat::Yuyv);
        let last_row_unpadded = format.image(b"abcd__efgh", &limits).unwrap();
        assert_eq!(last_row_unpadded.bytes(), b"abcdefgh");
    }

    #[test]
    fn a_short_frame_is_refused_with_both_quantities() {
        let format = format(Encoding::Yuyv, (2, 2), 6).unwrap();
        let error = format.image(b"abcd__efg", &DecodeLimits::default());
        assert_eq!(
            error.unwrap_err(),
            "yuyv frame has 9 bytes, but 2x2 in rows of 6 needs 10"
        );
    }

    #[test]
    fn formats_that_cannot_be_are_refused() {
        for (size, stride) in [
            ((0, 2), 4),
            ((3, 2), 6),
            ((4, 2), 7),
            ((70_000, 2), 0),
            ((16_384, 16_384), 0),
        ] {
            assert!(format(Encoding::Yuyv, size, stride).is_err(), "{size:?}");
        }
    }

    #[test]
    fn a_jpeg_of_another_size_or_a_torn_one_is_refused_and_the_next_is_fine() {
        let pixels = image::RgbImage::from_fn(64, 48, |u, v| image::Rgb([u as u8, v as u8, 9]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        pixels
            .write_to(&mut bytes, image::ImageFormat::Jpeg)
            .unwrap();
        let bytes = bytes.into_inner();
        let limits = DecodeLimits::default();
        let smaller = format(Encoding::Mjpeg, (32, 24), 0).unwrap();
        assert_eq!(
            smaller.image(&bytes, &limits).unwrap_err(),
            "jpeg is 64x48, but the device was set to 32x24"
        );
        let right = format(Encoding::Mjpeg, (64, 48), 0).unwrap();
        assert!(right.image(&bytes[..300], &limits).is_err());
        assert!(right.image(&bytes, &limits).is_ok());
    }

    #[test]
    fn a_stamp_is_moved_back_to_the_exposure_where_that_is_believable() {
        let now = Timestamp::from_nanos(5_000_000_000);
        let stamp = |millis| stamp_of(now, Some(Duration::from_millis(millis))).nanos();
        assert_eq!(stamp(30), 4_970_000_000);
        assert_eq!(stamp(3_600_000), 5_000_000_000, "another clock");
        assert_eq!(stamp_of(now, None), now);
    }
}
