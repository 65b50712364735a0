//! Arguments of `models`.

use std::path::PathBuf;

use clap::Subcommand;
use concert_models::contract::MAX_INPUT_SIDE;

/// What to do with networks.
#[derive(Debug, Subcommand)]
pub enum ModelsArgs {
    /// List the encoders and readouts that are found, and where
    List,
    /// Fetch networks that are not shipped, and cut them on the spot
    Pull {
        /// Names of encoders or readouts
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Folder to put them into [default: the user's data folder]
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
    /// Check ONNX files as before loading: size, structure, no external data
    Check {
        /// ONNX networks, or their cards
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Cut a network at tensors inside it, and make an encoder of it
    #[command(after_help = "\
Beside the encoder goes the beginning of its card, FILE.toml, where there is none
yet: input, levels with their shapes, hash. What the network cannot tell is to be
filled in.

Example, a tensor that `concert models describe` names as a tap:
  concert models cut models/encoders/xfeat.onnx --tap descriptors=descriptors --out mine.onnx")]
    Cut {
        /// The network
        file: PathBuf,
        /// A tensor inside, and what the level shall be called; may be repeated
        #[arg(long = "tap", required = true, value_name = "TENSOR=LEVEL")]
        taps: Vec<String>,
        /// Size of the image that it shall take, where the network leaves it open
        #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = input_size)]
        size: Option<(usize, usize)>,
        /// Where to write the encoder
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Merge encoders and readouts into one network
    #[command(after_help = "\
Example:
  concert models merge --policy first_light --out first_light.onnx")]
    Merge {
        /// The policy whose networks are merged: a shipped name or a file
        #[arg(long, value_name = "POLICY")]
        policy: String,
        /// Where to write the network
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Describe a network: inputs, outputs, nodes, where it may be cut
    Describe {
        /// The network
        file: PathBuf,
        /// Tell the shapes that an image of this size leads to
        #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = input_size)]
        size: Option<(usize, usize)>,
    },
}

/// Size of a network's input in pixels.
fn input_size(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once('x').and_then(|(width, height)| {
        let side = |text: &str| {
            text.parse()
                .ok()
                .filter(|side| (1..=MAX_INPUT_SIDE).contains(side))
        };
        Some((side(width)?, side(height)?))
    });
    sides.ok_or_else(|| {
        format!("a size is WIDTHxHEIGHT, each from 1 to {MAX_INPUT_SIDE}, as in 224x224")
    })
}
