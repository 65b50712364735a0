//! `concert replay`: computes a recording again, and compares.

mod args;
mod cameras;
mod comparison;
mod difference;
mod pictures;
mod player;
mod report;
mod subject;

use std::sync::Arc;

use anyhow::Context as _;
use concert_policies::document::check_place;
use concert_runtime::io::recording::{RecordingContents, RecordingStream};
use concert_runtime::{ManualClock, NoWatch, Pipeline, Timestamp};

use self::cameras::ReplayCameras;
use self::player::{Player, Schedule};
use self::subject::Subject;
use crate::assemble::EngineChoice;
use crate::cli::Global;
use crate::launch_file::LaunchFile;
use crate::overrides::Overrides;
use crate::report::{Exit, Failure, Refuse as _, Report};
use crate::stop::Stop;

pub(crate) use args::ReplayArgs;

pub(crate) fn run(args: &ReplayArgs, global: &Global) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    stop.ends_with(Exit::Done);
    if let Some(out) = &args.out {
        check_place(out).or_refuse()?;
    }
    let contents = RecordingContents::read(&args.file).or_refuse()?;
    let cameras = ReplayCameras::of(&contents, args.topic.as_deref()).or_refuse()?;
    let subject = Subject::of(&contents, args, global).or_refuse()?;
    let overrides = Overrides {
        threads: global.threads.map(usize::from),
        gpu: global.gpu,
        ..Overrides::default()
    };
    let launch = LaunchFile::of_policy("replay").with(&overrides);
    let engine = EngineChoice::start(launch.providers(), launch.threads(), global)?;
    let described = engine.engine.describe();
    let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(0)));
    let (plan, lanes) = (subject.plan.clone(), cameras.lanes());
    let (time, watch) = (clock.clone(), Arc::new(NoWatch));
    let pipeline = Pipeline::prepare(plan, engine.engine, &lanes, time, watch, None);
    for refusal in (engine.refusals)() {
        tracing::warn!("{refusal}");
    }
    let pipeline = pipeline.or_refuse()?;
    let schedule = match subject.is_recorded {
        true => Schedule::AsRecorded,
        false => Schedule::AsLive,
    };
    let stream = RecordingStream::open(&args.file, args.topic.as_deref()).or_refuse()?;
    let out = args.out.as_deref();
    let mut player = Player::new(pipeline, clock, &contents, &cameras, &subject, schedule);
    player
        .write_to(out, &subject)
        .with_context(|| format!("cannot write {}", out.unwrap_or(&args.file).display()))?;
    player.draw_to(args.images.as_deref()).or_refuse()?;
    player.play(stream, &stop, global)?;
    Ok(report::report(
        player.finish()?,
        &contents,
        &subject,
        (args, &described),
    ))
}
