//! `concert draw`: runs a policy on images and draws what comes out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use concert_models::Image;
use concert_models::image_file::{DecodeLimits, decode, is_turned};
use concert_policies::document::Kind;
use concert_policies::{Input, Policy, Task};
use concert_runtime::io::cameras::{ImageSource, companions};
use concert_runtime::io::clock::SystemClock;
use concert_runtime::{
    Capture, Clock, Frame, ManualClock, NoWatch, Outcome, Output, OutputSink, Pipeline, Timestamp,
};
use serde_json::json;

use super::serve::camera_of;
use crate::assemble::{self, EngineChoice};
use crate::cameras::open_alone;
use crate::cli::Global;
use crate::draw::{note_of, on_photograph};
use crate::launch_file::LaunchFile;
use crate::model_folders::model_folders;
use crate::overrides::Overrides;
use crate::policy_choice::PolicyChoice;
use crate::report::{Exit, Failure, Refuse, Report};

/// Arguments of `draw`.
#[derive(Debug, Args)]
#[command(after_help = "\
Writes one PNG per output and image, OUT/IMAGE.TARGET.png: keypoints as dots,
matches as lines from the image before, class names as letters, maps in colour.
What is missing is said with its reason; exit code 1 where an output failed or
nothing was drawn at all.

Example:
  concert draw --policy first_light --image launch/photographs --out pictures
  concert draw --camera /dev/video0 --out pictures")]
pub struct DrawArgs {
    /// The policy: a shipped name or a file
    #[arg(long, default_value = "first_light", value_name = "POLICY")]
    pub policy: String,
    /// Images or folders of images, in the order of time; may be repeated
    #[arg(
        long = "image",
        required_unless_present = "camera",
        value_name = "PATH"
    )]
    pub images: Vec<PathBuf>,
    /// Draw what this camera shows instead: /dev/video0, the address of a
    /// stream, a film, or a folder of images
    #[arg(long, value_name = "DEVICE|URL|FILE", conflicts_with = "images")]
    pub camera: Option<String>,
    /// Images to take from the camera
    #[arg(long, value_name = "N", default_value_t = 1, requires = "camera",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub frames: u32,
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Largest photograph that is read, bytes.
const MAX_PHOTOGRAPH_BYTES: u64 = 64 << 20;
/// Time that is let pass between two images: longer than any rate's period, so
/// that every target is due on every image.
const STEP: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a camera is listened to at a time.
const LOOK: Duration = Duration::from_millis(100);
/// How long a camera may take for its first image.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(args: &DrawArgs, global: &Global) -> Result<Report, Failure> {
    let overrides = Overrides {
        threads: global.threads.map(usize::from),
        gpu: global.gpu,
        ..Overrides::default()
    };
    let launch = LaunchFile::of_policy(&args.policy).with(&overrides);
    let choice = PolicyChoice::of_launch(&launch).or_refuse()?;
    // The first image is looked at before anything is made ready for it.
    let (paths, looked_at) = match &args.camera {
        Some(camera) => from_camera(&launch, camera, args.frames)?
            .into_iter()
            .unzip(),
        None => {
            let paths = paths(&args.images)?;
            let first = read_image(&paths[0])?;
            (paths, vec![first])
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
    let pipeline = assemble::pipeline(&launch, planned.plan, engine, clock.clone(), watch, None)?;
    let mut drawing = Drawing {
        policy: &choice.policy,
        out: &args.out,
        paths: &paths,
        frame_id: launch.cameras()[0].frame_id().into(),
        pipeline,
        keep: Keep::default(),
        drawn: Vec::new(),
        missing: Vec::new(),
    };
    let mut looked_at = looked_at.into_iter();
    let mut previous: Option<Image> = None;
    for (index, path) in paths.iter().enumerate() {
        let image = looked_at.next().map_or_else(|| read_image(path), Ok)?;
        clock.advance(STEP);
        drawing.draw(index, &image, previous.as_ref(), clock.as_ref())?;
        previous = Some(image);
    }
    Ok(report(&drawing.drawn, &drawing.missing))
}

/// The files that are meant, at least one: of a folder its images, in natural
/// order.
fn paths(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for path in named {
        if path.is_dir() {
            paths.extend(ImageSource::at(path).files().or_refuse()?);
        } else {
            paths.push(path.clone());
        }
    }
    Ok(paths)
}

/// Draws what a policy makes of images, one after the other.
struct Drawing<'a> {
    policy: &'a Policy,
    out: &'a Path,
    paths: &'a [PathBuf],
    frame_id: Arc<str>,
    pipeline: Pipeline,
    keep: Keep,
    drawn: Vec<Drawn>,
    missing: Vec<Missing>,
}

/// A picture that was written.
struct Drawn {
    file: PathBuf,
    target: &'static str,
    note: String,
}

/// An output of which there is no picture.
struct Missing {
    image: PathBuf,
    target: &'static str,
    reason: String,
    /// Whether something is wrong, or an image before is all that lacks.
    is_fault: bool,
}

impl Drawing<'_> {
    fn draw(
        &mut self,
        index: usize,
        image: &Image,
        previous: Option<&Image>,
        clock: &ManualClock,
    ) -> Result<(), Failure> {
        let path = &self.paths[index];
        let (depth, intrinsics) = companions(path, image, &DecodeLimits::default());
        let frame = Frame {
            sequence: index as u64,
            stamp: clock.now(),
            arrived: clock.monotonic(),
            frame_id: self.frame_id.clone(),
            image: image.clone(),
            intrinsics,
            distorted: false,
            depth,
        };
        let buffers = self.pipeline.buffers(0);
        let targets: Vec<_> = buffers.iter().map(|output| output.origin.task).collect();
        self.keep.outputs = buffers;
        self.keep.delivered.clear();
        let step = self.pipeline.step(0, &frame, STEP, &mut self.keep);
        let outcomes = step.outcomes.clone();
        for output in &self.keep.delivered {
            let target = output.origin.task.name;
            let file = self.out.join(name_of(self.paths, index, target));
            match on_photograph(output, image, previous) {
                Ok(canvas) => {
                    canvas.write_png(&file)?;
                    let note = note_of(output);
                    self.drawn.push(Drawn { file, target, note });
                }
                Err(error) => self.missing.push(Missing {
                    image: path.clone(),
                    target,
                    reason: error.to_string(),
                    is_fault: true,
                }),
            }
        }
        let made: Vec<_> = targets.into_iter().zip(outcomes).collect();
        for (task, outcome) in &made {
            if *outcome != Outcome::Delivered {
                let (reason, is_fault) = self.reason(task, &made);
                self.missing.push(Missing {
                    image: path.clone(),
                    target: task.name,
                    reason,
                    is_fault,
                });
            }
        }
        Ok(())
    }

    /// Why a target was not delivered, and whether that is a fault.
    fn reason(&self, task: &'static Task, made: &[(&'static Task, Outcome)]) -> (String, bool) {
        let outcome = made.iter().find(|(made, _)| *made == task);
        let outcome = outcome.map_or(Outcome::Failed, |(_, outcome)| *outcome);
        let transfer = self.policy.transfer(task);
        if outcome == Outcome::InputMissing {
            // What it reads may only have to wait for another image, too.
            let inputs = transfer.map(|transfer| transfer.inputs()).unwrap_or(&[]);
            let lacks = inputs.iter().find_map(|input| match input {
                Input::Target(input) => made.iter().find(|(made, outcome)| {
                    made == input && !matches!(outcome, Outcome::Delivered | Outcome::Internal)
                }),
                Input::CameraDepth => None,
            });
            if let Some((input, _)) = lacks {
                let (reason, is_fault) = self.reason(input, made);
                return (format!("it reads {input}: {reason}"), is_fault);
            }
        }
        let readout = transfer.map(|transfer| transfer.readout_name());
        let sources = transfer.map(|transfer| transfer.sources()).unwrap_or(&[]);
        let names = sources.iter().map(AsRef::as_ref);
        let named: Vec<&str> = readout.as_deref().into_iter().chain(names).collect();
        let troubles = self.pipeline.troubles(0);
        let trouble = troubles.iter().find(|it| named.contains(&it.name.as_str()));
        let told = trouble.map(|trouble| trouble.reason.clone());
        let (own, is_fault) = match outcome {
            Outcome::Withheld => ("withheld: its values are not what the task allows", true),
            Outcome::Warming => ("it needs more images first", false),
            Outcome::Lost => ("it has lost track", false),
            Outcome::InputMissing => ("what it reads is missing", true),
            _ => ("it failed", true),
        };
        let reason = match (told, outcome) {
            (Some(told), Outcome::Withheld) => format!("{own}: {told}"),
            (Some(told), _) => told,
            (None, _) => own.to_owned(),
        };
        (reason, is_fault)
    }
}

/// What was drawn and what is missing. A fault is a failure, and so is no
/// picture at all; an output that waits for another image is neither.
fn report(drawn: &[Drawn], missing: &[Missing]) -> Report {
    let pictures = drawn
        .iter()
        .map(|one| json!({ "file": one.file, "target": one.target, "note": one.note }));
    let lacking = missing
        .iter()
        .map(|one| json!({ "image": one.image, "target": one.target, "reason": one.reason }));
    let json = json!({
        "pictures": pictures.collect::<Vec<_>>(), "missing": lacking.collect::<Vec<_>>(),
    });
    let written = drawn
        .iter()
        .map(|one| format!("{}  {}", one.file.display(), one.note));
    let lacking = missing.iter().map(|one| {
        let image = one.image.display();
        format!("no picture of {} for {image}: {}", one.target, one.reason)
    });
    let text = written.chain(lacking).collect::<Vec<_>>().join("\n");
    let failed = drawn.is_empty() || missing.iter().any(|one| one.is_fault);
    Report {
        exit: if failed { Exit::Failed } else { Exit::Done },
        ..Report::done(json, text)
    }
}

/// `IMAGE.TARGET.png`; numbered where two images have one name.
fn name_of(paths: &[PathBuf], index: usize, target: &str) -> String {
    let stem = |path: &Path| {
        path.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let name = stem(&paths[index]);
    let is_shared = paths.iter().filter(|path| stem(path) == name).count() > 1;
    let number = if is_shared {
        format!(".{index}")
    } else {
        String::new()
    };
    format!("{name}{number}.{target}.png")
}

/// The first images that a camera shows, named as it calls them.
fn from_camera(
    launch: &LaunchFile,
    camera: &str,
    frames: u32,
) -> Result<Vec<(PathBuf, Image)>, Failure> {
    let launch = launch.clone().on_camera(camera_of(camera, false)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let mut opened = open_alone(&launch, &launch.cameras()[0], &clock)
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
    if images.is_empty() {
        return Err(Failure::failed(anyhow!(
            "--camera {camera}: it ended without an image"
        )));
    }
    Ok(images)
}

/// Reads a photograph; a longer file is refused unread.
fn read_photograph(path: &Path) -> anyhow::Result<Vec<u8>> {
    let kind = Kind {
        name: "image",
        max_bytes: MAX_PHOTOGRAPH_BYTES,
    };
    kind.read_bytes(path)
        .map_err(|fault| anyhow!("{}: {fault}", path.display()))
}

fn read_image(path: &Path) -> Result<Image, Failure> {
    let bytes = read_photograph(path).or_refuse()?;
    let limits = DecodeLimits::default();
    if is_turned(&bytes, &limits) {
        tracing::info!("{}: turned as its EXIF orientation says", path.display());
    }
    decode(&bytes, &limits)
        .with_context(|| path.display().to_string())
        .or_refuse()
}

/// Wants everything, and keeps it.
#[derive(Default)]
struct Keep {
    outputs: Vec<Output>,
    delivered: Vec<Output>,
}

impl OutputSink for Keep {
    fn wants(&self, _target: usize) -> bool {
        true
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        std::mem::swap(output, &mut self.outputs[target]);
        self.delivered.push(self.outputs[target].clone());
    }
}
