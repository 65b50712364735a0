//! `concert serve`: runs a policy until told to stop.

#[cfg(feature = "fitting")]
mod learning;
#[cfg(not(feature = "fitting"))]
#[path = "serve/without_learning.rs"]
mod learning;
mod served;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use concert_models::Engine;
use concert_policies::document::check_place;
use concert_policies::profile::Profile;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::onnxruntime::Tuned;
use concert_runtime::io::watchdog::Watchdog;
use concert_runtime::{
    Clock, ImageEncoding, ImagePublishing, Pipeline, Plan, RunSettings, Runtime,
};

use self::served::Served;
use super::check::kind::Kind;
use crate::assemble::{self, AskedSolver, EngineChoice, PublishInfo, StartingEngine, Transport};
use crate::cameras::{CameraKind, Cameras};
use crate::cli::{Global, Session};
use crate::degradation::{Degradation, Means, PolicyChain};
use crate::launch_file::{LaunchFile, Provider};
use crate::live::Watched;
use crate::live_view::{ForcedSubscriptions, LiveView};
use crate::metrics::MetricsFlags;
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::report::{Exit, Failure, Refuse, Report};
use crate::stop::Stop;
use crate::supervision::Supervision;
use crate::terminal::Style;
use crate::trace::{Trace, TracedWatch};
use crate::transfers::{TableFiles, read_transfers};
use crate::tuning;
use crate::view::ViewFlags;

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
A policy given alone runs on the default launch: a robot that tours a simulated
home, the processor, published at robot/perception on tcp/127.0.0.1:7448.

Examples:
  concert serve launch/robots/front.toml
  concert serve policies/shipped/first_light.toml --prefix lab/perception
  concert serve first_light --frames 30 --json
  concert serve first_light --camera /dev/video0
  concert serve home --view --allow-control       with a page at http://127.0.0.1:8080/
  concert serve home --metrics                    how it goes, at http://127.0.0.1:9464/metrics
  concert serve launch/robots/apartment_learns.toml --learn-curve curve.svg")]
pub struct ServeArgs {
    /// A launch file, a policy file, or the name of a shipped policy
    #[arg(value_name = "LAUNCH|POLICY")]
    pub file: String,
    /// The camera, in place of that of the default launch or of a launch file's
    /// only one: /dev/video0, the address of a stream, a film, a recording, or a
    /// folder of images. What is a file or folder is played once
    #[arg(long, value_name = "DEVICE|URL|FILE")]
    pub camera: Option<String>,
    /// Run this policy, too, where there is time to spare, and compare its
    /// outputs with those that are served: a shipped name or a file
    #[arg(long, value_name = "POLICY")]
    pub shadow: Option<String>,
    /// Answer `concert solve --live` from this table of measured transfers, as
    /// `solve` reads it
    #[arg(long, value_name = "FILE")]
    pub transfers: Option<PathBuf>,
    /// The table leaves out rows on purpose
    #[arg(long, requires = "transfers")]
    pub partial: bool,
    /// What networks cost here, as `profile` measures it: for problems that
    /// limit what they take of the device
    #[arg(long, value_name = "FILE", requires = "transfers")]
    pub profile: Option<PathBuf>,
    /// Write here at the end when each encoder and readout ran, and on which
    /// thread: a trace for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Learning while serving
    #[command(flatten)]
    pub learning: learning::Flags,
    /// A page to look at
    #[command(flatten)]
    pub view: ViewFlags,
    /// How it goes, for Prometheus and supervisors
    #[command(flatten)]
    pub metrics: MetricsFlags,
    /// Where to publish
    #[command(flatten)]
    pub session: Session,
}

/// Runs a launch file, or a policy with the default launch.
pub(crate) fn run(args: &ServeArgs, global: &Global) -> Result<Report, Failure> {
    let options = ServeOptions {
        // What is to be counted is computed.
        everything: args.session.frames.is_some(),
        begins: false,
        shadow: args.shadow.clone(),
        solver: solver(args)?,
        learning: args.learning.clone(),
        view: args.view.clone(),
        metrics: args.metrics.clone(),
        trace: args.trace.clone(),
        tables: TableFiles {
            transfers: args.transfers.clone(),
            partial: args.partial,
            profile: args.profile.clone(),
        },
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
    serve(&launch, &args.session, global, options)
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

/// What is done options serving what somebody subscribes to.
#[derive(Default)]
pub(super) struct ServeOptions {
    /// True where everything is computed, whoever listens.
    pub(super) everything: bool,
    /// True where a readout begins from nothing options what serves, to be seen.
    pub(super) begins: bool,
    /// A policy that runs in the shadow.
    pub(super) shadow: Option<String>,
    /// Who answers problems.
    pub(super) solver: Option<AskedSolver>,
    /// What is learnt.
    pub(super) learning: learning::Flags,
    /// A page to look at, and what that solves from.
    pub(super) view: ViewFlags,
    /// Where metrics are served.
    pub(super) metrics: MetricsFlags,
    pub(super) tables: TableFiles,
    /// Where it is written when each network ran, if anywhere.
    pub(super) trace: Option<PathBuf>,
}

/// Who answers problems, where there is a table of transfers.
fn solver(args: &ServeArgs) -> Result<Option<AskedSolver>, Failure> {
    let Some(file) = &args.transfers else {
        return Ok(None);
    };
    let table = read_transfers(file, args.partial)?;
    let profile = args.profile.as_ref().map(Profile::read);
    let profile = profile.transpose().or_refuse()?;
    Ok(Some(AskedSolver::new(table, profile)))
}

/// A launch file, or the default launch of a policy.
///
/// # Errors
/// Refuses what is neither.
pub(super) fn launch_of(file: &str) -> Result<LaunchFile, Failure> {
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

/// Serves until told to stop.
pub(super) fn serve(
    launch: &LaunchFile,
    session: &Session,
    global: &Global,
    options: ServeOptions,
) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    // Until something is served there is nothing to lose.
    stop.ends_with(Exit::Done);
    let overrides = learning::overrides(&options.learning, session.overrides(global));
    let overrides = options.metrics.overrides(overrides);
    let launch = launch.clone().with(&overrides);
    check_cameras(&launch)?;
    if let Some(path) = &options.trace {
        check_place(path).or_refuse()?;
    }
    let trace = options.trace.as_ref().map(|_| Arc::new(Trace::default()));
    let choice = PolicyChoice::of_launch(&launch).or_refuse()?;
    let chain = PolicyChain::of(&launch, &choice, global)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let folders = match &chain {
        Some(chain) => chain.folders().to_vec(),
        None => model_folders(&global.models, &launch.models(), choice.path.as_deref()),
    };
    let tuned = tuning::kept(&launch, &choice.policy, &folders);
    let starting = StartingEngine::begin(&launch, global, tuned.clone())?;
    // First what is refused at once; networks take time to load.
    let transport = Transport::open(&launch)?;
    let mut supervision = Supervision::start(&launch, &clock)?;
    let beside = options.view.start(&launch, &options.tables)?;
    let cameras = Cameras::open(&launch, &clock, &transport).map_err(Failure::refused)?;
    let (plans, folders) =
        learning::Plans::make(&options.learning, &launch, &choice, folders, options.begins)?;
    let planned = assemble::plan(&choice.policy, folders.clone())?;
    chain
        .as_ref()
        .map(PolicyChain::check_networks)
        .transpose()?;
    let shadow = shadow_of(&options, &launch, global)?;
    let info = PublishInfo {
        keys: assemble::keys(&launch, &planned.plan),
        toml: choice.text.clone(),
        provenance: assemble::provenance(&planned),
    };
    let provenance = info.provenance.clone();
    let (bus, announcement) = transport.bus(&launch, info)?.unzip();
    let how = (global, &clock, &supervision, trace.as_ref());
    let (pipeline, description, engine) = load(&launch, planned.plan, (starting, tuned), how)?;
    let placements = pipeline.placements();
    let cameras = cameras.finish().map_err(Failure::refused)?;
    let (view, newest) = LiveView::new(bus, forced_subscriptions(&options, &plans));
    let where_to = transport.describe(&launch);
    tracing::info!("{} runs on {description}", choice.policy.name());
    tracing::info!("{where_to}");
    let (view, settings) = (Box::new(view), settings(&launch, session));
    let runtime = Runtime::start(pipeline, cameras, view, Arc::clone(&clock), settings)?;
    supervision.serve(runtime.control());
    let swapper = Arc::new(Mutex::new(assemble::Swapper {
        control: runtime.control(),
        folders,
        announcement,
        policy: choice.policy.clone(),
        epoch: 0,
    }));
    let _control = transport.control(&launch, Arc::clone(&swapper), options.solver)?;
    let _parameters = transport.parameters(&launch, &swapper)?;
    let control = || runtime.control();
    let learning = plans.start(&control, &swapper, &clock, (&transport, &launch))?;
    let means = Means {
        control: runtime.control(),
        swapper: Arc::clone(&swapper),
        clock: Arc::clone(&clock),
        engine: engine.as_ref(),
    };
    let degradation = chain.map(|chain| chain.start(means, (&launch, global)));
    let degradation = degradation.transpose()?;
    if let Some(plan) = shadow {
        runtime.control().shadow(Some(plan))?;
    }
    stop.ends_with(Exit::Failed);
    let watched = Watched {
        runtime: &runtime,
        newest: &newest,
        clock: clock.as_ref(),
        aside: learning.aside(),
        elsewhere: beside
            .line()
            .into_iter()
            .chain(supervision.line())
            .collect(),
    };
    watched.until(&stop, screen(global));
    supervision.stop();
    beside.finish();
    degradation.into_iter().for_each(Degradation::finish);
    let learnt = learning.finish();
    let snapshot = runtime.stop();
    let rows = snapshot.targets.iter();
    let rows = rows.map(|target| crate::live::row(target, &newest, clock.as_ref()));
    let served = Served {
        policy: &choice.policy,
        engine: &description,
        placements: &placements,
        provenance: &provenance,
        published: &where_to,
        snapshot: &snapshot,
        rows: &rows.collect::<Vec<_>>(),
        learnt,
    };
    let mut report = served.report();
    if let (Some(path), Some(trace)) = (&options.trace, &trace)
        && let Err(error) = trace.write(path)
    {
        tracing::error!("the trace was not written: {error}");
        report.exit = Exit::Failed;
    }
    Ok(report)
}

/// Refuses a launch without a camera.
fn check_cameras(launch: &LaunchFile) -> Result<(), Failure> {
    if launch.cameras().is_empty() {
        return Err(Failure::refused(anyhow!(
            "{}: this build has no simulated home, so name a camera (--camera), or give a launch \
             file",
            launch.origin()
        )));
    }
    Ok(())
}

/// What surrounds the loading of networks: what the command line says, time, who looks
/// after the server, and where it is written when they ran.
type How<'a> = (
    &'a Global,
    &'a Arc<dyn Clock>,
    &'a Supervision,
    Option<&'a Arc<Trace>>,
);

/// Loads the networks of a plan, watched by who ends what hangs; gives what runs
/// them, in words, and a sibling of it, too.
fn load(
    launch: &LaunchFile,
    plan: Plan,
    (starting, tuned): (StartingEngine, Option<Tuned>),
    (global, clock, supervision, trace): How<'_>,
) -> Result<(Pipeline, String, Box<dyn Engine>), Failure> {
    let engine = match starting.finish() {
        Some(engine) => engine,
        None => EngineChoice::start_tuned(launch, global, tuned)?,
    };
    let mut description = engine.engine.describe();
    if let Some(tuned) = &engine.tuned {
        description = format!("{description}; {}", tuning::words(tuned));
    }
    let sibling = engine.engine.sibling();
    let first_run = first_run_limit(launch.providers());
    let watch = Watchdog::start_patient(Arc::clone(clock), launch.hang_limit(), first_run)?;
    let mut watch = supervision.load(watch, plan.networks().count());
    if let Some(trace) = trace {
        let trace = Arc::clone(trace);
        watch = Arc::new(TracedWatch { watch, trace });
    }
    let (clock, limit) = (Arc::clone(clock), launch.time_limit());
    let pipeline = assemble::pipeline(launch, plan, engine, clock, watch, limit)?;
    let description = match pipeline.side_by_side().as_slice() {
        [] => description,
        sources => format!(
            "{description}; encoders side by side: {}",
            sources.join(", ")
        ),
    };
    Ok((pipeline, description, sibling))
}

/// How long loading or a first run of a network may take: devices options the
/// processor compile then.
fn first_run_limit(providers: &[Provider]) -> Duration {
    match providers.iter().all(|provider| *provider == Provider::Cpu) {
        true => Watchdog::FIRST_RUN,
        false => Duration::from_secs(15 * 60),
    }
}

fn settings(launch: &LaunchFile, session: &Session) -> RunSettings {
    RunSettings {
        max_wait: launch.max_age(),
        frames: session.frames,
        images: Some(images(launch)),
        lossless: launch
            .cameras()
            .iter()
            .all(|camera| camera.kind().source().ends()),
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
fn forced_subscriptions(options: &ServeOptions, plans: &learning::Plans) -> ForcedSubscriptions {
    let learnt = plans.targets();
    match (options.everything, learnt.is_empty()) {
        (true, _) => ForcedSubscriptions::All,
        (false, false) => ForcedSubscriptions::Of(learnt),
        (false, true) => ForcedSubscriptions::None,
    }
}

/// The plan of the policy that runs in the shadow, if one is to.
fn shadow_of(
    options: &ServeOptions,
    launch: &LaunchFile,
    global: &Global,
) -> Result<Option<Plan>, Failure> {
    let Some(name) = &options.shadow else {
        return Ok(None);
    };
    let choice = PolicyChoice::of(name, Path::new(name)).or_refuse()?;
    let folders = model_folders(&global.models, &launch.models(), choice.path.as_deref());
    Ok(Some(assemble::plan(&choice.policy, folders)?.plan))
}

/// Where the live table goes: standard error where standard output is for JSON.
pub(crate) fn screen(global: &Global) -> Option<(Box<dyn Write>, Style)> {
    match (global.quiet, global.json) {
        (true, _) => None,
        (false, true) => Some((Box::new(io::stderr()), Style::plain())),
        (false, false) => Some((Box::new(io::stdout()), Style::of_stdout())),
    }
}
