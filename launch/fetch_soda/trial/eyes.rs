//! What a robot in simulated time sees with: the truth, or the networks.

use std::sync::Arc;

use concert_runtime::wire::sensor_msgs::CameraInfo;
use concert_runtime::wire::{AnyMessage, Message as _, encode};
use concert_runtime::{
    Clock as _, Frame, ManualClock, NoWatch, Output, OutputSink, Pipeline, Timestamp,
};

use super::super::place::{Pinhole, Place};
use super::super::reader::Reader;
use super::super::senses::{ClassMap, DepthMap, NormalMap, Sense};
use super::STEP;
use crate::assemble::{self, EngineChoice};
use crate::cli::Global;
use crate::launch_file::LaunchFile;
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::simulated_robot::SimulatedRobot;

/// What the robot sees with.
pub(super) enum Eyes {
    /// The truth.
    True(Pinhole),
    /// The networks of the shipped policy, in simulated time.
    Networks(Box<Networks>),
}

/// The shipped policy, run frame by frame.
pub(super) struct Networks {
    pipeline: Pipeline,
    clock: Arc<ManualClock>,
    sink: Sink,
    reader: Reader,
    frames: u64,
}

/// Keeps what was delivered.
#[derive(Default)]
struct Sink {
    buffers: Vec<Output>,
    delivered: Vec<Output>,
}

impl OutputSink for Sink {
    fn wants(&self, _: usize) -> bool {
        true
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        let mut kept = self.buffers[target].clone();
        kept.copy_from(output);
        self.delivered.push(kept);
    }
}

impl Networks {
    pub(super) fn load() -> Self {
        let policy = std::env::var("TRIAL_POLICY").unwrap_or_else(|_| "fetch_soda".to_owned());
        let launch = LaunchFile::of_policy(&policy);
        let choice = PolicyChoice::of_launch(&launch).unwrap();
        let folders = model_folders(&[], &[], choice.path.as_deref());
        let planned = assemble::plan(&choice.policy, folders).unwrap();
        let engine = EngineChoice::start(launch.providers(), None, &Global::default()).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(0)));
        let (time, watch) = (clock.clone(), Arc::new(NoWatch));
        let plan = planned.plan;
        let pipeline = assemble::pipeline(&launch, plan, engine, time, watch, None).unwrap();
        Self {
            pipeline,
            clock,
            sink: Sink::default(),
            reader: Reader::default(),
            frames: 0,
        }
    }

    fn see(&mut self, robot: &mut SimulatedRobot, stamp: Timestamp) -> Vec<Sense> {
        let (image, _) = robot.picture().unwrap();
        self.clock.advance(STEP);
        let (width, height) = (image.width() as f64, image.height() as f64);
        self.reader.image_size = Some((width, height));
        let frame = Frame {
            sequence: self.frames,
            stamp,
            arrived: self.clock.monotonic(),
            frame_id: "front_optical".into(),
            image,
            intrinsics: Some(robot.intrinsics()),
            distorted: false,
            depth: None,
        };
        self.frames += 1;
        self.sink.buffers = self.pipeline.buffers(0);
        self.sink.delivered.clear();
        self.pipeline.step(0, &frame, STEP, &mut self.sink);
        let mut senses = Vec::new();
        for output in &self.sink.delivered {
            let key = output.origin.task.name;
            let mut bytes = Vec::new();
            if encode::encode_camera_info(output, &mut bytes) {
                let info = AnyMessage::decode(CameraInfo::TYPE, &bytes).unwrap();
                let key = format!("{key}/camera_info");
                senses.extend(self.reader.sense(&key, info));
            }
            // What cannot be said is not published.
            let Ok(name) = encode::encode(output, &mut bytes) else {
                continue;
            };
            let message = AnyMessage::decode(name, &bytes).unwrap();
            senses.extend(self.reader.sense(key, message));
        }
        senses
    }
}

impl Eyes {
    /// What the picture of now shows.
    pub(super) fn see(&mut self, robot: &mut SimulatedRobot, stamp: Timestamp) -> Vec<Sense> {
        match self {
            Self::Networks(networks) => networks.see(robot, stamp),
            Self::True(intrinsics) => truth(robot, stamp, *intrinsics),
        }
    }
}

/// What is felt now.
pub(super) fn felt(robot: &SimulatedRobot, stamp: Timestamp) -> Vec<Sense> {
    let wheels = robot.robot().odometry().odom_from_base;
    let yaw = 2.0 * f64::from(wheels.rotation.z).atan2(f64::from(wheels.rotation.w));
    let (x, y) = (wheels.translation.x, wheels.translation.y);
    let place = Place::new(f64::from(x), f64::from(y), yaw);
    vec![
        Sense::Wheels(stamp, place),
        Sense::Bumper(robot.robot().is_in_contact()),
        Sense::Holding(robot.is_holding()),
    ]
}

fn truth(robot: &mut SimulatedRobot, stamp: Timestamp, camera: Pinhole) -> Vec<Sense> {
    let labels = robot.labels().unwrap();
    vec![
        Sense::Depth(DepthMap {
            stamp,
            camera,
            metres: labels.depth,
        }),
        Sense::Normals(NormalMap {
            stamp,
            normals: labels.normals,
        }),
        Sense::Classes(ClassMap {
            stamp,
            width: camera.width,
            height: camera.height,
            classes: labels.semantic,
        }),
    ]
}
