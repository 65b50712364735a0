//! Arguments of `explain`.

use std::path::PathBuf;

use clap::Args;

const HELP: &str = "\
Says of each output of a policy where it comes from, what it is worth and what
it costs, and why the policy is as it is.

  affinity, gain, quality   with --transfers: as measured for this transfer
  own                       what its readout takes alone
  saved                     what dropping the output would save: its encoder only
                            where no other output reads it, nothing where another
                            output reads its result
  next                      what another output from the same sources would add
  why                       with --transfers and --problem: the best policy, its
                            runner-up, and what one more source would buy; where
                            the problem has budgets of a [device], with --profile

Costs are means per camera frame, from --profile, or measured now with --measure.

Exit codes: 0 explained; 1 failed; 2 refused.

Examples:
  concert explain first_light --measure --picture first_light.svg
  concert explain home --profile here.toml --json         (as `profile` wrote it)
  concert explain measured/policy_k2.toml --transfers measured/affinities.csv \\
      --problem measured/problem.toml                     (as `measure` wrote them)";

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ExplainArgs {
    /// The policy: a shipped name or a file
    #[arg(value_name = "POLICY")]
    pub policy: String,
    /// The table of measured transfers: CSV or JSON
    #[arg(long, value_name = "FILE")]
    pub transfers: Option<PathBuf>,
    /// The table leaves out rows on purpose
    #[arg(long, requires = "transfers")]
    pub partial: bool,
    /// What the policy was chosen for
    #[arg(long, value_name = "FILE", requires = "transfers")]
    pub problem: Option<PathBuf>,
    /// What networks cost, as `profile` measures it
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Measure what the policy's networks cost here and now
    #[arg(long, conflicts_with = "profile")]
    pub measure: bool,
    /// Frames per second of the camera, for targets with a rate
    #[arg(long, value_name = "HZ", default_value_t = 30.0, value_parser = hz)]
    pub camera_hz: f64,
    /// Draw the policy as a graph: an SVG file
    #[arg(long, value_name = "SVG")]
    pub picture: Option<PathBuf>,
}

fn hz(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(hz) if hz > 0.0 && hz <= 1000.0 => Ok(hz),
        _ => Err("a rate is above 0 and at most 1000".to_owned()),
    }
}
