//! True where a camera still sees: pictures that repeat, or are black.
//!
//! A stamp tells when a driver handed a picture over, not that it is a new one:
//! drivers exist that hand out their last one for ever (fault F9).

use std::time::Duration;

use concert_models::{Image, PixelFormat};
use serde::{Deserialize, Serialize};

/// Time for which pictures are the same, or black, before it is said.
const SHOWN_FOR: Duration = Duration::from_secs(1);
/// And how many at least: a slow camera may see one thing twice.
const MIN_FRAMES: u64 = 4;
/// Greatest value of a colour that counts as black, of 255; of luma in video
/// range, where black is 16.
const BLACK: u8 = 16;
const BLACK_LUMA: u8 = 30;
/// One value in so many may be brighter: sensors have hot pixels.
const HOT: usize = 1000;

/// A fault of a camera's picture, whatever its stamp says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureFault {
    /// It is the very one that came before, for a second or longer.
    Frozen,
    /// It has been black for a second or longer.
    Black,
}

impl PictureFault {
    /// In words, after `frames` of them.
    #[must_use]
    pub fn words(self, frames: u64) -> String {
        match self {
            PictureFault::Frozen => format!("frozen: the same picture for {frames} frames"),
            PictureFault::Black => format!("black: nothing to be seen for {frames} frames"),
        }
    }
}

/// Looks at the pictures of one camera, one after the other.
///
/// Comparing with the picture before ends at the first pixel that differs, and
/// looking for black at the first bright ones, so that a camera that sees costs
/// next to nothing: no hash of every frame is made.
#[derive(Debug, Default)]
pub(crate) struct PictureWatch {
    last: Option<Image>,
    same: Row,
    black: Row,
}

/// Frames in a row of which something holds.
#[derive(Debug, Default)]
struct Row {
    frames: u64,
    since: Duration,
}

impl Row {
    fn note(&mut self, holds: bool, now: Duration) {
        if !holds {
            self.frames = 0;
            return;
        }
        if self.frames == 0 {
            self.since = now;
        }
        self.frames += 1;
    }

    fn is_long(&self, now: Duration) -> bool {
        self.frames >= MIN_FRAMES && now.saturating_sub(self.since) >= SHOWN_FOR
    }
}

impl PictureWatch {
    /// Fault of a picture that arrived at `now`, and for how many
    /// frames it has been.
    pub(crate) fn look(&mut self, image: &Image, now: Duration) -> Option<(PictureFault, u64)> {
        let last = self.last.replace(image.clone());
        let repeats = last.is_some_and(|last| is_same(&last, image));
        if !repeats {
            self.same.note(false, now);
            let black = is_black(image);
            self.black.note(black, now);
        } else {
            // As black as the one before.
            let black = self.black.frames > 0;
            self.black.note(black, now);
        }
        // The first of a row of equal pictures is one of them.
        self.same.note(true, now);
        if self.black.is_long(now) {
            return Some((PictureFault::Black, self.black.frames));
        }
        let frozen = self.same.is_long(now);
        frozen.then_some((PictureFault::Frozen, self.same.frames))
    }
}

fn is_same(one: &Image, other: &Image) -> bool {
    let about = |image: &Image| (image.width(), image.height(), image.format());
    if about(one) != about(other) {
        return false;
    }
    // Shared pixels need no look.
    std::ptr::eq(one.bytes(), other.bytes())
        || (0..one.height()).all(|v| one.row(v) == other.row(v))
}

fn is_black(image: &Image) -> bool {
    // Of each pixel: bytes, and how many of the first of them tell brightness.
    let (bytes, telling, black) = match image.format() {
        PixelFormat::Grey8 => (1, 1, BLACK),
        PixelFormat::Rgb8 | PixelFormat::Bgr8 => (3, 3, BLACK),
        PixelFormat::Rgba8 | PixelFormat::Bgra8 => (4, 3, BLACK),
        PixelFormat::Yuyv => (2, 1, BLACK_LUMA),
    };
    let mut allowed = image.width() * image.height() * telling / HOT;
    for v in 0..image.height() {
        for pixel in image.row(v).chunks_exact(bytes) {
            let bright = pixel[..telling].iter().filter(|value| **value > black);
            match allowed.checked_sub(bright.count()) {
                Some(left) => allowed = left,
                None => return false,
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(100);

    fn grey(values: Vec<u8>) -> Image {
        Image::packed(values.len(), 1, PixelFormat::Grey8, values).unwrap()
    }

    /// Faults of each picture, at 10 Hz.
    fn looked(pictures: impl IntoIterator<Item = Image>) -> Vec<Option<(PictureFault, u64)>> {
        let mut watch = PictureWatch::default();
        let look = |(image, at): (Image, u32)| watch.look(&image, FRAME * at);
        pictures.into_iter().zip(0..).map(look).collect()
    }

    #[test]
    fn a_picture_that_repeats_is_frozen_after_a_second_and_recovers_by_itself() {
        let pictures = (0..20u8).map(|i| grey(vec![if i < 5 { 100 + i } else { 200 }, 90]));
        let said = looked(pictures.chain([grey(vec![201, 90])]));
        assert!(said[..15].iter().all(Option::is_none), "{said:?}");
        assert_eq!(said[15], Some((PictureFault::Frozen, 11)));
        assert_eq!(said[19], Some((PictureFault::Frozen, 15)));
        assert_eq!(said[20], None);
    }

    #[test]
    fn black_pictures_are_said_to_be_black_in_spite_of_noise_and_hot_pixels() {
        let noisy = |i: u8| {
            let mut values = vec![i % 3; 2000];
            values[usize::from(i)] = 255;
            grey(values)
        };
        let said = looked((0..15).map(noisy));
        assert_eq!(said[9], None);
        assert_eq!(said[10], Some((PictureFault::Black, 11)));
        let dim = |i: u8| grey(vec![20 + i; 2000]);
        assert!(looked((0..15).map(dim)).iter().all(Option::is_none));
    }

    #[test]
    fn brightness_is_looked_for_where_a_format_has_it() {
        let of = |format, pixel: &[u8]| {
            let pixels = pixel.repeat(4);
            is_black(&Image::packed(4, 1, format, pixels).unwrap())
        };
        assert!(of(PixelFormat::Rgba8, &[0, 1, 2, 255]));
        assert!(of(PixelFormat::Yuyv, &[16, 128]));
        assert!(!of(PixelFormat::Rgb8, &[0, 0, 17]));
    }

    #[test]
    fn pictures_of_other_sizes_are_other_pictures() {
        let said = looked((0..40u8).map(|i| grey(vec![99; 2 + usize::from(i % 2)])));
        assert!(said.iter().all(Option::is_none));
    }

    #[test]
    fn a_slow_camera_may_see_one_thing_twice() {
        let mut watch = PictureWatch::default();
        let mut look = |second| watch.look(&grey(vec![80]), Duration::from_secs(second));
        assert_eq!((look(0), look(1), look(2)), (None, None, None));
        assert_eq!(look(3), Some((PictureFault::Frozen, 4)));
    }
}
