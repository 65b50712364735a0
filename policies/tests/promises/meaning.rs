//! What a policy file means.

use concert_policies::{Input, Policy, Task};

const CORRIDOR: &str = r#"
name = "corridor"
supervision_budget = 2
max_order = 2

[[transfer]]
target = "odometry"
sources = ["xfeat"]
inputs = ["rgb2depth", "camera.depth"]

[[transfer]]
target = "Scene Class."
sources = ["efficientnet_lite0"]
rate_hz = 2

[[transfer]]
target = "depth_zbuffer"
sources = ["xfeat", "efficientnet_lite0"]
rate_hz = 15
readout = "home"

[[transfer]]
target = "normal"
sources = ["xfeat"]
inputs = ["depth_zbuffer"]
"#;

fn corridor() -> Policy {
    Policy::parse(CORRIDOR, "corridor.toml").unwrap()
}

fn task(name: &str) -> &'static Task {
    Task::find(name).unwrap()
}

#[test]
fn readouts_are_named_after_target_sources_and_variant() {
    let policy = corridor();
    let name = |target| policy.transfer(task(target)).unwrap().readout_name();
    assert_eq!(name("odometry"), "odometry_from_xfeat");
    assert_eq!(
        name("depth_zbuffer"),
        "depth_zbuffer_from_efficientnet_lite0+xfeat@home"
    );
}

#[test]
fn inputs_are_targets_of_the_policy_or_the_cameras_depth() {
    let policy = corridor();
    assert_eq!(
        policy.transfer(task("odometry")).unwrap().inputs(),
        [Input::Target(task("depth_zbuffer")), Input::CameraDepth]
    );
}

#[test]
fn what_a_more_important_target_needs_is_evaluated_just_before_it() {
    let policy = corridor();
    let order: Vec<_> = policy.evaluation_order().map(|t| t.target().name).collect();
    assert_eq!(
        order,
        ["depth_zbuffer", "odometry", "class_scene", "normal"]
    );
    assert_eq!(policy.importance_rank(task("depth_zbuffer")), Some(0));
    assert_eq!(policy.importance_rank(task("normal")), Some(3));
    assert_eq!(policy.importance_rank(task("curvature")), None);
}

#[test]
fn dependents_are_found_through_others_and_most_important_first() {
    let text = CORRIDOR.replace(
        "inputs = [\"rgb2depth\", \"camera.depth\"]",
        "inputs = [\"normal\"]",
    );
    let policy = Policy::parse(&text, "corridor.toml").unwrap();
    let dependents = policy.dependents(task("depth_zbuffer"));
    let names: Vec<_> = dependents.iter().map(|t| t.target().name).collect();
    assert_eq!(names, ["odometry", "normal"]);
    assert!(policy.dependents(task("odometry")).is_empty());
}

#[test]
fn a_target_whose_one_source_is_itself_is_its_own_root() {
    let text = "name = \"a\"\nsupervision_budget = 1\n[[transfer]]\ntarget = \"rgb2sfnorm\"\n\
                sources = [\"Normals\"]\n";
    let policy = Policy::parse(text, "a.toml").unwrap();
    let transfer = &policy.transfers()[0];
    assert!(transfer.is_root());
    assert_eq!(transfer.readout_name(), "normal_from_normal");
    assert!(!corridor().transfers()[0].is_root());
}

#[test]
fn an_encoder_may_be_called_as_a_task_in_other_letters() {
    let text = "name = \"a\"\nsupervision_budget = 1\n[[transfer]]\ntarget = \"normal\"\n\
                sources = [\"normals\"]\n";
    let policy = Policy::parse(text, "a.toml").unwrap();
    assert_eq!(policy.encoders(), ["normals"]);
}

#[test]
fn canonical_text_and_hash_are_golden() {
    let policy = corridor();
    let canonical = r#"name = "corridor"
supervision_budget = 2
max_order = 2

[[transfer]]
target = "odometry"
sources = ["xfeat"]
inputs = ["depth_zbuffer", "camera.depth"]

[[transfer]]
target = "class_scene"
sources = ["efficientnet_lite0"]
rate_hz = 2.0

[[transfer]]
target = "depth_zbuffer"
sources = ["efficientnet_lite0", "xfeat"]
rate_hz = 15.0
readout = "home"

[[transfer]]
target = "normal"
sources = ["xfeat"]
inputs = ["depth_zbuffer"]
"#;
    assert_eq!(policy.to_toml(), canonical);
    assert_eq!(
        policy.hash().to_string(),
        "3e9cbe3eabd7f516bc38334623d7e42570e29f475d9ba2a7e80ab767a5eee507"
    );
    assert_eq!(policy.hash().short(), policy.hash().to_string()[..12]);
}

#[test]
fn the_description_is_kept_and_does_not_change_the_hash() {
    let described = format!("description = \"a \\\"b\\\"\\n\\u0007 ü\"\n{CORRIDOR}");
    let policy = Policy::parse(&described, "corridor.toml").unwrap();
    assert_eq!(policy.description(), Some("a \"b\"\n\u{7} ü"));
    assert_eq!(policy.hash(), corridor().hash());
    let again = Policy::parse(&policy.to_toml(), "again.toml").unwrap();
    assert_eq!(again, policy);
}

#[test]
fn another_variant_of_a_readout_is_another_policy_and_nothing_else_changes() {
    let policy = corridor();
    let depth = Task::find("depth_zbuffer").unwrap();
    let learnt = policy.with_variant(depth, Some("learnt_3")).unwrap();
    let readout = learnt.transfer(depth).unwrap().readout_name();
    assert!(readout.ends_with("@learnt_3"), "{readout}");
    assert_ne!(learnt.hash(), policy.hash());
    let before = policy.transfer(depth).unwrap().variant();
    assert_eq!(learnt.with_variant(depth, before).unwrap(), policy);
    assert!(policy.with_variant(depth, Some("../x")).is_err());
}

#[test]
fn whatever_changes_the_computation_changes_the_hash() {
    let hash = corridor().hash();
    for (from, to) in [
        ("\"corridor\"", "\"corridor2\""),
        ("max_order = 2", "max_order = 3"),
        ("supervision_budget = 2", "supervision_budget = 3"),
        ("rate_hz = 15", "rate_hz = 15.5"),
        ("readout = \"home\"", "readout = \"hall\""),
        (
            "sources = [\"xfeat\", \"efficientnet_lite0\"]",
            "sources = [\"xfeat\"]",
        ),
        (", \"camera.depth\"", ""),
        ("\"Scene Class.\"", "\"class_object\""),
    ] {
        let changed = CORRIDOR.replacen(from, to, 1);
        assert_ne!(changed, CORRIDOR);
        let policy = Policy::parse(&changed, "corridor.toml").unwrap();
        assert_ne!(policy.hash(), hash, "{to}");
    }
}

#[test]
fn the_order_of_importance_is_part_of_the_hash() {
    let transfer = |t: &str| format!("[[transfer]]\ntarget = \"{t}\"\nsources = [\"a\"]\n");
    let parse = |first, second| {
        let head = "name = \"a\"\nsupervision_budget = 1\n";
        let text = format!("{head}{}{}", transfer(first), transfer(second));
        Policy::parse(&text, "a.toml").unwrap().hash()
    };
    assert_ne!(parse("normal", "reshading"), parse("reshading", "normal"));
}

#[test]
fn windows_line_ends_change_nothing() {
    let policy = Policy::parse(&CORRIDOR.replace('\n', "\r\n"), "corridor.toml").unwrap();
    assert_eq!(policy, corridor());
}

#[test]
fn the_json_summary_names_everything_a_tool_needs() {
    let summary = serde_json::to_value(corridor()).unwrap();
    assert_eq!(summary["hash"], corridor().hash().to_string());
    assert_eq!(
        summary["encoders"],
        serde_json::json!(["efficientnet_lite0", "xfeat"])
    );
    assert_eq!(
        summary["transfers"][2],
        serde_json::json!({
            "target": "depth_zbuffer",
            "sources": ["efficientnet_lite0", "xfeat"],
            "order": 2,
            "rate_hz": 15.0,
            "readout": "depth_zbuffer_from_efficientnet_lite0+xfeat@home",
            "inputs": [],
            "message": "sensor_msgs/msg/Image",
            "unit": "m",
        })
    );
    assert_eq!(summary["evaluation_order"][0], "depth_zbuffer");
}

#[test]
fn the_json_schema_knows_every_key_and_refuses_others() {
    let schema = Policy::json_schema();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(
        schema["required"],
        serde_json::json!(["name", "supervision_budget", "transfer"])
    );
    let transfer = &schema["$defs"]["Transfer"];
    assert_eq!(transfer["additionalProperties"], false);
    assert_eq!(
        transfer["required"],
        serde_json::json!(["target", "sources"])
    );
    let keys: Vec<_> = transfer["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["inputs", "rate_hz", "readout", "sources", "target"]);
    let targets = transfer["properties"]["target"]["anyOf"][0]["enum"]
        .as_array()
        .unwrap();
    assert_eq!(targets.len(), Task::all().len() - 1);
}

#[test]
fn a_readout_may_read_its_inputs_alone_and_is_named_after_them() {
    let text = "name = \"room\"\nsupervision_budget = 1\n\
                [[transfer]]\ntarget = \"room_layout\"\ninputs = [\"camera.depth\", \"normal\"]\n\
                [[transfer]]\ntarget = \"normal\"\nsources = [\"a\"]\n";
    let policy = Policy::parse(text, "room.toml").unwrap();
    let transfer = policy.transfer(task("room_layout")).unwrap();
    assert_eq!(transfer.order(), 0);
    assert_eq!(
        transfer.readout_name(),
        "room_layout_from_normal+camera_depth"
    );
    assert_eq!(policy.encoders(), ["a"]);
    assert_eq!(Policy::parse(&policy.to_toml(), "again").unwrap(), policy);
}
