use std::fs;
use std::path::{Path, PathBuf};

use concert_policies::Task;

use super::*;

/// Real data beside the repository, where it is there.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if path.is_dir() {
        return Some(path);
    }
    crate::skip::skip(format_args!("{} is not there", path.display()));
    None
}

fn task(name: &str) -> &'static Task {
    Task::find(name).unwrap()
}

#[test]
fn real_sequences_open_and_read() {
    for (name, frames) in [("corridor", 110), ("rgbd_house", 5), ("redwood_rgbd", 5)] {
        let Some(path) = real(name) else { continue };
        let data = DataSet::open(&path).unwrap();
        let sequence = &data.sequences()[0];
        assert_eq!((data.sequences().len(), sequence.len()), (1, frames));
        let example = sequence.read(frames / 2).unwrap();
        let camera = example.intrinsics.unwrap();
        assert_eq!((camera.width, camera.height), (640, 480));
        let normals = Label::of(task("normal"), &example).unwrap().unwrap();
        let edges = Label::of(task("edge_occlusion"), &example)
            .unwrap()
            .unwrap();
        let known = example.depth.as_ref().unwrap();
        let share = known.metres.iter().filter(|z| !z.is_nan()).count() as f64 / 307_200.0;
        println!(
            "{name}: depth {share:.3}, normals {:.3}",
            normals.known_share()
        );
        assert!(
            normals.known_share() > 0.85 * share,
            "{name}: {}",
            normals.known_share()
        );
        assert!(edges.values.contains(&1.0));
    }
    if let Some(path) = real("tum_fr2_desk") {
        let data = DataSet::open(&path).unwrap();
        let sequence = &data.sequences()[0];
        assert_eq!(sequence.len(), 20);
        let (a, b) = (sequence.read(0).unwrap(), sequence.read(1).unwrap());
        let moved = relative_pose(&a, &b).unwrap();
        assert!((0.001..0.2).contains(&moved.translation.vector.norm()));
        assert!(Label::of(task("normal"), &a).unwrap().is_none());
    }
}

#[test]
fn an_empty_folder_is_refused_with_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "x").unwrap();
    let error = DataSet::open(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("has no data set among its 1 entries"),
        "{error}"
    );
}

fn save_grey16(path: &Path, width: u32, height: u32, value: impl Fn(u32, u32) -> u16) {
    image::ImageBuffer::from_fn(width, height, |u, v| image::Luma([value(u, v)]))
        .save(path)
        .unwrap();
}

fn save_colour(path: &Path, width: u32, height: u32) {
    image::RgbImage::from_pixel(width, height, image::Rgb([90, 120, 30]))
        .save(path)
        .unwrap();
}

/// A folder of layout "frames" with one frame.
fn one_frame(folder: &Path) {
    save_colour(&folder.join("frame-000000.color.png"), 8, 6);
    save_grey16(&folder.join("frame-000000.depth.png"), 8, 6, |u, _| {
        1000 + u as u16
    });
}

fn read_first(folder: &Path) -> Result<Example, String> {
    let data = DataSet::open(folder).map_err(|error| error.to_string())?;
    data.sequences()[0]
        .read(0)
        .map_err(|error| error.to_string())
}

#[track_caller]
fn assert_refused<T>(result: Result<T, String>, part: &str) {
    match result {
        Ok(_) => panic!("not refused, but should be: {part}"),
        Err(error) => assert!(error.contains(part), "{error}\nhas not: {part}"),
    }
}

#[test]
fn what_stands_beside_a_frame_is_read_and_what_is_missing_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    one_frame(folder.path());
    save_grey16(
        &folder.path().join("frame-000000.depth.png"),
        8,
        6,
        |u, _| [0, 65_535, 1500][u as usize % 3],
    );
    let example = read_first(folder.path()).unwrap();
    let depth = example.depth.as_ref().unwrap();
    assert!(depth.metres[0].is_nan() && depth.metres[1].is_nan() && depth.metres[2] == 1.5);
    assert!(example.intrinsics.is_none() && example.world_from_optical.is_none());
    let label = Label::of(task("depth_zbuffer"), &example).unwrap().unwrap();
    assert_eq!((label.channels, label.width, label.height), (1, 8, 6));
    let error = Label::of(task("normal"), &example).unwrap_err().to_string();
    assert!(
        error.contains("derived from depth with the camera's intrinsics"),
        "{error}"
    );
    assert!(
        Label::of(task("segment_semantic"), &example)
            .unwrap()
            .is_none()
    );
    assert!(Label::of(task("jigsaw"), &example).is_err());
    let camera = concert_models::Intrinsics {
        fx: 5.0,
        fy: 5.0,
        cx: 3.5,
        cy: 2.5,
        width: 16,
        height: 12,
    };
    let data = DataSet::open(folder.path())
        .unwrap()
        .with_intrinsics(camera);
    let scaled = data.sequences()[0].read(0).unwrap().intrinsics.unwrap();
    assert_eq!((scaled.fx, scaled.width), (2.5, 8));
}

#[test]
fn depth_of_another_size_is_scaled_and_of_another_shape_refused() {
    let folder = tempfile::tempdir().unwrap();
    one_frame(folder.path());
    let depth = folder.path().join("frame-000000.depth.png");
    save_grey16(&depth, 4, 3, |u, v| (1000 * (1 + u) + v) as u16);
    let example = read_first(folder.path()).unwrap();
    let metres = &example.depth.unwrap().metres;
    assert_eq!(metres[..8], [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
    save_grey16(&depth, 6, 6, |_, _| 1000);
    assert_refused(read_first(folder.path()), "is 6x6, but");
    assert_refused(read_first(folder.path()), "must have the same aspect ratio");
}

#[test]
fn depth_in_another_unit_is_refused_with_the_unit_that_would_fit() {
    let folder = tempfile::tempdir().unwrap();
    one_frame(folder.path());
    let depth = folder.path().join("frame-000000.depth.png");
    save_grey16(&depth, 8, 6, |_, _| 3);
    assert_refused(read_first(folder.path()), "median depth of 0.003 m");
    assert_refused(read_first(folder.path()), "times 1000 it would be 3 m");
    let data = DataSet::open(folder.path())
        .unwrap()
        .with_depth_units_per_metre(1.0);
    let example = data.sequences()[0].read(0).unwrap();
    assert!((example.depth.unwrap().metres[0] - 3.0).abs() < 1e-5);
    save_grey16(&depth, 8, 6, |_, _| 65_000);
    assert_refused(read_first(folder.path()), "times 0.2 it would be 13 m");
}

#[test]
fn damaged_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    one_frame(folder.path());
    let path = |name: &str| folder.path().join(name);
    fs::write(path("frame-000000.pose.txt"), "1 0 0").unwrap();
    let example = read_first(folder.path()).unwrap();
    assert_eq!(example.world_from_optical, None);
    let fault = example.pose_fault.unwrap();
    assert!(
        fault.ends_with("has 3 numbers, but a pose has 4x4"),
        "{fault}"
    );
    fs::remove_file(path("frame-000000.pose.txt")).unwrap();
    fs::write(path("camera-intrinsics.txt"), "-5 0 3 0 5 3 0 0 1").unwrap();
    assert_refused(read_first(folder.path()), "fx must be finite and above 0");
    fs::write(path("camera-intrinsics.txt"), "5 0 3 0 5 3 0 0").unwrap();
    assert_refused(
        read_first(folder.path()),
        "has 8 numbers, but must have 3x3",
    );
    fs::remove_file(path("camera-intrinsics.txt")).unwrap();
    fs::write(path("frame-000000.depth.png"), b"\x89PNG\r\n\x1a\nrest").unwrap();
    assert_refused(
        read_first(folder.path()),
        "frame-000000.depth.png: PNG picture cannot",
    );
    save_colour(&path("frame-000000.depth.png"), 8, 6);
    assert_refused(read_first(folder.path()), "must be PNG with 16-bit grey");
    fs::write(path("frame-000000.color.png"), b"").unwrap();
    assert_refused(
        read_first(folder.path()),
        "frame-000000.color.png: picture is empty",
    );
    let error = DataSet::open(folder.path()).unwrap().sequences()[0]
        .read(1)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has 1 frames, but number 1 was asked for")
    );
}

#[test]
fn a_pose_that_nobody_asked_for_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    one_frame(folder.path());
    let pose = "-inf ".repeat(16);
    fs::write(folder.path().join("frame-000000.pose.txt"), pose).unwrap();
    let example = read_first(folder.path()).unwrap();
    assert_eq!(
        (example.world_from_optical, example.pose_fault),
        (None, None)
    );
}

#[test]
fn a_damaged_record_costs_that_record_and_too_many_the_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = |frame: usize, what: &str| folder.path().join(format!("frame-{frame:06}.{what}"));
    for frame in 0..30 {
        save_colour(&path(frame, "color.png"), 8, 6);
        save_grey16(&path(frame, "depth.png"), 8, 6, |_, _| 2000);
        save_colour(&path(frame, "normal.png"), 8, 6);
    }
    fs::write(
        folder.path().join("camera-intrinsics.txt"),
        "5 0 3 0 5 3 0 0 1",
    )
    .unwrap();
    let all: Vec<_> = (0..30).map(|frame| (0, frame)).collect();
    let sound = |targets: &[&str]| -> Result<_, String> {
        let data = DataSet::open(folder.path()).unwrap();
        let targets: Vec<_> = targets.iter().map(|name| task(name)).collect();
        let sound = data.sound_frames(&all, &targets);
        let sound = sound.map_err(|error| error.to_string())?;
        Ok((data.exclude(&sound).frames(), sound))
    };
    // Also the first, whose size tells what the intrinsics belong to.
    fs::write(path(0, "color.png"), b"\x89PNG\r\n\x1a\nrest").unwrap();
    fs::write(path(7, "depth.png"), b"").unwrap();
    fs::write(path(9, "normal.png"), b"no picture").unwrap();
    let (left, found) = sound(&["depth_zbuffer"]).unwrap();
    assert_eq!(
        (left, found.frames.len(), found.left_out.len()),
        (28, 28, 2)
    );
    assert!(found.left_out[0].name.ends_with("/frame-000000"));
    assert!(found.left_out[1].reason.contains("frame-000007.depth.png"));
    let (_, found) = sound(&["depth_zbuffer", "normal"]).unwrap();
    assert_eq!(found.left_out.len(), 3);
    fs::write(path(20, "color.png"), b"").unwrap();
    let error = sound(&["normal"]).unwrap_err();
    assert!(
        error.starts_with(
            "4 of 30 frames cannot be read, but at most 3 may be left out; the first: "
        ) && error.contains("frame-000000.color.png"),
        "{error}"
    );
    // A unit is the whole set's, not one frame's.
    save_grey16(&path(1, "depth.png"), 8, 6, |_, _| 3);
    assert_refused(sound(&[]), "rooms are 0.05 to 60 m deep");
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_in_a_data_set_is_refused_at_once() {
    for name in [
        "groundtruth.txt",
        "depth.txt",
        "rgb/0.png",
        "camera-intrinsics.txt",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("rgb")).unwrap();
        save_colour(&path("rgb/0.png"), 8, 6);
        fs::write(path("rgb.txt"), "0.0 rgb/0.png\n").unwrap();
        let _ = fs::remove_file(path(name));
        let made = std::process::Command::new("mkfifo")
            .arg(path(name))
            .status();
        assert!(made.unwrap().success());
        let data = DataSet::open(folder.path());
        let read = data.and_then(|data| {
            data.hash()?;
            data.sequences()[0].read(0).map(|_| ())
        });
        let read = read.map_err(|error| error.to_string());
        assert_refused(read, &format!("{name} is no regular file"));
    }
}

#[test]
fn the_room_of_a_simulated_frame_is_its_class_of_scene() {
    let folder = tempfile::tempdir().unwrap();
    one_frame(folder.path());
    let layout = folder.path().join("frame-000000.layout.json");
    let with = |more: &str| {
        let text = format!(r#"{{"layout":{{"cuboid":[0,0,3,0,0,0,4,2.5,5]}}{more}}}"#);
        fs::write(&layout, text).unwrap();
        let example = read_first(folder.path()).unwrap();
        Label::of(task("class_scene"), &example)
    };
    let kitchen = with(r#","scene":1"#).unwrap().unwrap();
    assert_eq!((kitchen.values.as_slice(), kitchen.width), (&[1.0][..], 1));
    // Data sets of earlier versions say nothing.
    assert!(with("").unwrap().is_none());
    let absurd = with(r#","scene":99999"#).unwrap_err().to_string();
    assert!(
        absurd.contains("has scene 99999, but must be below"),
        "{absurd}"
    );
    let mut survey = Survey::new(task("class_scene"));
    survey.add(Some(&kitchen));
    survey.check_classes(2).unwrap();
    let beyond = survey.check_classes(1).unwrap_err().to_string();
    assert!(
        beyond.contains("class number 1, but the data set lists 1 classes"),
        "{beyond}"
    );
}

#[test]
fn label_files_come_before_what_depth_would_say() {
    let folder = tempfile::tempdir().unwrap();
    one_frame(folder.path());
    let path = |name: &str| folder.path().join(format!("frame-000000.{name}"));
    let normal = image::RgbImage::from_pixel(8, 6, image::Rgb([128, 128, 0]));
    normal.save(path("normal.png")).unwrap();
    let classes =
        image::GrayImage::from_fn(8, 6, |u, _| image::Luma([[0, 7, 255][u as usize % 3]]));
    classes.save(path("semantic.png")).unwrap();
    let bent = image::RgbImage::from_pixel(8, 6, image::Rgb([127, 30, 127]));
    bent.save(path("curvature.png")).unwrap();
    let cuboid = "[0.5,0,3,0.1,0.2,0.3,4,2.5,5]";
    fs::write(
        path("layout.json"),
        format!(r#"{{"layout":{{"cuboid":{cuboid}}}}}"#),
    )
    .unwrap();
    let example = read_first(folder.path()).unwrap();
    let of = |name: &str| Label::of(task(name), &example).unwrap();
    let normal = of("normal").unwrap();
    assert!((normal.plane(2)[0] + 1.0).abs() < 1e-3 && normal.plane(0)[0].abs() < 0.01);
    let classes = of("segment_semantic").unwrap();
    assert!(classes.values[0].is_nan() && classes.values[2].is_nan());
    assert_eq!(classes.values[1], 7.0);
    let bent = of("curvature").unwrap();
    assert!(bent.plane(0)[0].abs() < 1e-6 && bent.plane(1)[0] < -9.0);
    let layout = of("room_layout").unwrap();
    assert_eq!(
        layout.values,
        [0.5, 0.0, 3.0, -0.1, -0.2, -0.3, 4.0, 2.5, 5.0]
    );
    assert!(of("vanishing_point").is_none());
    // A picture of classes must hold numbers, not colours.
    save_colour(&path("semantic.png"), 8, 6);
    let error = Label::of(task("segment_semantic"), &example)
        .unwrap_err()
        .to_string();
    assert!(error.contains("must be PNG with 8-bit grey"), "{error}");
}

#[test]
fn a_true_room_says_how_much_of_each_side_the_picture_shows() {
    let folder = tempfile::tempdir().unwrap();
    save_colour(&folder.path().join("frame-000000.color.png"), 16, 8);
    // Of the pixels looked at in each row, 2 m, unknown, 2 m and 1 m.
    let depth = |u: u32, _| [2000, 0, 2000, 1000][u as usize / 4];
    save_grey16(&folder.path().join("frame-000000.depth.png"), 16, 8, depth);
    let path = |name: &str| folder.path().join(name);
    let intrinsics = "16 0 7.5\n0 16 3.5\n0 0 1\n";
    let cuboid = "[0,0,1,0,0,0,9,9,2]";
    let layout = format!(r#"{{"layout":{{"cuboid":{cuboid}}}}}"#);
    fs::write(path("frame-000000.layout.json"), layout).unwrap();
    let blind = read_first(folder.path()).unwrap();
    let label = |example: &Example| Label::of(task("room_layout"), example).unwrap().unwrap();
    assert_eq!(label(&blind).values.len(), 9, "no camera is known");
    fs::write(path("camera-intrinsics.txt"), intrinsics).unwrap();
    let label = label(&read_first(folder.path()).unwrap());
    assert_eq!(label.channels, 15);
    let third = 2.0 / 3.0;
    assert_eq!(label.values[9..], [0.0, 0.0, 0.0, 0.0, 0.0, third]);
}

#[test]
fn tum_lists_are_joined_by_stamp() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    for name in ["a.png", "b.png", "c.png"] {
        save_colour(&folder.path().join(name), 8, 6);
    }
    save_grey16(&folder.path().join("d.png"), 8, 6, |_, _| 10_000);
    write(
        "rgb.txt",
        "# stamp file\n1.00 a.png\n1.10 b.png\n1.20 c.png\n",
    );
    write("depth.txt", "1.095 d.png\n");
    write(
        "groundtruth.txt",
        "0.99 0 0 0 0 0 0 1\n1.01 2 0 0 0 0 0 1\n",
    );
    let data = DataSet::open(folder.path()).unwrap();
    let read = |index: usize| data.sequences()[0].read(index).unwrap();
    assert_eq!(read(1).depth.unwrap().metres[0], 2.0, "1/5000 m");
    assert!(read(0).depth.is_none());
    let x = read(0).world_from_optical.unwrap().translation.x;
    assert!((x - 1.0).abs() < 1e-9);
    assert!(read(2).world_from_optical.is_none());
    assert_eq!(data.sequences()[0].stamps(), Some(vec![1.0, 1.1, 1.2]));
    let open = || DataSet::open(folder.path()).map_err(|error| error.to_string());
    write("depth.txt", "9.0 d.png\n");
    assert_refused(open(), "is within 0.02 s of one of");
    write("depth.txt", "1.0 ../../secret.png\n");
    assert_refused(
        open(),
        "depth.txt line 1: \"../../secret.png\" leads out of the folder",
    );
    write("depth.txt", "1.0 d.png\nx d.png\n");
    assert_refused(open(), "line 2: stamp \"x\" is not a finite number");
    write("rgb.txt", "1.0 a.png\n1.0 b.png\n");
    assert_refused(
        open(),
        "lines 1 and 2 both have stamp 1, but stamps must differ",
    );
    write("rgb.txt", "1.0\n");
    assert_refused(open(), "line 1: is not a stamp and a file");
}

#[test]
fn a_list_of_a_million_lines_is_read_in_bounded_memory_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for line in 0..1_000_001 {
        text.push_str(&format!("{line} a.png\n"));
    }
    fs::write(folder.path().join("rgb.txt"), text).unwrap();
    let error = DataSet::open(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("rgb.txt has more than the 1000000 entries allowed"),
        "{error}"
    );
}

#[test]
fn classes_are_numbered_by_name_and_bad_tables_refused_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| fs::write(folder.path().join("labels.csv"), text).unwrap();
    for name in ["a.png", "b.png"] {
        save_colour(&folder.path().join(name), 8, 6);
    }
    write("File,Class,by\na.png,kitchen,me\n\"b.png\",\"bath, small\",me\n");
    let data = DataSet::open(folder.path()).unwrap();
    assert_eq!(data.classes().unwrap(), ["bath, small", "kitchen"]);
    let example = data.sequences()[0].read(0).unwrap();
    assert_eq!(example.class, Some(1));
    let label = Label::of(task("class_scene"), &example).unwrap().unwrap();
    assert_eq!(
        (label.values.as_slice(), label.width),
        ([1.0].as_slice(), 1)
    );
    let open = || DataSet::open(folder.path()).map_err(|error| error.to_string());
    write("name,kind\na.png,x\n");
    assert_refused(open(), "must name the columns file and class");
    write("file,class\na.png,x\na.png,y\n");
    assert_refused(open(), "line 3: a.png stands in line 2 already");
    write("file,class\n../a.png,x\n");
    assert_refused(open(), "leads out of the folder");
    write("file,class\na.png\n");
    assert_refused(open(), "line 2: has 1 columns, but the header has more");
    write("file,class\n");
    assert_refused(open(), "has no row below its header");
}

#[test]
fn folders_of_sequences_are_one_data_set_and_its_hash_tells_changes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["seq-02", "seq-10"] {
        let path = folder.path().join("kitchen").join(name);
        fs::create_dir_all(&path).unwrap();
        one_frame(&path);
    }
    let data = DataSet::open(folder.path()).unwrap();
    let names: Vec<_> = data.sequences().iter().map(Sequence::name).collect();
    assert_eq!(names, ["kitchen/seq-02", "kitchen/seq-10"]);
    let hash = data.hash().unwrap();
    assert_eq!((hash.len(), &data.hash().unwrap()), (64, &hash));
    assert_ne!(data.hash_of([(0, 0)]).unwrap(), hash);
    let moved = folder.path().join("kitchen");
    let renamed = tempfile::tempdir().unwrap();
    fs::rename(&moved, renamed.path().join("kitchen")).unwrap();
    assert_eq!(DataSet::open(renamed.path()).unwrap().hash().unwrap(), hash);
    let depth = renamed.path().join("kitchen/seq-10/frame-000000.depth.png");
    save_grey16(&depth, 8, 6, |_, _| 1234);
    assert_ne!(DataSet::open(renamed.path()).unwrap().hash().unwrap(), hash);
}

#[test]
fn labels_that_teach_nothing_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    one_frame(folder.path());
    let example = read_first(folder.path()).unwrap();
    let depth = task("depth_zbuffer");
    let label = Label::of(depth, &example).unwrap().unwrap();
    let check = |labels: &[Option<&Label>]| {
        let mut survey = Survey::new(depth);
        labels.iter().for_each(|label| survey.add(*label));
        survey.check().map_err(|error| error.to_string())
    };
    let constant = Label {
        values: vec![1.5; 48],
        ..label.clone()
    };
    let unknown = Label {
        values: vec![f32::NAN; 48],
        ..label.clone()
    };
    assert!(check(&[Some(&label), Some(&label)]).is_ok());
    assert_refused(
        check(&[None, None]),
        "depth_zbuffer: none of 2 frames has a label",
    );
    assert_refused(check(&[Some(&label)]), "only 1 of 1 frames has a label");
    assert_refused(
        check(&[Some(&constant), Some(&constant)]),
        "every known value of 2 labels is 1.5",
    );
    assert_refused(
        check(&[Some(&unknown), Some(&unknown)]),
        "no value is known in any of 2 labels",
    );
}
