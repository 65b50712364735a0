//! Input that a network wants to see: size, layout, channels and normalisation.

use std::fmt;
use std::hash::{Hash, Hasher};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::geometry::Affine2;
use crate::tensor::TensorSpec;

/// Longest side of a network's input, in pixels.
pub const MAX_INPUT_SIDE: usize = 4096;

/// Order of an image tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `[1, channels, height, width]`.
    Nchw,
    /// `[1, height, width, channels]`.
    Nhwc,
}

/// Channels of an image tensor, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// BT.601 luma: 0.299 R + 0.587 G + 0.114 B.
    Grey,
    /// Red, green, blue, and an alpha that is 1 everywhere (not normalised).
    Rgba1,
}

impl Channels {
    /// Channels of the tensor.
    pub fn count(self) -> usize {
        match self {
            Channels::Grey => 1,
            Channels::Rgb | Channels::Bgr => 3,
            Channels::Rgba1 => 4,
        }
    }

    /// Channels that come from the image and are normalised: all but an alpha.
    pub fn normalised(self) -> usize {
        self.count().min(3)
    }
}

/// Fit of an image of another aspect ratio to the input's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Each axis scaled by itself: nothing is lost, the aspect ratio is.
    Stretch,
    /// The largest centred part of the input's aspect ratio.
    Crop,
    /// The whole image, centred between bars that hold the mean (0 after
    /// normalisation).
    Letterbox,
}

/// Input that a network wants to see. Equal contracts are preprocessed once.
///
/// Every value of the tensor is `(x - mean) / std`, with x from 0 to 255.
#[derive(Debug, Clone)]
pub struct InputContract {
    pub(crate) tensor: String,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) layout: Layout,
    pub(crate) channels: Channels,
    pub(crate) fit: Fit,
    pub(crate) mean: Vec<f64>,
    pub(crate) std: Vec<f64>,
}

/// Key of the values of an input tensor: a contract without the name of
/// the tensor. Networks with equal keys share one tensor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContractKey {
    width: usize,
    height: usize,
    layout: Layout,
    channels: Channels,
    fit: Fit,
    /// Bits of mean and std; the numbers are finite, and -0 is made 0.
    normalisation: Vec<u64>,
}

impl InputContract {
    /// A contract, where its numbers can be one's.
    ///
    /// `mean` and `std` have one entry per normalised channel; see
    /// [`Channels::normalised`].
    ///
    /// # Errors
    /// The first rule that is broken.
    #[expect(
        clippy::too_many_arguments,
        reason = "one per entry of a card's [input]"
    )]
    pub fn new(
        tensor: &str,
        width: usize,
        height: usize,
        layout: Layout,
        channels: Channels,
        fit: Fit,
        mean: &[f64],
        std: &[f64],
    ) -> Result<Self, ContractError> {
        for (entry, side) in [("width", width), ("height", height)] {
            if !(1..=MAX_INPUT_SIDE).contains(&side) {
                return Err(ContractError::Side { entry, side });
            }
        }
        let mean = per_channel("mean", channels, mean, 0.0, f64::is_finite)?;
        // Not so small that dividing by it leaves f32.
        let usable = |std: f64| std.is_finite() && std.abs() >= 1e-6;
        let std = per_channel("std", channels, std, 1.0, usable)?;
        Ok(InputContract {
            tensor: tensor.to_owned(),
            width,
            height,
            layout,
            channels,
            fit,
            mean,
            std,
        })
    }

    /// Name of the ONNX input.
    pub fn tensor(&self) -> &str {
        &self.tensor
    }

    /// Width, px.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height, px.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Order of the axes.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Channels, in order.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Treatment of another aspect ratio.
    pub fn fit(&self) -> Fit {
        self.fit
    }

    /// Subtracted from values of 0..=255, per normalised channel.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Divided by afterwards, per normalised channel; never 0.
    pub fn std(&self) -> &[f64] {
        &self.std
    }

    /// Type and shape of the input tensor.
    pub fn spec(&self) -> TensorSpec {
        let (c, h, w) = (self.channels.count(), self.height, self.width);
        match self.layout {
            Layout::Nchw => TensorSpec::f32(&[1, c, h, w]),
            Layout::Nhwc => TensorSpec::f32(&[1, h, w, c]),
        }
    }

    /// Key of the tensor's values; equal keys share preprocessing.
    pub fn key(&self) -> ContractKey {
        ContractKey {
            width: self.width,
            height: self.height,
            layout: self.layout,
            channels: self.channels,
            fit: self.fit,
            normalisation: (self.mean.iter().chain(&self.std))
                .map(|value| (value + 0.0).to_bits())
                .collect(),
        }
    }

    /// Map from a pixel of the network's input to a camera image of this
    /// size. Both have pixel centres at whole numbers.
    pub fn image_from_input(&self, camera_width: usize, camera_height: usize) -> Affine2 {
        self.placement(camera_width, camera_height)
            .image_from_input()
    }

    /// Which part of a camera image fills which part of the input.
    pub(crate) fn placement(&self, camera_width: usize, camera_height: usize) -> Placed {
        let (w, h) = (self.width as f64, self.height as f64);
        let (cw, ch) = (camera_width as f64, camera_height as f64);
        let mut x = Axis::whole(camera_width, self.width);
        let mut y = Axis::whole(camera_height, self.height);
        match self.fit {
            Fit::Stretch => {}
            Fit::Crop => {
                let scale = (cw / w).min(ch / h);
                x.crop((w * scale).min(cw));
                y.crop((h * scale).min(ch));
            }
            Fit::Letterbox => {
                let scale = (w / cw).min(h / ch);
                x.narrow((cw * scale).round());
                y.narrow((ch * scale).round());
            }
        }
        Placed { x, y }
    }
}

/// One entry per normalised channel. An alpha's entry may be written too, where
/// it says what is done anyway: nothing.
fn per_channel(
    entry: &'static str,
    channels: Channels,
    values: &[f64],
    nothing: f64,
    allowed: impl Fn(f64) -> bool,
) -> Result<Vec<f64>, ContractError> {
    let needed = channels.normalised();
    let colours = match values {
        [colours @ .., alpha] if channels == Channels::Rgba1 && *alpha == nothing => {
            if values.len() == needed {
                values
            } else {
                colours
            }
        }
        _ => values,
    };
    if colours.len() != needed {
        let count = values.len();
        return Err(ContractError::Count {
            entry,
            count,
            channels,
            needed,
        });
    }
    match colours.iter().position(|value| !allowed(*value)) {
        Some(channel) => Err(ContractError::Value {
            entry,
            channel,
            value: colours[channel],
        }),
        None => Ok(colours.iter().map(|value| value + 0.0).collect()),
    }
}

impl PartialEq for InputContract {
    fn eq(&self, other: &Self) -> bool {
        self.tensor == other.tensor && self.key() == other.key()
    }
}

impl Eq for InputContract {}

impl Hash for InputContract {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tensor.hash(state);
        self.key().hash(state);
    }
}

impl fmt::Display for InputContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}x{} {:?} {:?} {:?} mean {:?} std {:?}",
            self.tensor,
            self.width,
            self.height,
            self.layout,
            self.channels,
            self.fit,
            self.mean,
            self.std
        )
    }
}

/// Which part of a camera image fills which part of the input, per axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placed {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

/// One axis of a [`Placed`]; areas are counted from a pixel's outer edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    /// Edge of the part of the camera image that is shown, px.
    pub(crate) from: f64,
    /// Its length, px; above 0.
    pub(crate) length: f64,
    /// First pixel of the input that shows it.
    pub(crate) start: usize,
    /// How many pixels do; at least 1.
    pub(crate) count: usize,
}

impl Axis {
    fn whole(camera: usize, input: usize) -> Self {
        Axis {
            from: 0.0,
            length: camera as f64,
            start: 0,
            count: input,
        }
    }

    fn crop(&mut self, length: f64) {
        self.from = (self.length - length) / 2.0;
        self.length = length;
    }

    fn narrow(&mut self, count: f64) {
        let count = (count as usize).clamp(1, self.count);
        self.start = (self.count - count) / 2;
        self.count = count;
    }

    /// Camera pixels per pixel of the input.
    pub(crate) fn scale(self) -> f64 {
        self.length / self.count as f64
    }
}

impl Placed {
    fn image_from_input(self) -> Affine2 {
        let scale = [self.x.scale(), self.y.scale()];
        let offset = |axis: Axis| axis.from - axis.start as f64 * axis.scale();
        Affine2::scale_offset(scale, [offset(self.x), offset(self.y)])
    }
}

/// Reason why numbers are not an input contract.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// A side is 0 or too long.
    #[error("{entry} is {side}, but it must be 1 to {MAX_INPUT_SIDE} pixels")]
    Side {
        /// `width` or `height`.
        entry: &'static str,
        /// Pixels.
        side: usize,
    },
    /// Not one number per normalised channel.
    #[error("{entry} has {count} entries, but {channels:?} needs {needed}")]
    Count {
        /// `mean` or `std`.
        entry: &'static str,
        /// Entries given.
        count: usize,
        /// The channels.
        channels: Channels,
        /// Entries needed.
        needed: usize,
    },
    /// A number that cannot be used.
    #[error("{entry}[{channel}] is {value}, but it must be finite, and a std at least 1e-6 from 0")]
    Value {
        /// `mean` or `std`.
        entry: &'static str,
        /// Channel, from 0.
        channel: usize,
        /// The number.
        value: f64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contract(width: usize, height: usize, fit: Fit) -> InputContract {
        let (mean, std) = ([0.0; 3], [1.0; 3]);
        InputContract::new(
            "image",
            width,
            height,
            Layout::Nchw,
            Channels::Rgb,
            fit,
            &mean,
            &std,
        )
        .unwrap()
    }

    fn near(a: [f64; 2], b: [f64; 2]) -> bool {
        (a[0] - b[0]).abs() < 1e-9 && (a[1] - b[1]).abs() < 1e-9
    }

    #[test]
    fn a_stretched_input_covers_the_whole_image() {
        let map = contract(288, 224, Fit::Stretch).image_from_input(640, 480);
        assert!(near(map.apply([-0.5, -0.5]), [-0.5, -0.5]));
        assert!(near(map.apply([287.5, 223.5]), [639.5, 479.5]));
    }

    #[test]
    fn a_cropped_input_covers_the_centre_with_square_pixels() {
        let map = contract(224, 224, Fit::Crop).image_from_input(640, 480);
        assert!(near(map.apply([-0.5, -0.5]), [79.5, -0.5]));
        assert!(near(map.apply([223.5, 223.5]), [559.5, 479.5]));
    }

    #[test]
    fn a_letterboxed_image_lies_between_bars() {
        let contract = contract(320, 320, Fit::Letterbox);
        let map = contract.image_from_input(640, 480);
        assert!(near(map.apply([-0.5, 39.5]), [-0.5, -0.5]));
        assert!(near(map.apply([319.5, 279.5]), [639.5, 479.5]));
    }

    #[test]
    fn contracts_share_a_key_whatever_their_tensor_is_called() {
        let a = contract(64, 32, Fit::Stretch);
        let mut b = a.clone();
        b.tensor = "x".into();
        assert_ne!(a, b);
        assert_eq!(a.key(), b.key());
        b.mean[0] = -0.0;
        assert_eq!(a.key(), b.key());
        b.mean[0] = 1.0;
        assert_ne!(a.key(), b.key());
    }

    #[test]
    fn numbers_that_cannot_be_a_contract_are_refused_with_the_rule() {
        let make = |width, mean: &[f64], std: &[f64]| {
            InputContract::new(
                "x",
                width,
                8,
                Layout::Nchw,
                Channels::Rgb,
                Fit::Crop,
                mean,
                std,
            )
            .map_err(|error| error.to_string())
        };
        let one = [1.0; 3];
        assert_eq!(
            make(0, &one, &one).unwrap_err(),
            "width is 0, but it must be 1 to 4096 pixels"
        );
        assert!(make(4097, &one, &one).is_err());
        assert_eq!(
            make(8, &one[1..], &one).unwrap_err(),
            "mean has 2 entries, but Rgb needs 3"
        );
        for bad in [0.0, 1e-30, f64::NAN, f64::INFINITY] {
            assert!(
                make(8, &one, &[1.0, bad, 1.0])
                    .unwrap_err()
                    .starts_with("std[1] is")
            );
        }
        assert!(make(8, &[f64::NAN, 0.0, 0.0], &one).is_err());
    }

    #[test]
    fn a_constant_alpha_is_not_normalised() {
        let make = |mean: &[f64], std: &[f64]| {
            let (layout, fit) = (Layout::Nchw, Fit::Stretch);
            InputContract::new("x", 8, 8, layout, Channels::Rgba1, fit, mean, std)
        };
        let short = make(&[1.0; 3], &[2.0; 3]).unwrap();
        let long = make(&[1.0, 1.0, 1.0, 0.0], &[2.0, 2.0, 2.0, 1.0]).unwrap();
        assert_eq!(short, long);
        assert!(make(&[1.0; 4], &[2.0; 4]).is_err());
        // Three entries whose last happens to be the alpha's.
        assert!(make(&[0.0; 3], &[1.0; 3]).is_ok());
    }

    proptest! {
        #[test]
        fn the_centre_stays_near_the_centre_and_the_map_can_be_undone(
            w in 1usize..500, h in 1usize..500, cw in 1usize..3000, ch in 1usize..3000,
            fit in prop_oneof![Just(Fit::Stretch), Just(Fit::Crop), Just(Fit::Letterbox)],
        ) {
            let map = contract(w, h, fit).image_from_input(cw, ch);
            prop_assert!(map.inverse().is_some());
            let [u, v] = map.apply([(w as f64 - 1.0) / 2.0, (h as f64 - 1.0) / 2.0]);
            // Bars may differ by one pixel of the input.
            prop_assert!((u - (cw as f64 - 1.0) / 2.0).abs() <= map.0[0][0] / 2.0 + 1e-6);
            prop_assert!((v - (ch as f64 - 1.0) / 2.0).abs() <= map.0[1][1] / 2.0 + 1e-6);
        }
    }
}
