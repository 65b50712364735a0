//! Frames that are played during a benchmark, made before it begins.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use concert_apartment::{Home, LightQuality, Randomisation};
use concert_runtime::io::clock::SystemClock;
use concert_runtime::{Camera, Capture, Clock, Frame};

use crate::apartment_camera::{ApartmentCamera, ApartmentOptions, Pacing};
use crate::cameras::{Apartment, CameraKind, Images, open_alone};
use crate::launch_file::{CameraEntry, LaunchFile};
use crate::report::{Failure, Refuse};

/// Most frames of one camera.
const MAX_FRAMES: usize = 48;
/// How long a camera of the real world may take to give them.
const PATIENCE: Duration = Duration::from_secs(20);
/// Rate at which files are read: as fast as it goes.
const READ_HZ: f64 = 1000.0;

/// The frames of one camera.
#[derive(Debug, Clone)]
pub(crate) struct CameraFrames {
    /// Name of the camera.
    pub(crate) camera: Arc<str>,
    /// At least one.
    pub(crate) frames: Vec<Frame>,
    /// Where they come from, for people.
    pub(crate) origin: String,
}

impl CameraFrames {
    /// The frame to play as the `n`th: forth and back, so that the camera does
    /// not jump.
    pub(crate) fn nth(&self, n: u64) -> &Frame {
        let last = self.frames.len() as u64 - 1;
        let at = match last {
            0 => 0,
            _ => n % (2 * last),
        };
        &self.frames[at.min(2 * last - at) as usize]
    }
}

/// Makes or records frames for every camera of a launch file; images of `data`
/// for all, where that is given.
///
/// # Errors
/// A camera that cannot be opened or gives nothing.
pub(crate) fn record(
    launch: &LaunchFile,
    data: Option<&Path>,
    rate_hz: f64,
) -> Result<Vec<CameraFrames>, Failure> {
    let cameras = launch.cameras().iter();
    let each = cameras.map(|entry| of_camera(launch, entry, data, rate_hz));
    each.collect()
}

fn of_camera(
    launch: &LaunchFile,
    entry: &CameraEntry,
    data: Option<&Path>,
    rate_hz: f64,
) -> Result<CameraFrames, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let files = |paths: Vec<String>| {
        Images {
            paths,
            rate_hz: READ_HZ,
            repeat: false,
            stamps_from_names: false,
        }
        .into()
    };
    let kind = match (data, entry.kind()) {
        (Some(folder), _) => files(vec![folder.to_string_lossy().into_owned()]),
        (None, CameraKind::Images(images)) => files(images.paths.clone()),
        (None, kind) => kind.clone(),
    };
    let (mut camera, origin): (Box<dyn Camera>, String) = match &kind {
        CameraKind::Apartment(home) => tour(home, entry, rate_hz, &clock)?,
        CameraKind::Zenoh(zenoh) => {
            let (camera, tour) = tour(&Apartment::default(), entry, rate_hz, &clock)?;
            let key = &zenoh.key;
            (camera, format!("{tour}, in place of what comes at {key}"))
        }
        _ => {
            let launch = launch.clone().with_camera(entry.name(), kind.clone());
            let entries = launch.cameras().iter();
            let mut named = entries.filter(|other| other.name() == entry.name());
            let entry = named.next().unwrap_or(entry);
            let camera = open_alone(&launch, entry, &clock).or_refuse()?;
            let origin = kind.source().describe(&launch);
            (camera, origin)
        }
    };
    let frames = taken(camera.as_mut(), clock.as_ref());
    if frames.is_empty() {
        let name = entry.name();
        return Err(Failure::refused(anyhow!(
            "camera {name} gave no usable frame within {} s: {origin}",
            PATIENCE.as_secs()
        )));
    }
    Ok(CameraFrames {
        camera: entry.name().into(),
        origin: format!("{} frames of {origin}", frames.len()),
        frames,
    })
}

/// A tour of a simulated home, as far as a camera of this rate sees it.
fn tour(
    home: &Apartment,
    entry: &CameraEntry,
    rate_hz: f64,
    clock: &Arc<dyn Clock>,
) -> Result<(Box<dyn Camera>, String), Failure> {
    let options = ApartmentOptions {
        width: home.width,
        height: home.height,
        field_of_view_degrees: home.field_of_view_degrees,
        rate_hz,
        antialias: home.antialias,
        pacing: Pacing::AsFastAsItGoes,
        frame_id: entry.frame_id().into(),
    };
    ApartmentCamera::check(&options).or_refuse()?;
    let (seed, randomisation) = (home.seed, Randomisation::default());
    let built = Home::generate(seed, &randomisation, LightQuality::Draft)?;
    let camera = ApartmentCamera::open(built, options, Arc::clone(clock)).or_refuse()?;
    let (width, height) = (home.width, home.height);
    let origin = format!("a tour of the simulated home of seed {seed}, {width}x{height}");
    Ok((Box::new(camera), origin))
}

/// What a camera gives, until it is enough.
fn taken(camera: &mut dyn Camera, clock: &dyn Clock) -> Vec<Frame> {
    let end = clock.monotonic() + PATIENCE;
    let mut frames = Vec::new();
    while frames.len() < MAX_FRAMES && clock.monotonic() < end {
        match camera.next_frame(Duration::from_millis(50)) {
            Capture::Frame(frame) => frames.push(frame),
            Capture::Refused(fault) => tracing::warn!("{fault}"),
            Capture::Nothing => {}
            Capture::Interrupted(reason) => tracing::warn!("{reason}"),
            Capture::Ended => break,
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_photographs() -> CameraFrames {
        let launch = LaunchFile::of_policy("first_light");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let photographs = root.join("tests/photographs");
        let mut all = record(&launch, Some(&photographs), 30.0).expect("frames");
        assert_eq!(all.len(), 1, "one camera");
        all.remove(0)
    }

    #[test]
    fn frames_are_played_forth_and_back() {
        let photographs = of_photographs();
        assert_eq!(photographs.frames.len(), 3);
        let shown: Vec<_> = (0..7).map(|n| photographs.nth(n).sequence).collect();
        assert_eq!(shown, [0, 1, 2, 1, 0, 1, 2]);
        let alone = CameraFrames {
            frames: photographs.frames[..1].to_vec(),
            ..photographs
        };
        assert_eq!([alone.nth(0).sequence, alone.nth(5).sequence], [0, 0]);
    }

    #[test]
    fn a_camera_without_frames_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let launch = LaunchFile::of_policy("first_light");
        let refused = record(&launch, Some(folder.path()), 30.0).expect_err("no images");
        assert_eq!(refused.exit(), crate::report::Exit::Refused);
    }
}
