//! The command line of `concert bench`.

use std::path::PathBuf;

use clap::Args;

use crate::launch_file::Provider;

const HELP: &str = "\
Serves a policy in a process of its own, publishes camera images to it over zenoh
at fixed moments, and notes in a third process when every output comes. What is
measured is what a robot has: from the moment at which a frame was due to the
moment at which a subscriber has the output, through both hops of the bus.

  latency     from the frame's due time, not from when it was published: a stall
              is charged to every frame that it delays (no coordinated omission)
  jitter      mean difference from one latency to the next
  peak age    how old the newest output was at most when the next one came;
              frames that were replaced by newer ones count here
  stages      every encoder and readout, as the server ran it
  counts      what became of every frame and every output; a note where they do
              not add up
  machine     processor time that others took, time stolen by a hypervisor, waits
              for a processor, clocks and temperature: what a tail may be due to

Frames are of a tour through a simulated home, rendered beforehand, or of the
launch file's cameras, recorded beforehand (--data: images of a folder); they are
played forth and back. The first two seconds are not counted. All processes are
on this computer and read one clock (CLOCK_MONOTONIC), so that latencies need no
synchronised clocks; that is checked, and said.

--compare measures both in short rounds by turns, in the order A B B A, so that
whatever slows the computer slows both; the interval is that of 95 of 100
bootstrap samples over the rounds.

Exit codes: 0 measured, also where it was stopped; 1 failed while measuring, and
what was measured until then is printed; 2 refused; 3 slower than --max-p99 allows.

Examples:
  concert bench first_light --seconds 5
  concert bench first_light --rate 15 --seconds 5 --json
  concert bench launch/robots/front.toml --seconds 5 --html report.html
  concert bench first_light --compare apartment_k1 --seconds 6
  concert bench launch/robots/apartment_degrades.toml --seconds 6 --hog 2
  concert bench first_light --data launch/photographs --seconds 5 --max-p99 10000";

/// Arguments of `bench`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct BenchArgs {
    /// What is measured: a launch file, a policy file, or the name of a shipped
    /// policy
    #[arg(value_name = "POLICY|LAUNCH")]
    pub file: String,
    /// Providers to try, one after the other, in place of the launch file's:
    /// tensorrt, cuda, cpu
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = provider)]
    pub provider: Vec<Provider>,
    /// Frames a second of each camera
    #[arg(long, value_name = "HZ", default_value_t = 30.0, value_parser = rate)]
    pub rate: f64,
    /// How long is measured, s; with --compare each of both
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Pass over what `concert tune` kept on this computer
    #[arg(long)]
    pub untuned: bool,
    /// Images of this folder in place of the cameras'
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Measure this, too, by turns, and say how the latencies compare
    #[arg(long, value_name = "POLICY|LAUNCH")]
    pub compare: Option<String>,
    /// Measure this program in a server's place, too, by turns, and say how the
    /// latencies compare: see benches/README.md
    #[arg(long, value_name = "COMMAND", conflicts_with = "compare")]
    pub compare_program: Option<String>,
    /// Keep so many threads busy beside it in the middle third of the time: what a
    /// launch file with a chain of policies ([degradation]) does then is reported as
    /// its steps
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=256),
        conflicts_with_all = ["compare", "compare_program"]
    )]
    pub hog: Option<u64>,
    /// Write a page with figures, curves and the machine here; measures what each
    /// further output costs, too (some 3 s an output)
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// End with exit code 3 where the p99 of an output's latency is above this, ms;
    /// of one policy, not of two that are compared
    #[arg(
        long,
        value_name = "MS",
        value_parser = millis,
        conflicts_with_all = ["compare", "compare_program"]
    )]
    pub max_p99: Option<f64>,
}

/// A provider by its name.
pub(crate) fn provider(text: &str) -> Result<Provider, String> {
    let known = Provider::ALL.into_iter().find(|one| one.name() == text);
    let names = Provider::ALL.map(Provider::name).join(", ");
    known.ok_or_else(|| format!("there are {names}"))
}

pub(crate) fn rate(text: &str) -> Result<f64, String> {
    bounded(text, 0.1, 1000.0, "frames a second")
}

fn millis(text: &str) -> Result<f64, String> {
    bounded(text, 0.001, 60_000.0, "ms")
}

fn bounded(text: &str, least: f64, most: f64, unit: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("from {least} to {most} {unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_bounds_and_providers_have_names() {
        assert_eq!(rate("12.5"), Ok(12.5));
        assert_eq!(millis("60"), Ok(60.0));
        for bad in ["0", "-3", "nan", "inf", "1e9", "", "fast"] {
            assert!(rate(bad).is_err() && millis(bad).is_err(), "{bad}");
        }
        assert_eq!(provider("cpu"), Ok(Provider::Cpu));
        let refused = provider("gpu").expect_err("no provider");
        assert_eq!(refused, "there are tensorrt, cuda, cpu");
    }
}
