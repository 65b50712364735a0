//! Arguments of `solve`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::{Access, endpoint, key};
use crate::launch_file::{DEFAULT_ENDPOINT, DEFAULT_PREFIX};

const HELP: &str = "\
The choice is exact: \"optimal\" means that nothing is better, and that this was
proved. Where time runs out, the best that was found is answered, with the gap.

TRANSFERS is a table of measured transfers: CSV with the columns target, sources
(with + between), order, affinity, win_vs_task, win_vs_pixels; or JSON of the
same. models/export/taskonomy_transfers.py makes such a CSV of the pickles that
Taskonomy's authors publish. An empty field is a number that was not measured.
Affinities of each target must sum to 1 within 0.001 over all its
rows, because they are an eigenvector over all its transfers; a table that
leaves out rows on purpose is read with --partial.

PROBLEM is a TOML file (or JSON of the same keys); all keys, with their defaults:
  targets = []             wanted; may also serve as sources
  target_only = []         wanted, cannot be a source
  source_only = []         available, not wanted
  budget = 8               required: most that everything may cost
  max_order = 4            most sources of one transfer [no limit]
  value = \"affinity\"       | \"win_vs_task\" | \"win_vs_pixels\"
  transform = \"sqrt\"       | \"identity\"; win rates are taken as they are
  convention = \"paper\"     | \"service\": as the authors' own service counts
  forbidden = []           sources that must not be roots
  required = []            sources that must be
  [cost]                   of a root, by task [1]
  [transfer_cost]          of solving a target by a transfer, by task [0]
  [importance]             of a target, by task [1]
  [rate_hz]                outputs per second, by target [one per frame]
  camera_hz = 30           frames per second
  [device]                 what networks may take of it; flags go first
  frame_millis = 33        [no limit]; so are memory_bytes, frame_millijoules
The last three count with --profile only (with --live: the server's): an encoder
runs as often as the most frequent target that reads it. The time of a readout
that the profile does not name is its typical_readout.

\"runner_up_objective\" is the best with another set of used sources; \"unique\"
says that none of them reaches the objective within 1e-9.

Exit codes: 0 with a policy (also one that is not proved optimal), 1 where
nothing is feasible or time ran out before anything was found, 2 where a file is
refused.

Examples, with what `concert measure` writes:
  concert solve --transfers measured/affinities.csv --problem measured/problem.toml
  concert solve --transfers measured/affinities.csv --problem measured/problem.toml --json --out mine.toml
  concert solve --transfers measured/affinities.csv --problem measured/problem.toml \\
      --pareto --picture front.svg
  concert serve measured/policy_k2.toml --transfers measured/affinities.csv     in another terminal
  concert solve --live --problem measured/problem.toml --swap";

/// Arguments of `solve`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct SolveArgs {
    /// The table of measured transfers: CSV or JSON
    #[arg(long, required_unless_present = "live", value_name = "FILE")]
    pub transfers: Option<PathBuf>,
    /// What is wanted
    #[arg(long, value_name = "FILE")]
    pub problem: PathBuf,
    /// Write the answer as a policy that `serve` runs
    #[arg(long, value_name = "POLICY")]
    pub out: Option<PathBuf>,
    /// End after so long with the best that was found: 500ms, 60s, 5m
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = time)]
    pub time_limit: Duration,
    /// What networks cost on the robot, as `profile` measures it: sources that
    /// it does not name are not available
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Most time that all networks may take per camera frame on average: 33ms
    #[arg(long, value_name = "TIME", value_parser = time, requires = "profile")]
    pub frame_budget: Option<Duration>,
    /// Most memory that all networks may hold: 512MB
    #[arg(long, value_name = "BYTES", value_parser = bytes, requires = "profile")]
    pub memory_budget: Option<u64>,
    /// Most energy per camera frame on average, in millijoules
    #[arg(long, value_name = "MJ", value_parser = millijoules, requires = "profile")]
    pub energy_budget: Option<f64>,
    /// Answer the best policy of every cost up to the budget, greedy choice
    /// beside it; with --profile, of every time per frame
    #[arg(long, conflicts_with = "out")]
    pub pareto: bool,
    /// Draw the answer of --pareto: an SVG file
    #[arg(long, value_name = "SVG", requires = "pareto")]
    pub picture: Option<PathBuf>,
    /// The table leaves out rows on purpose: affinities may sum to less than 1
    #[arg(long)]
    pub partial: bool,
    /// Ask a running server, which solves from its own table (`serve
    /// --transfers`) in at most half a second
    #[arg(long, conflicts_with_all = ["transfers", "partial", "profile", "pareto", "time_limit"])]
    pub live: bool,
    /// Have the server run the policy that it answers
    #[arg(long, requires = "live")]
    pub swap: bool,
    /// With --live: key below which the server publishes
    #[arg(long, value_name = "KEY", default_value = DEFAULT_PREFIX, value_parser = key)]
    pub prefix: String,
    /// With --live: where the server listens; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint, default_value = DEFAULT_ENDPOINT)]
    pub connect: Vec<String>,
    /// How to get in
    #[command(flatten)]
    pub access: Access,
}

/// A number of bytes, with B, kB, MB or GB, above 0.
fn bytes(text: &str) -> Result<u64, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    let scale = match unit {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        _ => return Err("memory is a number and B, kB, MB or GB, as in 512MB".to_owned()),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number * scale < 1e15 => Ok((number * scale) as u64),
        _ => Err("memory must be above 0 and below 1000 TB".to_owned()),
    }
}

fn millijoules(text: &str) -> Result<f64, String> {
    match text.trim_end_matches("mJ").parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("energy is a number of millijoules above 0".to_owned()),
    }
}

/// A time with its unit, above 0 and at most a day.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    let seconds = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time is a number and ms, s, m or h, as in 60s".to_owned()),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number * seconds <= 86_400.0 => {
            Ok(Duration::from_secs_f64(number * seconds))
        }
        _ => Err("a time must be above 0 and at most a day".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_bounds() {
        assert_eq!(time("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(time("1.5ms"), Ok(Duration::from_micros(1500)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        for bad in [
            "", "5", "s", "0s", "-1s", "nan s", "1e9h", "25h", "1.2.3s", "9ss",
        ] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
