//! The labels of one picture hold against each other and against the home.

use concert_apartment::{
    CameraPose, Class, Home, LightQuality, Pinhole, Randomisation, Renderer, RoomBox,
};
use glam::{Vec2, Vec3};

fn home(seed: u64) -> Home {
    Home::generate(seed, &Randomisation::default(), LightQuality::Flat).unwrap()
}

fn camera() -> Pinhole {
    Pinhole::from_field_of_view(160, 120, 1.2).unwrap()
}

#[test]
fn normals_from_depth_are_the_normals() {
    let camera = camera();
    let mut renderer = Renderer::new();
    let (mut agree, mut all) = (0u32, 0u32);
    for seed in 1..4 {
        let home = home(seed);
        for pose in home.viewpoints(5, 1.2, -0.15) {
            let labels = renderer.labels(&home, &camera, pose).unwrap();
            let width = labels.width as usize;
            let point =
                |i: usize| camera.ray((i % width) as f32, (i / width) as f32) * labels.depth[i];
            for row in 1..labels.height as usize - 1 {
                for column in 1..width - 1 {
                    let i = row * width + column;
                    let around = [i - 1, i + 1, i - width, i + width];
                    // Within one thing, on its flat parts.
                    if around.iter().any(|&n| {
                        labels.instance[n] != labels.instance[i]
                            || labels.normals[n] != labels.normals[i]
                    }) {
                        continue;
                    }
                    // Nor where one flat part ends before another that is parallel.
                    let bend = |a: usize, b: usize| {
                        (1.0 / labels.depth[a] + 1.0 / labels.depth[b] - 2.0 / labels.depth[i])
                            .abs()
                            * labels.depth[i]
                    };
                    if bend(i - 1, i + 1) > 2e-3 || bend(i - width, i + width) > 2e-3 {
                        continue;
                    }
                    let normal = (point(i + width) - point(i - width))
                        .cross(point(i + 1) - point(i - 1))
                        .normalize();
                    let stated = Vec3::from(labels.normals[i]);
                    assert!(stated.dot(point(i)) <= 1e-4, "normals point at the camera");
                    all += 1;
                    agree += u32::from(normal.dot(stated) > 0.9986); // 3 degrees
                }
            }
        }
    }
    assert!(all > 100_000, "{all}");
    assert!(
        f64::from(agree) > 0.985 * f64::from(all),
        "{agree} of {all} within 3 degrees"
    );
}

#[test]
fn ego_motion_carries_points_from_one_picture_to_the_next() {
    let (home, camera) = (home(5), camera());
    let mut renderer = Renderer::new();
    let pose = home.viewpoints(1, 1.2, -0.1)[0];
    let mut moved = pose;
    moved.translation += moved.direction(Vec3::new(0.04, 0.0, 0.06));
    let (first, second) = (
        renderer.labels(&home, &camera, pose).unwrap(),
        renderer.labels(&home, &camera, moved).unwrap(),
    );
    let previous_from_this = second.ego_motion(&first);
    let width = first.width as usize;
    let (mut agree, mut all) = (0, 0);
    for i in 0..second.depth.len() {
        let point = camera.ray((i % width) as f32, (i / width) as f32) * second.depth[i];
        let before = previous_from_this.point(point);
        let Some((u, v)) = camera.project(before) else {
            continue;
        };
        let (u, v) = (u.round(), v.round());
        if u < 0.0 || v < 0.0 || u >= camera.width() as f32 || v >= camera.height() as f32 {
            continue;
        }
        let j = v as usize * width + u as usize;
        all += 1;
        agree += usize::from((first.depth[j] - before.z).abs() < 0.03 * before.z);
    }
    assert!(all > 10_000 && agree * 100 > all * 90, "{agree} of {all}");
}

#[test]
fn a_camera_in_a_door_shows_the_room_that_it_looks_into() {
    let camera = camera();
    let mut renderer = Renderer::new();
    let home = home(3);
    let mut looked = 0;
    for door in &home.plan().doors {
        let [a, b] = door.rooms;
        if a == b {
            continue;
        }
        for into in [a, b] {
            let middle = home.plan().rooms[into].middle() - door.centre;
            let ahead = match door.along_x {
                true => Vec2::new(0.0, middle.y.signum()),
                false => Vec2::new(middle.x.signum(), 0.0),
            };
            let yaw = ahead.y.atan2(ahead.x);
            // Still within the other room's edge, on the way out of it.
            let eye = door.centre - ahead * (door.depth / 2.0 + 0.03);
            assert_ne!(home.plan().room_at(eye), into);
            let pose = CameraPose::looking(eye.extend(1.3), yaw, 0.0);
            let labels = renderer.labels(&home, &camera, pose).unwrap();
            let at = (labels.height / 2 * labels.width + labels.width / 2) as usize;
            if labels.depth[at] < 1.0 {
                continue;
            }
            looked += 1;
            assert_eq!(labels.room, into);
            assert!(labels.layout.corners.iter().any(|corner| corner.z > 1.0));
        }
    }
    assert!(looked >= 4, "{looked} doors could be looked through");
}

#[test]
fn the_rooms_corners_project_to_where_its_planes_meet() {
    let camera = camera();
    let mut renderer = Renderer::new();
    let (mut on_planes, mut seen) = (0, 0);
    for seed in 1..6 {
        let home = home(seed);
        for pose in home.viewpoints(6, 1.3, 0.0) {
            let labels = renderer.labels(&home, &camera, pose).unwrap();
            let again = RoomBox::corners_of_cuboid(&labels.layout.cuboid);
            for (a, b) in labels.layout.corners.iter().zip(again) {
                assert!(a.distance(b) < 2e-3, "the nine numbers are the corners");
            }
            for corner in labels.layout.corners {
                let Some((u, v)) = camera.project(corner) else {
                    continue;
                };
                if u < 2.0 || v < 2.0 || u > 157.0 || v > 117.0 {
                    continue;
                }
                // Around a corner that is not hidden, walls and ceiling or floor are seen.
                let at = v.round() as usize * 160 + u.round() as usize;
                if (labels.depth[at] - corner.z).abs() > 0.04 * corner.z {
                    continue;
                }
                seen += 1;
                let near = |class: Class| {
                    (-2i32..=2).any(|dy| {
                        (-2i32..=2).any(|dx| {
                            labels.semantic[(at as i32 + dy * 160 + dx) as usize] == class.id()
                        })
                    })
                };
                on_planes +=
                    usize::from(near(Class::Wall) && (near(Class::Ceiling) || near(Class::Floor)));
            }
        }
    }
    assert!(seen > 20, "{seen}");
    assert!(on_planes * 10 >= seen * 8, "{on_planes} of {seen}");
}

#[test]
fn occlusion_edges_lie_where_depth_jumps_and_nowhere_else() {
    let (home, camera) = (home(2), camera());
    let mut renderer = Renderer::new();
    let mut edges = 0;
    for pose in home.viewpoints(6, 1.2, -0.1) {
        let labels = renderer.labels(&home, &camera, pose).unwrap();
        for row in 1..119usize {
            for column in 1..159usize {
                let i = row * 160 + column;
                let around = [i - 1, i + 1, i - 160, i + 160];
                let jump = around
                    .iter()
                    .map(|&n| labels.depth[n] - labels.depth[i])
                    .fold(f32::MIN, f32::max);
                if labels.occlusion_edges[i] == 255 {
                    edges += 1;
                    assert!(jump > 0.04, "an edge without a jump: {jump}");
                }
                // Two surfaces that face the camera squarely, a metre apart.
                let square = |n: usize| labels.reshading[n] > 0.6;
                if jump > 1.0 && square(i) && around.iter().all(|&n| square(n)) {
                    assert_eq!(
                        labels.occlusion_edges[i], 255,
                        "a jump of {jump} m at {column}, {row}"
                    );
                }
            }
        }
    }
    assert!(edges > 500, "{edges}");
}

#[test]
fn vanishing_points_are_where_room_edges_meet() {
    let (home, camera) = (home(4), camera());
    for pose in home.viewpoints(4, 1.2, -0.2) {
        let labels = Renderer::new().labels(&home, &camera, pose).unwrap();
        for axis in 0..3 {
            let direction = labels.vanishing_points.directions[axis];
            let corners = labels.layout.corners;
            let edge = (corners[1 << axis] - corners[0]).normalize();
            assert!(edge.cross(direction).length() < 1e-3);
        }
    }
}
