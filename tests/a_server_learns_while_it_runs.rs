//! `concert serve --learn`: a readout that is wrong where the robot is gives way
//! to one learnt there, returns on request, and what was learnt outlives the
//! process. What cannot be kept or learnt costs nothing but that.

mod common;

use std::path::Path;
use std::time::Duration;

use common::program::{Running, driven_robot, free_endpoint, run, written};
use common::repository;
use concert_fitting::dataset::{Label, LabelKind};
use concert_fitting::fit::{FitNotes, LinearFit, Representation, RepresentationLayout};
use concert_models::card::{Card, FitData};
use concert_policies::Task;
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{MessageOptions, MessagePublisher, SessionOptions, open_session};
use concert_runtime::wire::common::Header;
use concert_runtime::wire::sensor_msgs::Image;
use serde_json::Value;

const PREFIX: &str = "learning/perception";
const STEM: &str = "depth_zbuffer_from_efficientnet_lite0";
const SIZE: (u32, u32) = (96, 72);

/// A readout that says 20 m whatever it sees, as the variant `far`.
fn write_far_readout(root: &Path) {
    let card = repository().join("models/encoders/efficientnet_lite0.toml");
    let text = std::fs::read_to_string(card).unwrap();
    let Ok(Card::Encoder(encoder)) = Card::parse(&text, "card") else {
        panic!("not an encoder's card");
    };
    let layout = RepresentationLayout::of(&[&encoder]).unwrap();
    let frame = |seed: usize| -> Representation {
        let levels = encoder.levels.iter().map(|level| {
            let count: usize = level.shape.iter().product();
            let value = |at: usize| ((at * 31 + seed * 17) % 97) as f32 / 97.0;
            (0..count).map(value).collect::<Vec<f32>>()
        });
        let levels: Vec<Vec<f32>> = levels.collect();
        let levels: Vec<&[f32]> = levels.iter().map(Vec::as_slice).collect();
        layout.represent(&levels).unwrap()
    };
    let frames: Vec<Representation> = (0..2).map(frame).collect();
    let target = Task::find("depth_zbuffer").unwrap();
    let mut linear = LinearFit::new(target, &layout, None, &frames).unwrap();
    let mut statistics = linear.statistics().unwrap();
    let label = Label {
        channels: 1,
        width: 72,
        height: 56,
        values: vec![20.0; 72 * 56],
        kind: LabelKind::Depth,
    };
    for frame in &frames {
        linear.add(&mut statistics, frame, &label, None, 1.0);
    }
    let readout = linear.readout(&statistics, 10.0).unwrap();
    let data = vec![FitData::new("nothing".into(), "0".repeat(64), 2)];
    let notes = FitNotes::new(Some("far".into()), 1.0, 1, data);
    readout.save(root, &notes).unwrap();
}

/// A few frames of a floor and a wall with depth, layout "frames"; one frame
/// has none.
fn write_frames(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let (width, height) = SIZE;
    for number in 0..9u32 {
        let horizon = 20 + 3 * number;
        let metres = |x: u32, y: u32| match y < horizon {
            true => 3.0 + 0.004 * x as f32,
            false => 3.0 * horizon as f32 / y as f32,
        };
        let colour = image::RgbImage::from_fn(width, height, |x, y| {
            let shade = (60.0 * metres(x, y)) as u8;
            let tile = 40 * ((x / 12 + y / 12) % 2) as u8;
            match y < horizon {
                true => image::Rgb([shade, 90, 60 + tile]),
                false => image::Rgb([30 + tile, shade, 120]),
            }
        });
        let name = format!("frame-{number:06}");
        colour
            .save(folder.join(format!("{name}.color.png")))
            .unwrap();
        if number == 4 {
            continue;
        }
        let depth = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(width, height, |x, y| {
            image::Luma([(1000.0 * metres(x, y)) as u16])
        });
        depth
            .save(folder.join(format!("{name}.depth.png")))
            .unwrap();
    }
    let intrinsics = "80 0 47.5\n0 80 35.5\n0 0 1\n";
    std::fs::write(folder.join("camera-intrinsics.txt"), intrinsics).unwrap();
}

/// A policy with the readout that is wrong, and a launch file that learns from
/// this camera and keeps what it learnt in `state`.
fn write_learning(root: &Path, camera: &str, state: &str) -> String {
    write_far_readout(&root.join("models"));
    let policy = "name = \"wrong\"\nsupervision_budget = 1\n[[transfer]]\ntarget = \
                  \"depth_zbuffer\"\nsources = [\"efficientnet_lite0\"]\nreadout = \"far\"\n";
    written(root, "wrong.toml", policy);
    let launch = format!(
        "policy = \"wrong.toml\"\nmodels = [\"models\"]\n[[camera]]\nname = \"front\"\n{camera}\n\
         [learn]\ntargets = [\"depth_zbuffer\"]\nfolder = \"{state}\"\nrefit_every_millis = 500\n\
         interval_millis = 0\nblock_millis = 300\nblock_frames = 6\ndescent_steps = 0\n"
    );
    written(root, "launch.toml", &launch)
}

/// The same from a folder of frames.
fn write_launch(root: &Path, state: &str) -> String {
    write_frames(&root.join("frames"));
    let camera = "kind = \"images\"\npaths = [\"frames\"]\nrate_hz = 10\nrepeat = true";
    write_learning(root, camera, state)
}

fn ask(endpoint: &str, word: &str) -> Value {
    let output = run(&[
        "learn",
        word,
        "--connect",
        endpoint,
        "--prefix",
        PREFIX,
        "--json",
    ]);
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Asks for the status until it is as wanted; the server may take its time.
fn until(endpoint: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..240 {
        last = ask(endpoint, "status")["learning"]
            .get(0)
            .cloned()
            .unwrap_or_default();
        if last.is_object() && wanted(&last) {
            return last;
        }
        thread::sleep(Duration::from_millis(250));
    }
    panic!("never came to it: {last}");
}

fn serve(launch: &str, endpoint: &str, more: &[&str]) -> Running {
    let mut arguments = vec![
        "serve", launch, "--json", "--listen", endpoint, "--prefix", PREFIX,
    ];
    arguments.extend(more);
    Running::start(&arguments)
}

fn is_learnt(one: &Value) -> bool {
    let serving = one["serving"].as_str().unwrap_or_default();
    serving.starts_with(&format!("{STEM}@learnt_"))
}

/// What was judged is told a moment after the exchange.
fn is_learnt_and_told(one: &Value) -> bool {
    is_learnt(one) && one["candidate_error"].is_number()
}

#[test]
fn a_wrong_readout_gives_way_to_a_learnt_one_returns_on_request_and_learning_goes_on_after_a_restart()
 {
    let folder = tempfile::tempdir().unwrap();
    let launch = write_launch(folder.path(), "state");
    let picture = folder.path().join("curve.svg");
    let picture = picture.display().to_string();
    let endpoint = free_endpoint();
    let server = serve(&launch, &endpoint, &["--learn-curve", &picture]);
    let learnt = until(&endpoint, is_learnt_and_told);
    let error = |of: &Value, name: &str| of[name].as_f64().unwrap();
    assert!(error(&learnt, "first_error") > 3.0, "{learnt}");
    assert!(error(&learnt, "candidate_error") < 1.0, "{learnt}");
    assert!(learnt["without_depth"].as_u64() > Some(0), "{learnt}");

    let restored = ask(&endpoint, "restore");
    assert_eq!(restored["status"], "restored", "{restored}");
    let one = &restored["learning"][0];
    assert_eq!(one["serving"], format!("{STEM}@far"), "{restored}");
    assert_eq!(one["paused"], true, "{restored}");
    // Nothing takes over while it is paused, though two refits would be due: one
    // that was under way may still end.
    let paused = until(&endpoint, |_| true);
    thread::sleep(Duration::from_secs(2));
    let later = until(&endpoint, |_| true);
    let refits = |of: &Value| of["refits"].as_u64().unwrap();
    assert!(
        refits(&later) <= refits(&paused) + 1,
        "{later} after {paused}"
    );
    assert_eq!(later["serving"], format!("{STEM}@far"), "{later}");
    assert_eq!(ask(&endpoint, "resume")["status"], "resumed");
    let again = until(&endpoint, is_learnt);

    let (code, stdout, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert!(report["figures"]["swaps"].as_u64() >= Some(3), "{stderr}");
    let figures = &report["figures"]["learning"][0];
    assert!(is_learnt(figures), "{figures}");
    let curve = report["learning"]["targets"][0]["curve"]
        .as_array()
        .unwrap();
    assert!(curve.iter().any(|point| point["exchanged"] == true));
    let drawn = std::fs::read_to_string(&picture).unwrap();
    assert!(drawn.contains(">learnt<") && drawn.contains(">served<"));
    let table = std::fs::read_to_string(picture.replace(".svg", ".csv")).unwrap();
    assert_eq!(table.lines().count(), curve.len() + 1);
    let serving = figures["serving"].as_str().unwrap();
    let card = folder.path().join(format!("state/readouts/{serving}.toml"));
    let card = std::fs::read_to_string(card).unwrap();
    assert!(card.contains("concert serve --learn") && card.contains("abs_rel"));

    // Begun again, it serves what was learnt, and has forgotten nothing.
    let server = serve(&launch, &endpoint, &[]);
    let begun = until(&endpoint, is_learnt);
    assert!(
        begun["learnt"].as_u64() >= again["learnt"].as_u64(),
        "{begun} after {again}"
    );
    let (code, _, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("goes on from"), "{stderr}");
}

/// The same from a robot on the bus.
fn write_driven(root: &Path, robot: &str) -> String {
    let camera = format!(
        "kind = \"zenoh\"\nkey = \"driven/front/image\"\ndepth_key = \"driven/front/depth\"\n\
         camera_info_key = \"driven/front/camera_info\"\n[zenoh]\nconnect = [\"{robot}\"]"
    );
    write_learning(root, &camera, "state")
}

/// An image or a depth image of this size, of now.
fn picture(encoding: &'static str, (width, height): (u32, u32)) -> Image<'static> {
    let step = width * if encoding == "rgb8" { 3 } else { 4 };
    let metres = 2.0f32.to_le_bytes();
    let bytes = metres.into_iter().cycle().take((step * height) as usize);
    Image {
        header: Header {
            stamp: SystemClock::start().now(),
            frame_id: "front_optical".to_owned(),
        },
        height,
        width,
        encoding: encoding.into(),
        is_bigendian: false,
        step,
        data: bytes.collect::<Vec<u8>>().into(),
    }
}

#[test]
fn a_robot_on_the_bus_is_learnt_from_its_depth_and_frames_without_are_served_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (robot_at, endpoint) = (free_endpoint(), free_endpoint());
    let small = ["--size", "96x72", "--rate", "10"];
    let robot = driven_robot(&robot_at, "driven", &small);
    let launch = write_driven(folder.path(), &robot_at);
    let server = serve(&launch, &endpoint, &[]);
    let learnt = until(&endpoint, is_learnt_and_told);
    let error = |name: &str| learnt[name].as_f64().unwrap();
    assert!(
        error("candidate_error") < 0.5 * error("first_error"),
        "{learnt}"
    );
    let restored = ask(&endpoint, "restore");
    assert_eq!(restored["status"], "restored", "{restored}");
    let one = &restored["learning"][0];
    assert_eq!(one["serving"], format!("{STEM}@far"), "{restored}");
    assert_eq!(ask(&endpoint, "resume")["status"], "resumed");
    until(&endpoint, is_learnt);
    let (code, _, stderr) = robot.terminate();
    assert_eq!(code, Some(0), "{stderr}");

    // In the robot's place: images without depth, then with depth of another
    // size. They are served and counted, and nothing is learnt of them.
    let session = open_session(&SessionOptions::client(&endpoint, Duration::from_secs(20)));
    let options = MessageOptions {
        prefix: "driven/front".to_owned(),
        keys: vec!["image".to_owned(), "depth".to_owned()],
        shared_memory_bytes: 0,
        claim: None,
    };
    let session = session.unwrap();
    let mut publisher = MessagePublisher::open(session.clone(), &options).unwrap();
    let mut learnt = Vec::new();
    // After the first round, the robot's last frames were looked at.
    for depth in [None, None, Some((48, 36))] {
        let count = |one: &Value| one["without_depth"].as_u64().unwrap();
        let then = count(&until(&endpoint, |_| true));
        let mut left = 200;
        while count(&until(&endpoint, |_| true)) < then + 2 {
            left -= 1;
            assert!(left > 0, "frames with depth {depth:?} were not counted");
            for _ in 0..3 {
                let image = picture("rgb8", SIZE);
                if let Some(size) = depth {
                    let mut depth = picture("32FC1", size);
                    depth.header.stamp = image.header.stamp;
                    publisher.publish("depth", &depth).unwrap();
                }
                publisher.publish("image", &image).unwrap();
                thread::sleep(Duration::from_millis(60));
            }
        }
        learnt.push(until(&endpoint, |_| true)["learnt"].clone());
    }
    assert_eq!(learnt[0], learnt[1]);
    assert_eq!(learnt[1], learnt[2]);
    let (code, stdout, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("no depth came"), "{stderr}");
    assert!(stderr.contains("depth must be registered"), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let steps = &report["figures"]["steps"]["beside"];
    assert!(steps["count"].as_u64() > Some(0), "{steps}");
}

#[test]
fn what_cannot_be_kept_is_said_once_and_counted_and_the_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    // A file stands where the folder should be.
    std::fs::write(folder.path().join("state"), "").unwrap();
    let launch = write_launch(folder.path(), "state");
    let endpoint = free_endpoint();
    let server = serve(&launch, &endpoint, &[]);
    let failing = until(&endpoint, |one| one["failed_writes"].as_u64() >= Some(1));
    assert_eq!(failing["serving"], format!("{STEM}@far"), "{failing}");
    let fault = failing["last_fault"].as_str().unwrap();
    assert!(fault.contains("cannot be written"), "{failing}");
    let later = until(&endpoint, |one| {
        one["observed"].as_u64() > failing["observed"].as_u64()
    });
    assert_eq!(later["exchanges"], 0, "{later}");
    let (code, stdout, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["figures"]["swaps"], 0);
    // At the end statistics could not be kept either.
    let failed = report["figures"]["learning"][0]["failed_writes"].as_u64();
    assert!(failed >= Some(2), "{stderr}");
    let said = stderr.matches("cannot be kept").count();
    assert_eq!(said, 1, "{stderr}");
}

#[test]
fn what_cannot_be_learnt_is_refused_before_anything_runs() {
    let refused = |arguments: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let endpoint = free_endpoint();
    let listen = ["--listen", endpoint.as_str(), "--learn"];
    let serve = |policy: &str, target: &str| {
        refused(&[&["serve", policy], &listen[..], &[target]].concat())
    };
    let photographs = common::repository().join("tests/photographs");
    let camera = ["--camera", photographs.to_str().expect("UTF-8")];
    let blind = refused(
        &[
            &["serve", "home"],
            &camera[..],
            &listen[..],
            &["depth_zbuffer"],
        ]
        .concat(),
    );
    assert!(
        blind.contains("at least 1 camera with depth") && blind.contains("front of kind images"),
        "{blind}"
    );
    let foreign = serve("home", "class_scene");
    assert!(foreign.contains("depth alone says nothing"), "{foreign}");
    let folder = tempfile::tempdir().unwrap();
    let launch = folder.path().join("apartment.toml");
    let text = "policy = \"first_light\"\n[[camera]]\nname = \"front\"\nkind = \"apartment\"\n";
    std::fs::write(&launch, text).unwrap();
    let launch = launch.display().to_string();
    let absent = serve(&launch, "depth_zbuffer");
    assert!(
        absent.contains("policy first_light has no transfer to depth_zbuffer"),
        "{absent}"
    );
    let nowhere = run(&["learn", "status", "--connect", &free_endpoint()]);
    let stderr = String::from_utf8_lossy(&nowhere.stderr);
    assert_eq!(nowhere.status.code(), Some(1), "{stderr}");
}
