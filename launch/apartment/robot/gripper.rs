//! A gripper that takes one small thing at a time.

use glam::{Vec2, Vec3};
use serde::Serialize;

use super::drive::{Robot, wrap};
use crate::error::ApartmentError;
use crate::home::Home;
use crate::pose::CameraPose;

/// Reach from the base's middle, level, m.
const REACH: f32 = 0.85;
/// Heights of a thing's foot that the arm reaches, m.
const HEIGHTS: (f32, f32) = (0.2, 1.2);
/// Largest angle between the base's heading and a thing, rad.
const BEARING: f32 = 0.26;
/// Where a held thing is kept: below the floor, out of sight.
const POCKET: f32 = -20.0;

/// A gripper. It is closed upon what stands before the robot, and what it takes
/// is decided by the true distance and heading alone.
#[derive(Clone, Debug, Default)]
pub struct Gripper {
    held: Option<u16>,
    is_closed: bool,
}

/// A thing that was let go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Release {
    /// Its number.
    pub instance: u16,
    /// Name of its class.
    pub class: &'static str,
    /// Where, on the floor, m.
    pub at: Vec2,
}

impl Gripper {
    /// An open, empty gripper.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the held thing.
    pub fn held(&self) -> Option<u16> {
        self.held
    }

    /// Closes it: takes the movable thing within reach (0.85 m) and within 15
    /// degrees of the heading whose direction is nearest to it; gives its
    /// number. A gripper that is closed already takes nothing more.
    ///
    /// # Errors
    /// As [`Home::move_object`].
    pub fn close(&mut self, home: &mut Home, robot: &Robot) -> Result<Option<u16>, ApartmentError> {
        if std::mem::replace(&mut self.is_closed, true) {
            return Ok(None);
        }
        let Some(instance) = within_reach(home, robot) else {
            return Ok(None);
        };
        home.move_object(
            instance,
            CameraPose::upright(Vec3::new(0.0, 0.0, POCKET), 0.0),
        )?;
        self.held = Some(instance);
        Ok(self.held)
    }

    /// Opens it: what it held is handed to whoever stands there, and gone.
    pub fn open(&mut self, home: &Home, robot: &Robot) -> Option<Release> {
        self.is_closed = false;
        let instance = self.held.take()?;
        let class = home.objects()[usize::from(instance) - 1].class;
        Some(Release {
            instance,
            class: class.name(),
            at: robot.place().0,
        })
    }
}

fn within_reach(home: &Home, robot: &Robot) -> Option<u16> {
    let (position, yaw) = robot.place();
    let things = home.objects().iter().filter(|object| object.movable);
    let reached = things.filter_map(|object| {
        let at = object.pose.translation;
        let away = at.truncate() - position;
        let bearing = wrap(away.to_angle() - yaw).abs();
        let is_reached =
            away.length() <= REACH && bearing <= BEARING && (HEIGHTS.0..=HEIGHTS.1).contains(&at.z);
        is_reached.then_some((bearing, object.instance))
    });
    reached
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, instance)| instance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, LightQuality, Randomisation, RobotConfig, Stock, Thing};

    #[test]
    fn a_gripper_takes_what_it_faces_within_reach_and_nothing_else() {
        let randomisation = Randomisation {
            stock: Stock {
                things: vec![Thing {
                    class: Class::Can,
                    paint: None,
                }],
                without: Thing::CLASSES.to_vec(),
                ..Stock::default()
            },
            ..Randomisation::default()
        };
        let mut home = Home::generate(11, &randomisation, LightQuality::Flat).unwrap();
        let can = home.stocked()[0];
        let at = home.objects()[usize::from(can) - 1]
            .pose
            .translation
            .truncate();
        let stand = |distance: f32| {
            (0..200).map(|step| step as f32 * 0.0315).find_map(|angle| {
                let place = at + Vec2::from_angle(angle) * distance;
                home.occupancy()
                    .is_free(place)
                    .then_some((place, wrap(angle + std::f32::consts::PI)))
            })
        };
        let (near, yaw) = [0.5, 0.6, 0.7, 0.8].into_iter().find_map(stand).unwrap();
        let (far, far_yaw) = [1.0, 1.1, 1.2].into_iter().find_map(stand).unwrap();
        let robot =
            |home: &Home, place, yaw| Robot::at(home, RobotConfig::default(), place, yaw).unwrap();
        let mut gripper = Gripper::new();
        let away = robot(&home, near, yaw + 0.6);
        assert_eq!(gripper.close(&mut home, &away).unwrap(), None);
        assert_eq!(gripper.open(&home, &away), None);
        let beyond = robot(&home, far, far_yaw);
        assert_eq!(gripper.close(&mut home, &beyond).unwrap(), None);
        gripper.open(&home, &beyond);
        let facing = robot(&home, near, yaw + 0.1);
        assert_eq!(gripper.close(&mut home, &facing).unwrap(), Some(can));
        assert_eq!(gripper.close(&mut home, &facing).unwrap(), None, "closed");
        assert!(home.objects()[usize::from(can) - 1].pose.translation.z < -1.0);
        let release = gripper.open(&home, &facing).unwrap();
        assert_eq!((release.class, release.at), ("can", near));
        assert_eq!(gripper.held(), None);
    }
}
