//! The cameras of a launch file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use concert_models::image_file::DecodeLimits;
use concert_runtime::io::cameras::{
    CommandCamera, CommandOptions, ImageSource, ImagesCamera, ImagesOptions, PanCamera, PanOptions,
    Rounds, Stamps,
};
use concert_runtime::{Camera, Clock};

use super::Meeting;
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

/// Opens every camera of a launch file, in its order.
///
/// # Errors
/// The first that cannot be opened, with its name and why.
pub(crate) fn cameras(
    launch: &LaunchFile,
    clock: &Arc<dyn Clock>,
    meeting: &Meeting,
) -> Result<Vec<NamedCamera>, Failure> {
    let open = |entry: &CameraEntry| {
        let camera = open(launch, entry, clock, meeting)
            .with_context(|| format!("{}: camera `{}`", launch.origin(), entry.name()))
            .map_err(Failure::refused)?;
        tracing::info!("camera {}: {}", entry.name(), camera.describe());
        Ok((entry.name().to_owned(), camera))
    };
    launch.cameras().iter().map(open).collect()
}

fn open(
    launch: &LaunchFile,
    entry: &CameraEntry,
    clock: &Arc<dyn Clock>,
    meeting: &Meeting,
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
            let source = match paths.as_slice() {
                [path] => ImageSource::at(&launch.resolve(path)),
                paths => ImageSource::List(paths.iter().map(|path| launch.resolve(path)).collect()),
            };
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
        CameraKind::Command { command } => {
            let options = CommandOptions {
                argv: command.clone(),
                frame_id,
                intrinsics: entry.intrinsics(),
                limits: DecodeLimits::default(),
                silence: SILENCE,
            };
            Ok(Box::new(CommandCamera::open(options, clock)?))
        }
        CameraKind::Zenoh { key, depth_key } => {
            zenoh_camera(key, depth_key.as_deref(), entry, clock, meeting)
        }
        CameraKind::V4l2 { .. } => v4l2_camera(launch, entry, clock),
    }
}

#[cfg(feature = "zenoh")]
fn zenoh_camera(
    key: &str,
    depth_key: Option<&str>,
    entry: &CameraEntry,
    clock: Arc<dyn Clock>,
    meeting: &Meeting,
) -> anyhow::Result<Box<dyn Camera>> {
    use concert_runtime::io::zenoh::{ZenohCamera, ZenohCameraOptions};

    let mut options = ZenohCameraOptions::new(key, entry.frame_id());
    options.intrinsics = entry.intrinsics();
    options.depth_key = depth_key.map(str::to_owned);
    Ok(Box::new(ZenohCamera::open(
        meeting.session(),
        options,
        clock,
    )?))
}

#[cfg(not(feature = "zenoh"))]
fn zenoh_camera(
    _key: &str,
    _depth_key: Option<&str>,
    _entry: &CameraEntry,
    _clock: Arc<dyn Clock>,
    _meeting: &Meeting,
) -> anyhow::Result<Box<dyn Camera>> {
    Err(anyhow!(super::meeting::NO_ZENOH))
}

#[cfg(feature = "v4l2")]
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

#[cfg(not(feature = "v4l2"))]
fn v4l2_camera(
    _launch: &LaunchFile,
    entry: &CameraEntry,
    _clock: Arc<dyn Clock>,
) -> anyhow::Result<Box<dyn Camera>> {
    Err(anyhow!(
        "kind {} needs the feature v4l2: build with `--features v4l2`",
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
    let shown = path.display();
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {shown}"))?;
    if !metadata.is_file() {
        return Err(anyhow!("{shown}: not a regular file"));
    }
    let bytes = metadata.len();
    if bytes > MAX_PHOTOGRAPH_BYTES {
        return Err(anyhow!(
            "{shown}: image has {bytes} bytes, but at most {MAX_PHOTOGRAPH_BYTES} are allowed"
        ));
    }
    std::fs::read(path).with_context(|| format!("cannot read {shown}"))
}
