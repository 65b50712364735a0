//! The command lines of the other two processes.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::args::{FetchSodaArgs, Perception};
use super::{PERCEPTION, separate};
use crate::cli::Global;
use crate::fetch_soda::errand::Errand;
use crate::report::Failure;

/// The launch file of the perception, as it ships.
const LAUNCH: &str = include_str!("../../robots/fetch_soda.toml");
/// Tilt of the camera, degrees, up positive: it sees the floor from 1 m on, and
/// what stands on a counter before it.
pub(super) const TILT: &str = "-17";

/// `concert apartment --drive …`: the home and its robot, which listens at `at`.
pub(super) fn home(args: &FetchSodaArgs, errand: &Errand, at: &str) -> Vec<String> {
    let mut line = vec!["apartment".to_owned(), "--drive".to_owned()];
    line.extend([
        "--tour=never".to_owned(),
        format!("--seeds={}", args.seed),
        format!("--tilt={TILT}"),
        format!("--listen={at}"),
        format!("--rate={}", args.rate),
        format!("--speed={}", args.speed),
        format!("--doors={}", args.doors_word()),
        // Only who is named hears of it.
        "--no-router".to_owned(),
    ]);
    if let Errand::Bring(thing) = errand {
        let name = match &thing.colour {
            Some(colour) => format!("{colour}-{}", thing.class),
            None => {
                // So many as are put there, and no others. Of a coloured one there
                // may be others of its class.
                line.push(format!("--without={}", thing.class));
                thing.class.clone()
            }
        };
        line.extend((0..args.things).map(|_| format!("--put={name}")));
    }
    match args.perception {
        Perception::Truth => line.push(format!("--truth={PERCEPTION}")),
        Perception::Blind => line.push("--black".to_owned()),
        Perception::Shared | Perception::Separate | Perception::Delayed => {}
    }
    line
}

/// What the perception is served from.
pub(super) struct Served {
    pub(super) launch: PathBuf,
    pub(super) models: Vec<PathBuf>,
}

impl Served {
    /// As the arguments name it; what is no file of the user's is written into `folder`.
    pub(super) fn of(
        args: &FetchSodaArgs,
        folder: &Path,
        global: &Global,
    ) -> Result<Self, Failure> {
        let launch = match &args.launch {
            Some(launch) => launch.clone(),
            None => {
                let shipped = folder.join("fetch_soda.toml");
                std::fs::write(&shipped, LAUNCH)
                    .map_err(|error| anyhow!("{}: {error}", shipped.display()))?;
                shipped
            }
        };
        let models = global.models.clone();
        if args.perception != Perception::Separate {
            return Ok(Self { launch, models });
        }
        let (launch, copies) = separate::write(&launch, folder, global)?;
        let models = [vec![copies], models].concat();
        Ok(Self { launch, models })
    }

    /// `concert serve …`: the perception, which listens at `own` and hears the robot at
    /// `home`.
    pub(super) fn line(&self, (home, own): (&str, &str), global: &Global) -> Vec<String> {
        let launch = self.launch.to_string_lossy().into_owned();
        let mut line = vec!["serve".to_owned(), launch];
        line.extend([format!("--listen={own}"), format!("--connect={home}")]);
        let models = self.models.iter();
        line.extend(models.map(|folder| format!("--models={}", folder.display())));
        let library = global.onnxruntime.iter();
        line.extend(library.map(|library| format!("--onnxruntime={}", library.display())));
        line.extend(global.threads.map(|threads| format!("--threads={threads}")));
        line.extend(global.gpu.then(|| "--gpu".to_owned()));
        line
    }
}
