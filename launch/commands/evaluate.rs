//! `concert evaluate`: a readout or a policy against the truth of a data set.

pub(crate) mod args;
mod boxes;
mod classes;
mod replay;
mod room;
mod selection;
mod sheet;
mod subject;
mod table;
mod tally;
mod verdict;

use std::sync::Arc;

use anyhow::{Context, anyhow};
use concert_fitting::dataset::DataSet;
use concert_policies::document::check_place;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::{Clock, ManualClock, NoWatch, Pipeline, Timestamp, plan_from_store};
use replay::Replay;
use tally::{Tally, Truth};

use super::data;
use crate::assemble::{self, EngineChoice};
use crate::cli::Global;
use crate::launch_file::LaunchFile;
use crate::overrides::Overrides;
use crate::progress::progress;
use crate::report::{Failure, Refuse, Report};

pub(crate) use args::EvaluateArgs;

/// Most frames whose truth the constant predictor is fitted to; of more, they
/// are spread evenly.
const MAX_SURVEYED: usize = 300;

pub(crate) fn run(args: &EvaluateArgs, global: &Global) -> Result<Report, Failure> {
    for path in [&args.sheet, &args.table].into_iter().flatten() {
        check_place(path).or_refuse()?;
    }
    let data = match &args.coco {
        Some(coco) => data::photographs(coco, &args.data, args.intrinsics)?,
        None => data::open(&args.data, args.intrinsics, args.depth_units)?,
    };
    let frames = selection::selection(&data, &args.frames).or_refuse()?;
    let has_depth = data.sequences().iter().any(|sequence| sequence.has_depth());
    let subject = subject::subject(args, global, has_depth)?;
    let plan = plan_from_store(&subject.policy, &subject.store)
        .or_refuse()?
        .plan;
    let system = SystemClock::start();
    let begin = system.monotonic();
    let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(0)));
    let mut pipeline = pipeline(plan, global, clock.clone())?;
    let mut tallies: Vec<Tally> = (pipeline.buffers(0).iter())
        .map(|output| {
            let labels = output.origin.labels.clone();
            Tally::new(output.origin.task, labels, &data, args.min_pixels)
        })
        .collect();
    for tally in &tallies {
        let checked = tally.check_classes(&data);
        checked.map_err(|reason| Failure::refused(anyhow!(reason)))?;
    }
    let targets: Vec<_> = tallies.iter().map(|tally| tally.task).collect();
    let sound = data::sound(&data, &frames, &targets)?;
    let (frames, damaged) = (sound.frames, sound.left_out.len());
    survey(&mut tallies, &data, &frames, global)?;
    let mut replay = Replay::new(args, &tallies, frames.len()).or_refuse()?;
    replay.run(
        &mut pipeline,
        &mut tallies,
        &data,
        &frames,
        (&clock, &system),
        global,
    )?;
    let seconds = system.monotonic().saturating_sub(begin).as_secs_f64();
    let mut verdict = verdict::Verdict::of(&tallies, &data, args, frames.len(), seconds);
    verdict.add_damaged(damaged, frames.len());
    verdict.add_subject(&subject);
    replay.finish(&mut verdict, args)?;
    verdict.report()
}

fn pipeline(
    plan: concert_runtime::Plan,
    global: &Global,
    clock: Arc<ManualClock>,
) -> Result<Pipeline, Failure> {
    let overrides = Overrides {
        threads: global.threads.map(usize::from),
        gpu: global.gpu,
        ..Overrides::default()
    };
    // Its camera's name, and the processor or the GPU.
    let launch = LaunchFile::of_policy("evaluate").with(&overrides);
    let engine = EngineChoice::start(launch.providers(), launch.threads(), global)?;
    assemble::pipeline(&launch, plan, engine, clock, Arc::new(NoWatch), None)
}

/// Fits the constant predictors, and refuses data that can tell nothing.
fn survey(
    tallies: &mut [Tally],
    data: &DataSet,
    frames: &[(usize, usize)],
    global: &Global,
) -> Result<(), Failure> {
    let some = frames.iter().step_by(frames.len().div_ceil(MAX_SURVEYED));
    let bar = progress(some.len(), "truth", global);
    let mut poses = 0;
    for (number, index) in some {
        let example = data.sequences()[*number].read(*index).or_refuse()?;
        poses += usize::from(example.world_from_optical.is_some());
        for tally in &mut *tallies {
            tally.survey(&example).or_refuse()?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut lacking = Vec::new();
    for tally in &mut *tallies {
        let reason = match &tally.truth {
            Truth::Labels(labels) if labels.labelled == 0 => "no frame has a label for it",
            Truth::Poses(_) if poses == 0 => "no frame has a pose",
            Truth::Nothing(reason) => {
                lacking.push(format!("{}: {reason}", tally.task.name));
                continue;
            }
            _ => continue,
        };
        lacking.push(format!("{}: {reason}", tally.task.name));
        tally.truth = Truth::Nothing(reason.to_owned());
    }
    if lacking.len() == tallies.len() {
        let path = data.path().display();
        return Err(Failure::refused(anyhow!(
            "{path} has nothing to compare with in {} frames: {}",
            frames.len(),
            lacking.join("; ")
        )));
    }
    for reason in lacking {
        tracing::warn!("not measured: {reason}");
    }
    Ok(())
}

/// Names the file that could not be written, in its error.
fn name_written_file<T>(
    result: Result<T, impl Into<anyhow::Error>>,
    what: &str,
) -> anyhow::Result<T> {
    result
        .map_err(Into::into)
        .with_context(|| format!("cannot write the {what}"))
}
