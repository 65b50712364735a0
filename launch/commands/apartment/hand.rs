//! The gripper on the bus: who closes and opens it, and what came of it.

use std::time::Duration;

use concert_apartment::{ApartmentError, Release};
use concert_runtime::io::zenoh::{Sessions, Watcher, ZenohError};
use concert_runtime::wire::std_msgs::Bool;
use concert_runtime::wire::{Message as _, keys};
use serde_json::{Value, json};

use crate::simulated_robot::SimulatedRobot;

/// Key of the state, below the robot's prefix.
pub(super) const HOLDING: &str = "gripper/holding";
/// Key below which the gripper is commanded, and the command's last part.
const GRIPPER: &str = "gripper";
const CLOSE: &str = "close";
/// Most things that are remembered.
const MAX_EVENTS: usize = 256;

/// The gripper's commands and their outcomes.
pub(super) struct Hand {
    commands: Watcher,
    /// Commands to close, and those that took nothing.
    closed: u64,
    empty: u64,
    grasps: Vec<Value>,
    releases: Vec<Value>,
    /// Where the robot stood first; things are handed over there.
    start: Option<[f32; 2]>,
}

impl Hand {
    /// Listens to who commands it.
    pub(super) fn open(sessions: &Sessions, prefix: &str) -> Result<Self, ZenohError> {
        let key = keys::below(prefix, GRIPPER);
        Ok(Self {
            commands: Watcher::open_on(std::slice::from_ref(sessions), &key)?,
            closed: 0,
            empty: 0,
            grasps: Vec::new(),
            releases: Vec::new(),
            start: None,
        })
    }

    /// Does what the newest command says.
    pub(super) fn follow(&mut self, robot: &mut SimulatedRobot) -> Result<(), ApartmentError> {
        let (position, _) = robot.robot().place();
        let start = *self.start.get_or_insert(position.to_array());
        let received = self.commands.take(Duration::ZERO);
        let command = received.iter().find(|message| message.key == CLOSE);
        let Some(Ok(command)) = command.map(|message| Bool::decode(&message.payload)) else {
            return Ok(());
        };
        if !command.data {
            if let Some(release) = robot.open_gripper() {
                let is_stocked = robot.home().stocked().contains(&release.instance);
                self.note_release(&release, is_stocked, start);
            }
            return Ok(());
        }
        self.closed += 1;
        match robot.close_gripper()? {
            None => self.empty += u64::from(!robot.is_holding()),
            Some(instance) => {
                let home = robot.home();
                let class = home.objects()[usize::from(instance) - 1].class.name();
                let is_stocked = home.stocked().contains(&instance);
                let grasp = json!({ "instance": instance, "class": class, "put": is_stocked });
                if self.grasps.len() < MAX_EVENTS {
                    self.grasps.push(grasp);
                }
            }
        }
        Ok(())
    }

    fn note_release(&mut self, release: &Release, is_stocked: bool, start: [f32; 2]) {
        let away = (release.at.x - start[0]).hypot(release.at.y - start[1]);
        if self.releases.len() < MAX_EVENTS {
            self.releases.push(json!({
                "instance": release.instance, "class": release.class, "put": is_stocked,
                "metres_from_start": away,
            }));
        }
    }

    /// What came of it.
    pub(super) fn report(&self) -> Value {
        json!({
            "closed": self.closed, "empty": self.empty,
            "grasps": self.grasps, "releases": self.releases,
        })
    }
}
