//! Depth images that arrive beside the colour images of one camera.

use std::collections::VecDeque;
use std::time::Duration;

use concert_models::image_file::DepthImage;
use zenoh::bytes::ZBytes;

use crate::time::Timestamp;
use crate::wire::Message;
use crate::wire::sensor_msgs::Image as ImageMessage;

/// Depth images that are kept until their colour image is looked at.
pub(super) const MOST_KEPT: usize = 4;
/// Stamps further apart are not of one exposure.
pub(super) const MOST_APART: Duration = Duration::from_millis(20);
/// How long a colour image waits for its depth image.
pub(super) const PATIENCE: Duration = Duration::from_millis(40);

/// The newest depth images, undecoded but for their stamps.
#[derive(Default)]
pub(super) struct DepthQueue {
    kept: VecDeque<(Timestamp, ZBytes)>,
}

/// What the queue has for one colour image.
pub(super) enum Found {
    /// Of the same exposure.
    Depth(ZBytes),
    /// None yet, but it may still come.
    NotYet,
    /// None, and a later one is there already.
    Never,
}

impl DepthQueue {
    /// Keeps a message; the oldest makes room.
    pub(super) fn put(&mut self, payload: ZBytes) {
        // What is no image has no stamp: its frame goes without depth, and says so.
        let Ok(message) = ImageMessage::decode(&payload.to_bytes()).map(|message| message.header)
        else {
            return;
        };
        let stamp = message.stamp;
        if self.kept.len() == MOST_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((stamp, payload));
    }

    /// The depth image whose stamp lies nearest to `stamp`. Those from before
    /// it are forgotten: colour images do not go back.
    pub(super) fn take(&mut self, stamp: Timestamp) -> Found {
        let apart = |kept: Timestamp| kept.nanos().abs_diff(stamp.nanos());
        let nearest = (0..self.kept.len()).min_by_key(|&index| apart(self.kept[index].0));
        let most = u64::try_from(MOST_APART.as_nanos()).unwrap_or(u64::MAX);
        match nearest {
            Some(index) if apart(self.kept[index].0) <= most => {
                self.kept.drain(..index);
                self.kept
                    .pop_front()
                    .map_or(Found::NotYet, |(_, payload)| Found::Depth(payload))
            }
            _ if self.kept.iter().any(|(kept, _)| *kept > stamp) => Found::Never,
            _ => Found::NotYet,
        }
    }
}

/// Metres from a `32FC1` (m) or `16UC1` (mm) image of `needed` (width,
/// height): depth must be registered to its image.
pub(super) fn depth_image(payload: &ZBytes, needed: (usize, usize)) -> Result<DepthImage, String> {
    let bytes = payload.to_bytes();
    let message = ImageMessage::decode(&bytes).map_err(|error| error.to_string())?;
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
    if (width, height) != needed {
        return Err(format!(
            "depth is {width}x{height}, but its image is {}x{}: depth must be registered to the image",
            needed.0, needed.1
        ));
    }
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
