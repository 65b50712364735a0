//! A differential drive with a camera on a pan-tilt mast.

use std::time::Duration;

use glam::{Vec2, Vec3};

use super::occupancy::ROBOT_RADIUS;
use crate::dice::Dice;
use crate::error::ApartmentError;
use crate::home::Home;
use crate::pose::CameraPose;

/// Longest time that one call may step over.
const MAX_STEP: Duration = Duration::from_secs(10);
/// Motion is integrated in steps of this length.
const TICK: Duration = Duration::from_millis(10);
/// Without contact for so long, the next touch is another bump.
const APART: Duration = Duration::from_millis(500);
/// Faster than this a bump hurts, m/s.
pub const HURTING_SPEED: f32 = 0.1;

/// A velocity command in the base frame (x forward, y left, z up).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DriveCommand {
    /// Forwards, m/s.
    pub linear: f32,
    /// Counter-clockwise, rad/s.
    pub angular: f32,
}

/// Measures and limits of the robot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RobotConfig {
    /// Camera above the floor, m.
    pub camera_height: f32,
    /// Distance between the wheels, m.
    pub track: f32,
    /// m/s.
    pub top_speed: f32,
    /// rad/s.
    pub top_turn: f32,
    /// m/s².
    pub acceleration: f32,
    /// rad/s².
    pub turn_acceleration: f32,
    /// Fastest pan and tilt, rad/s.
    pub pan_speed: f32,
    /// Standard deviation of a wheel's error as a share of its way:
    /// half of it constant for a robot, half drawn anew every tick.
    pub wheel_noise: f32,
    /// Without a command for this long the robot stops.
    pub command_timeout: Duration,
    /// Picks start, wheels and noise.
    pub seed: u64,
}

impl Default for RobotConfig {
    fn default() -> Self {
        Self {
            camera_height: 1.1,
            track: 0.33,
            top_speed: 0.6,
            top_turn: 1.6,
            acceleration: 0.8,
            turn_acceleration: 3.0,
            pan_speed: 1.2,
            wheel_noise: 0.006,
            command_timeout: Duration::from_millis(500),
            seed: 0,
        }
    }
}

impl RobotConfig {
    fn check(&self) -> Result<(), ApartmentError> {
        let checks = [
            (
                "camera_height",
                self.camera_height,
                0.1,
                2.2,
                "0.1 to 2.2 m",
            ),
            ("track", self.track, 0.05, 1.0, "0.05 to 1 m"),
            ("top_speed", self.top_speed, 0.01, 3.0, "0.01 to 3 m/s"),
            ("top_turn", self.top_turn, 0.01, 10.0, "0.01 to 10 rad/s"),
            (
                "acceleration",
                self.acceleration,
                0.01,
                20.0,
                "0.01 to 20 m/s²",
            ),
            (
                "turn_acceleration",
                self.turn_acceleration,
                0.01,
                100.0,
                "0.01 to 100 rad/s²",
            ),
            ("pan_speed", self.pan_speed, 0.01, 20.0, "0.01 to 20 rad/s"),
            ("wheel_noise", self.wheel_noise, 0.0, 0.5, "0 to 0.5"),
        ];
        for (name, value, low, high, rule) in checks {
            if !(value >= low && value <= high) {
                return Err(ApartmentError::Robot {
                    name,
                    value: f64::from(value),
                    rule,
                });
            }
        }
        Ok(())
    }
}

/// Motion as the wheels tell it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WheelOdometry {
    /// `odom_from_base`: where the robot believes to be since its start.
    pub odom_from_base: CameraPose,
    /// Measured velocity.
    pub twist: DriveCommand,
}

/// Outcome of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriveReport {
    /// The base touched something and stood still.
    pub bumped: bool,
    /// Times that it came to touch something.
    pub bumps: u32,
    /// Those of them at more than [`HURTING_SPEED`].
    pub hurting_bumps: u32,
    /// The command was too old and the robot was braking.
    pub timed_out: bool,
}

/// The robot. Time comes from outside: [`Robot::step`].
#[derive(Clone, Debug)]
pub struct Robot {
    config: RobotConfig,
    position: Vec2,
    yaw: f32,
    velocity: DriveCommand,
    command: DriveCommand,
    command_age: Duration,
    fresh: bool,
    replaced: u64,
    look: (f32, f32),
    look_at: (f32, f32),
    believed: (Vec2, f32),
    measured: DriveCommand,
    wheel_scale: (f32, f32),
    left_over: Duration,
    /// Since the base touched something; none where it never did.
    since_contact: Option<Duration>,
    dice: Dice,
}

impl Robot {
    /// A robot at the freest place of the hall.
    ///
    /// # Errors
    /// A bad `config`.
    pub fn new(home: &Home, config: RobotConfig) -> Result<Self, ApartmentError> {
        let start = home.occupancy().freest_of_rooms(home.plan())[0]
            .unwrap_or(home.plan().rooms[0].middle());
        Self::at(home, config, start, 0.0)
    }

    /// A robot at a place, looking along `yaw` (rad).
    ///
    /// # Errors
    /// A bad `config`, a place where it cannot stand.
    pub fn at(
        home: &Home,
        config: RobotConfig,
        position: Vec2,
        yaw: f32,
    ) -> Result<Self, ApartmentError> {
        config.check()?;
        let refuse = |name, value, rule| {
            Err(ApartmentError::Robot {
                name,
                value: f64::from(value),
                rule,
            })
        };
        if !(position.is_finite() && home.occupancy().clearance(position) > ROBOT_RADIUS) {
            return refuse(
                "clearance",
                home.occupancy().clearance(position),
                "more than 0.2 m, the base's radius",
            );
        }
        if !yaw.is_finite() {
            return refuse("yaw", yaw, "finite");
        }
        let mut dice = Dice::new(config.seed, 60);
        let half = config.wheel_noise / 2.0;
        let wheel_scale = (1.0 + half * dice.normal(), 1.0 + half * dice.normal());
        Ok(Self {
            config,
            position,
            yaw,
            velocity: DriveCommand::default(),
            command: DriveCommand::default(),
            command_age: Duration::ZERO,
            fresh: false,
            replaced: 0,
            look: (0.0, 0.0),
            look_at: (0.0, 0.0),
            believed: (Vec2::ZERO, 0.0),
            measured: DriveCommand::default(),
            wheel_scale,
            left_over: Duration::ZERO,
            since_contact: None,
            dice,
        })
    }

    /// Commands a velocity; it is limited to what the robot can do. Only the
    /// newest command counts; older ones that no step has used are counted in
    /// [`Robot::replaced_commands`].
    ///
    /// # Errors
    /// A velocity that is not finite; the robot then keeps its last command.
    pub fn command(&mut self, twist: DriveCommand) -> Result<(), ApartmentError> {
        for (name, value) in [
            ("linear velocity", twist.linear),
            ("angular velocity", twist.angular),
        ] {
            if !value.is_finite() {
                return Err(ApartmentError::Robot {
                    name,
                    value: f64::from(value),
                    rule: "finite",
                });
            }
        }
        self.replaced += u64::from(self.fresh);
        self.fresh = true;
        self.command_age = Duration::ZERO;
        self.command = DriveCommand {
            linear: twist
                .linear
                .clamp(-self.config.top_speed, self.config.top_speed),
            angular: twist
                .angular
                .clamp(-self.config.top_turn, self.config.top_turn),
        };
        Ok(())
    }

    /// Turns the camera towards `pan` (rad, left positive) and `tilt` (rad, up positive).
    ///
    /// # Errors
    /// Angles that are not finite.
    pub fn look(&mut self, pan: f32, tilt: f32) -> Result<(), ApartmentError> {
        for (name, value) in [("pan", pan), ("tilt", tilt)] {
            if !value.is_finite() {
                return Err(ApartmentError::Robot {
                    name,
                    value: f64::from(value),
                    rule: "finite",
                });
            }
        }
        self.look_at = (pan.clamp(-2.6, 2.6), tilt.clamp(-1.2, 0.8));
        Ok(())
    }

    /// Lets `elapsed` pass.
    ///
    /// # Errors
    /// More than ten seconds at once.
    pub fn step(&mut self, home: &Home, elapsed: Duration) -> Result<DriveReport, ApartmentError> {
        if elapsed > MAX_STEP {
            return Err(ApartmentError::Robot {
                name: "elapsed",
                value: elapsed.as_secs_f64(),
                rule: "at most 10 s",
            });
        }
        let mut report = DriveReport::default();
        self.left_over += elapsed;
        while self.left_over >= TICK {
            self.left_over -= TICK;
            self.tick(home, &mut report);
        }
        Ok(report)
    }

    fn tick(&mut self, home: &Home, report: &mut DriveReport) {
        let dt = TICK.as_secs_f32();
        self.fresh = false;
        self.command_age += TICK;
        let wanted = if self.command_age > self.config.command_timeout {
            report.timed_out = true;
            DriveCommand::default()
        } else {
            self.command
        };
        let approach =
            |now: f32, wanted: f32, rate: f32| now + (wanted - now).clamp(-rate * dt, rate * dt);
        self.velocity.linear = approach(
            self.velocity.linear,
            wanted.linear,
            self.config.acceleration,
        );
        self.velocity.angular = approach(
            self.velocity.angular,
            wanted.angular,
            self.config.turn_acceleration,
        );
        self.look.0 = approach(self.look.0, self.look_at.0, self.config.pan_speed);
        self.look.1 = approach(self.look.1, self.look_at.1, self.config.pan_speed);
        let turned = self.velocity.angular * dt;
        let ahead = Vec2::from_angle(self.yaw + turned / 2.0) * (self.velocity.linear * dt);
        let target = self.position + ahead;
        let clearance = home.obstacles().clearance(target);
        // Backing off from an obstacle is allowed, closing in on it is not.
        let blocked =
            clearance <= ROBOT_RADIUS && clearance < home.obstacles().clearance(self.position);
        self.since_contact = self.since_contact.map(|since| since + TICK);
        if blocked && self.velocity.linear != 0.0 {
            report.bumped = true;
            if self.since_contact.is_none_or(|since| since > APART) {
                report.bumps += 1;
                report.hurting_bumps +=
                    u32::from(self.velocity.linear.abs() > HURTING_SPEED + 1e-3);
            }
            self.since_contact = Some(Duration::ZERO);
            self.velocity.linear = 0.0;
        } else {
            self.position = target;
        }
        self.yaw = wrap(self.yaw + turned);
        self.measure(dt);
    }

    /// The wheels turn as the base moves; their counts carry errors.
    fn measure(&mut self, dt: f32) {
        let half = self.config.track / 2.0;
        let noise = self.config.wheel_noise / 2.0;
        let mut wheel = |speed: f32, scale: f32| speed * dt * (scale + noise * self.dice.normal());
        let left = wheel(
            self.velocity.linear - self.velocity.angular * half,
            self.wheel_scale.0,
        );
        let right = wheel(
            self.velocity.linear + self.velocity.angular * half,
            self.wheel_scale.1,
        );
        let (way, turn) = ((left + right) / 2.0, (right - left) / self.config.track);
        self.believed.0 += Vec2::from_angle(self.believed.1 + turn / 2.0) * way;
        self.believed.1 = wrap(self.believed.1 + turn);
        self.measured = DriveCommand {
            linear: way / dt,
            angular: turn / dt,
        };
    }

    /// `world_from_base`: where it really is.
    pub fn world_from_base(&self) -> CameraPose {
        CameraPose::upright(self.position.extend(0.0), self.yaw)
    }

    /// Position on the floor (m) and heading (rad).
    pub fn place(&self) -> (Vec2, f32) {
        (self.position, self.yaw)
    }

    /// Motion as the wheels tell it.
    pub fn odometry(&self) -> WheelOdometry {
        WheelOdometry {
            odom_from_base: CameraPose::upright(self.believed.0.extend(0.0), self.believed.1),
            twist: self.measured,
        }
    }

    /// `base_from_optical`: the camera on its mast.
    pub fn base_from_optical(&self) -> CameraPose {
        CameraPose::looking(
            Vec3::new(0.0, 0.0, self.config.camera_height),
            self.look.0,
            self.look.1,
        )
    }

    /// `world_from_optical` now.
    pub fn world_from_optical(&self) -> CameraPose {
        self.world_from_base().then(self.base_from_optical())
    }

    /// What its bumper says: whether the base touches something, or did within
    /// the last 0.2 s.
    pub fn is_in_contact(&self) -> bool {
        self.since_contact
            .is_some_and(|since| since <= Duration::from_millis(200))
    }

    /// Commands overwritten by newer ones before any step used them.
    pub fn replaced_commands(&self) -> u64 {
        self.replaced
    }
}

/// To −π..π.
pub(crate) fn wrap(angle: f32) -> f32 {
    let turn = std::f32::consts::TAU;
    angle - turn * (angle / turn).round()
}
