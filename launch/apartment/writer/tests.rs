use std::path::Path;

use super::views::touring;
use super::*;
use crate::home::LightQuality;

fn options(folder: &Path, frames: u64) -> DataSetOptions {
    DataSetOptions {
        width: 48,
        height: 36,
        light: LightQuality::Flat,
        ..DataSetOptions::new(folder, 3..5, frames)
    }
}

#[test]
fn a_data_set_holds_every_label_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let written = write_data_set(&options(folder.path(), 5), &mut |p| {
        seen.push(p.frames);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((written.frames, written.cancelled), (5, false));
    // It is also told, and may stop it, while a home is made.
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("dataset.json")).unwrap())
            .unwrap();
    assert_eq!(index["sequences"].as_array().unwrap().len(), 2);
    assert_eq!(index["sequences"][1]["frames"], 3);
    let sequence = folder.path().join("seed-000004");
    for ending in [
        "color.png",
        "depth.png",
        "pose.txt",
        "normal.png",
        "semantic.png",
        "instance.png",
        "edge_occlusion.png",
        "curvature.png",
        "reshading.png",
        "layout.json",
    ] {
        assert!(
            sequence.join(format!("frame-000002.{ending}")).exists(),
            "{ending}"
        );
    }
    let depth = image::open(sequence.join("frame-000000.depth.png"))
        .unwrap()
        .into_luma16();
    assert!(depth.pixels().all(|p| (20..20_000).contains(&p.0[0])));
    let rows: Vec<f32> = std::fs::read_to_string(sequence.join("frame-000000.pose.txt"))
        .unwrap()
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    assert_eq!(rows.len(), 16);
    assert!(
        (0.3..1.7).contains(&rows[11]),
        "the camera's height stands in the pose"
    );
}

#[test]
fn a_stop_keeps_the_frames_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let written = write_data_set(&options(folder.path(), 6), &mut |p| {
        if p.frames == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!((written.frames, written.cancelled), (2, true));
    let index = std::fs::read_to_string(folder.path().join("dataset.json")).unwrap();
    assert!(index.contains("\"complete\": false"));
}

#[test]
fn a_full_disk_names_the_file_and_leaves_whole_frames_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk {
        room: Some(25_000),
        ..Disk::default()
    };
    let error = write_to(&mut disk, &options(folder.path(), 40), &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap_err();
    let ApartmentError::Write { path, frames, .. } = &error else {
        panic!("{error}");
    };
    assert!(
        error.to_string().contains(&*path.to_string_lossy()),
        "{error}"
    );
    assert!(!path.exists());
    let colours = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .filter(|e| {
            e.as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .ends_with(".color.png")
        })
        .count() as u64;
    assert_eq!(colours, *frames, "no half frame stays behind");
}

#[test]
fn what_is_whole_on_a_full_disk_stays_readable_where_there_is_room_to_say_so() {
    for (room, says_so) in [(45_000, true), (5_000, false)] {
        let folder = tempfile::tempdir().unwrap();
        // Nothing but the pictures of one home grows with the size, and a half
        // one leaves more room than the index takes.
        let options = DataSetOptions {
            width: 120,
            height: 90,
            ..options(folder.path(), 40)
        };
        let mut disk = Disk {
            room: Some(room),
            ..Disk::default()
        };
        let error = write_to(&mut disk, &options, &mut |_| ControlFlow::Continue(())).unwrap_err();
        let ApartmentError::Write { frames, .. } = error else {
            panic!("{error}");
        };
        let index = std::fs::read(folder.path().join("dataset.json")).ok();
        assert_eq!(index.is_some(), says_so, "{frames} whole frames");
        if let Some(index) = index {
            let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
            assert_eq!(index["complete"], false);
            assert_eq!(index["frames"], frames);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_without_space_is_reported_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("seed-000003")).unwrap();
    let victim = folder.path().join("seed-000003/frame-000001.semantic.png");
    std::os::unix::fs::symlink("/dev/full", &victim).unwrap();
    let error = write_data_set(&options(folder.path(), 4), &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("frame-000001.semantic.png: cannot write after 1 whole frames"),
        "{error}"
    );
}

#[test]
fn empty_and_absurd_data_sets_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = options(folder.path(), 4);
    let refused = |options: DataSetOptions| {
        write_data_set(&options, &mut |_| ControlFlow::Continue(())).is_err()
    };
    assert!(refused(DataSetOptions {
        seeds: 5..5,
        ..good.clone()
    }));
    assert!(refused(DataSetOptions {
        frames: 1,
        ..good.clone()
    }));
    assert!(refused(DataSetOptions {
        frames: u64::MAX,
        ..good.clone()
    }));
    assert!(refused(DataSetOptions {
        width: 1_000_000,
        ..good.clone()
    }));
    assert!(refused(DataSetOptions {
        colour: ColourFormat::Jpeg(0),
        ..good.clone()
    }));
    assert!(refused(DataSetOptions {
        views: Views::Tour {
            spacing: f32::NAN,
            shutter: 0.0
        },
        ..good
    }));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_first_frame_of_a_tour_was_blurred_with_poses_from_elsewhere() {
    let (spacing, shutter) = (0.2, 0.5);
    for seed in 1..5 {
        let home = Home::generate(seed, &Randomisation::default(), LightQuality::Flat).unwrap();
        let options = DataSetOptions::new("unused", seed..seed + 1, 1);
        for poses in touring(&options, &home, spacing, shutter).take(3) {
            let last = poses.last().unwrap().translation;
            for pose in &poses {
                let moved = (pose.translation - last).length();
                assert!(moved <= spacing * shutter * 1.01, "seed {seed}: {moved} m");
            }
        }
    }
}

#[test]
fn views_near_things_show_one() {
    let folder = tempfile::tempdir().unwrap();
    let options = DataSetOptions {
        views: Views::Things,
        width: 160,
        height: 120,
        ..options(folder.path(), 8)
    };
    write_data_set(&options, &mut |_| ControlFlow::Continue(())).unwrap();
    let fetched = [20, 21, 22, 23, 37, 8, 5].map(|id| Class::from_id(id).unwrap());
    assert_eq!(
        fetched.map(Class::name),
        ["bottle", "cup", "can", "bowl", "fruit", "fridge", "door"]
    );
    let mut shown = 0;
    for seed in [3, 4] {
        for frame in 0..4 {
            let path = format!("seed-{seed:06}/frame-{frame:06}.semantic.png");
            let classes = image::open(folder.path().join(path)).unwrap().into_luma8();
            let of_thing = |pixel: &&image::Luma<u8>| fetched.iter().any(|c| c.id() == pixel.0[0]);
            // A can at 2.2 m and 86 degrees is 4 px high and 3 px wide.
            shown += usize::from(classes.pixels().filter(of_thing).count() >= 8);
        }
    }
    assert!(shown >= 7, "{shown} of 8 views show a thing");
}

#[test]
fn what_is_put_in_a_colour_is_a_class_of_its_own_and_looked_at() {
    use crate::{Class, Paint, Thing};
    let folder = tempfile::tempdir().unwrap();
    let cup = |paint| Thing {
        class: Class::Cup,
        paint,
    };
    let mut options = DataSetOptions {
        views: Views::Put,
        width: 160,
        height: 120,
        ..options(folder.path(), 8)
    };
    let refused = options.check().unwrap_err().to_string();
    assert!(refused.contains("things that are put"), "{refused}");
    let things = vec![cup(Some(Paint::Red)), cup(None), cup(Some(Paint::Blue))];
    options.randomisation.stock.things = things;
    options.randomisation.stock.without = vec![Class::Cup];
    write_data_set(&options, &mut |_| ControlFlow::Continue(())).unwrap();
    let index = std::fs::read(folder.path().join("dataset.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let mut shown = 0;
    for sequence in index["sequences"].as_array().unwrap() {
        let named = sequence["named"].as_array().unwrap();
        let names: Vec<_> = named.iter().map(|one| one[1].as_str().unwrap()).collect();
        assert_eq!(names, ["red cup", "blue cup"]);
        let red = named[0][0].as_u64().unwrap() as u16;
        let home = folder.path().join(sequence["folder"].as_str().unwrap());
        let instances = image::open(home.join("frame-000000.instance.png")).unwrap();
        let mut pixels = instances.into_luma16().into_raw().into_iter();
        shown += usize::from(pixels.any(|number| number == red));
    }
    assert_eq!(
        shown, 2,
        "the first frame of each home looks at the first thing"
    );
}
