//! `concert profile`: what networks cost on this device.

pub(crate) mod args;
mod candidates;
mod measured;
mod metered;
mod rounds;
mod selection;

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use concert_apartment::{Home, LightQuality, Randomisation};
use concert_models::Engine;
use concert_policies::document::{check_place, write_whole};
use concert_policies::profile::Profile;
use concert_runtime::io::board::{PowerMeter, processor};
use concert_runtime::io::clock::SystemClock;
use concert_runtime::{Camera, Capture, Clock, Frame, LaneName, NoWatch, Pipeline};
use serde_json::{Value, json};

use self::candidates::Candidate;
use self::metered::{Loadings, MeteredEngine};
use self::rounds::{EncoderBench, GroupBench, Rounds};
use self::selection::Selection;
use crate::apartment_camera::{ApartmentCamera, ApartmentOptions, Pacing};
use crate::assemble::EngineChoice;
use crate::cli::Global;
use crate::launch_file::{DEFAULT_SEED, LaunchFile};
use crate::overrides::Overrides;
use crate::progress::progress;
use crate::report::{Failure, Refuse, Report};
use crate::stop::Stop;

pub(crate) use args::ProfileArgs;
pub(crate) use rounds::quantile;

/// Distinct frames, a third of a second apart on a tour.
const FRAMES: usize = 24;
const FRAMES_HZ: f64 = 3.0;
/// Rounds that are not counted: rings fill, memory is reserved.
const WARM_UP: usize = 4;

/// What measuring came to.
pub(crate) struct Measured {
    /// The figures.
    pub(crate) profile: Profile,
    /// Networks that were not measured, and why.
    pub(crate) skipped: Vec<(String, String)>,
    /// What ran the networks.
    pub(crate) engine: String,
}

pub(crate) fn run(args: &ProfileArgs, global: &Global) -> Result<Report, Failure> {
    if let Some(path) = &args.out {
        check_place(path).or_refuse()?;
    }
    let stop = Stop::on_signals()?;
    let measured = measure(args, global, &stop)?;
    if let Some(path) = &args.out {
        write_whole(path, measured.profile.to_toml().as_bytes())?;
    }
    Ok(report(&measured, args))
}

/// Measures what the arguments ask for.
///
/// # Errors
/// Networks that are named and cannot be had are refused; stopping fails.
pub(crate) fn measure(
    args: &ProfileArgs,
    global: &Global,
    stop: &Stop,
) -> Result<Measured, Failure> {
    let selection = Selection::of(args, global)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let overrides = Overrides {
        threads: global.threads.map(usize::from),
        gpu: global.gpu,
        ..Overrides::default()
    };
    let launch = LaunchFile::of_policy("profile").with(&overrides);
    let choice = EngineChoice::start(launch.providers(), launch.threads(), global)?;
    let loadings = Loadings::default();
    let engine = MeteredEngine {
        inner: choice.engine,
        clock: Arc::clone(&clock),
        loadings: Arc::clone(&loadings),
    };
    let description = engine.describe();
    let frames = frames(args.size, &clock)?;
    let mut rounds = rounds(&selection, Box::new(engine), frames, &clock)?;
    let total = args.runs as usize + WARM_UP;
    let bar = progress(total, "rounds", global);
    for number in 0..total {
        if stop.is_raised() {
            bar.finish_and_clear();
            let done = number.saturating_sub(WARM_UP);
            let runs = args.runs;
            return Err(Failure::failed(anyhow!(
                "stopped after {done} of {runs} runs: nothing was written"
            )));
        }
        if number == WARM_UP {
            rounds.forget();
        }
        rounds.run(number)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let method = method(args, global, rounds.meter.as_ref());
    let (encoders, readouts, silent) = measured::loads(&rounds, &selection, &loadings);
    let device = format!("{}; {}", processor(), without_brackets(&description));
    let profile = Profile::new(&device, Some(&method), encoders, readouts)?;
    let mut skipped = selection.skipped;
    skipped.extend(silent);
    Ok(Measured {
        profile,
        skipped,
        engine: description,
    })
}

/// What the engine says of itself, without what stands in brackets: where its
/// library lies is this computer's own affair.
pub(super) fn without_brackets(description: &str) -> String {
    let mut depth = 0;
    let mut kept = String::new();
    for letter in description.chars().take(400) {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
    }
    kept.replace(" ,", ",")
}

fn method(args: &ProfileArgs, global: &Global, meter: Option<&PowerMeter>) -> String {
    let threads = global
        .threads
        .map_or("one thread per core".to_owned(), |threads| {
            format!("--threads {threads}")
        });
    let (width, height) = args.size;
    let energy = meter.map_or("no energy sensor".to_owned(), PowerMeter::describe);
    format!(
        "concert {}, {threads}, {} runs in turns on {FRAMES} frames of {width}x{height} \
         of a simulated home; encoders with their preprocessing; memory: growth of resident memory \
         while loading and first running, and the file; {energy}",
        env!("CARGO_PKG_VERSION"),
        args.runs
    )
}

/// Frames of a tour, with depth and intrinsics.
fn frames(size: (usize, usize), clock: &Arc<dyn Clock>) -> Result<Vec<Frame>, Failure> {
    let home = Home::generate(DEFAULT_SEED, &Randomisation::default(), LightQuality::Draft)?;
    let options = ApartmentOptions {
        width: size.0,
        height: size.1,
        rate_hz: FRAMES_HZ,
        pacing: Pacing::AsFastAsItGoes,
        ..ApartmentOptions::default()
    };
    let mut camera = ApartmentCamera::open(home, options, Arc::clone(clock)).or_refuse()?;
    let mut frames = Vec::with_capacity(FRAMES);
    while frames.len() < FRAMES {
        match camera.next_frame(Duration::ZERO) {
            Capture::Frame(frame) => frames.push(frame),
            other => return Err(Failure::failed(anyhow!("no frame to run on: {other:?}"))),
        }
    }
    Ok(frames)
}

fn rounds(
    selection: &Selection,
    mut engine: Box<dyn Engine>,
    frames: Vec<Frame>,
    clock: &Arc<dyn Clock>,
) -> Result<Rounds, Failure> {
    let mut encoders = Vec::new();
    for encoder in &selection.encoders {
        encoders.push(EncoderBench::load(engine.as_mut(), encoder).or_refuse()?);
    }
    let lane = LaneName {
        camera: "profile".to_owned(),
        in_keys: false,
    };
    let mut groups = Vec::new();
    for (plan, readouts) in &selection.groups {
        let targets: Vec<_> = plan.targets().map(|task| task.name).collect();
        let pipeline = Pipeline::prepare(
            plan.clone(),
            engine.sibling(),
            std::slice::from_ref(&lane),
            Arc::clone(clock),
            Arc::new(NoWatch),
            None,
        );
        let named = |target: &&str| readouts.iter().find(|one| one.target == *target);
        let names = targets.iter().filter_map(named).map(Candidate::name);
        groups.push(GroupBench::new(pipeline.or_refuse()?, names.collect()));
    }
    Ok(Rounds {
        engine,
        encoders,
        groups,
        frames,
        clock: Arc::clone(clock),
        meter: PowerMeter::find(),
    })
}

fn report(measured: &Measured, args: &ProfileArgs) -> Report {
    let profile = &measured.profile;
    let mut lines = vec![format!("device: {}", profile.device())];
    lines.extend(measured::table(profile));
    for (name, reason) in &measured.skipped {
        lines.push(format!("not measured: {name}: {reason}"));
    }
    let mut json = json!({
        "device": profile.device(), "method": profile.method(), "engine": measured.engine,
        "encoders": profile.encoders(), "readouts": profile.readouts(),
        "typical_readout": profile.typical_readout(),
        "skipped": measured.skipped.iter()
            .map(|(name, reason)| json!({ "name": name, "reason": reason }))
            .collect::<Vec<Value>>(),
    });
    if let Some(path) = &args.out {
        json["profile"] = json!(path);
        lines.push(format!("wrote {}", path.display()));
    }
    Report::done(json, lines.join("\n"))
}
