//! What is printed of a trial where somebody wants to look (`SHOW_TRIALS=1`).

use concert_apartment::DriveReport;

use super::super::behaviour::{Action, Behaviour};
use super::Trial;
use crate::simulated_robot::SimulatedRobot;

/// A step: what was touched, and now and then where the robot is.
pub(super) fn step(
    robot: &SimulatedRobot,
    behaviour: &Behaviour,
    (action, report): (&Action, &DriveReport),
    trial: &Trial,
) {
    let (place, yaw) = robot.robot().place();
    let (seconds, state) = (trial.seconds, behaviour.state());
    if report.bumps > 0 {
        let ahead = [place.x + 0.25 * yaw.cos(), place.y + 0.25 * yaw.sin()];
        let objects = robot.home().objects().iter();
        let objects = objects.filter(|one| one.low.z + one.pose.translation.z < 1.2);
        let mut near: Vec<_> = objects
            .map(|one| (one.distance_on_floor(ahead), one.class.name()))
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        let near: Vec<_> = near.iter().map(|(_, name)| *name).take(6).collect();
        println!(
            "{seconds:6.1} s BUMP, {} that hurt: {state}, {:?}, at {near:?}",
            report.hurting_bumps, action.velocity
        );
    }
    if ((seconds * 10.0).round() as u64).is_multiple_of(20) {
        println!(
            "{seconds:6.1} s {state} at {:.2} {:.2} {yaw:.2} {:?}",
            place.x, place.y, action.velocity
        );
    }
}

/// Which things are before the robot, truly, and what it believes of them.
pub(super) fn reach(robot: &SimulatedRobot, behaviour: &Behaviour) {
    let (place, yaw) = robot.robot().place();
    let objects = robot.home().objects().iter().filter(|one| one.movable);
    for one in objects {
        let at = one.pose.translation.truncate() - place;
        let bearing = super::super::place::wrap(f64::from(at.to_angle() - yaw));
        if at.length() < 1.1 && bearing.abs() < 0.6 {
            println!(
                "  truth {} at {:.2} m, {bearing:.2} rad",
                one.class.name(),
                at.length()
            );
        }
    }
    let base = behaviour.place();
    for (class, at) in behaviour.things() {
        let away = super::super::place::distance(at, base.point());
        let bearing = base.bearing(at);
        if away < 1.3 && bearing.abs() < 0.6 {
            println!("  believes {class} at {away:.2} m, {bearing:.2} rad");
        }
    }
}

/// Where the things that were put into the home are, in the map of a robot that
/// loses nothing.
pub(super) fn wanted(trial: &Trial) {
    let home = trial.robot.home();
    let (sin, cos) = trial.start_yaw.sin_cos();
    for one in home
        .objects()
        .iter()
        .filter(|one| home.stocked().contains(&one.instance))
    {
        let at = one.pose.translation;
        let (x, y) = (at.x - trial.start[0], at.y - trial.start[1]);
        println!(
            "  truth: {} at {:.2} {:.2}, {:.2} m high",
            one.class.name(),
            cos * x + sin * y,
            cos * y - sin * x,
            at.z
        );
    }
}
