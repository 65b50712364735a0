//! Arguments of `measure`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use concert_fitting::measure::Shard;
use concert_models::Intrinsics;
use concert_policies::Task;

use crate::commands::evaluate::args::{intrinsics, units};
use crate::commands::fit::args::{KindChoice, target};

const HELP: &str = "\
Taskonomy's whole loop on the encoders at hand. Every source sees every frame
once; a readout is fitted for each source and target, and for sets of sources (of
order 2 to 5 all sets of the 5 best sources, beyond that the best), all compared
on the same held-out frames. Which transfer wins how often gives the affinities
(Analytic Hierarchy Process); `solve` then chooses policies for 1, 2 and 3
encoders, and their readouts stand beside them:
  OUT/affinities.csv    the table, as `solve` reads it
  OUT/wins.json         losses per frame, win rates, measures: affinities can be
                        computed anew where a source is added
  OUT/problem.toml      what `solve` was asked
  OUT/policy_k1.toml, policy_k2.toml, policy_k3.toml
  OUT/models/readouts   found by `serve OUT/policy_k2.toml` without more

Two rows are always there and never chosen: `random`, the first source with
random weights, and `pixels`, the same small readout from the pixels
themselves. Gain (win_vs_pixels) is the share of frames on which a transfer beats
`pixels`. There is no network of a target's own, so Quality is empty.

Held out are two of five blocks of time, or all of --test-data. The loss of a
frame is abs_rel of depth, mean_deg of normals, 1 - f1 of edges, the share of
wrong classes, and l1 of everything else.

Before anything is fitted, the similarity of representations and labels ranks the
sources (DDS; Dwivedi and others, ECCV 2020): that is the order of work, and its
rank correlation with the affinities is reported.

Stopped by Ctrl-C, it goes on with the same command: every finished transfer is a
file. Another shard takes every n-th target: run each into a folder of its own,
on any computer, then put them together with --merge. More sources or targets may
be added to a folder; other frames or settings are refused there.

Examples:
  concert apartment --write few_homes --frames 20 --seeds 20..24
  concert measure --data few_homes --sources efficientnet_lite0,xfeat \\
      --targets depth_zbuffer,normal --kind ridge --shard 1/2 --out part1
  concert measure --data few_homes --sources efficientnet_lite0,xfeat \\
      --targets depth_zbuffer,normal --kind ridge --shard 2/2 --out part2
  concert measure --merge part1 --merge part2 --out merged
  concert serve merged/policy_k2.toml";

/// Arguments of `measure`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct MeasureArgs {
    /// A data set with labels to fit on; may be repeated
    #[arg(long, required_unless_present = "merge", value_name = "DIR")]
    pub data: Vec<PathBuf>,
    /// A data set to compare on [default: two fifths of --data]; may be repeated
    #[arg(long, value_name = "DIR")]
    pub test_data: Vec<PathBuf>,
    /// The camera, where the data set does not say: fx,fy,cx,cy,width,height in px
    #[arg(long, value_name = "FX,FY,CX,CY,W,H", value_parser = intrinsics)]
    pub intrinsics: Option<Intrinsics>,
    /// Units of the depth files in a metre, where the layouts do not say right
    #[arg(long, value_name = "N", value_parser = units)]
    pub depth_units: Option<f32>,
    /// Encoders; `random` and `pixels` are added
    #[arg(
        long,
        required_unless_present = "merge",
        value_name = "A,B,…",
        value_delimiter = ','
    )]
    pub sources: Vec<String>,
    /// What is read out
    #[arg(long, required_unless_present = "merge", value_name = "T1,T2,…",
        value_delimiter = ',', value_parser = target)]
    pub targets: Vec<&'static Task>,
    /// Where everything is kept
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Most sources of one readout
    #[arg(long, value_name = "N", default_value_t = 2,
        value_parser = clap::value_parser!(u16).range(1..=64))]
    pub max_order: u16,
    /// Fit on so many frames, evenly spaced [default: all]
    #[arg(long, value_name = "N")]
    pub frames: Option<NonZeroUsize>,
    /// Compare on so many frames, evenly spaced [default: all]
    #[arg(long, value_name = "N")]
    pub test_frames: Option<NonZeroUsize>,
    /// What to fit
    #[arg(long, value_enum, default_value_t = KindChoice::Auto, value_name = "KIND")]
    pub kind: KindChoice,
    /// Steps of a convolutional readout [default: as `fit`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub steps: Option<u32>,
    /// The seed of whatever is random
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u32,
    /// Measure every n-th target only, from the i-th on
    #[arg(long, value_name = "I/N", value_parser = shard, conflicts_with = "merge")]
    pub shard: Option<Shard>,
    /// Put the folder of a shard into --out, then make the table; may be repeated
    #[arg(long, value_name = "DIR", conflicts_with_all = ["data", "test_data", "sources", "targets",
        "frames", "test_frames", "intrinsics", "depth_units", "steps", "kind", "seed", "max_order"])]
    pub merge: Vec<PathBuf>,
}

fn shard(text: &str) -> Result<Shard, String> {
    let rule = "a shard is I/N with I from 1 to N, as in 2/3";
    let (number, of) = text.split_once('/').ok_or(rule)?;
    match (number.parse(), of.parse()) {
        (Ok(number), Ok(of)) if (1..=of).contains(&number) => Ok(Shard { number, of }),
        _ => Err(rule.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_some() {
        assert_eq!(shard("2/3"), Ok(Shard { number: 2, of: 3 }));
        for bad in ["", "1", "0/2", "3/2", "a/b", "1/0", "1/2/3", "-1/2"] {
            assert!(shard(bad).is_err(), "{bad}");
        }
    }
}
