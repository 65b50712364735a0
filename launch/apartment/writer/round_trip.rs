//! Every file that is written, read back and held against the labels that it
//! stands for.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::home::LightQuality;
use crate::pose::CameraPose;
use crate::renderer::Shot;

/// What a data set's options say was to be seen, frame by frame.
fn captures(options: &DataSetOptions) -> Vec<(u64, Shot)> {
    let seeds = options.seeds.end - options.seeds.start;
    let mut all = Vec::new();
    for (index, seed) in (0..).zip(options.seeds.clone()) {
        let share = options.frames * (index + 1) / seeds - options.frames * index / seeds;
        let home = Home::generate(seed, &options.randomisation, options.light).unwrap();
        let camera_seed = match options.arrangement {
            Arrangement::Flat => options.seeds.start,
            Arrangement::PerSeed => seed,
        };
        let camera = options
            .randomisation
            .camera(camera_seed, options.width, options.height)
            .unwrap();
        let development = options.randomisation.develop(seed, options.development);
        for (number, poses) in (0..).zip(poses(options, &home, share)) {
            let noise = seed * 1_000_003 + number;
            let capture = Renderer::new()
                .blurred(&home, &camera, &poses, &development, noise)
                .unwrap();
            all.push((number, capture));
        }
    }
    all
}

/// Where each frame's files stand, and the number that it has there.
fn stems(options: &DataSetOptions) -> Vec<PathBuf> {
    let index = std::fs::read(options.folder.join("dataset.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let mut stems = Vec::new();
    for sequence in index["sequences"].as_array().unwrap() {
        let folder = options.folder.join(sequence["folder"].as_str().unwrap());
        let first = sequence["first_frame"].as_u64().unwrap();
        for number in first..first + sequence["frames"].as_u64().unwrap() {
            stems.push(folder.join(format!("frame-{number:06}")));
        }
    }
    stems
}

fn open(stem: &Path, ending: &str) -> image::DynamicImage {
    image::open(format!("{}.{ending}", stem.display())).unwrap()
}

fn numbers(path: &str) -> Vec<f64> {
    let text = std::fs::read_to_string(path).unwrap();
    let numbers = text.split_whitespace().map(|n| n.parse().unwrap());
    numbers.collect()
}

/// Largest difference between bytes and the values that they stand for.
fn worst(bytes: &[u8], values: impl Iterator<Item = f32>, value_of: impl Fn(u8) -> f32) -> f32 {
    let pairs = bytes.iter().zip(values);
    pairs
        .map(|(byte, value)| (value_of(*byte) - value).abs())
        .fold(0.0, f32::max)
}

fn compare_images(stem: &Path, labels: &Labels) {
    let depth = open(stem, "depth.png").into_luma16().into_raw();
    assert_eq!(depth.len(), labels.depth.len());
    for (millimetres, metres) in depth.iter().zip(&labels.depth) {
        assert!((f32::from(*millimetres) / 1000.0 - metres).abs() <= 5.1e-4);
    }
    let normal = open(stem, "normal.png").into_rgb8().into_raw();
    let values = labels.normals.iter().flatten().copied();
    let off = worst(&normal, values, |byte| f32::from(byte) / 127.5 - 1.0);
    assert!(off <= 0.51 / 127.5, "normals are off by {off}");
    let semantic = open(stem, "semantic.png").into_luma8().into_raw();
    assert_eq!(semantic, labels.semantic);
    let instance = open(stem, "instance.png").into_luma16().into_raw();
    assert_eq!(instance, labels.instance);
    let edges = open(stem, "edge_occlusion.png").into_luma8().into_raw();
    assert_eq!(edges, labels.occlusion_edges);
    let curvature = open(stem, "curvature.png").into_rgb8().into_raw();
    let values = labels.curvature.iter().flat_map(|k| [k[0], k[1], 0.0]);
    let bent = values.map(|k| (k / 10.0).tanh());
    let off = worst(&curvature, bent, |byte| (f32::from(byte) - 127.0) / 127.0);
    assert!(off <= 0.51 / 127.0, "curvatures are off by {off}");
    let reshading = open(stem, "reshading.png").into_luma8().into_raw();
    let values = labels.reshading.iter().copied();
    let off = worst(&reshading, values, |byte| f32::from(byte) / 255.0);
    assert!(off <= 0.51 / 255.0, "reshading is off by {off}");
}

fn compare_geometry(stem: &Path, labels: &Labels, before: Option<&Labels>) {
    let written = numbers(&format!("{}.pose.txt", stem.display()));
    let pose = labels.world_from_optical;
    let (m, t) = (pose.matrix(), pose.translation);
    for row in 0..3 {
        for column in 0..3 {
            let want = f64::from(m.col(column)[row]);
            assert!((written[row * 4 + column] - want).abs() < 1e-6);
        }
        assert!((written[row * 4 + 3] - f64::from(t[row])).abs() < 1e-6);
    }
    assert_eq!(written[12..], [0.0, 0.0, 0.0, 1.0]);
    let layout = std::fs::read(format!("{}.layout.json", stem.display())).unwrap();
    let layout: serde_json::Value = serde_json::from_slice(&layout).unwrap();
    let cuboid = layout["layout"]["cuboid"].as_array().unwrap();
    for (written, want) in cuboid.iter().zip(labels.layout.cuboid) {
        assert!((written.as_f64().unwrap() - f64::from(want)).abs() < 1e-5);
    }
    let points = layout["vanishing_points"]["directions"].as_array().unwrap();
    for (written, want) in points.iter().zip(labels.vanishing_points.directions) {
        let written: Vec<_> = written.as_array().unwrap().iter().collect();
        for (axis, value) in written.iter().enumerate() {
            assert!((value.as_f64().unwrap() - f64::from(want[axis])).abs() < 1e-5);
        }
    }
    let moved = &layout["previous_from_this"];
    match before {
        None => assert!(moved.is_null()),
        Some(before) => {
            let moved: CameraPose = serde_json::from_value(moved.clone()).unwrap();
            let want = labels.ego_motion(before);
            assert!(moved.translation.distance(want.translation) < 1e-5);
            assert!(moved.rotation.angle_between(want.rotation) < 1e-3);
        }
    }
}

fn compare_colour(stem: &Path, options: &DataSetOptions, capture: &Shot) {
    match options.colour {
        ColourFormat::Png => {
            let colour = open(stem, "color.png").into_rgb8().into_raw();
            assert_eq!(colour, capture.picture.rgb);
        }
        ColourFormat::Jpeg(_) => {
            let colour = open(stem, "color.jpg").into_rgb8().into_raw();
            let squares = colour.iter().zip(&capture.picture.rgb);
            let squares = squares.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
            let mean = squares.sum::<f64>() / colour.len() as f64;
            let decibels = 10.0 * (255.0f64.powi(2) / mean).log10();
            assert!(decibels > 28.0, "jpeg is {decibels} dB from the picture");
        }
    }
}

fn options(folder: &Path) -> DataSetOptions {
    DataSetOptions {
        width: 64,
        height: 48,
        light: LightQuality::Flat,
        ..DataSetOptions::new(folder, 3..5, 5)
    }
}

fn write(options: &DataSetOptions) -> Written {
    write_data_set(options, &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn every_file_reads_back_as_the_label_that_it_stands_for() {
    let tour = Views::Tour {
        spacing: 0.1,
        shutter: 0.5,
    };
    for (views, arrangement, colour) in [
        (
            Views::Scattered,
            Arrangement::PerSeed,
            ColourFormat::Jpeg(90),
        ),
        (Views::Scattered, Arrangement::Flat, ColourFormat::Png),
        (tour, Arrangement::PerSeed, ColourFormat::Png),
        (tour, Arrangement::Flat, ColourFormat::Jpeg(90)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let options = DataSetOptions {
            views,
            arrangement,
            colour,
            ..options(folder.path())
        };
        assert_eq!(write(&options).frames, 5);
        let (stems, captures) = (stems(&options), captures(&options));
        assert_eq!((stems.len(), captures.len()), (5, 5));
        let mut before: Option<&Labels> = None;
        for (stem, (number, capture)) in stems.iter().zip(&captures) {
            if *number == 0 {
                before = None;
            }
            let labels = &capture.labels;
            compare_colour(stem, &options, capture);
            compare_images(stem, labels);
            compare_geometry(stem, labels, before);
            let intrinsics = stem.with_file_name("camera-intrinsics.txt");
            let k = numbers(intrinsics.to_str().unwrap());
            let (fx, cx, cy) = (k[0], k[2], k[5]);
            // The room's corner in front falls where its numbers say.
            let axis = labels.vanishing_points.directions[2];
            if let Some((u, v)) = labels.vanishing_points.points[2] {
                let project = |a: f32, c: f64| f64::from(a / axis.z) * fx + c;
                assert!(
                    (project(axis.x, cx) - f64::from(u)).abs() < 1e-2 * (1.0 + f64::from(u).abs())
                );
                assert!(
                    (project(axis.y, cy) - f64::from(v)).abs() < 1e-2 * (1.0 + f64::from(v).abs())
                );
            }
            before = Some(labels);
        }
    }
}

#[test]
fn two_runs_write_the_same_bytes() {
    let tree = |options: &DataSetOptions| {
        write(options);
        let mut files = BTreeMap::new();
        let mut folders = vec![options.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&options.folder).unwrap().to_owned();
                    files.insert(name, std::fs::read(path).unwrap());
                }
            }
        }
        files
    };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let draft = |folder: &Path| DataSetOptions {
        light: LightQuality::Draft,
        colour: ColourFormat::Jpeg(80),
        views: Views::Tour {
            spacing: 0.2,
            shutter: 0.4,
        },
        seeds: 3..4,
        frames: 3,
        ..options(folder)
    };
    let (first, second) = (tree(&draft(one.path())), tree(&draft(two.path())));
    assert_eq!(first.len(), 3 * 10 + 2);
    assert!(first == second, "two runs differ");
}

#[test]
fn what_is_counted_is_what_the_files_show() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let written = write(&options);
    let mut frames = [0u64; 256];
    let mut pixels = [0u64; 256];
    let mut objects: BTreeMap<u8, std::collections::BTreeSet<(PathBuf, u16)>> = BTreeMap::new();
    let mut bytes = 0;
    for stem in stems(&options) {
        let semantic = open(&stem, "semantic.png").into_luma8().into_raw();
        let instance = open(&stem, "instance.png").into_luma16().into_raw();
        for class in 0..=255u8 {
            let count = semantic.iter().filter(|c| **c == class).count() as u64;
            pixels[usize::from(class)] += count;
            frames[usize::from(class)] += u64::from(count > 0);
        }
        let home = stem.parent().unwrap();
        for (class, instance) in semantic.into_iter().zip(instance) {
            objects
                .entry(class)
                .or_default()
                .insert((home.to_owned(), instance));
        }
    }
    for folder in [
        folder.path(),
        &folder.path().join("seed-000003"),
        &folder.path().join("seed-000004"),
    ] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let metadata = entry.unwrap().metadata().unwrap();
            bytes += if metadata.is_file() {
                metadata.len()
            } else {
                0
            };
        }
    }
    assert_eq!((written.homes, written.bytes), (2, bytes));
    let seen = frames.iter().filter(|count| **count > 0).count();
    assert_eq!(written.classes.len(), seen);
    for count in &written.classes {
        let id = count.class.id();
        assert_eq!(
            count.frames,
            frames[usize::from(id)],
            "{}",
            count.class.name()
        );
        assert_eq!(
            count.pixels,
            pixels[usize::from(id)],
            "{}",
            count.class.name()
        );
        assert_eq!(
            count.objects,
            objects[&id].len() as u64,
            "{}",
            count.class.name()
        );
    }
}
