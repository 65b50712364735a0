//! JPEG into pixels.
//!
//! Two decoders share the work: `zune-jpeg`, which is fast, has what cameras
//! write; `jpeg-decoder`, held against libjpeg on a grid of files, has the rest
//! (scans of single colours, colours at finer grids than luma).

use std::borrow::Cow;
use std::sync::Arc;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use jpeg_decoder::PixelFormat as Decoded;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::huffman::STANDARD_TABLES;
use super::layout::{Layout, START_BYTES};
use super::{DecodeError, DecodeLimits, check_size, malformed};
use crate::image::{Image, PixelFormat};

const RGB_BYTES: usize = 3;

/// 8-bit RGB, turned as its EXIF orientation says.
pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Image, DecodeError> {
    let layout = Layout::of(bytes).map_err(damaged)?;
    let (width, height) = layout.size;
    check_size(width, height, limits)?;
    let bytes = with_tables(&bytes[..layout.bytes], &layout);
    let pixels = match layout.is_usual {
        true => usual(&bytes, &layout)?,
        false => unusual(&bytes, &layout)?,
    };
    turned(pixels, &layout)
}

/// How a JPEG is to be turned; `None` where it is none.
pub(super) fn orientation(bytes: &[u8]) -> Option<Orientation> {
    let layout = Layout::of(bytes).ok()?;
    Some(layout.orientation)
}

fn damaged(reason: impl ToString) -> DecodeError {
    malformed("JPEG", reason)
}

/// The file, with the standard's tables where it needs them; its own come
/// later and so take their place.
fn with_tables<'b>(bytes: &'b [u8], layout: &Layout) -> Cow<'b, [u8]> {
    if !layout.lacks_tables {
        return Cow::Borrowed(bytes);
    }
    let (start, rest) = bytes.split_at(START_BYTES);
    Cow::Owned([start, &STANDARD_TABLES, rest].concat())
}

fn usual(bytes: &[u8], layout: &Layout) -> Result<Arc<[u8]>, DecodeError> {
    let error = |error: zune_jpeg::errors::DecodeErrors| damaged(format!("{error:?}"));
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        // The size has been checked.
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(error)?;
    let needed = layout.size.0 * layout.size.1 * RGB_BYTES;
    if decoder.output_buffer_size() != Some(needed) {
        return Err(damaged("its colours cannot be made red, green and blue"));
    }
    let mut pixels: Arc<[u8]> = std::iter::repeat_n(0, needed).collect();
    let unshared = Arc::get_mut(&mut pixels).expect("nobody else has it yet");
    decoder.decode_into(unshared).map_err(error)?;
    Ok(pixels)
}

fn unusual(bytes: &[u8], layout: &Layout) -> Result<Arc<[u8]>, DecodeError> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let needed = layout.size.0 * layout.size.1 * RGB_BYTES;
    // One colour more, for four of them.
    decoder.set_max_decoding_buffer_size(needed / RGB_BYTES * 4);
    let pixels = decoder.decode().map_err(damaged)?;
    let about = (decoder.info()).ok_or_else(|| damaged("it has no frame header"))?;
    let rgb: Arc<[u8]> = match about.pixel_format {
        Decoded::RGB24 => pixels.into(),
        Decoded::L8 => pixels.iter().flat_map(|grey| [*grey; RGB_BYTES]).collect(),
        other => {
            return Err(damaged(format!(
                "its colours ({other:?}) in this arrangement cannot be made red, green and blue"
            )));
        }
    };
    match rgb.len() == needed {
        true => Ok(rgb),
        false => Err(damaged("it has fewer pixels than its header says")),
    }
}

fn turned(pixels: Arc<[u8]>, layout: &Layout) -> Result<Image, DecodeError> {
    let (width, height) = layout.size;
    if layout.orientation == Orientation::NoTransforms {
        return Ok(Image::packed(width, height, PixelFormat::Rgb8, pixels)?);
    }
    // A JPEG's sides have 16 bits.
    let lying = RgbImage::from_raw(width as u32, height as u32, pixels.to_vec());
    let mut picture = DynamicImage::ImageRgb8(lying.ok_or_else(|| damaged("it has no pixels"))?);
    picture.apply_orientation(layout.orientation);
    let rgb = picture.into_rgb8();
    let (width, height) = (rgb.width() as usize, rgb.height() as usize);
    let pixels = rgb.into_raw();
    Ok(Image::packed(width, height, PixelFormat::Rgb8, pixels)?)
}
