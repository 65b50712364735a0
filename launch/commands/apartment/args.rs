//! The command line of `concert apartment`.

use std::ops::Range;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use concert_apartment as home;

use super::values::{Size, Spread, rate, seeds, size, small_class, speed, spread, thing};
use crate::cli::{endpoint, key};

const AFTER: &str = "\
A home is drawn from its seed: the same seed is the same home, bit for bit. A
seed whose first draw is no possible home is drawn again, and that is said.

Examples:
  concert apartment --view --seeds 1..9               look at eight homes
  concert apartment --view labels.png --seed 7        look at the labels of one
  concert apartment --write rooms --frames 20 --seeds 30..32
  concert apartment --write tour --seed 3 --frames 30 --views tour --spacing 0.05
  concert apartment --write near --frames 20 --seeds 30..32 --views things
  concert apartment --drive --seed 7                  a robot on the bus
  concert serve launch/robots/driven.toml             what it sees, understood

A data set has one folder per home, `seed-NNNNNN` (or all frames in one, with
`--arrangement flat`): `camera-intrinsics.txt`, and of every frame the picture
(color), depth.png (u16, mm), pose.txt (camera to world), normal, semantic,
instance, edge_occlusion, curvature and reshading (PNG), layout.json. What the
numbers in them mean stands in dataset.json and in the documentation.
Ctrl-C ends the writing; whole frames stay, and dataset.json says that they are
not all. Exit code 1 where the disk is full, 2 where nothing was begun.

The robot of --drive publishes, as ROS 2 messages in CDR:
  PREFIX/front/image        sensor_msgs/Image, or CompressedImage
  PREFIX/front/camera_info  sensor_msgs/CameraInfo
  PREFIX/front/depth        sensor_msgs/Image, 32FC1, m along the optical axis
  PREFIX/tf                 tf2_msgs/TFMessage: odom from base_link,
                            base_link from front_optical
  PREFIX/odom               nav_msgs/Odometry, of its wheels, with their errors
  PREFIX/bumper             std_msgs/Bool: it touches something
  PREFIX/gripper/holding    std_msgs/Bool
and takes PREFIX/cmd_vel, geometry_msgs/Twist: linear.x (m/s), angular.z (rad/s),
and PREFIX/gripper/close, std_msgs/Bool: closed, the gripper takes what stands
within 0.85 m and 15 degrees of straight ahead; opened, it hands that over.
It tours the home until the first command comes. From then on it is yours: it
does what the newest command says, and stops 0.5 s after it. `--tour when-idle`
takes up the tour again after 5 s without commands, `--tour never` begins none.
Of commands that come faster than frames the newest counts and the others are
counted; what is no Twist, not finite or beyond 100 m/s or rad/s is refused and
counted. Pictures that nobody subscribes to are not rendered.
With --truth KEY the outputs of a perfect perception stand below KEY, as Concert
publishes them: depth_zbuffer, normal, segment_semantic, object_detection.";

/// Arguments of `apartment`.
#[derive(Debug, Args)]
#[command(after_help = AFTER, group(ArgGroup::new("what").required(true)))]
pub struct ApartmentArgs {
    /// Write pictures with exact labels into this folder
    #[arg(long, value_name = "DIR", group = "what", help_heading = "What to do")]
    pub write: Option<PathBuf>,
    /// Put a robot into the home and on the bus: pictures out, commands in
    #[arg(long, group = "what", help_heading = "What to do")]
    pub drive: bool,
    /// Write a PNG to look at: of one seed a picture with its labels, of
    /// several a picture of each
    #[arg(long, value_name = "FILE.png", group = "what", num_args = 0..=1,
          default_missing_value = "apartment.png", help_heading = "What to do")]
    pub view: Option<PathBuf>,
    /// The homes: one seed, `A..B` without B, or `A..=B`
    #[arg(long, visible_alias = "seed", value_name = "SEEDS", default_value = "7",
          value_parser = seeds)]
    pub seeds: Range<u64>,
    /// Frames: to write in all [default: 100], or to drive for [default: no end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// The camera.
    #[command(flatten)]
    pub camera: CameraArgs,
    /// The homes.
    #[command(flatten)]
    pub homes: HomeArgs,
    /// Data sets.
    #[command(flatten)]
    pub data_set: DataSetArgs,
    /// The bus.
    #[command(flatten)]
    pub bus: BusArgs,
}

/// What the camera is like.
#[derive(Debug, Args)]
#[command(next_help_heading = "Camera")]
pub struct CameraArgs {
    /// Size of the pictures, px [default: 320x240; with --view 400x300]
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<Size>,
    /// Horizontal field of view, degrees: one, or a range to draw from by seed
    /// [default: 54..86; with --view and --drive 72]
    #[arg(long, value_name = "DEG|LOW..HIGH", value_parser = spread)]
    pub fov: Option<Spread>,
    /// Height above the floor, m: one, or a range [default: 0.35..1.6; with
    /// --view 1.3, with --drive 1.1]
    #[arg(long, value_name = "M|LOW..HIGH", value_parser = spread)]
    pub height: Option<Spread>,
    /// Tilt, degrees, up positive: one, or a range [default: -20..7; with
    /// --view -8; with --drive -7 once it is commanded, as it likes on its tour]
    #[arg(long, value_name = "DEG|LOW..HIGH", value_parser = spread, allow_hyphen_values = true)]
    pub tilt: Option<Spread>,
    /// Noise of the sensor at mid grey, as a share of full scale, 0 to 0.5; a
    /// data set varies it by seed
    #[arg(long, value_name = "SHARE", default_value_t = 0.008)]
    pub noise: f32,
    /// Whether edges are smoothed, which takes half as long again [default:
    /// true; with --drive false, so that one core holds 30 Hz]
    #[arg(long, value_name = "BOOL")]
    pub antialias: Option<bool>,
}

/// What the homes are like: the defaults are wide.
#[derive(Debug, Args)]
#[command(next_help_heading = "Homes (ranges are drawn from by seed, 0 to 1)")]
pub struct HomeArgs {
    /// How carefully light is computed when a home is made
    #[arg(long, value_enum, default_value_t = Light::Standard)]
    pub light: Light,
    /// Colours: 0 plain whites and woods, 1 any
    #[arg(long, value_name = "LOW..HIGH", value_parser = spread)]
    pub colour: Option<Spread>,
    /// Small things lying about: 0 none, 1 many
    #[arg(long, value_name = "LOW..HIGH", value_parser = spread)]
    pub clutter: Option<Spread>,
    /// Daylight: 0 night, 1 noon
    #[arg(long, value_name = "LOW..HIGH", value_parser = spread)]
    pub daylight: Option<Spread>,
    /// Probability that the sun shines in [default: 0.5]
    #[arg(long, value_name = "P")]
    pub sun: Option<f32>,
    /// Probability that a lamp is on by day [default: 0.35]
    #[arg(long, value_name = "P")]
    pub lamps: Option<f32>,
    /// How doors between rooms stand
    #[arg(long, value_enum, default_value_t = DoorsArg::Open)]
    pub doors: DoorsArg,
    /// Put a thing within a robot's reach, in the kitchen if it can be: can, cup,
    /// bottle, bowl, fruit, or red-cup, green-bowl …; may be repeated
    #[arg(long, value_name = "THING", value_parser = thing)]
    pub put: Vec<home::Thing>,
    /// Leave out a class of small things, but for those that are put; may be
    /// repeated
    #[arg(long, value_name = "CLASS", value_parser = small_class)]
    pub without: Vec<home::Class>,
}

/// How a data set is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data sets (--write)")]
pub struct DataSetArgs {
    /// Where pictures are taken
    #[arg(long, value_enum, default_value_t = ViewsArg::Scattered)]
    pub views: ViewsArg,
    /// Way between two pictures of a tour, m
    #[arg(long, value_name = "M", default_value_t = 0.1)]
    pub spacing: f32,
    /// Share of that way during which the shutter of a tour is open: 0 sharp,
    /// 1 blurred over all of it
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    pub shutter: f32,
    /// Where frames go
    #[arg(long, value_enum, default_value_t = ArrangementArg::PerSeed)]
    pub arrangement: ArrangementArg,
    /// Store colour as JPEG of this quality, 1 to 100, in place of PNG
    #[arg(long, value_name = "QUALITY", num_args = 0..=1, default_missing_value = "90",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    pub jpeg: Option<u8>,
}

/// How the robot meets others.
#[derive(Debug, Args)]
#[command(next_help_heading = "Robot (--drive)")]
pub struct BusArgs {
    /// When the robot tours the home by itself
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1,
          default_value_t = TourArg::UntilCommand, default_missing_value = "when-idle")]
    pub tour: TourArg,
    /// Pictures per second, 1 to 1000
    #[arg(long, value_name = "HZ", default_value_t = 30.0, value_parser = rate)]
    pub rate: f64,
    /// Publish JPEG of this quality, 1 to 100 (`sensor_msgs/CompressedImage`)
    #[arg(long, value_name = "QUALITY", num_args = 0..=1, default_missing_value = "90",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    pub compressed: Option<u8>,
    /// How fast time goes in the home: 0.5 is half as fast as the clock
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// Publish below this key, too, what a perfect perception would
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub truth: Option<String>,
    /// Publish black pictures, as a camera with its lid on
    #[arg(long)]
    pub black: bool,
    /// Publish and listen below this key
    #[arg(long, value_name = "KEY", default_value = "robot", value_parser = key)]
    pub prefix: String,
    /// Listen here; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint,
          default_value = DRIVE_ENDPOINT)]
    pub listen: Vec<String>,
    /// Connect there, now or when somebody answers; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint,
          default_value = crate::launch_file::DEFAULT_ROUTER)]
    pub connect: Vec<String>,
    /// Connect nowhere, not even to a router on this computer
    #[arg(long)]
    pub no_router: bool,
}

/// Where the robot listens if nothing else is said: beside `serve`.
pub(super) const DRIVE_ENDPOINT: &str = "tcp/127.0.0.1:7449";

/// How carefully light is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Light {
    /// As carefully as the pictures deserve
    Standard,
    /// Grainy but quick
    Draft,
    /// The same everywhere, for labels alone
    Flat,
}

impl Light {
    /// As the library has it.
    #[must_use]
    pub fn quality(self) -> home::LightQuality {
        match self {
            Light::Standard => home::LightQuality::Standard,
            Light::Draft => home::LightQuality::Draft,
            Light::Flat => home::LightQuality::Flat,
        }
    }
}

/// Where pictures of a data set are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ViewsArg {
    /// Each elsewhere, height and tilt drawn anew
    Scattered,
    /// Along a way through all rooms
    Tour,
    /// Near a can, cup, bottle, bowl or fruit (0.4 to 2.2 m), a fridge or a door
    /// (0.9 to 3.8 m), with it in view
    Things,
    /// Near what --put names (0.4 to 2.2 m), by turns, with it in view
    Put,
}

/// Where frames of a data set go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrangementArg {
    /// One folder per home, each with its own field of view
    PerSeed,
    /// All into one folder, numbered through, one field of view
    Flat,
}

/// How doors between rooms stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DoorsArg {
    /// Wide open
    Open,
    /// Open by 15 to 45 degrees
    Ajar,
    /// Shut
    Shut,
    /// Each its own, by seed: three of five open, one ajar, one shut
    Mixed,
}

impl DoorsArg {
    /// As the library has it.
    #[must_use]
    pub fn doors(self) -> home::Doors {
        match self {
            Self::Open => home::Doors::Open,
            Self::Ajar => home::Doors::Ajar,
            Self::Shut => home::Doors::Shut,
            Self::Mixed => home::Doors::Mixed,
        }
    }
}

/// When the robot tours the home by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TourArg {
    /// Until the first command comes
    UntilCommand,
    /// Also when no command came for 5 s
    WhenIdle,
    /// It stands until it is commanded
    Never,
}
