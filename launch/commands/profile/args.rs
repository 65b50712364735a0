//! Arguments of `profile`.

use std::path::PathBuf;

use clap::Args;

const HELP: &str = "\
Measures what each encoder and each readout costs on this device, through the
engine and the pipeline that `serve` runs: frames of a simulated home, real
preprocessing, and representations that the encoders made of them. Networks
take turns, frame by frame, after a few rounds that are not counted; so a slow
moment of the machine is shared by all of them.

  millis        median of one run; an encoder's preprocessing is part of it (it
                runs once per distinct input, so encoders that share one take
                less together), and stands beside it as preprocess_millis
  p99_millis    what 99 of 100 runs do not exceed
  load_millis   from the bytes to a network that is ready
  memory_bytes  growth of this process's resident memory while the network was
                loaded and first run (at least its file's size), and the file,
                which a server keeps
  millijoules   power of the board while it ran times its median time, idle
                power included; where there is an INA3221 (Jetson)

`solve --profile` chooses under it, `explain --profile` prices a policy with it.

Exit codes: 0 measured; 1 stopped or failed, and nothing was written; 2 refused.

Examples:
  concert profile --policy home --out here.toml
  concert profile --encoders xfeat --runs 20 --threads 1 --json
  concert solve --transfers measured/affinities.csv --problem measured/problem.toml \\
      --profile here.toml --frame-budget 10s              (as `measure` wrote them)";

/// Arguments of `profile`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ProfileArgs {
    /// Measure what this policy runs: a shipped name or a file; may be repeated
    #[arg(long = "policy", value_name = "POLICY")]
    pub policies: Vec<String>,
    /// Measure these encoders, and with no --readouts all that read them alone
    #[arg(
        long,
        value_name = "A,B",
        value_delimiter = ',',
        conflicts_with = "policies"
    )]
    pub encoders: Vec<String>,
    /// Measure these readouts and their encoders: TARGET_from_A+B or TARGET_from_A+B@VARIANT
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        conflicts_with = "policies"
    )]
    pub readouts: Vec<String>,
    /// Runs that are counted of each network
    #[arg(long, default_value_t = 100, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub runs: u32,
    /// Size of the camera's frames, px
    #[arg(long, default_value = "640x480", value_name = "WxH", value_parser = size)]
    pub size: (usize, usize),
    /// Write the profile here; a file of that name is replaced at the end
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Width and height of a camera, px.
fn size(text: &str) -> Result<(usize, usize), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (16..=4096).contains(side));
    let sides = text.split_once('x');
    let sides = sides.and_then(|(width, height)| Some((side(width)?, side(height)?)));
    sides.ok_or_else(|| "a size is WIDTHxHEIGHT, each from 16 to 4096, as in 640x480".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_two_bounded_numbers() {
        assert_eq!(size("640x480"), Ok((640, 480)));
        for bad in ["", "640", "0x480", "640x5000", "x", "-1x20", "640x480x3"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
