//! Homes are possible, furnished, the same every time, and different by seed.

use concert_apartment::{
    ApartmentError, CameraPose, Class, Development, Home, LightQuality, Pinhole, Randomisation,
    Range, Renderer,
};

#[test]
fn a_hundred_homes_show_cans_doors_and_fridges() {
    let camera = Pinhole::from_field_of_view(64, 48, 1.4).unwrap();
    let mut renderer = Renderer::new();
    let mut histogram = vec![0u64; Class::ALL.len()];
    let mut redrawn = 0;
    for seed in 0..100 {
        let home = Home::generate(seed, &Randomisation::default(), LightQuality::Flat).unwrap();
        redrawn += home.redraws().len();
        for redraw in home.redraws() {
            assert!(!redraw.reason.is_empty());
        }
        for class in [
            Class::Door,
            Class::Fridge,
            Class::Counter,
            Class::Sofa,
            Class::Bed,
            Class::Window,
            Class::Lamp,
        ] {
            assert!(
                home.objects_of(class).next().is_some(),
                "seed {seed} has no {}",
                class.name()
            );
        }
        for pose in home.viewpoints(10, 1.2, -0.25) {
            for class in renderer.labels(&home, &camera, pose).unwrap().semantic {
                histogram[usize::from(class)] += 1;
            }
        }
    }
    for class in Class::ALL {
        println!(
            "{:>12} {}",
            class.name(),
            histogram[usize::from(class.id())]
        );
    }
    assert_eq!(histogram[0], 0, "a closed home shows nothing of nothing");
    for class in Class::ALL.iter().skip(1) {
        assert!(
            histogram[usize::from(class.id())] > 0,
            "{} is never seen",
            class.name()
        );
    }
    assert!(redrawn > 0, "some draws are impossible and are redrawn");
}

#[test]
fn a_seed_gives_the_same_picture_bit_for_bit_on_any_number_of_threads() {
    let camera = Pinhole::from_field_of_view(80, 60, 1.2).unwrap();
    let shoot = || {
        let home = Home::generate(11, &Randomisation::default(), LightQuality::Draft).unwrap();
        let pose = home.viewpoints(1, 1.2, -0.1)[0];
        Renderer::new()
            .capture(&home, &camera, pose, &Development::default(), 3)
            .unwrap()
    };
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let one = pool(1).install(shoot);
    let four = pool(4).install(shoot);
    assert!(one == four);
    let other = Home::generate(12, &Randomisation::default(), LightQuality::Flat).unwrap();
    let pose = other.viewpoints(1, 1.2, -0.1)[0];
    assert!(pose != one.labels.world_from_optical);
}

#[test]
fn a_can_can_be_found_and_carried_away() {
    let mut home = Home::generate(1, &Randomisation::default(), LightQuality::Flat).unwrap();
    let can = home.objects_of(Class::Can).next().unwrap().clone();
    assert!(can.movable && can.high.z < 0.13);
    let lifted = CameraPose {
        translation: can.pose.translation + glam::Vec3::Z * 0.3,
        ..can.pose
    };
    home.move_object(can.instance, lifted).unwrap();
    assert_eq!(home.objects()[usize::from(can.instance) - 1].pose, lifted);
    // Seen from half a metre away, it is where it was put.
    let eye = lifted.translation + glam::Vec3::new(0.0, 0.0, 0.06);
    let camera = Pinhole::from_field_of_view(64, 48, 1.0).unwrap();
    let seen = (0..16).any(|i| {
        let yaw = i as f32 * std::f32::consts::FRAC_PI_8;
        let from = eye - glam::Vec3::new(yaw.cos(), yaw.sin(), 0.0) * 0.35;
        let labels = Renderer::new()
            .labels(&home, &camera, CameraPose::looking(from, yaw, 0.0))
            .unwrap();
        labels.instance.contains(&can.instance)
    });
    assert!(seen);
    let wall = home.objects_of(Class::Wall).next().unwrap().instance;
    for (instance, pose) in [(wall, lifted), (0, lifted), (u16::MAX, lifted)] {
        assert!(matches!(
            home.move_object(instance, pose),
            Err(ApartmentError::Object { .. })
        ));
    }
    let nowhere = CameraPose {
        translation: glam::Vec3::NAN,
        ..lifted
    };
    assert!(home.move_object(can.instance, nowhere).is_err());
}

#[test]
fn absurd_randomisations_and_poses_are_refused() {
    let upside_down = Randomisation {
        clutter: Range::new(0.9, 0.1),
        ..Randomisation::default()
    };
    let error = Home::generate(1, &upside_down, LightQuality::Flat).unwrap_err();
    assert_eq!(
        error.to_string(),
        "randomisation: clutter is 0.9..0.1, but must be within 0..1, low first"
    );
    let not_a_number = Randomisation {
        daylight: Range::new(f32::NAN, 1.0),
        ..Randomisation::default()
    };
    assert!(Home::generate(1, &not_a_number, LightQuality::Flat).is_err());
    let home = Home::generate(1, &Randomisation::default(), LightQuality::Flat).unwrap();
    let camera = Pinhole::from_field_of_view(16, 12, 1.0).unwrap();
    let nowhere = CameraPose {
        translation: glam::Vec3::splat(f32::INFINITY),
        ..CameraPose::IDENTITY
    };
    assert!(Renderer::new().labels(&home, &camera, nowhere).is_err());
}

#[test]
fn a_camera_far_outside_or_inside_a_wall_still_gets_a_picture() {
    let home = Home::generate(3, &Randomisation::default(), LightQuality::Flat).unwrap();
    let camera = Pinhole::from_field_of_view(32, 24, 2.8).unwrap();
    let room = home.plan().rooms[0].clone();
    for at in [
        room.low - 0.06,
        room.high + 50.0,
        (room.low + room.high) * 0.5,
    ] {
        let picture = Renderer::new()
            .picture(
                &home,
                &camera,
                CameraPose::looking(at, 0.3, 1.2),
                &Development::default(),
                0,
            )
            .unwrap();
        assert_eq!(picture.rgb.len(), 32 * 24 * 3);
    }
}
