//! Images as others write them, read as the message that they are.

use concert_models::image_file::{self, DecodeLimits};
use concert_models::{Image, PixelFormat};

use crate::wire::Message;
use crate::wire::common::Header;
use crate::wire::sensor_msgs::{CompressedImage, Image as ImageMessage};

/// Longest name of a coordinate frame, bytes: it has to fit beside every output.
const MAX_FRAME_ID_BYTES: usize = 255;

/// Header and pixels of a message. `kind` is its type; where nobody says it,
/// both that a camera may have are tried.
pub(crate) fn read_image(
    kind: Option<&str>,
    bytes: &[u8],
    payload_limit: usize,
) -> Result<(Header, Image), String> {
    let limits = DecodeLimits {
        max_bytes: payload_limit,
        ..DecodeLimits::default()
    };
    let (header, image) = match kind {
        Some(ImageMessage::TYPE) => raw(bytes)?,
        Some(CompressedImage::TYPE) => decode_compressed(bytes, &limits)?,
        Some(other) => return Err(no_image(other)),
        None => raw(bytes).or_else(|as_raw| {
            decode_compressed(bytes, &limits).map_err(|as_compressed| {
                format!(
                    "neither encoding, key nor `message_type` of the launch file names the message \
                     type; as {}: {as_raw}; as {}: {as_compressed}",
                    ImageMessage::TYPE,
                    CompressedImage::TYPE
                )
            })
        })?,
    };
    check_frame_id(&header.frame_id)?;
    Ok((header, image))
}

/// The refusal of a message of another type.
pub(crate) fn no_image(kind: &str) -> String {
    let kind: String = kind.chars().take(256).collect();
    format!(
        "message is a {kind}, but must be {} or {}",
        ImageMessage::TYPE,
        CompressedImage::TYPE
    )
}

/// Refuses names of frames that would not fit beside an output.
fn check_frame_id(frame_id: &str) -> Result<(), String> {
    if frame_id.len() > MAX_FRAME_ID_BYTES {
        return Err(format!(
            "frame_id has {} bytes, but at most {MAX_FRAME_ID_BYTES} are taken",
            frame_id.len()
        ));
    }
    match frame_id.chars().find(|letter| letter.is_control()) {
        Some(letter) => Err(format!(
            "frame_id has the control character {}, but a name has none",
            letter.escape_default()
        )),
        None => Ok(()),
    }
}

fn raw(bytes: &[u8]) -> Result<(Header, Image), String> {
    let message = ImageMessage::decode(bytes).map_err(|error| error.to_string())?;
    let image = raw_image(&message)?;
    Ok((message.header, image))
}

fn decode_compressed(bytes: &[u8], limits: &DecodeLimits) -> Result<(Header, Image), String> {
    let message = CompressedImage::decode(bytes).map_err(|error| error.to_string())?;
    let image = image_file::decode(&message.data, limits).map_err(|error| error.to_string())?;
    Ok((message.header, image))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn image(frame_id: &str, data: &[u8]) -> Vec<u8> {
        let message = ImageMessage {
            header: Header {
                frame_id: frame_id.to_owned(),
                ..Header::default()
            },
            height: 1,
            width: 2,
            encoding: "rgb8".into(),
            is_bigendian: false,
            step: 6,
            data: data.into(),
        };
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        bytes
    }

    fn jpeg() -> Vec<u8> {
        let mut data = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(8, 8)
            .write_to(&mut data, image::ImageFormat::Jpeg)
            .expect("is written");
        let message = CompressedImage {
            header: Header::default(),
            format: "jpeg".into(),
            data: data.into_inner().into(),
        };
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        bytes
    }

    fn read(kind: Option<&str>, bytes: &[u8]) -> Result<(Header, Image), String> {
        read_image(kind, bytes, 1 << 20)
    }

    #[test]
    fn a_camera_of_a_bridge_that_names_no_type_is_read() {
        let raw = image("front", &[7; 6]);
        assert_eq!(read(None, &raw).unwrap().1.width(), 2);
        assert_eq!(read(None, &jpeg()).unwrap().1.width(), 8);
        let error = read(None, b"\0\x01\0\0nonsense").unwrap_err();
        assert!(
            error.contains("message_type") && error.contains("CompressedImage: "),
            "{error}"
        );
        assert!(read(Some(CompressedImage::TYPE), &raw).is_err());
        let error = read(Some("std_msgs/msg/String"), &raw).unwrap_err();
        assert!(error.starts_with("message is a std_msgs/msg/String, but must be"));
    }

    #[test]
    fn f5_a_long_frame_id_is_refused_by_its_length() {
        let read = |frame_id: &str| read(None, &image(frame_id, &[7; 6]));
        assert_eq!(read(&"f".repeat(255)).unwrap().0.frame_id.len(), 255);
        assert!(
            (read(&"f".repeat(3000)).unwrap_err())
                .ends_with("frame_id has 3000 bytes, but at most 255 are taken")
        );
        assert!(read("a\nb").unwrap_err().contains("control character \\n"));
    }
}
