//! Every refusal names the file, the place, the entry, both quantities and the
//! rule. The texts are golden: whoever changes one changes what an operator
//! reads.

use concert_policies::{Policy, PolicyFault};

const HEAD: &str = "name = \"hall\"\nsupervision_budget = 2\nmax_order = 2\n";

/// The text of the refusal of `HEAD` and more.
#[track_caller]
fn refusal(rest: &str) -> String {
    refusal_of(&format!("{HEAD}{rest}"))
}

#[track_caller]
fn refusal_of(text: &str) -> String {
    let error = Policy::parse(text, "hall.toml").expect_err("a refusal");
    assert_eq!(error.origin(), "hall.toml");
    error.to_string()
}

/// One transfer, on three lines.
fn transfer(target: &str, sources: &str) -> String {
    format!("[[transfer]]\ntarget = \"{target}\"\nsources = {sources}\n")
}

#[test]
fn an_unknown_task_is_refused_with_what_was_probably_meant() {
    assert_eq!(
        refusal(&transfer("depth_zbufer", "[\"a\"]")),
        "hall.toml:5:10: target `depth_zbufer` is not a task of the dictionary; \
         did you mean `depth_zbuffer`?"
    );
    assert_eq!(
        refusal(&transfer("weather", "[\"a\"]")),
        "hall.toml:5:10: target `weather` is not a task of the dictionary"
    );
}

#[test]
fn a_target_that_estimates_nothing_is_refused() {
    assert_eq!(
        refusal(&transfer("random", "[\"a\"]")),
        "hall.toml:5:10: `random` cannot be a target, because it estimates nothing"
    );
}

#[test]
fn an_unknown_key_is_refused() {
    assert_eq!(
        refusal(&(transfer("normal", "[\"a\"]") + "rate = 3\n")),
        "hall.toml:7:1: unknown field `rate`, expected one of `target`, `sources`, `rate_hz`, \
         `readout`, `inputs`"
    );
    assert_eq!(
        refusal("encoders = []\n"),
        "hall.toml:4:1: unknown field `encoders`, expected one of `name`, `description`, \
         `supervision_budget`, `max_order`, `transfer`"
    );
}

#[test]
fn a_missing_key_is_refused() {
    assert_eq!(
        refusal("[[transfer]]\ntarget = \"normal\"\n"),
        "hall.toml:5:10: transfer `normal` has 0 sources and 0 inputs, but needs at least 1"
    );
    assert_eq!(
        refusal_of("name = \"hall\"\n"),
        "hall.toml:1:1: missing field `supervision_budget`"
    );
}

#[test]
fn a_wrong_type_is_refused() {
    assert_eq!(
        refusal(&transfer("normal", "\"a\"")),
        "hall.toml:6:11: invalid type: string \"a\", expected a sequence"
    );
    assert_eq!(
        refusal_of("name = \"hall\"\nsupervision_budget = 2.5\n"),
        "hall.toml:2:22: invalid type: floating point `2.5`, expected i64"
    );
}

#[test]
fn a_text_that_is_not_toml_is_refused() {
    assert_eq!(
        refusal("[[transfer]\n"),
        "hall.toml:4:12: unclosed array table, expected `]`"
    );
    assert_eq!(refusal("max_order = 1\n"), "hall.toml:4:1: duplicate key");
}

#[test]
fn a_column_counts_characters_not_bytes() {
    let text = "name = \"hall\"\nsupervision_budget = 1 # ü\ntransfer = [ {target = \"normal\", \
                readout = \"ü\", sources = []} ]\n";
    assert_eq!(
        refusal_of(text),
        "hall.toml:3:59: transfer `normal` has 0 sources and 0 inputs, but needs at least 1"
    );
}

#[test]
fn a_policy_without_transfers_is_refused() {
    assert_eq!(refusal(""), "hall.toml:1:1: missing field `transfer`");
    assert_eq!(
        refusal("transfer = []\n"),
        "hall.toml: policy has no transfers, but needs at least 1"
    );
}

#[test]
fn a_target_named_twice_is_refused() {
    let twice = transfer("normal", "[\"a\"]") + &transfer("normal", "[\"b\"]");
    assert_eq!(
        refusal(&twice),
        "hall.toml:8:10: target `normal` has 2 transfers (the first in line 5), but at most 1 is \
         allowed"
    );
}

#[test]
fn a_target_named_twice_by_two_of_its_spellings_is_refused() {
    for spelling in ["rgb2sfnorm", "Normals", "NORMALS"] {
        let twice = transfer("normal", "[\"a\"]") + &transfer(spelling, "[\"b\"]");
        assert_eq!(
            refusal(&twice),
            "hall.toml:8:10: target `normal` has 2 transfers (the first in line 5), but at most \
             1 is allowed"
        );
    }
}

#[test]
fn a_transfer_without_sources_is_refused() {
    assert_eq!(
        refusal(&transfer("normal", "[]")),
        "hall.toml:6:11: transfer `normal` has 0 sources and 0 inputs, but needs at least 1"
    );
}

#[test]
fn a_source_named_twice_is_refused_by_any_of_its_spellings() {
    assert_eq!(
        refusal(&transfer("normal", "[\"a\", \"a\"]")),
        "hall.toml:6:17: transfer `normal` names source `a` twice"
    );
    assert_eq!(
        refusal(&transfer("normal", "[\"edge_texture\", \"edge2d\"]")),
        "hall.toml:6:28: transfer `normal` names source `edge_texture` twice"
    );
}

#[test]
fn an_order_above_max_order_is_refused() {
    assert_eq!(
        refusal(&transfer("normal", "[\"c\", \"a\", \"b\"]")),
        "hall.toml:6:11: transfer `normal` has order 3 (a, b, c), but max_order is 2"
    );
}

#[test]
fn max_order_is_the_supervision_budget_where_the_file_says_nothing() {
    let text = "name = \"hall\"\nsupervision_budget = 2\n".to_owned()
        + &transfer("normal", "[\"a\", \"b\", \"c\"]");
    assert_eq!(
        refusal_of(&text),
        "hall.toml:5:11: transfer `normal` has order 3 (a, b, c), but max_order is 2"
    );
}

#[test]
fn sources_above_the_supervision_budget_are_refused() {
    let three = transfer("depth_zbuffer", "[\"reshading\"]")
        + &transfer("room_layout", "[\"normal\", \"edge2d\"]");
    assert_eq!(
        refusal(&three),
        "hall.toml:2:22: policy needs 3 source encoders (edge_texture, normal, reshading), but \
         supervision_budget is 2"
    );
}

#[test]
fn a_budget_or_an_order_that_allows_nothing_or_anything_is_refused() {
    for (value, shown) in [("0", "0"), ("-1", "-1"), ("1001", "1001")] {
        let text = format!("name = \"hall\"\nsupervision_budget = {value}\n");
        assert_eq!(
            refusal_of(&(text + &transfer("normal", "[\"a\"]"))),
            format!("hall.toml:2:22: supervision_budget is {shown}, but must be from 1 to 1000")
        );
        let text = format!("name = \"hall\"\nsupervision_budget = 1\nmax_order = {value}\n");
        assert_eq!(
            refusal_of(&(text + &transfer("normal", "[\"a\"]"))),
            format!("hall.toml:3:13: max_order is {shown}, but must be from 1 to 1000")
        );
    }
}

#[test]
fn a_rate_that_is_not_a_rate_is_refused() {
    for (rate, shown) in [
        ("0", "0"),
        ("-1.5", "-1.5"),
        ("-0.0", "-0"),
        ("nan", "NaN"),
        ("-nan", "NaN"),
        ("inf", "inf"),
        ("-inf", "-inf"),
        ("1000.5", "1000.5"),
        ("1e300", "1000000"),
    ] {
        let text = transfer("normal", "[\"a\"]") + &format!("rate_hz = {rate}\n");
        let refusal = refusal(&text);
        let start = format!("hall.toml:7:11: rate_hz of transfer `normal` is {shown}");
        assert!(refusal.starts_with(&start), "{refusal}");
        let rule = ", but must be above 0 and at most 1000";
        assert!(refusal.ends_with(rule), "{refusal}");
    }
}

#[test]
fn a_source_that_escapes_the_folder_of_encoders_is_refused() {
    for name in [
        "../normal",
        "..",
        "/etc/passwd",
        "a/b",
        "a.b",
        "a b",
        "A",
        "ä",
        "a+b",
        "a@b",
        "c:",
        "a-b",
    ] {
        assert_eq!(
            refusal(&transfer("normal", &format!("[\"{name}\"]"))),
            format!(
                "hall.toml:6:12: source of transfer `normal` is `{name}`, but may contain only \
                 a-z, 0-9 and _, because it becomes part of a file name"
            )
        );
    }
}

#[test]
fn control_characters_are_escaped_in_errors() {
    assert_eq!(
        refusal(&transfer("normal", "[\"a\\nb\\u001b[31m\\u0000\"]")),
        "hall.toml:6:12: source of transfer `normal` is `a\\nb\\u{1b}[31m\\u{0}`, but may contain \
         only a-z, 0-9 and _, because it becomes part of a file name"
    );
}

#[test]
fn a_name_that_is_empty_or_too_long_is_refused() {
    assert_eq!(
        refusal(&transfer("normal", "[\"\"]")),
        "hall.toml:6:12: source of transfer `normal` is 0 bytes long, but must have from 1 to 64"
    );
    let long = format!("[\"{}\"]", "a".repeat(65));
    assert_eq!(
        refusal(&transfer("normal", &long)),
        "hall.toml:6:12: source of transfer `normal` is 65 bytes long, but must have from 1 to 64"
    );
}

#[test]
fn a_long_unknown_name_is_shortened_in_the_error() {
    let error = refusal(&transfer(&"x".repeat(100_000), "[\"a\"]"));
    assert_eq!(
        error,
        format!(
            "hall.toml:5:10: target `{}…` is not a task of the dictionary",
            "x".repeat(64)
        )
    );
}

#[test]
fn a_variant_that_is_no_part_of_a_file_name_is_refused() {
    for name in ["../home", "a/b", "Home", "@"] {
        let text = transfer("normal", "[\"a\"]") + &format!("readout = \"{name}\"\n");
        assert_eq!(
            refusal(&text),
            format!(
                "hall.toml:7:11: readout of transfer `normal` is `{name}`, but may contain only \
                 a-z, 0-9 and _, because it becomes part of a file name"
            )
        );
    }
}

#[test]
fn a_policy_name_that_is_no_part_of_a_file_name_is_refused() {
    let text = "name = \"../hall\"\nsupervision_budget = 1\n".to_owned();
    assert_eq!(
        refusal_of(&(text + &transfer("normal", "[\"a\"]"))),
        "hall.toml:1:8: name of the policy is `../hall`, but may contain only letters, digits, _ \
         and -, because it becomes part of a file name"
    );
}

#[test]
fn a_readout_name_that_no_file_system_holds_is_refused() {
    let sources: Vec<_> = (0..5)
        .map(|i| format!("\"{}\"", i.to_string().repeat(60)))
        .collect();
    let text = "name = \"hall\"\nsupervision_budget = 9\n".to_owned()
        + &transfer("normal", &format!("[{}]", sources.join(", ")));
    assert_eq!(
        refusal_of(&text),
        "hall.toml:5:11: readout of transfer `normal` has a name of 316 bytes \
         (TARGET_from_SOURCES@VARIANT), but a file name has room for 250"
    );
}

#[test]
fn a_description_longer_than_a_page_is_refused() {
    let text = format!("{HEAD}description = \"{}\"\n", "é".repeat(2001));
    assert_eq!(
        refusal_of(&(text + &transfer("normal", "[\"a\"]"))),
        "hall.toml:4:15: description has 2001 characters, but at most 2000 are allowed"
    );
}

#[test]
fn an_input_that_is_no_target_of_the_policy_is_refused() {
    let policy = |input: &str| {
        transfer("odometry", "[\"a\"]")
            + &format!("inputs = [\"{input}\"]\n")
            + &transfer("depth_zbuffer", "[\"a\"]")
    };
    assert_eq!(
        refusal(&policy("normal")),
        "hall.toml:7:11: input `normal` of transfer `odometry` is neither `camera.depth` nor a \
         target of this policy (odometry, depth_zbuffer)"
    );
    assert_eq!(
        refusal(&policy("depth_zbufer")),
        "hall.toml:7:11: input `depth_zbufer` of transfer `odometry` is neither `camera.depth` \
         nor a target of this policy (odometry, depth_zbuffer); did you mean `depth_zbuffer`?"
    );
    assert_eq!(
        refusal(&policy("camera.color")),
        "hall.toml:7:11: input `camera.color` of transfer `odometry` is neither `camera.depth` \
         nor a target of this policy (odometry, depth_zbuffer)"
    );
}

#[test]
fn a_transfer_that_is_its_own_input_is_refused() {
    for spelling in ["normal", "Normals"] {
        let text = transfer("normal", "[\"a\"]") + &format!("inputs = [\"{spelling}\"]\n");
        assert_eq!(
            refusal(&text),
            "hall.toml:7:11: transfer `normal` is its own input"
        );
    }
}

#[test]
fn an_input_named_twice_is_refused() {
    let text = transfer("odometry", "[\"a\"]") + "inputs = [\"camera.depth\", \"camera.depth\"]\n";
    assert_eq!(
        refusal(&text),
        "hall.toml:7:27: transfer `odometry` names input `camera.depth` twice"
    );
}

#[test]
fn inputs_that_form_a_cycle_are_refused_with_the_cycle() {
    let text = transfer("curvature", "[\"a\"]")
        + "inputs = [\"normal\"]\n"
        + &transfer("normal", "[\"a\"]")
        + "inputs = [\"depth_zbuffer\"]\n"
        + &transfer("depth_zbuffer", "[\"a\"]")
        + "inputs = [\"reshading\"]\n"
        + &transfer("reshading", "[\"a\"]")
        + "inputs = [\"normal\"]\n";
    assert_eq!(
        refusal(&text),
        "hall.toml:9:10: inputs form a cycle: normal needs depth_zbuffer needs reshading needs \
         normal"
    );
}

#[test]
fn a_fault_can_be_told_by_its_kind() {
    let text = HEAD.to_owned() + &transfer("normal", "[\"a\", \"b\", \"c\"]");
    let error = Policy::parse(&text, "hall.toml").unwrap_err();
    assert!(matches!(
        error.fault(),
        PolicyFault::OrderAboveMax {
            target: "normal",
            order: 3,
            max_order: 2,
            ..
        }
    ));
    assert_eq!(error.position().unwrap().line, 6);
}
