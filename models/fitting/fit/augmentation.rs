//! Augmentation: frames as other cameras and other light would show them.

use super::FitError;
use super::representations::RepresentationLayout;
use crate::dataset::{Label, LabelKind, ObjectBox, area};
use concert_models::geometry::Intrinsics;
use concert_models::image::{Image, PixelFormat};
use concert_models::rng::Rng;

/// Ranges of the random views of a frame beside the frame as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augmentation {
    /// Views of each frame, the frame as it is included.
    pub views_per_frame: usize,
    /// Greatest share of a side that is cut away.
    pub max_crop: f64,
    /// Greatest change of brightness and contrast, as a share.
    pub max_jitter: f32,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            views_per_frame: 6,
            max_crop: 0.3,
            max_jitter: 0.2,
        }
    }
}

/// Share of a box that a view must show for the object to be learnt from it.
const MIN_LEFT_OVER: f64 = 0.6;

/// One view of a frame.
pub(super) struct Transform {
    /// Left, top, width and height of the crop, as shares.
    pub(super) part: [f64; 4],
    pub(super) mirrored: bool,
    /// Stored value to shown value, per channel.
    pub(super) jitter: Option<Box<[[u8; 256]; 3]>>,
}

impl Transform {
    /// The view number `number`: the first is the frame itself; the others are
    /// cropped, mirrored or not, and lit at random.
    pub(super) fn random(
        number: usize,
        augmentation: Augmentation,
        label: &Label,
        rng: &mut Rng,
    ) -> Self {
        let whole = [0.0, 0.0, 1.0, 1.0];
        if number == 0 {
            return Self {
                part: whole,
                mirrored: false,
                jitter: None,
            };
        }
        let mirrored = rng.below(2) == 1;
        let side = 1.0 - augmentation.max_crop * f64::from(rng.uniform());
        let rest = 1.0 - side;
        let (x, y) = (
            f64::from(rng.uniform()) * rest,
            f64::from(rng.uniform()) * rest,
        );
        // A class of the whole picture may be decided by what would be cut off.
        let of_whole = label.width == 1;
        Self {
            part: if of_whole { whole } else { [x, y, side, side] },
            mirrored,
            jitter: Some(jitter_tables(augmentation.max_jitter, rng)),
        }
    }
}

/// Tables of a random gamma and gain, the gain a little other per channel.
fn jitter_tables(max: f32, rng: &mut Rng) -> Box<[[u8; 256]; 3]> {
    let gamma = rng.uniform_between(-max, max).exp();
    let gain = 1.0 + rng.uniform_between(-max, max);
    let mut tables = Box::new([[0; 256]; 3]);
    for table in tables.iter_mut() {
        let gain = gain * (1.0 + 0.25 * rng.uniform_between(-max, max));
        for (stored, shown) in table.iter_mut().enumerate() {
            let light = (stored as f32 / 255.0).powf(gamma) * gain;
            *shown = (light * 255.0).round().clamp(0.0, 255.0) as u8;
        }
    }
    tables
}

/// A part of an image, in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crop {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Crop {
    pub(super) fn of(
        [left, top, width, height]: [f64; 4],
        whole_width: usize,
        whole_height: usize,
    ) -> Self {
        let pixels = |share: f64, whole: usize| (share * whole as f64).round() as usize;
        let width = pixels(width, whole_width).clamp(1, whole_width);
        let height = pixels(height, whole_height).clamp(1, whole_height);
        Self {
            left: pixels(left, whole_width).min(whole_width - width),
            top: pixels(top, whole_height).min(whole_height - height),
            width,
            height,
        }
    }

    pub(super) fn is_whole(self, width: usize, height: usize) -> bool {
        (self.width, self.height) == (width, height)
    }

    /// Cuts the part out of an image, as the view shows it.
    pub(super) fn crop_image(
        self,
        image: &Image,
        transform: &Transform,
    ) -> Result<Image, FitError> {
        let offsets = match image.format() {
            PixelFormat::Rgb8 | PixelFormat::Rgba8 => [0, 1, 2],
            PixelFormat::Bgr8 | PixelFormat::Bgra8 => [2, 1, 0],
            PixelFormat::Grey8 => [0, 0, 0],
            other @ PixelFormat::Yuyv => return Err(FitError::PixelFormat { format: other }),
        };
        let bytes = image.format().bytes_per_pixel();
        let mut pixels = Vec::with_capacity(self.width * self.height * 3);
        for y in 0..self.height {
            let row = image.row(self.top + y);
            for x in 0..self.width {
                let at = self.left
                    + if transform.mirrored {
                        self.width - 1 - x
                    } else {
                        x
                    };
                for (channel, offset) in offsets.iter().enumerate() {
                    let stored = row[at * bytes + offset];
                    let jitter = transform.jitter.as_ref();
                    pixels.push(jitter.map_or(stored, |table| table[channel][usize::from(stored)]));
                }
            }
        }
        let image = Image::packed(self.width, self.height, PixelFormat::Rgb8, pixels);
        image.map_err(|error| FitError::Image(error.to_string()))
    }

    /// Cuts the part out of a label of the whole image; others stay as they are.
    pub(super) fn crop_label(self, label: &Label, mirrored: bool, whole: (usize, usize)) -> Label {
        if label.kind == LabelKind::Boxes {
            return self.crop_boxes(label, mirrored);
        }
        if label.kind == LabelKind::Whole || (label.width, label.height) != whole {
            return label.clone();
        }
        let mut values = Vec::with_capacity(label.channels * self.width * self.height);
        for channel in 0..label.channels {
            let plane = label.plane(channel);
            // The first axis of a mirrored normal points the other way.
            let negated = mirrored && label.kind == LabelKind::Normal && channel == 0;
            let sign = if negated { -1.0 } else { 1.0 };
            for y in 0..self.height {
                let row = &plane[(self.top + y) * label.width + self.left..][..self.width];
                match mirrored {
                    false => values.extend(row.iter().map(|x| x * sign)),
                    true => values.extend(row.iter().rev().map(|x| x * sign)),
                }
            }
        }
        Label {
            channels: label.channels,
            width: self.width,
            height: self.height,
            values,
            kind: label.kind,
        }
    }

    /// The boxes that the part shows, in its own pixels. Of an object of which little is
    /// left, the box no longer says where it is.
    fn crop_boxes(self, label: &Label, mirrored: bool) -> Label {
        let (left, top) = (self.left as f32, self.top as f32);
        let (width, height) = (self.width as f32, self.height as f32);
        let cut = label.clone().map_objects(|object| {
            let [x0, y0, x1, y1] = object.corners;
            let (x0, x1) = match mirrored {
                false => (x0 - left, x1 - left),
                true => (left + width - x1, left + width - x0),
            };
            let whole = [x0, y0 - top, x1, y1 - top];
            let corners = [
                whole[0].clamp(0.0, width),
                whole[1].clamp(0.0, height),
                whole[2].clamp(0.0, width),
                whole[3].clamp(0.0, height),
            ];
            let left_over = area(corners) / area(whole).max(f64::MIN_POSITIVE);
            (left_over > 0.0).then_some(ObjectBox {
                corners,
                ignored: object.ignored || left_over < MIN_LEFT_OVER,
                ..object
            })
        });
        Label {
            width: self.width,
            height: self.height,
            ..cut
        }
    }

    /// √(fx · fy) of the part, in pixels of the first encoder's input.
    pub(super) fn focal_px(self, camera: &Intrinsics, layout: &RepresentationLayout) -> f64 {
        let contract = &layout.pins[0].input;
        focal_px(camera, contract, self.width, self.height)
    }
}

/// √(fx · fy) of a camera whose image, or a part of it of this size in the
/// camera's own pixels, is shown to an encoder, in pixels of its input.
#[must_use]
pub fn focal_px(
    camera: &Intrinsics,
    contract: &concert_models::contract::InputContract,
    width: usize,
    height: usize,
) -> f64 {
    let image_from_input = contract.image_from_input(width, height);
    let [[x, ..], [_, y, _]] = image_from_input.0;
    (camera.fx / x * camera.fy / y).sqrt()
}
