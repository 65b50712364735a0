//! Arguments of `evaluate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use concert_models::Intrinsics;

const HELP: &str = "\
Every chosen frame goes through the same pipeline as in `serve`, without loss,
and each output is compared with the truth at the label's full resolution:
  depth      abs_rel, rmse (m), delta_1; median_scaled: the same after scaling
             each frame to the true median; edge_sharpness: how much of a true
             step in depth the output makes within one of its cells beside it
  normals    mean_deg, median_deg, within_11_25, within_22_5, within_30
  classes    top1; of pixels: miou, pixel_accuracy
  boxes      ap50: mean over classes of average precision at an intersection
             over union of 0.5, with --min-pixels; recall50; and of each class
  edges      f1 at the best threshold, l1
  odometry   ate_m, rpe_m, rpe_deg as in the TUM tools, over --delta frames;
             nees: squared errors of steps over what covariances say (1: honest)
  layout     corner_m, plane_m, manhattan_deg; seen_plane_m, seen_within_10_cm:
             sides that the picture shows; unseen_plane_m: those it does not
Beside each stands the constant predictor's: the single answer for all pixels
and frames that is best by the first measure (of depth the median weighted by
1 / depth), chosen on the very frames that are evaluated.

--json: the measures are the object's own keys, with `constant`, `frames` and
`seconds`; of several targets, those keys that only one has, and all of them
below `targets`.

--coco FILE.json --data PHOTOGRAPHS: boxes of your own pictures, in COCO's format
of instances; categories and classes of the readout are joined by name (COCO's
couch, dining table, refrigerator, tv and potted plant are sofa, table, fridge,
television and plant), others are named and left out, crowds are neither hit nor
miss. Sides in the file must be the pictures' own.

Data sets: layout \"frames\", TUM RGB-D, TIMESTAMP.png with groundtruth.txt, images
with labels.csv, the apartment's dataset.json, and folders of these.

Examples:
  concert apartment --write walk_2 --seed 12 --frames 30 --views tour
  concert evaluate --data walk_2 --readout depth_zbuffer_from_efficientnet_lite0
  concert evaluate --data walk_2 --policy home --last 20 --sheet sheet.png --json
  concert evaluate --data walk_2 --readout object_detection_from_home_multi --min-pixels 20

With photographs of your own, labelled in COCO's format:
  concert evaluate --coco instances.json --data photographs --readout object_detection_from_home_multi";

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
#[command(group(ArgGroup::new("subject").required(true).args(["policy", "readout"])))]
pub struct EvaluateArgs {
    /// A data set with labels; may be repeated
    #[arg(long, required = true, value_name = "DIR")]
    pub data: Vec<PathBuf>,
    /// The boxes of the pictures in --data, in COCO's format of instances
    #[arg(long, value_name = "JSON")]
    pub coco: Option<PathBuf>,
    /// Least longer side of a box that is measured, px of the picture; smaller and mostly
    /// hidden objects are neither hit nor miss
    #[arg(long, value_name = "PX", default_value_t = 12.0, value_parser = pixels)]
    pub min_pixels: f64,
    /// The policy: a shipped name or a file
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// One readout: its ONNX file or card, or its name in the store
    #[arg(long, value_name = "FILE|NAME")]
    pub readout: Option<PathBuf>,
    /// The camera, where the data set does not say: fx,fy,cx,cy,width,height in px
    #[arg(long, value_name = "FX,FY,CX,CY,W,H", value_parser = intrinsics)]
    pub intrinsics: Option<Intrinsics>,
    /// Units of the depth files in a metre, where the layout does not say right
    #[arg(long, value_name = "N", value_parser = units, conflicts_with = "coco")]
    pub depth_units: Option<f32>,
    /// Frames over which odometry's relative errors are taken
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub delta: usize,
    /// Write a picture: rows of input, truth, output and error
    #[arg(long, value_name = "PNG")]
    pub sheet: Option<PathBuf>,
    /// Write the measures of each frame
    #[arg(long, value_name = "CSV")]
    pub table: Option<PathBuf>,
    /// Which frames
    #[command(flatten)]
    pub frames: Frames,
}

/// Which frames of every sequence.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Frames of every sequence")]
pub struct Frames {
    /// Only sequences of these names; may be repeated
    #[arg(long = "sequence", value_name = "NAME")]
    pub sequences: Vec<String>,
    /// Leave out the first N
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub skip: usize,
    /// The first N of the rest
    #[arg(long, value_name = "N", value_parser = positive)]
    pub first: Option<usize>,
    /// The last N of those
    #[arg(long, value_name = "N", value_parser = positive)]
    pub last: Option<usize>,
    /// One of every N of those
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub every: usize,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("must be a whole number of at least 1".to_owned()),
    }
}

fn pixels(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(pixels) if (0.0..=16_384.0).contains(&pixels) => Ok(pixels),
        _ => Err("must be 0 to 16384 px".to_owned()),
    }
}

pub(crate) fn units(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(units) if (1.0..=1e6).contains(&units) => Ok(units),
        _ => Err("must be 1 to 1000000".to_owned()),
    }
}

/// Six numbers between commas.
pub(crate) fn intrinsics(text: &str) -> Result<Intrinsics, String> {
    let rule = "must be six numbers between commas: fx,fy,cx,cy,width,height";
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|word| word.trim().parse()).collect();
    let numbers: [f64; 6] = (numbers.map_err(|_| rule)?.try_into()).map_err(|_| rule)?;
    let [fx, fy, cx, cy, width, height] = numbers;
    let side = |side: f64| match side.fract() == 0.0 && (1.0..=16_384.0).contains(&side) {
        true => Ok(side as usize),
        false => Err(format!(
            "side {side} must be a whole number from 1 to 16384"
        )),
    };
    let intrinsics = Intrinsics {
        fx,
        fy,
        cx,
        cy,
        width: side(width)?,
        height: side(height)?,
    };
    intrinsics.fault().map_or(Ok(intrinsics), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intrinsics_are_six_numbers_of_a_camera() {
        let camera = intrinsics("585, 585,320,240,640,480").expect("a camera");
        assert_eq!((camera.fx, camera.height), (585.0, 480));
        for bad in [
            "585,585,320,240",
            "a,1,1,1,1,1",
            "-5,5,1,1,2,2",
            "5,5,1,1,2.5,2",
        ] {
            intrinsics(bad).expect_err(bad);
        }
    }
}
