//! `concert demo`: run a policy where nothing is at hand.

use std::path::PathBuf;

use clap::Args;

use super::serve::{self, ServeOptions, camera_of};
use crate::cameras::Images;
use crate::cli::{Global, Session};
use crate::launch_file::{DEFAULT_SEED, LaunchFile};
use crate::report::{Failure, Report};
use crate::view::ViewFlags;

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Publishes as `serve` does: look at it with `concert watch` in another terminal.
The camera is on a robot that tours a simulated home, which is built first; it
measures depth, too, so options the shipped depth another one begins from nothing
and learns: both pictures and both errors over time are shown.
--image takes your images instead.

Examples:
  concert demo
  concert demo --seed 12              another home
  concert demo --view                 in a browser, too: http://127.0.0.1:8080/
  concert demo --image launch/photographs   what the policy makes of your images
  concert demo --camera /dev/video0   what it makes of your webcam")]
pub struct DemoArgs {
    /// A policy to run instead of `demo`, or of `home` on images: a shipped name
    /// or a file
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// The home to tour: the same seed is the same home
    #[arg(long, value_name = "S", default_value_t = DEFAULT_SEED)]
    pub seed: u64,
    /// Images to run on instead: a folder, or files; may be repeated
    #[arg(long = "image", value_name = "PATH", conflicts_with = "seed")]
    pub images: Vec<PathBuf>,
    /// The camera to run on instead: /dev/video0, the address of a stream, a
    /// film, or a folder of images
    #[arg(long, value_name = "DEVICE|URL|FILE", conflicts_with_all = ["seed", "images"])]
    pub camera: Option<String>,
    /// A page to look at
    #[command(flatten)]
    pub view: ViewFlags,
    /// Where to publish
    #[command(flatten)]
    pub session: Session,
}

/// Runs the shipped policy (or another) in a simulated home (or on other images,
/// or another camera); the table counts as a subscriber, so that everything is
/// computed.
pub(crate) fn run(args: &DemoArgs, global: &Global) -> Result<Report, Failure> {
    let in_home = args.images.is_empty();
    let usual = if in_home { "demo" } else { "home" };
    let launch = LaunchFile::of_policy(args.policy.as_deref().unwrap_or(usual));
    let launch = match (&args.camera, args.images.as_slice()) {
        (Some(camera), _) => launch.on_camera(camera_of(camera, true)?),
        (None, []) => in_apartment(launch, args.seed),
        (None, images) => {
            let paths = images
                .iter()
                .map(|path| path.to_string_lossy().into_owned());
            launch.on_camera(Images {
                paths: paths.collect(),
                rate_hz: 30.0,
                repeat: true,
                stamps_from_names: false,
            })
        }
    };
    let options = ServeOptions {
        everything: true,
        begins: true,
        view: args.view.clone(),
        ..ServeOptions::default()
    };
    serve::serve(&launch, &args.session, global, options)
}

#[cfg(feature = "apartment")]
fn in_apartment(launch: LaunchFile, seed: u64) -> LaunchFile {
    use crate::cameras::Apartment;

    launch.on_camera(Apartment {
        seed,
        // As often as the table is drawn: what is left of a second is for what
        // learns options.
        rate_hz: 5.0,
        ..Apartment::default()
    })
}

/// Without a home there is no camera either, which `serve` refuses.
#[cfg(not(feature = "apartment"))]
fn in_apartment(launch: LaunchFile, _seed: u64) -> LaunchFile {
    launch
}
