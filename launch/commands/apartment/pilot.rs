//! Who drives: the tour, or whoever commands.

use std::time::Duration;

use concert_apartment::{ApartmentError, DriveCommand, DriveReport};
use concert_runtime::wire::geometry_msgs;

use super::args::TourArg;
use crate::simulated_robot::SimulatedRobot;

/// Without commands for so long, a tour that may begins again.
const IDLE: Duration = Duration::from_secs(5);
/// Who drives.
#[derive(Debug)]
pub(super) struct Pilot {
    tour: TourArg,
    on_tour: bool,
    /// Tilt of the camera while the robot is commanded, rad, up positive.
    tilt: f32,
    /// Since the last command.
    silence: Duration,
}

impl Pilot {
    pub(super) fn new(tour: TourArg, tilt: f32) -> Self {
        Self {
            tilt,
            tour,
            on_tour: tour != TourArg::Never,
            silence: Duration::ZERO,
        }
    }

    /// Lets `elapsed` pass; `command` is the newest since the last call. The
    /// robot itself stops when its command is too old.
    pub(super) fn drive(
        &mut self,
        robot: &mut SimulatedRobot,
        command: Option<geometry_msgs::Twist>,
        elapsed: Duration,
    ) -> Result<DriveReport, ApartmentError> {
        self.silence = self.silence.saturating_add(elapsed);
        if !self.on_tour {
            robot.robot_mut().look(0.0, self.tilt)?;
        }
        if let Some(command) = command {
            self.silence = Duration::ZERO;
            self.on_tour = false;
            robot.robot_mut().command(DriveCommand {
                linear: command.linear[0] as f32,
                angular: command.angular[2] as f32,
            })?;
        } else if !self.on_tour && self.tour == TourArg::WhenIdle && self.silence >= IDLE {
            robot.plan_tour_from_here();
            self.on_tour = true;
        }
        if self.on_tour {
            robot.follow_tour(elapsed)
        } else {
            robot.step(elapsed)
        }
    }

    /// In a word.
    pub(super) fn who(&self) -> &'static str {
        match self.on_tour {
            true => "on its tour",
            false if self.silence < Duration::from_millis(500) => "commanded",
            false => "waiting for commands",
        }
    }
}

#[cfg(test)]
mod tests {
    use concert_apartment::{Development, Home, LightQuality, Pinhole, Randomisation, RobotConfig};

    use super::*;

    const FRAME: Duration = Duration::from_millis(33);

    fn robot() -> SimulatedRobot {
        let home = Home::generate(7, &Randomisation::default(), LightQuality::Flat).unwrap();
        let camera = Pinhole::from_field_of_view(32, 24, 1.2).unwrap();
        SimulatedRobot::new(home, camera, Development::default(), RobotConfig::default()).unwrap()
    }

    fn turn(angular: f64) -> Option<geometry_msgs::Twist> {
        Some(geometry_msgs::Twist {
            angular: [0.0, 0.0, angular],
            ..geometry_msgs::Twist::default()
        })
    }

    #[test]
    fn a_tour_ends_with_the_first_command_and_a_silent_commander_stops_the_robot() {
        let (mut robot, mut pilot) = (robot(), Pilot::new(TourArg::UntilCommand, -0.12));
        let start = robot.robot().place().0;
        for _ in 0..90 {
            pilot.drive(&mut robot, None, FRAME).unwrap();
        }
        assert_eq!(pilot.who(), "on its tour");
        assert!(robot.robot().place().0.distance(start) > 0.2);
        for _ in 0..60 {
            pilot.drive(&mut robot, turn(0.8), FRAME).unwrap();
        }
        assert_eq!(pilot.who(), "commanded");
        let (_, before) = robot.robot().place();
        pilot.drive(&mut robot, turn(0.8), FRAME).unwrap();
        let (_, after) = robot.robot().place();
        let turned = wrapped(after - before);
        assert!((turned - 0.8 * 0.033).abs() < 0.01, "turned by {turned}");
        for _ in 0..400 {
            pilot.drive(&mut robot, None, FRAME).unwrap();
        }
        assert_eq!(pilot.who(), "waiting for commands");
        let stopped = robot.robot().place();
        pilot.drive(&mut robot, None, FRAME).unwrap();
        assert_eq!(robot.robot().place(), stopped);
    }

    #[test]
    fn a_tour_when_idle_begins_again_where_the_robot_stands() {
        let (mut robot, mut pilot) = (robot(), Pilot::new(TourArg::WhenIdle, -0.12));
        pilot.drive(&mut robot, turn(0.5), FRAME).unwrap();
        for _ in 0..100 {
            pilot.drive(&mut robot, None, FRAME).unwrap();
        }
        assert_eq!(pilot.who(), "waiting for commands");
        let stopped = robot.robot().place().0;
        for _ in 0..300 {
            pilot.drive(&mut robot, None, FRAME).unwrap();
        }
        assert_eq!(pilot.who(), "on its tour");
        assert!(robot.robot().place().0.distance(stopped) > 0.3);
    }

    #[test]
    fn a_robot_that_never_tours_stands_until_it_is_commanded() {
        let (mut robot, mut pilot) = (robot(), Pilot::new(TourArg::Never, -0.12));
        let start = robot.robot().place();
        for _ in 0..300 {
            pilot.drive(&mut robot, None, FRAME).unwrap();
        }
        assert_eq!(robot.robot().place(), start);
    }

    fn wrapped(angle: f32) -> f32 {
        angle.sin().atan2(angle.cos())
    }
}
