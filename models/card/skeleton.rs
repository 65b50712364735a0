//! The beginning of an encoder's card: what its network tells of itself.

use concert_policies::document::shown;

use super::write::quoted;
use super::{MAX_AXES, MAX_ELEMENTS, is_safe_name};
use crate::contract::{Layout, MAX_INPUT_SIDE};
use crate::digest::sha256_hex;
use crate::onnx::describe::{Dim, TensorInfo};
use crate::onnx::{Checked, Description};

/// The image that a network takes, as its input says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageInput {
    /// Name of the input.
    pub tensor: String,
    /// Order of its axes.
    pub layout: Layout,
    /// 1, 3 or 4.
    pub channels: usize,
    /// Columns, where they are fixed.
    pub width: Option<usize>,
    /// Rows, where they are fixed.
    pub height: Option<usize>,
}

impl ImageInput {
    /// The one input with the axes of an image: batch, 1, 3 or 4 channels, rows and
    /// columns, in either layout.
    ///
    /// # Errors
    /// Where no input, or more than one, is such.
    pub fn of(network: &Description) -> Result<Self, String> {
        let images: Vec<Self> = network.inputs.iter().filter_map(Self::from).collect();
        match <[Self; 1]>::try_from(images) {
            Ok([image]) => Ok(image),
            Err(images) => Err(format!(
                "{} of its {} inputs are images (4 axes, 1, 3 or 4 channels), but an encoder has 1",
                images.len(),
                network.inputs.len()
            )),
        }
    }

    fn from(input: &TensorInfo) -> Option<Self> {
        let fixed = |dim: &Dim| match dim {
            // Some exporters write an open axis as 0.
            Dim::Fixed(length @ 1..) => usize::try_from(*length).ok(),
            _ => None,
        };
        let [_, second, third, fourth] = &input.shape.as_ref()?[..] else {
            return None;
        };
        let channels = |dim| fixed(dim).filter(|channels| matches!(channels, 1 | 3 | 4));
        let (layout, channels, height, width) = match (channels(second), channels(fourth)) {
            (Some(channels), _) => (Layout::Nchw, channels, third, fourth),
            (None, Some(channels)) => (Layout::Nhwc, channels, second, third),
            (None, None) => return None,
        };
        Some(Self {
            tensor: input.name.clone(),
            layout,
            channels,
            width: fixed(width),
            height: fixed(height),
        })
    }

    /// The shape of the input, for one image of this size.
    #[must_use]
    pub fn shape(&self, width: usize, height: usize) -> Vec<usize> {
        match self.layout {
            Layout::Nchw => vec![1, self.channels, height, width],
            Layout::Nhwc => vec![1, height, width, self.channels],
        }
    }
}

/// Text of a card for the network `bytes`, which was checked as `network`; `weights`
/// says where it comes from. An open batch is one image. What the network cannot tell (normalisation, licence,
/// training data) stands there to be filled in, and says so.
///
/// # Errors
/// What of the network cannot stand in a card, and why.
pub fn encoder_skeleton(
    name: &str,
    bytes: &[u8],
    network: &Checked,
    weights: &str,
) -> Result<String, String> {
    if !is_safe_name(name) {
        return Err(format!(
            "the name of a source is of a-z, 0-9 and _, but this one is `{}`",
            shown(name, 80)
        ));
    }
    let image = ImageInput::of(&Description::of(network))?;
    let (Some(width), Some(height)) = (image.width, image.height) else {
        return Err(format!(
            "input {} has open axes, but an encoder's input has a size: give it with --size WIDTHxHEIGHT",
            image.tensor
        ));
    };
    if width.max(height) > MAX_INPUT_SIDE {
        return Err(format!(
            "input {} is {width}x{height}, but a side has at most {MAX_INPUT_SIDE} pixels",
            image.tensor
        ));
    }
    let shape = (image.tensor.clone(), image.shape(width, height));
    let network = Description::at(network, &[shape]);
    let (channels, layout) = (image.channels, image.layout);
    let (channels, count) = match channels {
        1 => ("grey", 1),
        4 => ("rgba1", 3),
        _ => ("rgb", 3),
    };
    let layout = match layout {
        Layout::Nchw => "nchw",
        Layout::Nhwc => "nhwc",
    };
    let list = |value: &str| vec![value; count].join(", ");
    let mut text = format!(
        "# Written by `concert models cut`. To be filled in: what `mean` and `std` the\n\
         # network was trained with (values are (x - mean) / std, x from 0 to 255),\n\
         # whether its channels are rgb or bgr, and the lines under [provenance].\n\
         kind = \"encoder\"\nname = {}\nsha256 = {}\nsize_bytes = {}\n\n\
         [provenance]\nweights = {}\nlicence = \"to be filled in\"\ntrained_on = \"to be filled in\"\n\n\
         [input]\ntensor = {}\nwidth = {width}\nheight = {height}\nlayout = \"{layout}\"\n\
         channels = \"{channels}\"\nfit = \"stretch\"\nmean = [{}]\nstd = [{}]\n",
        quoted(name),
        quoted(&sha256_hex(bytes)),
        bytes.len(),
        quoted(weights),
        quoted(&image.tensor),
        list("0.0"),
        list("255.0"),
    );
    for output in &network.outputs {
        text += &level(output, height)?;
    }
    Ok(text)
}

fn level(output: &TensorInfo, input_height: usize) -> Result<String, String> {
    if !is_safe_name(&output.name) {
        return Err(format!(
            "the name of a level is of a-z, 0-9 and _, but this one is `{}`",
            shown(&output.name, 80)
        ));
    }
    let dims = output.shape.iter().flatten();
    let lengths = dims.map(|dim| match dim {
        Dim::Fixed(length @ 1..) => usize::try_from(*length).ok(),
        _ => None,
    });
    let shape: Option<Vec<usize>> = lengths.collect();
    let shape = shape.filter(|shape| {
        let elements = shape
            .iter()
            .try_fold(1usize, |n, &axis| n.checked_mul(axis));
        let sized = elements.is_some_and(|elements| elements <= MAX_ELEMENTS);
        sized && (1..=MAX_AXES).contains(&shape.len()) && shape[0] == 1
    });
    let Some(shape) = shape.filter(|_| output.dtype == Some("f32")) else {
        return Err(format!(
            "level {output} cannot stand in a card: levels are f32 of fixed lengths, the first of them 1"
        ));
    };
    let stride = match shape[..] {
        [_, _, rows, _] if rows > 1 && input_height.is_multiple_of(rows) => {
            format!("stride = {}\n", input_height / rows)
        }
        _ => String::new(),
    };
    let name = quoted(&output.name);
    Ok(format!(
        "\n[[level]]\nname = {name}\ntensor = {name}\nshape = {shape:?}\n{stride}"
    ))
}
