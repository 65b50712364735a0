//! `concert draw`: runs a policy on images and draws what comes out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use concert_models::Image;
use concert_models::image_file::{DecodeLimits, decode};
use concert_runtime::io::cameras::companions;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::{Audience, Capture, Clock, Frame, ManualClock, NoWatch, Output, Timestamp};
use serde_json::json;

use super::serve::camera_of;
use crate::assemble::{self, EngineChoice};
use crate::cli::{Draw, Global};
use crate::draw::{note_of, on_photograph};
use crate::launch_file::LaunchFile;
use crate::model_folders::model_folders;
use crate::overrides::Overrides;
use crate::policy_choice::PolicyChoice;
use crate::report::{Failure, Refuse, Report};

/// Time that is let pass between two images: longer than any rate's period, so
/// that every target is due on every image.
const STEP: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a camera is listened to at a time.
const LOOK: Duration = Duration::from_millis(100);
/// How long a camera may take for its first image.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(args: &Draw, global: &Global) -> Result<Report, Failure> {
    let overrides = Overrides {
        threads: global.threads.map(usize::from),
        gpu: global.gpu,
        ..Overrides::default()
    };
    let launch = LaunchFile::of_policy(&args.policy).with(&overrides);
    let choice = PolicyChoice::of_launch(&launch).or_refuse()?;
    let images = match &args.camera {
        Some(camera) => from_camera(&launch, camera, args.frames)?,
        None => {
            let images = args.images.iter().map(|path| read_image(path));
            images.collect::<Result<Vec<_>, Failure>>()?
        }
    };
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))
        .or_refuse()?;
    let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(0)));
    let watch = Arc::new(NoWatch);
    let folders = model_folders(&global.models, &[], choice.path.as_deref());
    let planned = assemble::plan(&choice.policy, folders)?;
    let engine = EngineChoice::start(launch.providers(), launch.threads(), global)?;
    let mut pipeline =
        assemble::pipeline(&launch, planned.plan, engine, clock.clone(), watch, None)?;
    let mut keep = Keep::default();
    let mut pictures = Vec::new();
    for (index, (path, image)) in images.iter().enumerate() {
        clock.advance(STEP);
        let (depth, intrinsics) = companions(path, image, &DecodeLimits::default());
        let frame = Frame {
            sequence: index as u64,
            stamp: clock.now(),
            arrived: clock.monotonic(),
            frame_id: launch.cameras()[0].frame_id().into(),
            image: image.clone(),
            intrinsics,
            distorted: false,
            depth,
        };
        keep.outputs = pipeline.buffers(0);
        keep.delivered.clear();
        pipeline.step(0, &frame, STEP, &mut keep);
        let previous = index.checked_sub(1).map(|before| &images[before].1);
        for output in &keep.delivered {
            let to = args.out.join(name_of(path, index, &images, output));
            let canvas = match on_photograph(output, image, previous) {
                Ok(canvas) => canvas,
                Err(error) => {
                    tracing::warn!("{}: {error}", path.display());
                    continue;
                }
            };
            canvas.write_png(&to)?;
            pictures.push((to, output.origin.task.name, note_of(output)));
        }
    }
    Ok(report(&pictures))
}

fn report(pictures: &[(PathBuf, &str, String)]) -> Report {
    let lines = pictures
        .iter()
        .map(|(path, _, note)| format!("{}  {note}", path.display()));
    let text = lines.collect::<Vec<_>>().join("\n");
    let objects = pictures
        .iter()
        .map(|(path, target, note)| json!({ "file": path, "target": target, "note": note }));
    Report::done(json!({ "pictures": objects.collect::<Vec<_>>() }), text)
}

/// `IMAGE.TARGET.png`; numbered where two images have one name.
fn name_of(path: &Path, index: usize, images: &[(PathBuf, Image)], output: &Output) -> String {
    let stem = |path: &Path| {
        path.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let name = stem(path);
    let shared = images
        .iter()
        .filter(|(other, _)| stem(other) == name)
        .count()
        > 1;
    let number = if shared {
        format!(".{index}")
    } else {
        String::new()
    };
    format!("{name}{number}.{}.png", output.origin.task.name)
}

/// The first images that a camera shows, named as it calls them.
fn from_camera(
    launch: &LaunchFile,
    camera: &str,
    frames: u32,
) -> Result<Vec<(PathBuf, Image)>, Failure> {
    let launch = launch.clone().on_camera(camera_of(camera, false)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let mut opened = assemble::camera_alone(&launch, &launch.cameras()[0], &clock)
        .with_context(|| format!("--camera {camera}"))
        .or_refuse()?;
    let begin = clock.monotonic();
    let mut images = Vec::new();
    while images.len() < frames as usize {
        match opened.next_frame(LOOK) {
            Capture::Frame(frame) => {
                let name = format!("camera-{:06}.png", images.len());
                images.push((PathBuf::from(name), frame.image));
            }
            Capture::Refused(fault) => tracing::warn!("{fault}"),
            Capture::Interrupted(reason) if images.is_empty() => {
                return Err(Failure::failed(anyhow!("{reason}")));
            }
            Capture::Interrupted(reason) => tracing::warn!("{reason}"),
            Capture::Nothing => {}
            Capture::Ended => break,
        }
        if images.is_empty() && clock.monotonic().saturating_sub(begin) > PATIENCE {
            return Err(Failure::failed(anyhow!(
                "--camera {camera}: no usable image came within {PATIENCE:?}"
            )));
        }
    }
    Ok(images)
}

fn read_image(path: &Path) -> Result<(PathBuf, Image), Failure> {
    let bytes = assemble::read_bounded(path).or_refuse()?;
    let image = decode(&bytes, &DecodeLimits::default());
    let image = image
        .with_context(|| path.display().to_string())
        .or_refuse()?;
    Ok((path.to_owned(), image))
}

/// Wants everything, and keeps it.
#[derive(Default)]
struct Keep {
    outputs: Vec<Output>,
    delivered: Vec<Output>,
}

impl Audience for Keep {
    fn wants(&self, _target: usize) -> bool {
        true
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        std::mem::swap(output, &mut self.outputs[target]);
        self.delivered.push(self.outputs[target].clone());
    }
}
