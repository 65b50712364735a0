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
/// Colour images that wait in vain before a depth camera counts as silent. Many,
/// because depth may come less often than colour.
const MOST_IN_VAIN: u32 = 30;

/// The newest depth images, undecoded but for their stamps.
#[derive(Default)]
pub(super) struct DepthQueue {
    kept: VecDeque<(Timestamp, ZBytes)>,
    /// Colour images that waited in vain since one came that was not too old.
    in_vain: u32,
    /// Stamp of the colour image that waits, or waited last.
    awaited: Option<Timestamp>,
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
        // A camera whose depth is always older than what waits is of no more use
        // than a silent one.
        let is_old = |awaited: Timestamp| stamp < awaited && apart(stamp, awaited) > MOST_APART;
        if !self.awaited.is_some_and(is_old) {
            self.in_vain = 0;
        }
    }

    /// How long a colour image waits: not at all for a depth camera that is
    /// silent.
    pub(super) fn patience(&self) -> Duration {
        match self.in_vain {
            MOST_IN_VAIN.. => Duration::ZERO,
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
        let apart_from = |index: &usize| apart(self.kept[*index].0, stamp);
        let nearest = (0..self.kept.len()).min_by_key(apart_from);
        match nearest {
            Some(index) if apart_from(&index) <= MOST_APART => {
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

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    Duration::from_nanos(one.nanos().abs_diff(other.nanos()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::common::Header;

    fn depth_at(millis: i64) -> ZBytes {
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
        bytes.into()
    }

    #[test]
    fn a_silent_depth_camera_costs_no_time_until_it_is_heard_again() {
        let mut queue = DepthQueue::default();
        for _ in 0..MOST_IN_VAIN {
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
        for frame in 0..i64::from(MOST_IN_VAIN) {
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
