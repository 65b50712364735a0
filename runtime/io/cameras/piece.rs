//! A frame cut out of a stream of video, before it is decoded.

use concert_models::image_file::DecodeLimits;
use concert_models::{Image, PixelFormat};

use super::decode;
use super::yuv::{Chroma, Planes};

/// A find in a stream.
#[derive(Debug)]
pub(super) enum Piece {
    /// A whole frame.
    Frame(RawFrame),
    /// A frame that cannot be used, and why; the stream goes on.
    Refused(String),
}

/// A frame as it came, before decoding.
#[derive(Debug)]
pub(super) enum RawFrame {
    /// A JPEG file.
    Jpeg(Vec<u8>),
    /// Luma and chroma, as many bytes as the planes have.
    Planes(Planes, Vec<u8>),
}

impl RawFrame {
    /// The pixels, or why there are none.
    pub(super) fn decode(&self, limits: &DecodeLimits) -> Result<Image, String> {
        match self {
            RawFrame::Jpeg(bytes) => decode(bytes, limits),
            RawFrame::Planes(planes, bytes) => {
                let format = match planes.chroma {
                    Chroma::None => PixelFormat::Grey8,
                    _ => PixelFormat::Rgb8,
                };
                let pixels = planes.pixels(bytes);
                Image::packed(planes.width, planes.height, format, pixels)
                    .map_err(|error| error.to_string())
            }
        }
    }
}
