//! The robot drives on injected time, bumps, counts its wheels, and tours the home.

use std::time::Duration;

use concert_apartment::{
    Class, DriveCommand, Home, LightQuality, Randomisation, Robot, RobotConfig, Tour,
};
use glam::Vec2;

fn home(seed: u64) -> Home {
    Home::generate(seed, &Randomisation::default(), LightQuality::Flat).unwrap()
}

const FRAME: Duration = Duration::from_millis(33);

#[test]
fn a_tour_goes_through_every_room_without_a_bump() {
    for seed in [1, 2, 3, 6, 7, 8] {
        let home = home(seed);
        let mut tour = Tour::plan(&home);
        let (start, _) = tour.place(0.0);
        let (_, heading) = tour.place(0.1);
        let mut robot = Robot::at(&home, RobotConfig::default(), start, heading).unwrap();
        let mut rooms = vec![false; home.plan().rooms.len()];
        let mut bumps = 0;
        let mut frames = 0;
        while tour.rounds() == 0 && frames < 30_000 {
            let (position, yaw) = robot.place();
            let guidance = tour.guide(&home, position, yaw);
            robot.command(guidance.twist).unwrap();
            robot.look(guidance.pan, guidance.tilt).unwrap();
            bumps += u32::from(robot.step(&home, FRAME).unwrap().bumped);
            assert!(home.occupancy().clearance(position) > 0.15);
            rooms[home.plan().room_at(position)] = true;
            frames += 1;
        }
        assert!(
            rooms.iter().all(|r| *r),
            "seed {seed}: {rooms:?} after {frames} frames"
        );
        assert!(
            bumps * 50 < frames,
            "seed {seed}: {bumps} bumps in {frames} frames"
        );
        assert_eq!(tour.rounds(), 1, "seed {seed}");
    }
}

#[test]
fn a_wall_stops_the_robot_and_backing_off_frees_it() {
    let home = home(1);
    let mut robot = Robot::new(&home, RobotConfig::default()).unwrap();
    let mut bumped = false;
    for _ in 0..1000 {
        robot
            .command(DriveCommand {
                linear: 0.6,
                angular: 0.0,
            })
            .unwrap();
        bumped |= robot.step(&home, FRAME).unwrap().bumped;
    }
    assert!(bumped);
    let (stuck, _) = robot.place();
    assert!(home.plan().rooms.iter().any(|r| r.contains(stuck)));
    for _ in 0..30 {
        robot
            .command(DriveCommand {
                linear: -0.3,
                angular: 0.0,
            })
            .unwrap();
        robot.step(&home, FRAME).unwrap();
    }
    assert!(robot.place().0.distance(stuck) > 0.1);
}

#[test]
fn a_flood_of_commands_leaves_only_the_newest() {
    let home = home(1);
    let mut robot = Robot::new(&home, RobotConfig::default()).unwrap();
    for i in 0..100_000 {
        let linear = if i == 99_999 { 0.0 } else { 0.6 };
        robot
            .command(DriveCommand {
                linear,
                angular: 0.5,
            })
            .unwrap();
    }
    assert_eq!(robot.replaced_commands(), 99_999);
    let (before, yaw) = robot.place();
    robot.step(&home, Duration::from_millis(300)).unwrap();
    let (after, turned) = robot.place();
    assert_eq!(before, after);
    assert!(turned > yaw);
    assert!(
        robot
            .command(DriveCommand {
                linear: f32::NAN,
                angular: 0.0
            })
            .is_err()
    );
    assert!(robot.look(f32::INFINITY, 0.0).is_err());
    assert!(robot.step(&home, Duration::MAX).is_err());
}

#[test]
fn without_commands_the_robot_stops() {
    let home = home(1);
    let mut robot = Robot::new(&home, RobotConfig::default()).unwrap();
    robot
        .command(DriveCommand {
            linear: 0.0,
            angular: 1.0,
        })
        .unwrap();
    assert!(
        !robot
            .step(&home, Duration::from_millis(400))
            .unwrap()
            .timed_out
    );
    assert!(robot.step(&home, Duration::from_secs(3)).unwrap().timed_out);
    let (_, yaw) = robot.place();
    robot.step(&home, Duration::from_secs(1)).unwrap();
    assert_eq!(robot.place().1, yaw);
}

#[test]
fn odometry_follows_the_robot_but_drifts() {
    let home = home(2);
    let drive = |wheel_noise: f32| {
        let mut tour = Tour::plan(&home);
        let (start, _) = tour.place(0.0);
        let (_, heading) = tour.place(0.1);
        let config = RobotConfig {
            wheel_noise,
            seed: 4,
            ..RobotConfig::default()
        };
        let mut robot = Robot::at(&home, config, start, heading).unwrap();
        let world_from_odom = robot.world_from_base();
        for _ in 0..900 {
            let (position, yaw) = robot.place();
            robot
                .command(tour.guide(&home, position, yaw).twist)
                .unwrap();
            robot.step(&home, FRAME).unwrap();
        }
        let believed = world_from_odom.then(robot.odometry().odom_from_base);
        believed
            .translation
            .distance(robot.world_from_base().translation)
    };
    assert!(
        drive(0.0) < 0.01,
        "perfect wheels know where they are: {}",
        drive(0.0)
    );
    let drift = drive(0.008);
    assert!((0.005..1.5).contains(&drift), "{drift}");
}

#[test]
fn steps_of_any_length_lead_to_the_same_place() {
    let home = home(3);
    let drive = |step: u64| {
        let mut robot = Robot::new(&home, RobotConfig::default()).unwrap();
        robot
            .command(DriveCommand {
                linear: 0.2,
                angular: 0.7,
            })
            .unwrap();
        for _ in 0..400 / step {
            robot.step(&home, Duration::from_millis(step)).unwrap();
        }
        (robot.place(), robot.odometry())
    };
    assert_eq!(drive(10), drive(400));
    assert_eq!(drive(25), drive(80));
}

#[test]
fn absurd_robots_are_refused() {
    let home = home(1);
    for config in [
        RobotConfig {
            track: 0.0,
            ..RobotConfig::default()
        },
        RobotConfig {
            camera_height: f32::NAN,
            ..RobotConfig::default()
        },
        RobotConfig {
            top_speed: 1e9,
            ..RobotConfig::default()
        },
    ] {
        assert!(Robot::new(&home, config).is_err());
    }
    assert!(Robot::at(&home, RobotConfig::default(), Vec2::splat(1e6), 0.0).is_err());
    assert!(Robot::at(&home, RobotConfig::default(), Vec2::NAN, 0.0).is_err());
}

#[test]
fn leaves_give_way_and_the_pot_in_which_they_grow_does_not() {
    let tried = (1..40).any(|seed| {
        let home = home(seed);
        let plants = home.objects().iter();
        let mut plants = plants.filter(|one| {
            // On the floor, and wide enough that leaves reach beyond the pot.
            one.class == Class::Plant && one.pose.translation.z < 0.01 && one.high.x > 0.5
        });
        plants.any(|plant| drives_to_the_pot(&home, plant.pose.translation.truncate()))
    });
    assert!(tried, "no plant stands where a robot can drive up to it");
}

/// Drives straight to the middle of a plant from wherever nothing else is in the way;
/// whether there is such a way.
fn drives_to_the_pot(home: &Home, middle: Vec2) -> bool {
    let ways = (0..32).map(|step| Vec2::from_angle(step as f32 * std::f32::consts::TAU / 32.0));
    let is_open = |way: &Vec2| {
        let clear = |at: f32| home.obstacles().clearance(middle + *way * at) > 0.25;
        home.occupancy().is_free(middle + *way * 1.2) && (11..24).all(|at| clear(at as f32 * 0.05))
    };
    let Some(way) = { ways }.find(is_open) else {
        return false;
    };
    let yaw = (-way).to_angle();
    let mut robot = Robot::at(home, RobotConfig::default(), middle + way * 1.2, yaw).unwrap();
    let mut among_leaves = f32::INFINITY;
    for _ in 0..300 {
        let forwards = DriveCommand {
            linear: 0.3,
            angular: 0.0,
        };
        robot.command(forwards).unwrap();
        let bumped = robot.step(home, FRAME).unwrap().bumped;
        let (place, _) = robot.place();
        if bumped {
            let away = place.distance(middle);
            assert!(
                (0.2..0.55).contains(&away),
                "stopped {away} m from the middle"
            );
            assert!(among_leaves < 0.2, "no leaf was in its way");
            return true;
        }
        among_leaves = among_leaves.min(home.occupancy().clearance(place));
    }
    panic!("it drove through the pot");
}
