//! The command line of `concert fetch-soda`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::commands::apartment::{DoorsArg, rate, speed};
use crate::fetch_soda::errand::{Errand, ErrandError, ErrandFileError};
use crate::view::ViewFlags;

const AFTER: &str = "\
Three processes meet over zenoh: a robot in a simulated home (`apartment --drive`),
Concert serving launch/robots/fetch_soda.toml, and the behaviour, which hears
Concert's outputs and the robot's own wheels and bumper, and nothing else. The
simulator decides by true distance and heading what the gripper takes.

Errands are sentences: `bring the can`, `go to the sofa`, `is the door of the
bathroom open?`; or a TOML file with the line `errand = \"bring the cup\"`.

No readout that ships knows what a red mug is. Asked to `bring the red mug`, the
robot is shown one on 20 labelled pictures of other homes (`apartment --write`),
fits a readout to what its encoder makes of them (`fit`), swaps that into the
running server (`swap`), and goes: all of it within the errand's time.

--json prints, among others: success, bumps, hurting_bumps (faster than 0.1 m/s),
seconds, path_m, age_ms (of what it acted on), cpu_seconds (of perception).
Exit code 0 where the errand was done or somebody stopped it, 1 where it was not
done, 2 where it was refused.

Examples:
  concert fetch-soda

With other errands and other eyes:
  concert fetch-soda --seed 21 --errand \"bring the cup\"
  concert fetch-soda --errand \"bring the red mug\"
  concert fetch-soda --view                    watch it in a browser: http://127.0.0.1:8080/
  concert fetch-soda --perception truth --json
  concert fetch-soda --doors mixed --errand \"is the door of the bathroom open?\"";

/// Arguments of `fetch-soda`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct FetchSodaArgs {
    /// The home: the same seed is the same home
    #[arg(long, value_name = "S", default_value_t = 21)]
    pub seed: u64,
    /// What to do: a sentence, or a file
    #[arg(long, value_name = "TEXT|FILE", default_value = "bring the can")]
    pub errand: String,
    /// What the robot perceives with
    #[arg(long, value_enum, default_value_t = Perception::Shared)]
    pub perception: Perception,
    /// How the doors stand
    #[arg(long, value_enum, default_value_t = DoorsArg::Open)]
    pub doors: DoorsArg,
    /// How many of the thing there are: 0 is none to be found
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=4))]
    pub things: u32,
    /// Longest time for it, s
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(20..=3600))]
    pub seconds: u64,
    /// Pictures per second of the robot's camera
    #[arg(long, value_name = "HZ", default_value_t = 12.0, value_parser = rate)]
    pub rate: f64,
    /// How fast time goes in the home: 0.5 is half as fast as the clock
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// Draw the errand: what the robot saw at its turning points, its map and way
    #[arg(long, value_name = "FILE.png")]
    pub picture: Option<PathBuf>,
    /// Another launch file for perception; it hears robot/front/image and
    /// publishes at robot/perception
    #[arg(long, value_name = "FILE")]
    pub launch: Option<PathBuf>,
    /// A page that shows it
    #[command(flatten)]
    pub view: ViewFlags,
}

/// What the robot perceives with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Perception {
    /// The policy: shared encoders, light readouts
    Shared,
    /// The same outputs, each from a network of its own
    Separate,
    /// What is true: the ceiling
    Truth,
    /// As shared, acted on 200 ms later
    Delayed,
    /// Black pictures: must fail
    Blind,
}

impl Perception {
    /// Its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Separate => "separate",
            Self::Truth => "truth",
            Self::Delayed => "delayed",
            Self::Blind => "blind",
        }
    }
}

/// A flag that would be passed over in silence.
#[derive(Debug, thiserror::Error)]
#[error("--launch names a perception, but with --perception truth there is none")]
pub(super) struct LaunchOfNobody;

/// Why an errand is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum ErrandFault {
    #[error(transparent)]
    Sentence(#[from] ErrandError),
    #[error(transparent)]
    File(#[from] ErrandFileError),
}

impl FetchSodaArgs {
    /// Refuses flags that contradict each other.
    pub(super) fn check(&self) -> Result<(), LaunchOfNobody> {
        let is_of_nobody = self.launch.is_some() && self.perception == Perception::Truth;
        if is_of_nobody {
            Err(LaunchOfNobody)
        } else {
            Ok(())
        }
    }

    /// The errand, from the sentence or the file.
    pub(super) fn errand(&self) -> Result<Errand, ErrandFault> {
        let path = Path::new(&self.errand);
        if path.is_file() {
            return Ok(Errand::read(path)?);
        }
        Ok(Errand::parse(&self.errand)?)
    }

    pub(super) fn doors_word(&self) -> String {
        let value = self.doors.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
