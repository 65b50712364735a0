//! The cameras of a launch file.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use concert_apartment::{ApartmentError, Home, LightQuality, Randomisation};
use concert_models::image_file::DecodeLimits;
use concert_policies::document::Kind;
use concert_runtime::io::cameras::{
    CommandCamera, CommandOptions, ImageSource, ImagesCamera, ImagesOptions, PanCamera, PanOptions,
    Rounds, Stamps,
};
use concert_runtime::io::thread;
use concert_runtime::{Camera, Clock};

use super::Transport;
use crate::apartment_camera::{ApartmentCamera, ApartmentOptions};
use crate::commands::apartment::say_redraws;
use crate::launch_file::{CameraEntry, CameraKind, LaunchFile};
use crate::photographs::PHOTOGRAPHS;
use crate::report::Failure;

/// Largest photograph that is read, bytes.
const MAX_PHOTOGRAPH_BYTES: u64 = 64 << 20;
/// A program that is silent for this long is restarted.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a pan stays on one photograph.
const HOLD: Duration = Duration::from_secs(4);

/// A camera under its name in the launch file.
pub(crate) type NamedCamera = (String, Box<dyn Camera>);

/// A camera that is open, or one that waits for the home that it stands in.
enum Opened {
    Ready(Box<dyn Camera>),
    InTheMaking {
        home: JoinHandle<Result<Home, ApartmentError>>,
        seed: u64,
        options: ApartmentOptions,
    },
}

/// The cameras of a launch file. Homes are made while others get ready: see
/// [`Cameras::finish`].
pub(crate) struct Cameras<'a> {
    launch: &'a LaunchFile,
    clock: Arc<dyn Clock>,
    opened: Vec<(String, Opened)>,
}

/// Opens every camera of a launch file, in its order, and begins to make the
/// homes.
///
/// # Errors
/// The first that cannot be opened, with its name and why.
pub(crate) fn cameras<'a>(
    launch: &'a LaunchFile,
    clock: &Arc<dyn Clock>,
    transport: &Transport,
) -> Result<Cameras<'a>, Failure> {
    let open = |entry: &CameraEntry| {
        let opened = open(launch, entry, clock, transport)
            .with_context(|| subject(launch, entry.name()))
            .map_err(Failure::refused)?;
        Ok((entry.name().to_owned(), opened))
    };
    let opened: Result<_, Failure> = launch.cameras().iter().map(open).collect();
    Ok(Cameras {
        launch,
        clock: Arc::clone(clock),
        opened: opened?,
    })
}

fn subject(launch: &LaunchFile, camera: &str) -> String {
    format!("{}: camera `{camera}`", launch.origin())
}

impl Cameras<'_> {
    /// Waits for the homes; shows on a terminal that it does.
    ///
    /// # Errors
    /// An impossible home, with its camera's name.
    pub(crate) fn finish(self) -> Result<Vec<NamedCamera>, Failure> {
        let finish = |(name, opened): (String, Opened)| {
            let camera = match opened {
                Opened::Ready(camera) => camera,
                Opened::InTheMaking {
                    home,
                    seed,
                    options,
                } => {
                    let home = while_shown(seed, || home.join())
                        .map_err(|_| anyhow!("the thread that makes the home panicked"))?;
                    let home = home.with_context(|| subject(self.launch, &name));
                    let home = home.map_err(Failure::refused)?;
                    say_redraws(seed, home.redraws());
                    let camera = ApartmentCamera::open(home, options, Arc::clone(&self.clock));
                    let camera = camera.with_context(|| subject(self.launch, &name));
                    Box::new(camera.map_err(Failure::refused)?)
                }
            };
            tracing::info!("camera {name}: {}", camera.describe());
            Ok((name, camera))
        };
        self.opened.into_iter().map(finish).collect()
    }
}

fn open(
    launch: &LaunchFile,
    entry: &CameraEntry,
    clock: &Arc<dyn Clock>,
    transport: &Transport,
) -> anyhow::Result<Opened> {
    let CameraKind::Apartment {
        seed,
        width,
        height,
        field_of_view_degrees,
        rate_hz,
        antialias,
    } = *entry.kind()
    else {
        let camera = match entry.kind() {
            CameraKind::Zenoh { .. } => zenoh_camera(entry, Arc::clone(clock), transport)?,
            _ => alone(launch, entry, clock)?,
        };
        return Ok(Opened::Ready(camera));
    };
    let options = ApartmentOptions {
        width,
        height,
        field_of_view_degrees,
        rate_hz,
        antialias,
        frame_id: entry.frame_id().into(),
        ..ApartmentOptions::default()
    };
    // Refused before a home is made for nothing.
    ApartmentCamera::check(&options)?;
    tracing::info!("building and lighting the home of seed {seed}");
    let home = thread::spawn("home", move || {
        Home::generate(seed, &Randomisation::default(), LightQuality::Standard)
    })?;
    Ok(Opened::InTheMaking {
        home,
        seed,
        options,
    })
}

/// Opens a camera that needs nobody else.
///
/// # Errors
/// One that cannot be opened, or that needs others: a home, a bus.
pub(crate) fn alone(
    launch: &LaunchFile,
    entry: &CameraEntry,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Box<dyn Camera>> {
    let frame_id: Arc<str> = entry.frame_id().into();
    let clock = Arc::clone(clock);
    match entry.kind() {
        CameraKind::Images {
            paths,
            rate_hz,
            repeat,
            stamps_from_names,
        } => {
            let options = ImagesOptions {
                rate_hz: *rate_hz,
                rounds: if *repeat {
                    Rounds::Endless
                } else {
                    Rounds::Once
                },
                stamps: if *stamps_from_names {
                    Stamps::File
                } else {
                    Stamps::Now
                },
                frame_id,
                intrinsics: entry.intrinsics(),
                ..ImagesOptions::default()
            };
            let paths: Vec<_> = paths.iter().map(|path| launch.resolve(path)).collect();
            let source = ImageSource::at_each(&paths);
            Ok(Box::new(ImagesCamera::open(source, options, clock)?))
        }
        CameraKind::Pan {
            photographs,
            width,
            height,
            rate_hz,
        } => {
            let options = PanOptions {
                rate_hz: *rate_hz,
                width: *width,
                height: *height,
                hold: HOLD,
                frame_id,
                limits: DecodeLimits::default(),
            };
            let photographs = pan_photographs(launch, photographs)?;
            Ok(Box::new(PanCamera::open(photographs, options, clock)?))
        }
        CameraKind::Command {
            command,
            repeat,
            paced_hz,
        } => {
            let options = CommandOptions {
                ends: !repeat,
                paced_hz: *paced_hz,
                argv: command.clone(),
                frame_id,
                intrinsics: entry.intrinsics(),
                limits: DecodeLimits::default(),
                silence: SILENCE,
            };
            Ok(Box::new(CommandCamera::open(options, clock)?))
        }
        CameraKind::Apartment { .. } => Err(anyhow!("kind apartment opens with its home")),
        CameraKind::Zenoh { .. } => Err(anyhow!("kind zenoh opens with its bus")),
        CameraKind::V4l2 { .. } => v4l2_camera(launch, entry, clock),
    }
}

/// The home of a seed; shows on a terminal what takes time.
#[cfg(feature = "zenoh")]
pub(crate) fn home(
    seed: u64,
    randomisation: &Randomisation,
    light: LightQuality,
) -> Result<Home, ApartmentError> {
    let home = while_shown(seed, || Home::generate(seed, randomisation, light))?;
    say_redraws(seed, home.redraws());
    Ok(home)
}

/// Draws to standard error, and only where that is a terminal.
fn while_shown<T>(seed: u64, make: impl FnOnce() -> T) -> T {
    let spinner = indicatif::ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner.set_message(format!("building and lighting the home of seed {seed}"));
    let made = make();
    spinner.finish_and_clear();
    made
}

#[cfg(feature = "zenoh")]
fn zenoh_camera(
    entry: &CameraEntry,
    clock: Arc<dyn Clock>,
    transport: &Transport,
) -> anyhow::Result<Box<dyn Camera>> {
    use concert_runtime::io::zenoh::{ZenohCamera, ZenohCameraOptions};

    let CameraKind::Zenoh {
        key,
        depth_key,
        camera_info_key,
        message_type,
        rectified,
    } = entry.kind()
    else {
        return Err(anyhow!("not a camera of kind zenoh"));
    };
    let mut options = ZenohCameraOptions::new(key, entry.frame_id());
    options.intrinsics = entry.intrinsics();
    options.depth_key.clone_from(depth_key);
    options.camera_info_key.clone_from(camera_info_key);
    options.message_type.clone_from(message_type);
    options.rectified = *rectified;
    let sessions = transport.sessions().clone();
    Ok(Box::new(ZenohCamera::open(sessions, options, clock)?))
}

#[cfg(not(feature = "zenoh"))]
fn zenoh_camera(
    _entry: &CameraEntry,
    _clock: Arc<dyn Clock>,
    _transport: &Transport,
) -> anyhow::Result<Box<dyn Camera>> {
    Err(anyhow!(super::transport::NO_ZENOH))
}

#[cfg(all(feature = "v4l2", target_os = "linux"))]
fn v4l2_camera(
    launch: &LaunchFile,
    entry: &CameraEntry,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Box<dyn Camera>> {
    use concert_runtime::io::cameras::{V4l2Camera, V4l2Options};

    let CameraKind::V4l2 {
        device,
        width,
        height,
        rate_hz,
    } = entry.kind()
    else {
        return Err(anyhow!("not a camera of kind v4l2"));
    };
    let options = V4l2Options {
        device: launch.resolve(device),
        // At most 16384 by the launch file's rules.
        width: *width as u32,
        height: *height as u32,
        rate_hz: *rate_hz,
        encoding: None,
        frame_id: entry.frame_id().into(),
        intrinsics: entry.intrinsics(),
        limits: DecodeLimits::default(),
        silence: SILENCE,
    };
    Ok(Box::new(V4l2Camera::open(options, clock)?))
}

#[cfg(not(all(feature = "v4l2", target_os = "linux")))]
fn v4l2_camera(
    _launch: &LaunchFile,
    entry: &CameraEntry,
    _clock: Arc<dyn Clock>,
) -> anyhow::Result<Box<dyn Camera>> {
    Err(anyhow!(
        "kind {} needs Linux and the feature v4l2, which this build is without",
        entry.kind().name()
    ))
}

/// Names and bytes: of the files named, or of those that ship.
fn pan_photographs(
    launch: &LaunchFile,
    written: &[String],
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    if written.is_empty() {
        let shipped = PHOTOGRAPHS.iter();
        return Ok(shipped
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
            .collect());
    }
    let each = written.iter().map(|path| {
        let path = launch.resolve(path);
        Ok((path.display().to_string(), read_bounded(&path)?))
    });
    each.collect()
}

/// Reads a photograph; a longer file is refused unread.
pub(crate) fn read_bounded(path: &Path) -> anyhow::Result<Vec<u8>> {
    let kind = Kind {
        name: "image",
        max_bytes: MAX_PHOTOGRAPH_BYTES,
    };
    kind.read_bytes(path)
        .map_err(|fault| anyhow!("{}: {fault}", path.display()))
}
