//! `concert serve` and `concert demo`: run a policy until told to stop.

mod served;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::anyhow;
use concert_models::store::Store;
use concert_policies::profile::Profile;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::watchdog::Watchdog;
use concert_runtime::{Clock, ImageEncoding, ImagePublishing, Plan, RunSettings, Runtime};

use self::served::Served;
use super::check::kind::Kind;
use crate::assemble::{self, AskedSolver, EngineChoice, PublishInfo, Transport};
use crate::cli::{Demo, Global, LearnFlags, Serve, Session};
use crate::launch_file::{CameraKind, LaunchFile, Provider};
use crate::learn;
use crate::live::Watched;
use crate::live_view::{ForcedSubscriptions, LiveView};
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::report::{Exit, Failure, Refuse, Report};
use crate::stop::Stop;
use crate::terminal::Style;
use crate::transfers::read_transfers;

/// Runs the shipped policy (or another) in a simulated home (or on
/// photographs, or other images); the table counts as a subscriber, so that
/// everything is computed.
pub(crate) fn demo(args: &Demo, global: &Global) -> Result<Report, Failure> {
    let in_home = args.images.is_empty() && !args.photographs;
    let usual = if in_home { "demo" } else { "home" };
    let launch = LaunchFile::of_policy(args.policy.as_deref().unwrap_or(usual));
    let launch = match args.images.as_slice() {
        [] if args.photographs => launch,
        [] => launch.in_apartment(args.seed),
        images => launch.on_images(images, true),
    };
    let launch = match &args.camera {
        Some(camera) => launch.on_camera(camera_of(camera, true)?),
        None => launch,
    };
    let options = ServeOptions {
        alone: true,
        everything: true,
        begins: true,
        ..ServeOptions::default()
    };
    run(&launch, &args.session, global, options)
}

/// Runs a launch file, or a policy with the default launch.
pub(crate) fn serve(args: &Serve, global: &Global) -> Result<Report, Failure> {
    let options = ServeOptions {
        alone: false,
        // What is to be counted is computed.
        everything: args.session.frames.is_some(),
        begins: false,
        shadow: args.shadow.clone(),
        solver: solver(args)?,
        learning: args.learning.clone(),
    };
    let mut launch = launch_of(&args.file)?;
    if let Some(camera) = &args.camera {
        let (cameras, file) = (launch.cameras().len(), &args.file);
        if cameras > 1 {
            return Err(Failure::refused(anyhow!(
                "{file} has {cameras} cameras, but --camera stands in for one"
            )));
        }
        launch = launch.on_camera(camera_of(camera, false)?);
    }
    run(&launch, &args.session, global, options)
}

/// The camera that the command line names.
///
/// # Errors
/// Refuses what is none.
pub(super) fn camera_of(text: &str, repeat: bool) -> Result<CameraKind, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let kind = CameraKind::of_argument(text, repeat, &path);
    kind.map_err(|reason| Failure::refused(anyhow!("--camera {text}: {reason}")))
}

/// Options of serving, beside what somebody subscribes to.
#[derive(Default)]
struct ServeOptions {
    /// Whether it runs also where nobody can listen.
    alone: bool,
    /// Whether everything is computed, whoever listens.
    everything: bool,
    /// Whether a readout begins from nothing beside what serves, to be seen.
    begins: bool,
    /// A policy that runs in the shadow.
    shadow: Option<String>,
    /// Who answers problems.
    solver: Option<AskedSolver>,
    /// What is learnt.
    learning: LearnFlags,
}

/// Who answers problems, where there is a table of transfers.
fn solver(args: &Serve) -> Result<Option<AskedSolver>, Failure> {
    let Some(file) = &args.transfers else {
        return Ok(None);
    };
    let table = read_transfers(file, args.partial)?;
    let profile = args.profile.as_ref().map(Profile::read);
    let profile = profile.transpose().or_refuse()?;
    Ok(Some(AskedSolver::new(table, profile)))
}

fn launch_of(file: &str) -> Result<LaunchFile, Failure> {
    let path = Path::new(file);
    if !path.exists() {
        // A shipped name, or refused with the shipped names.
        PolicyChoice::of(file, path).or_refuse()?;
        return Ok(LaunchFile::of_policy(file));
    }
    match Kind::of(path).or_refuse()? {
        Kind::Launch => LaunchFile::read(path).or_refuse(),
        Kind::Policy => Ok(LaunchFile::of_policy(file)),
        Kind::Card | Kind::Network => Err(Failure::refused(anyhow!(
            "{file}: describes a network; serve takes a launch file or a policy"
        ))),
    }
}

fn run(
    launch: &LaunchFile,
    session: &Session,
    global: &Global,
    options: ServeOptions,
) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    // Until something is served there is nothing to lose.
    stop.ends_with(Exit::Done);
    let launch = launch
        .clone()
        .with(&options.learning.overrides(session.overrides(global)));
    let picture = options.learning.learn_curve.as_deref();
    learn::check_place(picture)?;
    let choice = PolicyChoice::of_launch(&launch).or_refuse()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    // First what is refused at once; networks take time to load.
    let transport = Transport::open(&launch, !options.alone)?;
    let cameras = assemble::cameras(&launch, &clock, &transport)?;
    let folders = model_folders(&global.models, &launch.models(), choice.path.as_deref());
    let prepared = learn::Prepared::new(&launch, &choice.policy, &folders)?;
    let folders = prepared.as_ref().map_or(folders, learn::Prepared::folders);
    let planned = assemble::plan(&choice.policy, folders.clone())?;
    let beginner = options.begins.then(|| beginner(&launch, &choice, &folders));
    let shadow = options
        .shadow
        .as_deref()
        .map(|name| shadow_of(name, &launch, global))
        .transpose()?;
    let info = PublishInfo {
        keys: assemble::keys(&launch, &planned.plan),
        toml: assemble::policy_text(choice.policy.name(), choice.path.as_deref()),
        provenance: assemble::provenance(&planned),
    };
    let provenance = info.provenance.clone();
    let (bus, announcement) = transport.bus(&launch, info)?.unzip();
    let engine = EngineChoice::start(launch.providers(), launch.threads(), global)?;
    let description = engine.engine.describe();
    let watch = Watchdog::start_patient(
        Arc::clone(&clock),
        launch.hang_limit(),
        first_run_limit(launch.providers()),
    )?;
    let watch = Arc::new(watch);
    let limit = launch.time_limit();
    let pipeline = assemble::pipeline(
        &launch,
        planned.plan,
        engine,
        Arc::clone(&clock),
        watch,
        limit,
    )?;
    let placements = pipeline.placements();
    let cameras = cameras.finish()?;
    let (view, newest) = LiveView::new(bus, forced_subscriptions(&options, prepared.as_ref()));
    let settings = settings(&launch, session);
    let where_to = transport.describe(&launch);
    tracing::info!("{} runs on {description}", choice.policy.name());
    tracing::info!("{where_to}");
    let runtime = Runtime::start(
        pipeline,
        cameras,
        Box::new(view),
        Arc::clone(&clock),
        settings,
    )?;
    let swapper = Arc::new(Mutex::new(assemble::Swapper {
        control: runtime.control(),
        folders,
        announcement,
        policy: choice.policy.to_toml(),
        epoch: 0,
    }));
    let _control = transport.control(&launch, Arc::clone(&swapper), options.solver)?;
    let learning = prepared.map(|prepared| {
        prepared.start(runtime.control(), Arc::clone(&swapper), Arc::clone(&clock))
    });
    let learning = learning.transpose()?;
    let asked = learning
        .as_ref()
        .map(|learning| transport.learn(&launch, learning.answerer()));
    let _asked = asked.transpose()?;
    if let Some(plan) = shadow {
        runtime.control().shadow(Some(plan))?;
    }
    stop.ends_with(Exit::Failed);
    let beginning = beginner.flatten();
    let beginning = beginning.map(|one| one.start(runtime.control(), Arc::clone(&clock)));
    let beginning = beginning.transpose()?;
    let watched = Watched {
        runtime: &runtime,
        newest: &newest,
        clock: clock.as_ref(),
        beginning: beginning.as_ref(),
    };
    watched.until(&stop, screen(global));
    let begun = beginning.map(learn::Beginning::finish);
    let learnt = learning.map(|learning| learning.finish(picture));
    let (learnt, drawn) = learnt.unzip();
    let snapshot = runtime.stop();
    let rows = snapshot.targets.iter();
    let rows: Vec<_> = rows
        .map(|target| crate::live::row(target, &newest, clock.as_ref()))
        .collect();
    let served = Served {
        policy: &choice.policy,
        engine: &description,
        placements: &placements,
        provenance: &provenance,
        published: &where_to,
        snapshot: &snapshot,
        rows: &rows,
        learnt,
        begun,
    };
    let mut report = served.report();
    if let Some(Err(error)) = drawn {
        tracing::error!("the curve was not written: {error:#}");
        report.exit = Exit::Failed;
    }
    Ok(report)
}

/// How long loading or a first run of a network may take: devices beside the
/// processor compile then.
fn first_run_limit(providers: &[Provider]) -> Duration {
    match providers.iter().all(|provider| *provider == Provider::Cpu) {
        true => Watchdog::FIRST_RUN,
        false => Duration::from_secs(15 * 60),
    }
}

/// A readout that begins from nothing; where that cannot be, everything else
/// goes on.
fn beginner(
    launch: &LaunchFile,
    choice: &PolicyChoice,
    folders: &[PathBuf],
) -> Option<learn::Beginner> {
    let store = Store::new(folders.to_vec());
    let found = learn::Beginner::of(launch, &choice.policy, &store);
    found.unwrap_or_else(|error| {
        tracing::warn!("nothing begins from nothing beside it: {error:#}");
        None
    })
}

fn settings(launch: &LaunchFile, session: &Session) -> RunSettings {
    RunSettings {
        max_wait: launch.max_age(),
        frames: session.frames,
        images: Some(images(launch)),
        lossless: launch
            .cameras()
            .iter()
            .all(|camera| is_a_list(camera.kind())),
        ..RunSettings::default()
    }
}

/// How the cameras' images are published.
fn images(launch: &LaunchFile) -> ImagePublishing {
    let entry = &launch.publish().image;
    ImagePublishing {
        enabled: entry.enabled,
        encoding: match entry.jpeg_quality {
            None => ImageEncoding::Raw,
            Some(quality) => ImageEncoding::Jpeg { quality },
        },
        rate_hz: entry.rate_hz,
    }
}

/// Which outputs are computed whoever listens: what is learnt needs encoders
/// that run.
fn forced_subscriptions(
    options: &ServeOptions,
    prepared: Option<&learn::Prepared>,
) -> ForcedSubscriptions {
    match (options.everything, prepared) {
        (true, _) => ForcedSubscriptions::All,
        (false, Some(prepared)) => ForcedSubscriptions::Of(prepared.targets()),
        (false, None) => ForcedSubscriptions::None,
    }
}

/// The plan of a policy that runs in the shadow.
fn shadow_of(name: &str, launch: &LaunchFile, global: &Global) -> Result<Plan, Failure> {
    let choice = PolicyChoice::of(name, Path::new(name)).or_refuse()?;
    let folders = model_folders(&global.models, &launch.models(), choice.path.as_deref());
    Ok(assemble::plan(&choice.policy, folders)?.plan)
}

/// Whether every image is to be seen, however long it takes.
fn is_a_list(kind: &CameraKind) -> bool {
    matches!(
        kind,
        CameraKind::Images { repeat: false, .. } | CameraKind::Command { repeat: false, .. }
    )
}

/// Where the live table goes: standard error where standard output is for JSON.
pub(crate) fn screen(global: &Global) -> Option<(Box<dyn Write>, Style)> {
    match (global.quiet, global.json) {
        (true, _) => None,
        (false, true) => Some((Box::new(io::stderr()), Style::plain())),
        (false, false) => Some((Box::new(io::stdout()), Style::of_stdout())),
    }
}
