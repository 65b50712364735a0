use super::super::intrinsics_file::INTRINSICS_FILE;
use super::*;
use crate::clock::ManualClock;
use std::fs;

/// A PNG of `width` × `height` px, `level` in every channel.
fn png(width: u32, height: u32, level: u8) -> Vec<u8> {
    let pixels = image::RgbImage::from_pixel(width, height, image::Rgb([level; 3]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    pixels
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

struct Scene {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Scene {
    fn new(files: &[(&str, Vec<u8>)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(5_000)));
        Self { folder, clock }
    }

    fn open(&self, options: ImagesOptions) -> Result<ImagesCamera, CameraError> {
        let source = ImageSource::at(self.folder.path());
        ImagesCamera::open(source, options, self.clock.clone())
    }

    /// Takes what comes in each of the next `count` periods of 100 ms.
    fn play(&self, camera: &mut ImagesCamera, count: usize) -> Vec<Capture> {
        let next = |_| {
            let capture = camera.next_frame(Duration::ZERO);
            assert!(!matches!(capture, Capture::Nothing), "a slot is due");
            if !matches!(capture, Capture::Ended) {
                let early = camera.next_frame(Duration::ZERO);
                assert!(matches!(early, Capture::Nothing | Capture::Ended));
            }
            self.clock.advance(Duration::from_millis(100));
            capture
        };
        (0..count).map(next).collect()
    }
}

fn at_10_hz() -> ImagesOptions {
    ImagesOptions {
        rate_hz: 10.0,
        ..ImagesOptions::default()
    }
}

fn frame(capture: &Capture) -> &Frame {
    match capture {
        Capture::Frame(frame) => frame,
        other => panic!("expected a frame, got {other:?}"),
    }
}

#[test]
fn images_come_in_natural_order_and_then_end() {
    let scene = Scene::new(&[("10.png", png(4, 2, 10)), ("9.png", png(4, 2, 9))]);
    let options = ImagesOptions {
        rounds: Rounds::Once,
        ..at_10_hz()
    };
    let mut camera = scene.open(options).unwrap();
    let captures = scene.play(&mut camera, 3);
    for (capture, (sequence, level)) in captures.iter().zip([(0, 9), (1, 10)]) {
        let frame = frame(capture);
        assert_eq!(frame.sequence, sequence);
        assert_eq!(frame.image.row(1)[0], level);
        assert_eq!(frame.arrived, Duration::from_millis(100 * sequence));
        let nanos = 5_000 + 100_000_000 * sequence as i64;
        assert_eq!(frame.stamp, Timestamp::from_nanos(nanos));
    }
    assert!(matches!(captures[2], Capture::Ended));
}

#[test]
fn several_folders_are_played_one_after_the_other_each_with_its_intrinsics() {
    let scene = Scene::new(&[("0.png", png(4, 2, 1))]);
    let other = Scene::new(&[
        ("0.png", png(4, 2, 2)),
        ("camera-intrinsics.txt", b"3 0 1 0 3 1 0 0 1".to_vec()),
    ]);
    let alone = other.folder.path().join("alone.png");
    fs::write(&alone, png(4, 2, 3)).unwrap();
    let paths = [scene.folder.path(), other.folder.path(), &alone].map(Path::to_owned);
    let options = ImagesOptions {
        rounds: Rounds::Once,
        ..at_10_hz()
    };
    let source = ImageSource::at_each(&paths);
    let mut camera = ImagesCamera::open(source, options, scene.clock.clone()).unwrap();
    let played = scene.play(&mut camera, 5);
    let seen = |capture: &Capture| {
        let frame = frame(capture);
        (
            frame.image.bytes()[0],
            frame.intrinsics.map(|known| known.fx),
        )
    };
    let seen: Vec<_> = played[..4].iter().map(seen).collect();
    assert_eq!(
        seen,
        [(1, None), (2, Some(3.0)), (3, Some(3.0)), (3, Some(3.0))]
    );
    assert!(matches!(played[4], Capture::Ended));
}

#[test]
fn images_that_come_into_the_folder_later_are_seen() {
    for rounds in [Rounds::Once, Rounds::Endless] {
        let scene = Scene::new(&[("1.png", png(2, 2, 1))]);
        let options = ImagesOptions {
            rounds,
            ..at_10_hz()
        };
        let mut camera = scene.open(options).unwrap();
        let level = |capture: &Capture| frame(capture).image.bytes()[0];
        assert_eq!(level(&scene.play(&mut camera, 1)[0]), 1);
        fs::write(scene.folder.path().join("0.png"), png(2, 2, 7)).unwrap();
        scene.clock.advance(LOOK_AGAIN);
        assert_eq!(level(&scene.play(&mut camera, 1)[0]), 7, "{rounds:?}");
        let last = scene.play(&mut camera, 1);
        match rounds {
            Rounds::Once => assert!(matches!(last[0], Capture::Ended)),
            Rounds::Endless => assert_eq!(level(&last[0]), 1),
        }
    }
}

#[test]
fn time_never_runs_back_when_stamped_files_start_over() {
    let scene = Scene::new(&[
        ("1311868169.900000.png", png(4, 2, 1)),
        ("1311868170.000000.png", png(4, 2, 2)),
    ]);
    let options = ImagesOptions {
        stamps: Stamps::File,
        ..at_10_hz()
    };
    let mut camera = scene.open(options).unwrap();
    let stamps: Vec<String> = scene
        .play(&mut camera, 5)
        .iter()
        .map(|capture| frame(capture).stamp.to_string())
        .collect();
    let want = ["169.9", "170.0", "170.1", "170.2", "170.3"];
    let want = want.map(|seconds| format!("1311868{seconds}00000000"));
    assert_eq!(stamps, want);
}

#[test]
fn numbered_files_are_stamped_at_the_rate_from_the_opening() {
    let scene = Scene::new(&[
        ("frame-000007.color.png", png(4, 2, 1)),
        ("frame-000009.color.png", png(4, 2, 2)),
    ]);
    let options = ImagesOptions {
        stamps: Stamps::File,
        ..at_10_hz()
    };
    let mut camera = scene.open(options).unwrap();
    let captures = scene.play(&mut camera, 3);
    let nanos: Vec<i64> = captures.iter().map(|c| frame(c).stamp.nanos()).collect();
    assert_eq!(nanos, [5_000, 200_005_000, 300_005_000]);
}

#[test]
fn a_bad_file_is_refused_and_the_next_one_is_fine() {
    let whole = png(64, 48, 3);
    let truncated = whole[..whole.len() / 2].to_vec();
    let scene = Scene::new(&[
        ("1.png", truncated),
        ("2.png", b"no image at all".to_vec()),
        ("3.png", vec![0; 5000]),
        ("4.png", Vec::new()),
        ("5.png", whole),
    ]);
    fs::create_dir(scene.folder.path().join("45.png")).unwrap();
    for cache_bytes in [0, 1 << 20] {
        let options = ImagesOptions {
            limits: DecodeLimits {
                max_bytes: 4000,
                ..DecodeLimits::default()
            },
            cache_bytes,
            ..at_10_hz()
        };
        let mut camera = scene.open(options).unwrap();
        let captures = scene.play(&mut camera, 6);
        for (index, name) in ["1.png", "2.png", "3.png", "4.png"].iter().enumerate() {
            let Capture::Refused(fault) = &captures[index] else {
                panic!("{name} is not refused: {:?}", captures[index]);
            };
            assert!(fault.subject.ends_with(name), "{fault}");
        }
        let Capture::Refused(fault) = &captures[2] else {
            unreachable!()
        };
        assert_eq!(
            fault.reason,
            "file has 5000 bytes, but at most 4000 are allowed"
        );
        assert_eq!(frame(&captures[4]).sequence, 0);
        let Capture::Refused(fault) = &captures[5] else {
            panic!("a folder is not refused");
        };
        assert_eq!(fault.reason, "not a regular file");
    }
}

#[test]
fn a_header_of_65535_by_65535_is_refused() {
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0xff, 0xff, 0xff, 0xff, 3];
    jpeg.extend([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 0xff, 0xd9]);
    let scene = Scene::new(&[("1.jpg", jpeg), ("2.png", png(4, 2, 3))]);
    let mut camera = scene.open(at_10_hz()).unwrap();
    let captures = scene.play(&mut camera, 2);
    assert!(matches!(captures[0], Capture::Refused(_)));
    assert!(matches!(captures[1], Capture::Frame(_)));
}

#[test]
fn kept_images_are_played_without_their_files() {
    let scene = Scene::new(&[("1.png", png(4, 2, 1)), ("2.png", png(4, 2, 2))]);
    let options = ImagesOptions {
        cache_bytes: 4 * 2 * 3,
        ..at_10_hz()
    };
    let mut camera = scene.open(options).unwrap();
    for name in ["1.png", "2.png"] {
        fs::remove_file(scene.folder.path().join(name)).unwrap();
    }
    let captures = scene.play(&mut camera, 2);
    assert_eq!(frame(&captures[0]).image.bytes()[0], 1);
    let Capture::Refused(fault) = &captures[1] else {
        panic!("the bound of the kept bytes is not held");
    };
    assert!(
        fault.reason.starts_with("cannot read the file: "),
        "{fault}"
    );
}

#[test]
fn intrinsics_beside_the_images_belong_to_the_first_ones_size() {
    let matrix = b"5.375 0 3.1\n0 5.39 2.5\n0 0 1\n".to_vec();
    let scene = Scene::new(&[
        (INTRINSICS_FILE, matrix),
        ("1.png", png(6, 5, 1)),
        ("2.png", png(8, 5, 1)),
    ]);
    let mut camera = scene.open(at_10_hz()).unwrap();
    let captures = scene.play(&mut camera, 2);
    let found = frame(&captures[0]).intrinsics.unwrap();
    assert_eq!(
        (found.fx, found.fy, found.cx, found.cy),
        (5.375, 5.39, 3.1, 2.5)
    );
    assert_eq!((found.width, found.height), (6, 5));
    let Capture::Refused(fault) = &captures[1] else {
        panic!("an image of another size is not refused");
    };
    assert_eq!(
        fault.reason,
        "image is 8x5, but the camera's intrinsics are for 6x5"
    );
}

#[test]
fn a_file_that_is_no_camera_matrix_is_refused_at_opening() {
    for (text, rule) in [
        ("1 2 3", "has 3 numbers, but a camera matrix has 9"),
        ("1 0 0 0 1 0 0 0 nan", "\"nan\" is not a finite number"),
        ("0 0 0 0 1 0 0 0 1", "fx and fy above 0"),
    ] {
        let scene = Scene::new(&[(INTRINSICS_FILE, text.into()), ("1.png", png(4, 2, 1))]);
        let error = scene.open(at_10_hz()).err().unwrap().to_string();
        assert!(
            error.contains(INTRINSICS_FILE) && error.contains(rule),
            "{error}"
        );
    }
}

#[test]
fn real_recordings_are_played() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    for (name, size) in [("tum_fr2_desk", (640, 480)), ("corridor", (640, 480))] {
        let folder = data.join(name);
        if !folder.is_dir() {
            crate::skip::skip(format_args!("{name} is missing"));
            continue;
        }
        let clock = Arc::new(ManualClock::default());
        let options = ImagesOptions {
            stamps: Stamps::File,
            ..ImagesOptions::default()
        };
        let source = ImageSource::at(&folder);
        let mut camera = ImagesCamera::open(source, options, clock.clone()).unwrap();
        assert!(camera.len() >= 20);
        let mut last = None;
        for _ in 0..5 {
            let capture = camera.next_frame(Duration::ZERO);
            let frame = frame(&capture);
            assert_eq!((frame.image.width(), frame.image.height()), size);
            assert_eq!(frame.intrinsics.is_some(), name == "corridor");
            assert!(last < Some(frame.stamp), "stamps rise");
            last = Some(frame.stamp);
            clock.advance(Duration::from_millis(40));
        }
    }
}

/// A PNG of 16-bit grey, `millimetres` everywhere.
fn depth_png(width: u32, height: u32, millimetres: u16) -> Vec<u8> {
    let pixels = image::ImageBuffer::from_pixel(width, height, image::Luma([millimetres]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::ImageLuma16(pixels)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

#[test]
fn a_frame_carries_the_depth_image_of_its_own_name() {
    let files = [
        ("frame-000000.color.png", png(4, 2, 1)),
        ("frame-000000.depth.png", depth_png(4, 2, 1500)),
        ("frame-000001.color.png", png(4, 2, 2)),
        ("frame-000001.depth.png", depth_png(4, 2, 0)),
    ];
    let scene = Scene::new(&files);
    for cache_bytes in [0, 1 << 20] {
        let options = ImagesOptions {
            cache_bytes,
            ..at_10_hz()
        };
        let mut camera = scene.open(options).unwrap();
        let captures = scene.play(&mut camera, 2);
        let depth = |index: usize| frame(&captures[index]).depth.clone().expect("depth");
        assert_eq!(depth(0).metres, [1.5; 8]);
        assert!(depth(1).metres.iter().all(|metres| metres.is_nan()));
    }
    let options = ImagesOptions {
        depth: false,
        ..at_10_hz()
    };
    let mut camera = scene.open(options).unwrap();
    assert!(frame(&scene.play(&mut camera, 1)[0]).depth.is_none());
}

#[test]
fn depth_that_is_missing_broken_or_of_another_size_costs_the_depth_and_not_the_frame() {
    let files = [
        ("frame-000000.color.png", png(4, 2, 1)),
        ("frame-000001.color.png", png(4, 2, 2)),
        ("frame-000001.depth.png", b"no picture".to_vec()),
        ("frame-000002.color.png", png(4, 2, 3)),
        ("frame-000002.depth.png", depth_png(2, 1, 900)),
        ("frame-000003.color.png", png(4, 2, 4)),
        ("frame-000003.depth.png", depth_png(4, 2, 900)),
    ];
    let scene = Scene::new(&files);
    let mut camera = scene.open(at_10_hz()).unwrap();
    let captures = scene.play(&mut camera, 4);
    let has_depth = captures
        .iter()
        .map(|capture| frame(capture).depth.is_some());
    assert_eq!(has_depth.collect::<Vec<_>>(), [false, false, false, true]);
}
