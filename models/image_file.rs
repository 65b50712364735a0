//! Compressed images into pixels, within limits.
//!
//! Sizes are read from the header and checked before memory is taken for the
//! pixels; a picture that ends early is refused rather than shown half grey.

mod huffman;
mod jpeg;
mod layout;

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder};

use crate::image::{Image, ImageError, PixelFormat};

/// Greatest size that a picture may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Longest side, px.
    pub max_side: usize,
    /// Most pixels.
    pub max_pixels: usize,
    /// Longest file, bytes.
    pub max_bytes: usize,
}

impl Default for DecodeLimits {
    /// Sides as [`Image::MAX_SIDE`], 2²⁵ pixels (an 8K camera), 64 MiB.
    fn default() -> Self {
        DecodeLimits {
            max_side: Image::MAX_SIDE,
            max_pixels: 1 << 25,
            max_bytes: 64 << 20,
        }
    }
}

/// Reason why bytes are not a picture that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No bytes at all.
    #[error("picture is empty")]
    Empty,
    /// More bytes than allowed.
    #[error("picture takes {bytes} bytes, but at most {limit} are allowed")]
    TooLong {
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Neither JPEG nor PNG.
    #[error("picture begins with {begins}, but only JPEG and PNG are read")]
    UnknownFormat {
        /// The first bytes, in hexadecimal.
        begins: String,
    },
    /// The header asks for more than allowed.
    #[error(
        "picture is {width}x{height} pixels, but a side may be at most {max_side} \
         and all at most {max_pixels}"
    )]
    TooLarge {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
        /// Longest side allowed.
        max_side: usize,
        /// Most pixels allowed.
        max_pixels: usize,
    },
    /// The file is damaged, cut short, or of a kind that is not read.
    #[error("{format} picture cannot be decoded: {reason}")]
    Malformed {
        /// `JPEG` or `PNG`.
        format: &'static str,
        /// The decoder's own words.
        reason: String,
    },
    /// A depth picture that is not 16-bit grey.
    #[error("depth picture holds {found}, but must be PNG with 16-bit grey (millimetres)")]
    NotDepth {
        /// Content that it holds.
        found: String,
    },
    /// A picture of numbers that is not grey, or of other bits.
    #[error("picture holds {found}, but must be PNG with {wanted} grey (one number per pixel)")]
    NotNumbers {
        /// The bits that it may have.
        wanted: &'static str,
        /// Content that it holds.
        found: String,
    },
    /// The decoded pixels are no image.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// A depth image.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthImage {
    /// Width, px.
    pub width: usize,
    /// Height, px.
    pub height: usize,
    /// Metres along the optical axis (REP-118), row-major; NaN where unknown
    /// (REP-117).
    pub metres: Vec<f32>,
}

/// A picture of numbers from 0 to 65535: of objects, say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberImage {
    /// Width, px.
    pub width: usize,
    /// Height, px.
    pub height: usize,
    /// The numbers, row-major.
    pub numbers: Vec<u16>,
}

/// Decodes a JPEG or a PNG to 8-bit RGB.
///
/// Grey shows in all three channels, 16-bit channels are rounded to 8
/// (v / 257), alpha is dropped without blending, and palettes are looked up. A
/// picture that was taken lying on its side (its EXIF orientation) is turned
/// upright, as every viewer does. What follows a JPEG's end is not read; one
/// without Huffman tables (as webcams send) has the standard's.
///
/// # Errors
/// See [`DecodeError`]; sizes above `limits` are refused from the header.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Image, DecodeError> {
    match PictureFormat::of(bytes, limits)? {
        PictureFormat::Jpeg => jpeg::decode(bytes, limits),
        PictureFormat::Png => {
            let rgb = decode_png(bytes, limits)?.into_rgb8();
            let (width, height) = (rgb.width() as usize, rgb.height() as usize);
            Ok(Image::packed(
                width,
                height,
                PixelFormat::Rgb8,
                rgb.into_raw(),
            )?)
        }
    }
}

/// Tells whether [`decode`] turns a picture, because its EXIF orientation says that
/// it was taken lying on its side or mirrored. Reads its headers alone.
#[must_use]
pub fn is_turned(bytes: &[u8], limits: &DecodeLimits) -> bool {
    let orientation = match PictureFormat::of(bytes, limits) {
        Ok(PictureFormat::Jpeg) => jpeg::orientation(bytes),
        Ok(PictureFormat::Png) => PngDecoder::new(Cursor::new(bytes))
            .and_then(|mut decoder| decoder.orientation())
            .ok(),
        Err(_) => None,
    };
    orientation.is_some_and(|orientation| orientation != Orientation::NoTransforms)
}

/// Decodes a PNG of 16-bit grey millimetres; 0 and 65535 mean unknown.
///
/// # Errors
/// As [`decode`], and [`DecodeError::NotDepth`].
pub fn decode_depth_png(bytes: &[u8], limits: &DecodeLimits) -> Result<DepthImage, DecodeError> {
    if PictureFormat::of(bytes, limits)? != PictureFormat::Png {
        let found = "a JPEG".to_owned();
        return Err(DecodeError::NotDepth { found });
    }
    let picture = decode_png(bytes, limits)?;
    let DynamicImage::ImageLuma16(millimetres) = picture else {
        let found = format!("{:?}", picture.color());
        return Err(DecodeError::NotDepth { found });
    };
    let metres = |millimetres: &u16| match *millimetres {
        0 | u16::MAX => f32::NAN,
        known => f32::from(known) / 1000.0,
    };
    Ok(DepthImage {
        width: millimetres.width() as usize,
        height: millimetres.height() as usize,
        metres: millimetres.as_raw().iter().map(metres).collect(),
    })
}

/// Decodes a PNG of 8-bit grey whose values are numbers, not brightness.
///
/// # Errors
/// As [`decode`], and [`DecodeError::NotNumbers`].
pub fn decode_grey8_png(bytes: &[u8], limits: &DecodeLimits) -> Result<Image, DecodeError> {
    let wanted = "8-bit";
    if PictureFormat::of(bytes, limits)? != PictureFormat::Png {
        let found = "a JPEG".to_owned();
        return Err(DecodeError::NotNumbers { wanted, found });
    }
    let picture = decode_png(bytes, limits)?;
    let DynamicImage::ImageLuma8(numbers) = picture else {
        let found = format!("{:?}", picture.color());
        return Err(DecodeError::NotNumbers { wanted, found });
    };
    let (width, height) = (numbers.width() as usize, numbers.height() as usize);
    let pixels = numbers.into_raw();
    Ok(Image::packed(width, height, PixelFormat::Grey8, pixels)?)
}

/// Decodes a PNG of 16-bit grey, or 8-bit, whose values are numbers, not brightness.
///
/// # Errors
/// As [`decode`], and [`DecodeError::NotNumbers`].
pub fn decode_numbers_png(bytes: &[u8], limits: &DecodeLimits) -> Result<NumberImage, DecodeError> {
    let wanted = "8-bit or 16-bit";
    if PictureFormat::of(bytes, limits)? != PictureFormat::Png {
        let found = "a JPEG".to_owned();
        return Err(DecodeError::NotNumbers { wanted, found });
    }
    let picture = decode_png(bytes, limits)?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let numbers = match picture {
        DynamicImage::ImageLuma16(numbers) => numbers.into_raw(),
        DynamicImage::ImageLuma8(numbers) => {
            numbers.into_raw().into_iter().map(u16::from).collect()
        }
        other => {
            let found = format!("{:?}", other.color());
            return Err(DecodeError::NotNumbers { wanted, found });
        }
    };
    Ok(NumberImage {
        width,
        height,
        numbers,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PictureFormat {
    Jpeg,
    Png,
}

impl PictureFormat {
    fn of(bytes: &[u8], limits: &DecodeLimits) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Err(DecodeError::Empty);
        }
        if bytes.len() > limits.max_bytes {
            let (bytes, limit) = (bytes.len(), limits.max_bytes);
            return Err(DecodeError::TooLong { bytes, limit });
        }
        if bytes.starts_with(b"\xff\xd8\xff") {
            return Ok(PictureFormat::Jpeg);
        }
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Ok(PictureFormat::Png);
        }
        let begins = bytes.iter().take(4).map(|byte| format!("{byte:02x}"));
        let begins = begins.collect::<Vec<_>>().join(" ");
        Err(DecodeError::UnknownFormat { begins })
    }
}

fn check_size(width: usize, height: usize, limits: &DecodeLimits) -> Result<(), DecodeError> {
    let side = limits.max_side.min(Image::MAX_SIDE);
    let pixels = width.checked_mul(height);
    if width > side || height > side || pixels.is_none_or(|pixels| pixels > limits.max_pixels) {
        return Err(DecodeError::TooLarge {
            width,
            height,
            max_side: side,
            max_pixels: limits.max_pixels,
        });
    }
    Ok(())
}

fn malformed(format: &'static str, reason: impl ToString) -> DecodeError {
    let reason = reason.to_string();
    DecodeError::Malformed { format, reason }
}

fn decode_png(bytes: &[u8], limits: &DecodeLimits) -> Result<DynamicImage, DecodeError> {
    let error = |error: image::ImageError| malformed("PNG", error);
    // Chunks before the pixels (texts, profiles) are bounded by the decoder's own limit.
    let mut bounds = image::Limits::default();
    bounds.max_alloc = Some(limits.max_pixels as u64 * 8 + (1 << 20));
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), bounds).map_err(error)?;
    let (width, height) = decoder.dimensions();
    check_size(width as usize, height as usize, limits)?;
    if decoder.color_type() == ColorType::L16 && decoder.is_apng().map_err(error)? {
        return Err(malformed("PNG", "an animation is no depth picture"));
    }
    let orientation = decoder.orientation().map_err(error)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(error)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

#[cfg(test)]
#[path = "image_file_tests.rs"]
mod tests;
