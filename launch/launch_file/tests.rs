//! Every refusal names the file, the place, the entry, both quantities and the
//! rule. The texts are golden: whoever changes one changes what an operator
//! reads.

use std::path::Path;

use super::*;
use crate::cameras::{Apartment, Command, Zenoh};

const HEAD: &str = "policy = \"first_light\"\n";
const CAMERA: &str = "[[camera]]\nname = \"front\"\nkind = \"apartment\"\n";

#[track_caller]
fn refusal(text: &str) -> String {
    LaunchFile::parse(text, Path::new("front.toml"))
        .expect_err("a refusal")
        .to_string()
}

#[track_caller]
fn accepted(text: &str) -> LaunchFile {
    match LaunchFile::parse(text, Path::new("robots/front.toml")) {
        Ok(launch) => launch,
        Err(error) => panic!("{error}"),
    }
}

fn with_camera(rest: &str) -> String {
    format!("{HEAD}[[camera]]\nname = \"front\"\n{rest}\n")
}

#[test]
fn what_is_not_written_has_the_documented_default() {
    let launch = accepted(&format!("{HEAD}{CAMERA}"));
    assert_eq!(launch.providers(), [Provider::Cpu]);
    assert_eq!(launch.hang_limit(), Duration::from_secs(2));
    assert_eq!(launch.time_limit(), None);
    assert_eq!(launch.publish().prefix, "robot/perception");
    assert_eq!(launch.zenoh().listen, ["tcp/127.0.0.1:7448"]);
    assert_eq!(launch.zenoh().connect, ["tcp/127.0.0.1:7447"]);
    assert!(launch.zenoh().shared_memory);
    let camera = &launch.cameras()[0];
    assert_eq!(
        (camera.name(), camera.frame_id()),
        ("front", "front_optical")
    );
    assert_eq!(*camera.kind(), CameraKind::from(Apartment::default()));
}

#[test]
fn the_launch_of_a_policy_alone_is_what_an_empty_launch_file_says() {
    let mut written = accepted(&format!("{HEAD}{CAMERA}"));
    let default = LaunchFile::of_policy("first_light");
    written.origin.clone_from(&default.origin);
    written.folder.clone_from(&default.folder);
    assert_eq!(written, default);
}

#[test]
fn every_launch_file_that_ships_is_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("launch/robots");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if let Err(error) = LaunchFile::read(&path) {
            panic!("{error}");
        }
        count += 1;
    }
    assert!(count >= 2, "only {count} launch files");
}

#[test]
fn an_unknown_key_is_refused_with_the_known_ones() {
    assert_eq!(
        refusal(&format!("{HEAD}time_limit = 40\n{CAMERA}")),
        "front.toml:2:1: unknown field `time_limit`, expected one of `policy`, `models`, \
         `providers`, `threads`, `tuned`, `time_limit_millis`, `max_age_millis`, \
         `hang_limit_millis`, `camera`, `publish`, `zenoh`, `control`, `degradation`, \
         `metrics`, `learn`"
    );
}

#[test]
fn a_launch_file_without_cameras_is_refused() {
    assert_eq!(
        refusal(HEAD),
        "front.toml: launch file has 0 cameras, but must have from 1 to 16"
    );
    assert_eq!(
        refusal(&format!("{HEAD}{}", CAMERA.repeat(17))),
        "front.toml: launch file has 17 cameras, but must have from 1 to 16"
    );
}

#[test]
fn two_cameras_of_one_name_are_refused() {
    assert_eq!(
        refusal(&format!("{HEAD}{CAMERA}{CAMERA}")),
        "front.toml:6:8: camera `front` stands here twice, but may stand once"
    );
}

#[test]
fn a_kind_that_is_unknown_is_refused() {
    assert_eq!(
        refusal(&with_camera("kind = \"webcam\"")),
        "front.toml:4:8: kind of camera `front` is `webcam`, but must be one of images, \
         apartment, zenoh, ros2, v4l2, command, recording"
    );
}

#[test]
fn a_home_has_a_seed_and_a_camera_that_can_be() {
    let launch = accepted(&with_camera("kind = \"apartment\""));
    let defaults = CameraKind::from(Apartment {
        seed: 7,
        width: 320,
        height: 240,
        field_of_view_degrees: 72.0,
        rate_hz: 30.0,
        antialias: false,
    });
    assert_eq!(*launch.cameras()[0].kind(), defaults);
    for (written, refused) in [
        (
            "seed = -1",
            "5:8: seed of camera `front` is -1, but must be from 0 to 9223372036854775807",
        ),
        (
            "width = 8192",
            "5:9: width of camera `front` is 8192, but must be from 16 to 4096",
        ),
        (
            "field_of_view_degrees = 180.0",
            "5:25: field_of_view_degrees of camera `front` is 180, but must be above 0 and at most 169",
        ),
        (
            "field_of_view_degrees = nan",
            "5:25: field_of_view_degrees of camera `front` is NaN, but must be above 0 and at most 169",
        ),
        (
            "intrinsics = { fx = 1.0, fy = 1.0, cx = 1.0, cy = 1.0, width = 4, height = 4 }",
            "5:14: camera `front` of kind apartment has no key `intrinsics`; its own keys are seed, \
             width, height, field_of_view_degrees, rate_hz, antialias",
        ),
    ] {
        assert_eq!(
            refusal(&with_camera(&format!("kind = \"apartment\"\n{written}"))),
            format!("front.toml:{refused}")
        );
    }
}

#[test]
fn a_ros_2_camera_says_what_its_publisher_does_not() {
    let camera = |more: &str| with_camera(&format!("kind = \"zenoh\"\n{more}"));
    let parsed = |text: String| LaunchFile::parse(&text, Path::new("front.toml"));
    let launch = parsed(camera(
        "key = \"0/cam/image_rect/**\"\nmessage_type = \"sensor_msgs/msg/Image\"\nrectified = false",
    ));
    let kind = CameraKind::from(Zenoh {
        key: "0/cam/image_rect/**".to_owned(),
        depth_key: None,
        camera_info_key: None,
        message_type: Some("sensor_msgs/msg/Image".to_owned()),
        rectified: Some(false),
    });
    assert_eq!(*launch.expect("is read").cameras()[0].kind(), kind);
    let error = refusal(&camera("key = \"a\"\nmessage_type = \"sensor_msgs/Image\""));
    assert!(error.contains("message_type of camera `front`"), "{error}");
    let film = parsed(with_camera(
        "kind = \"command\"\ncommand = [\"a\"]\nrepeat = false",
    ));
    let kind = CameraKind::from(Command {
        command: vec!["a".to_owned()],
        repeat: false,
        paced_hz: None,
    });
    assert_eq!(*film.expect("is read").cameras()[0].kind(), kind);
}

#[test]
fn a_key_of_another_kind_is_refused_with_the_keys_of_this_one() {
    assert_eq!(
        refusal(&with_camera("kind = \"zenoh\"\nkey = \"a\"\nwidth = 640")),
        "front.toml:6:9: camera `front` of kind zenoh has no key `width`; its own keys are intrinsics, \
         key, depth_key, camera_info_key, message_type, rectified"
    );
    assert_eq!(
        refusal(&with_camera("kind = \"images\"\nrepeat = true")),
        "front.toml:4:8: camera `front` of kind images needs the key `paths`"
    );
}

#[test]
fn numbers_that_cannot_be_meant_are_refused_with_their_bounds() {
    assert_eq!(
        refusal(&format!("{HEAD}time_limit_millis = 0\n{CAMERA}")),
        "front.toml:2:21: time_limit_millis is 0, but must be from 1 to 60000"
    );
    assert_eq!(
        refusal(&format!("{HEAD}threads = -1\n{CAMERA}")),
        "front.toml:2:11: threads is -1, but must be from 1 to 1024"
    );
    for (written, shown) in [
        ("nan", "NaN"),
        ("-3.0", "-3"),
        ("inf", "inf"),
        ("0.0", "0"),
        ("1e9", "1000000000"),
    ] {
        assert_eq!(
            refusal(&with_camera(&format!(
                "kind = \"apartment\"\nrate_hz = {written}"
            ))),
            format!(
                "front.toml:5:11: rate_hz of camera `front` is {shown}, but must be above 0 and \
                 at most 1000"
            )
        );
    }
    assert_eq!(
        refusal(&with_camera(
            "kind = \"v4l2\"\ndevice = \"a\"\nwidth = 65535"
        )),
        "front.toml:6:9: width of camera `front` is 65535, but must be from 16 to 16384"
    );
}

#[test]
fn a_coordinate_frame_that_is_not_optical_is_refused() {
    assert_eq!(
        refusal(&with_camera("kind = \"apartment\"\nframe_id = \"front\"")),
        "front.toml:5:12: frame_id of camera `front` is `front`, but must end in `_optical`, \
         because images look along z (REP-103)"
    );
}

#[test]
fn intrinsics_that_no_camera_has_are_refused() {
    assert_eq!(
        refusal(&with_camera(
            "kind = \"zenoh\"\nintrinsics = { fx = -1.0, fy = 1.0, cx = 1.0, cy = 1.0, width = 4, height = 4 }"
        )),
        "front.toml:5:14: camera `front`: intrinsics fx -1 fy 1 cx 1 cy 1 of a 4x4 image: fx must \
         be finite and above 0"
    );
}

#[test]
fn providers_are_known_and_stand_once() {
    assert_eq!(
        refusal(&format!("{HEAD}providers = [\"gpu\"]\n{CAMERA}")),
        "front.toml:2:14: provider is `gpu`, but must be one of tensorrt, cuda, cpu"
    );
    assert_eq!(
        refusal(&format!("{HEAD}providers = [\"cpu\", \"cpu\"]\n{CAMERA}")),
        "front.toml:2:21: provider `cpu` stands here twice, but may stand once"
    );
    assert_eq!(
        refusal(&format!("{HEAD}providers = []\n{CAMERA}")),
        "front.toml:2:13: launch file has 0 providers, but must have from 1 to 3"
    );
}

#[test]
fn a_prefix_with_wildcards_is_refused() {
    assert_eq!(
        refusal(&format!("{HEAD}{CAMERA}[publish]\nprefix = \"robot/**\"\n")),
        "front.toml:6:10: prefix is `robot/**`, but may not contain `*`, `$`, `?` or `#`, which \
         have a meaning in zenoh keys"
    );
}

#[test]
fn an_endpoint_without_a_port_is_refused() {
    assert_eq!(
        refusal(&format!(
            "{HEAD}{CAMERA}[zenoh]\nlisten = [\"tcp/127.0.0.1\"]\n"
        )),
        "front.toml:6:11: listen endpoint is `tcp/127.0.0.1`, but must be `tcp/HOST:PORT` or \
         `tls/HOST:PORT`"
    );
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("huge.toml");
    let file = std::fs::File::create(&path).expect("a file");
    file.set_len(100 << 20).expect("a sparse file");
    let error = LaunchFile::read(&path).expect_err("a refusal").to_string();
    assert!(
        error
            .ends_with("huge.toml: launch file has 104857600 bytes, but at most 65536 are allowed"),
        "{error}"
    );
    let error = LaunchFile::read(folder.path())
        .expect_err("a refusal")
        .to_string();
    assert!(error.ends_with(": not a regular file"), "{error}");
}

#[test]
fn texts_from_the_file_cannot_forge_lines_of_an_error() {
    let error = refusal(&format!(
        "{HEAD}{CAMERA}[publish]\nprefix = \"a\\nfront.toml: all well *\"\n"
    ));
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn paths_are_looked_for_beside_the_launch_file_first() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine.toml"), "").expect("a file");
    let path = folder.path().join("front.toml");
    let launch = LaunchFile::parse(&format!("{HEAD}{CAMERA}"), &path).expect("a launch file");
    assert_eq!(launch.resolve("mine.toml"), folder.path().join("mine.toml"));
    // Tests run in the package's folder.
    assert_eq!(launch.resolve("Cargo.toml"), Path::new("Cargo.toml"));
    assert_eq!(
        launch.resolve("neither.toml"),
        folder.path().join("neither.toml")
    );
}

#[test]
fn the_command_line_takes_the_place_of_what_is_written() {
    let launch = accepted(&format!("{HEAD}{CAMERA}")).with(&Overrides {
        prefix: Some("other".to_owned()),
        listen: vec!["tcp/127.0.0.1:1".to_owned()],
        threads: Some(1),
        untuned: true,
        gpu: true,
        ..Overrides::default()
    });
    assert_eq!(launch.publish().prefix, "other");
    assert_eq!(launch.zenoh().listen, ["tcp/127.0.0.1:1"]);
    assert_eq!(launch.threads(), Some(1));
    assert!(!launch.is_tuned());
    assert_eq!(launch.providers(), Provider::ALL);
}

#[test]
fn what_was_tuned_is_used_unless_the_file_says_otherwise() {
    let usual = accepted(&format!("{HEAD}{CAMERA}"));
    let without = accepted(&format!("tuned = false\n{HEAD}{CAMERA}"));
    assert_eq!([usual.is_tuned(), without.is_tuned()], [true, false]);
    assert!(refusal(&format!("tuned = 3\n{HEAD}{CAMERA}")).contains("expected a boolean"));
}

#[test]
fn the_schema_knows_every_key_of_a_camera() {
    let schema = LaunchFile::json_schema();
    let kinds = schema["$defs"]["Camera"]["oneOf"].as_array();
    let kinds = kinds.expect("one alternative for each kind");
    assert_eq!(kinds.len(), CameraKind::NAMES.len());
    for (kind, name) in kinds.iter().zip(CameraKind::NAMES) {
        let keys = &kind["properties"];
        assert_eq!(keys["kind"]["const"], **name);
        let own = CameraKind::keys(name).iter();
        for key in own.chain(&["name", "kind", "frame_id"]) {
            assert!(keys.get(key).is_some(), "{name} has no {key} in the schema");
        }
        let count = keys.as_object().map_or(0, serde_json::Map::len);
        assert_eq!(count, CameraKind::keys(name).len() + 3, "{name}");
    }
}

#[test]
fn what_is_to_be_learnt_is_checked_entry_by_entry() {
    let learn = |lines: &str| format!("{HEAD}{CAMERA}[learn]\n{lines}\n");
    let good =
        learn("targets = [\"depth_zbuffer\", \"normal\"]\nmargin_percent = 10\nblock_frames = 7");
    let good = LaunchFile::parse(&good, Path::new("front.toml")).expect("a launch file");
    let entry = good.learn().expect("something to learn");
    assert_eq!(entry.targets.len(), 2);
    assert_eq!((entry.rules.margin, entry.rules.block_frames), (0.1, 7));
    let refused = |lines: &str| refusal(&learn(lines));
    assert!(refused("").contains("missing field `targets`"));
    let none = refused("targets = []");
    assert!(
        none.contains("0 learn targets, but must have from 1"),
        "{none}"
    );
    let other = refused("targets = [\"class_object\"]");
    assert!(
        other.contains("target of learn is `class_object`, but must be one of depth_zbuffer"),
        "{other}"
    );
    let twice = refused("targets = [\"normal\", \"normal\"]");
    assert!(
        twice.contains("target of learn `normal` stands here twice"),
        "{twice}"
    );
    let wide = refused("targets = [\"normal\"]\nmargin_percent = 91");
    assert!(
        wide.contains("margin_percent is 91, but must be from 0 to 90"),
        "{wide}"
    );
}

#[test]
fn a_chain_of_policies_has_the_usual_rules_where_none_are_written() {
    let chain = |rest: &str| {
        let launch = accepted(&format!("{HEAD}{CAMERA}[degradation]\n{rest}"));
        launch.degradation().cloned().expect("a chain")
    };
    let usual = chain("fallback = [{ policy = \"apartment_k1\" }]");
    assert_eq!(usual.rules, concert_runtime::DegradationRules::default());
    assert_eq!((usual.fallbacks.len(), usual.max_celsius), (1, None));
    let written = chain(
        "late_percent = 5\ndown_after_millis = 700\nup_after_millis = 30_000\nmax_celsius = 75\n\
         [[degradation.fallback]]\npolicy = \"apartment_k1\"\nmax_rate_hz = 2.5\n\
         [[degradation.fallback]]\npolicy = \"apartment_k1\"\nproviders = [\"cpu\"]",
    );
    assert_eq!(written.rules.late_share, 0.05);
    assert_eq!(written.rules.down_after, Duration::from_millis(700));
    assert_eq!(written.rules.up_after, Duration::from_secs(30));
    assert_eq!(written.max_celsius, Some(75.0));
    assert_eq!(written.fallbacks[0].max_rate_hz, Some(2.5));
    // The launch file's own providers are no others.
    assert_eq!(written.fallbacks[1].providers, None);
}

#[test]
fn metrics_are_served_only_where_they_are_named_and_names_are_names() {
    let launch = accepted(&format!("{HEAD}{CAMERA}"));
    assert_eq!(launch.metrics(), None);
    let launch = accepted(&format!("{HEAD}{CAMERA}[metrics]\n"));
    assert_eq!(launch.metrics(), Some(&MetricsEntry::at(DEFAULT_METRICS)));
    assert_eq!(DEFAULT_METRICS.to_string(), "127.0.0.1:9464");
    let launch = accepted(&format!(
        "{HEAD}{CAMERA}[metrics]\nlisten = \"[::]:1\"\nnames = [\"robot.local\"]\n"
    ));
    let entry = launch.metrics().expect("metrics");
    assert_eq!((entry.listen.port(), entry.names.len()), (1, 1));
    assert_eq!(
        refusal(&format!(
            "{HEAD}{CAMERA}[metrics]\nlisten = \"robot:9464\"\n"
        )),
        "front.toml:6:10: listen of metrics is `robot:9464`, but must be ADDRESS:PORT, as in \
         127.0.0.1:9464 or 0.0.0.0:9464"
    );
    assert_eq!(
        refusal(&format!("{HEAD}{CAMERA}[metrics]\nnames = [\"robot:1\"]\n")),
        "front.toml:6:10: name of metrics is `robot:1`, but must be 1 to 253 letters, digits, \
         `-` and `.`, without a port"
    );
}
