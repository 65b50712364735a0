//! Arguments of `fit`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use concert_models::Intrinsics;
use concert_models::card::FitKind;
use concert_policies::Task;

use crate::commands::evaluate::args::{intrinsics, units};

const HELP: &str = "\
Teaches a new readout from a few labelled frames. The encoders stay as they are;
what they make of the frames is computed once, and a small readout is fitted to
it. A policy then runs it as any other: `readout = \"VARIANT\"` in its transfer.

Targets: depth_zbuffer, normal, edge_occlusion, reshading, curvature,
segment_semantic, class_scene, object_detection. Labels are read from the data set, or derived from
its depth; pixels of unknown depth teach nothing.

object_detection learns boxes around the instances of a data set of the apartment,
of those of these classes that it has: can, cup, bottle, bowl, fruit, laptop,
plant, lamp, television, fridge, stove, sink, table, chair, sofa, bed, wardrobe,
toilet, bathtub, door. It has no ridge regression. From home_multi it begins with
the readout that ships; from other sources it wants more frames than other targets,
some hundred of many homes, and 2000 steps or more.

A class that nobody knows is learnt by labels of it: categories of --coco (your own
photographs, in COCO's format of instances), or what a data set of the apartment had
put into it in a colour (--put red-cup is a class of its own, \"red cup\"). It begins
as the class of its last word does, a red cup as a cup; twenty pictures suffice. What
the readout knew before it still knows; of classes without labels nothing is learnt.

--kind auto fits a ridge regression (ridge), a small convolutional readout, and,
where a readout of the same target and sources is at hand, the same beginning
with its weights; it compares them on blocks of time that are held out, takes
the best, and fits it again on all frames.

Depth depends on the focal length: it is learnt for a reference, and the readout
asks the camera for its own. Give the camera's intrinsics where you serve it.

--gain fits the same small network twice more, from the pixels themselves and to
the first encoder with random weights, on the same frames: the share of
held-out frames on which the readout is better is its Gain (Taskonomy, section
3.3). `random` and `pixels` are no sources of a policy.

Examples:
  concert apartment --write kitchen --seed 11 --frames 30 --views tour
  concert fit --data kitchen --target depth_zbuffer --sources efficientnet_lite0 --variant kitchen
  concert fit --data kitchen --target normal --sources efficientnet_lite0 --kind ridge --json

Boxes take minutes:
  concert fit --data homes --target object_detection --sources home_multi --variant mine

A class of your own:
  concert apartment --write red --seeds 30..34 --frames 20 --views put --put red-cup --put blue-cup
  concert fit --data red --target object_detection --sources home_multi --variant red
  concert fit --coco mugs.json --data mugs --target object_detection --sources home_multi";

/// Arguments of `fit`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct FitArgs {
    /// A data set with labels; may be repeated
    #[arg(long, required = true, value_name = "DIR")]
    pub data: Vec<PathBuf>,
    /// The boxes of the pictures in --data, in COCO's format of instances
    #[arg(long, value_name = "JSON")]
    pub coco: Option<PathBuf>,
    /// The camera, where the data set does not say: fx,fy,cx,cy,width,height in px
    #[arg(long, value_name = "FX,FY,CX,CY,W,H", value_parser = intrinsics)]
    pub intrinsics: Option<Intrinsics>,
    /// Units of the depth files in a metre, where the layout does not say right
    #[arg(long, value_name = "N", value_parser = units, conflicts_with = "coco")]
    pub depth_units: Option<f32>,
    /// What to read out
    #[arg(long, value_name = "TASK", value_parser = target)]
    pub target: &'static Task,
    /// The encoders to read it out of
    #[arg(long, required = true, value_name = "A[,B]", value_delimiter = ',')]
    pub sources: Vec<String>,
    /// Fit on so many frames, evenly spaced over the data [default: all]
    #[arg(long, value_name = "N")]
    pub frames: Option<NonZeroUsize>,
    /// Name of the readout's variant
    #[arg(long, value_name = "NAME", value_parser = variant)]
    pub variant: Option<String>,
    /// Write to readouts/ below this folder [default: the user's models]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to fit
    #[arg(long, value_enum, default_value_t = KindChoice::Auto, value_name = "KIND")]
    pub kind: KindChoice,
    /// Begin with initial weights, also where a readout is at hand
    #[arg(long)]
    pub from_scratch: bool,
    /// Steps of the convolutional readout [default: 800, from a readout at hand 160]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub steps: Option<u32>,
    /// Ways in which each frame is shown: itself, mirrored, cut and lit anew [default: 6]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub views: Option<u32>,
    /// Say what the encoders are worth: fit the same small network from pixels
    /// and to an untrained encoder, and count the held-out frames it loses on
    #[arg(long)]
    pub gain: bool,
    /// The seed of whatever is random
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u32,
}

/// What to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindChoice {
    /// Whatever is best on held-out blocks of time
    Auto,
    /// One linear layer, by ridge regression
    Ridge,
    /// A few small convolutions, by gradient descent
    Convolutional,
}

impl KindChoice {
    /// The one kind that was asked for.
    #[must_use]
    pub fn one(self) -> Option<FitKind> {
        match self {
            KindChoice::Auto => None,
            KindChoice::Ridge => Some(FitKind::Ridge),
            KindChoice::Convolutional => Some(FitKind::Convolutional),
        }
    }
}

pub(crate) fn target(text: &str) -> Result<&'static Task, String> {
    match (Task::find(text), Task::suggest(text)) {
        (Some(task), _) => Ok(task),
        (None, Some(near)) => Err(format!("no such task; did you mean {}", near.name)),
        (None, None) => Err("no such task".to_owned()),
    }
}

fn variant(text: &str) -> Result<String, String> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err("a variant is 1 to 64 of a-z, 0-9 and _".to_owned())
}
