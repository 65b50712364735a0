//! Pixels in memory: what a camera delivers and preprocessing takes.

use std::fmt;
use std::sync::Arc;

/// Format in which the bytes of an image are to be read. Eight bits per channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelFormat {
    /// Red, green, blue.
    Rgb8,
    /// Blue, green, red.
    Bgr8,
    /// Grey.
    Grey8,
    /// Red, green, blue, alpha (alpha is ignored).
    Rgba8,
    /// Blue, green, red, alpha (alpha is ignored).
    Bgra8,
    /// Y0 U Y1 V, two pixels in four bytes, BT.601 limited range; even width.
    Yuyv,
}

impl PixelFormat {
    /// Bytes per pixel (two pixels of [`Yuyv`](Self::Yuyv) share four).
    #[must_use]
    pub fn bytes_per_pixel(self) -> usize {
        match self {
            PixelFormat::Grey8 => 1,
            PixelFormat::Yuyv => 2,
            PixelFormat::Rgb8 | PixelFormat::Bgr8 => 3,
            PixelFormat::Rgba8 | PixelFormat::Bgra8 => 4,
        }
    }
}

/// An image: rows of `stride_bytes`, top row first. Cheap to clone.
#[derive(Clone)]
pub struct Image {
    width: usize,
    height: usize,
    stride_bytes: usize,
    format: PixelFormat,
    pixels: Arc<[u8]>,
}

/// Reason why bytes are not the image they are said to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A side is 0, or larger than [`Image::MAX_SIDE`].
    #[error(
        "image is {width}x{height}, but each side must be 1 to {} pixels",
        Image::MAX_SIDE
    )]
    Size {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
    },
    /// A row is shorter than its pixels.
    #[error(
        "a row of {width} {format:?} pixels needs {needed} bytes, but the step is {stride_bytes}"
    )]
    Stride {
        /// Pixels.
        width: usize,
        /// Format in which they are stored.
        format: PixelFormat,
        /// Bytes.
        needed: usize,
        /// Bytes.
        stride_bytes: usize,
    },
    /// The buffer is not rows times step.
    #[error("{height} rows of {stride_bytes} bytes need {needed} bytes, but there are {got}")]
    Length {
        /// Rows.
        height: usize,
        /// Bytes.
        stride_bytes: usize,
        /// Bytes.
        needed: usize,
        /// Bytes.
        got: usize,
    },
    /// A 4:2:2 image cannot have an odd width.
    #[error("a yuyv image is {width} pixels wide, but its width must be even")]
    OddWidth {
        /// Pixels.
        width: usize,
    },
}

impl Image {
    /// Longest side that is accepted, in pixels.
    pub const MAX_SIDE: usize = 16_384;

    /// Takes bytes for an image, if they can be one.
    ///
    /// # Errors
    /// A size, step or length that does not fit; see [`ImageError`].
    pub fn new(
        width: usize,
        height: usize,
        stride_bytes: usize,
        format: PixelFormat,
        pixels: Arc<[u8]>,
    ) -> Result<Self, ImageError> {
        let side = 1..=Self::MAX_SIDE;
        if !side.contains(&width) || !side.contains(&height) {
            return Err(ImageError::Size { width, height });
        }
        if format == PixelFormat::Yuyv && width % 2 == 1 {
            return Err(ImageError::OddWidth { width });
        }
        let needed = width * format.bytes_per_pixel();
        if stride_bytes < needed {
            return Err(ImageError::Stride {
                width,
                format,
                needed,
                stride_bytes,
            });
        }
        // A last row without its padding is common, and enough.
        let needed = stride_bytes
            .checked_mul(height - 1)
            .and_then(|rows| rows.checked_add(needed))
            .ok_or(ImageError::Stride {
                width,
                format,
                needed,
                stride_bytes,
            })?;
        if pixels.len() < needed || pixels.len() > stride_bytes * height {
            let got = pixels.len();
            return Err(ImageError::Length {
                height,
                stride_bytes,
                needed,
                got,
            });
        }
        Ok(Self {
            width,
            height,
            stride_bytes,
            format,
            pixels,
        })
    }

    /// Takes tightly packed rows.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn packed(
        width: usize,
        height: usize,
        format: PixelFormat,
        pixels: impl Into<Arc<[u8]>>,
    ) -> Result<Self, ImageError> {
        let stride = width.saturating_mul(format.bytes_per_pixel());
        Self::new(width, height, stride, format, pixels.into())
    }

    /// Width, px.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height, px.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Bytes from one row's first to the next row's first.
    #[must_use]
    pub fn stride_bytes(&self) -> usize {
        self.stride_bytes
    }

    /// Format in which the bytes are to be read.
    #[must_use]
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// All bytes, padding included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.pixels
    }

    /// Row `v` without its padding.
    ///
    /// # Panics
    /// Where `v` is not below the height.
    #[must_use]
    pub fn row(&self, v: usize) -> &[u8] {
        let start = v * self.stride_bytes;
        &self.pixels[start..start + self.width * self.format.bytes_per_pixel()]
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({}x{} {:?})", self.width, self.height, self.format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_lies_is_refused_with_both_quantities() {
        let error = Image::new(4, 2, 11, PixelFormat::Rgb8, vec![0; 22].into()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a row of 4 Rgb8 pixels needs 12 bytes, but the step is 11"
        );
    }

    #[test]
    fn a_length_that_lies_is_refused_with_both_quantities() {
        let error = Image::packed(4, 2, PixelFormat::Grey8, vec![0; 7]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "2 rows of 4 bytes need 8 bytes, but there are 7"
        );
    }

    #[test]
    fn an_absurd_size_is_refused_before_any_arithmetic_overflows() {
        let error = Image::new(
            usize::MAX,
            1,
            usize::MAX,
            PixelFormat::Rgba8,
            Vec::new().into(),
        );
        assert!(matches!(error, Err(ImageError::Size { .. })));
        let error = Image::new(4, 16_384, usize::MAX, PixelFormat::Rgba8, Vec::new().into());
        assert!(matches!(error, Err(ImageError::Stride { .. })));
    }
}
