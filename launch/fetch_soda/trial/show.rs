//! What is printed of a trial where somebody wants to look (`SHOW_TRIALS=1`).

use concert_apartment::DriveReport;

use super::super::behaviour::{Action, Behaviour};
use super::super::place::{distance, wrap};
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
        println!(
            "{seconds:6.1} s BUMP, {} that hurt: {state}, {:?}, touches {}",
            report.hurting_bumps,
            action.velocity,
            touched(robot, behaviour)
        );
    }
    if ((seconds * 10.0).round() as u64).is_multiple_of(20) {
        let (believed, there) = (behaviour.place(), trial.in_map(place.to_array()));
        let turned = f64::from(yaw - trial.start_yaw);
        println!(
            "{seconds:6.1} s {state} at {:.2} {:.2} {turned:.2} {:?}; lost by {:.2} m, {:.3} rad",
            there[0],
            there[1],
            action.velocity,
            distance(believed.point(), there),
            wrap(believed.yaw - turned)
        );
    }
}

/// What is all around the base, and what the map has there: in which direction of
/// the heading, rad.
fn touched(robot: &SimulatedRobot, behaviour: &Behaviour) -> String {
    let (place, yaw) = robot.robot().place();
    let base = behaviour.place();
    let mut said = String::new();
    for step in -11..=12 {
        let bearing = f64::from(step) * std::f64::consts::PI / 12.0;
        let world = f64::from(yaw) + bearing;
        let rim = [
            place.x + 0.2 * world.cos() as f32,
            place.y + 0.2 * world.sin() as f32,
        ];
        let objects = robot.home().objects().iter();
        let near = objects.filter(|one| {
            let is_flat = ["floor", "carpet", "ceiling"].contains(&one.class.name());
            let is_high = one.low.z + one.pose.translation.z > 1.2;
            !is_flat && !is_high && one.distance_on_floor(rim) < 0.03
        });
        let names: Vec<_> = near.map(|one| one.class.name()).collect();
        let along = base.yaw + bearing;
        let cells = [0.2, 0.25, 0.3, 0.35, 0.4].map(|away| {
            let at = [base.x + away * along.cos(), base.y + away * along.sin()];
            behaviour.odds(at)
        });
        if names.len() > 1 || cells.iter().any(|odds| *odds > 0.0) {
            said += &format!("\n    {bearing:5.2} {cells:.1?} {names:?}");
        }
    }
    said
}

/// Which things are before the robot, truly, and what it believes of them.
pub(super) fn reach(robot: &SimulatedRobot, behaviour: &Behaviour) {
    let (place, yaw) = robot.robot().place();
    let objects = robot.home().objects().iter().filter(|one| one.movable);
    for one in objects {
        let at = one.pose.translation.truncate() - place;
        let bearing = wrap(f64::from(at.to_angle() - yaw));
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
        let away = distance(at, base.point());
        let bearing = base.bearing(at);
        if away < 1.3 && bearing.abs() < 0.6 {
            println!("  believes {class} at {away:.2} m, {bearing:.2} rad");
        }
    }
}

/// Where the things that were put into the home are, in the map of a robot that
/// loses nothing; and of what it believes to have seen what is there.
pub(super) fn wanted(trial: &Trial) {
    let home = trial.robot.home();
    let objects = || home.objects().iter();
    for one in objects().filter(|one| home.stocked().contains(&one.instance)) {
        let at = one.pose.translation;
        let [x, y] = trial.in_map([at.x, at.y]);
        println!(
            "  truth: {} at {x:.2} {y:.2}, {:.2} m high",
            one.class.name(),
            at.z
        );
    }
    for one in trial.behaviour.landmarks() {
        let there = trial.in_world(one.at);
        let of_class = objects().filter(|object| object.class.name() == one.class);
        let away = of_class.map(|object| object.distance_on_floor(there));
        let away = away.fold(f32::INFINITY, f32::min);
        println!(
            "LANDMARK {} {} sights, score {:.2}, from {:.2} m, {:.2} m high: {away:.2} m from one",
            one.class, one.sights, one.score, one.nearest, one.height
        );
    }
}
