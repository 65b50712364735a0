use proptest::prelude::*;

use super::*;

fn csv(text: &str) -> Result<TransferTable, String> {
    TransferTable::from_csv(text, "t.csv", Completeness::Whole).map_err(|error| error.to_string())
}

const HEAD: &str = "target,order,sources,affinity,win_vs_task,win_vs_pixels\n";

#[test]
fn columns_are_found_by_name_in_any_order() {
    let table =
        csv("sources,affinity,target\ndenoise + edge2d,0.25,normal\r\nself,0.75,normal\r\n");
    let rows: Vec<_> = table.expect("a table").rows().collect();
    assert_eq!(rows[0].sources, ["denoise", "edge2d"]);
    assert_eq!((rows[0].order(), rows[0].affinity), (2, Some(0.25)));
    assert_eq!(rows[1].win_vs_task, None);
}

#[test]
fn names_are_answered_as_the_file_spells_them() {
    let table = csv("target,sources,affinity\nrgb2sfnorm,denoise,1\n").expect("a table");
    for name in ["rgb2sfnorm", "normal", "Normals", "NORMAL"] {
        assert_eq!(table.spelling(name), Some("rgb2sfnorm"), "{name}");
    }
    assert_eq!(table.spelling("edge2d"), None);
}

#[test]
fn affinities_that_do_not_sum_to_one_are_refused_with_target_and_sum() {
    let error = csv("target,sources,affinity\nnormal,self,0.5\nnormal,edge2d,0.25\n").unwrap_err();
    assert!(
        error.starts_with("t.csv: affinities of target `normal` sum to 0.75, but must sum to 1 within 0.001 over its 2 rows"),
        "{error}"
    );
}

#[test]
fn a_partial_table_may_sum_to_less_but_not_to_more() {
    let partial = |text| TransferTable::from_csv(text, "t", Completeness::Partial);
    assert!(partial("target,sources,affinity\nnormal,self,0.5\n").is_ok());
    let error = partial("target,sources,affinity\nnormal,self,0.75\nnormal,edge2d,0.75\n");
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("sum to 1.5, but even some")
    );
}

#[test]
fn what_was_not_measured_is_left_empty_and_needs_no_sum() {
    let text = format!("{HEAD}normal,1,self,,0.5,0.9\nnormal,1,edge2d,,0.1,\n");
    let rows: Vec<_> = csv(&text).expect("a table").rows().collect();
    assert_eq!((rows[1].affinity, rows[1].win_vs_pixels), (None, None));
}

#[test]
fn each_broken_row_is_refused_with_its_line_and_both_quantities() {
    for (row, error) in [
        (
            "normal,1,self,NaN,,",
            "affinity of the transfer from self to `normal` is NaN, but must be a number from 0 to 1; leave the field empty where it is unknown",
        ),
        (
            "normal,1,self,-0.1,,",
            "affinity of the transfer from self to `normal` is -0.1, but must be a number from 0 to 1; leave the field empty where it is unknown",
        ),
        (
            "normal,1,self,1,1.5,",
            "win_vs_task of the transfer from self to `normal` is 1.5, but must be a number from 0 to 1; leave the field empty where it is unknown",
        ),
        (
            "normal,1,self,inf,,",
            "affinity of the transfer from self to `normal` is inf, but must be a number from 0 to 1; leave the field empty where it is unknown",
        ),
        (
            "normal,1,self,much,,",
            "affinity is `much`, which is not a number",
        ),
        (
            "normal,one,self,1,,",
            "order is `one`, which is not a number",
        ),
        (
            "normal,2,self,1,,",
            "transfer to `normal` has 1 sources, but its order is given as 2",
        ),
        (
            "normal,1,self,1",
            "line has 4 fields, but the head line has 6",
        ),
        (
            "normal,2,edge2d+edge2d,1,,",
            "transfer to `normal` names source `edge2d` twice",
        ),
        (
            "normal,1,,1,,",
            "source is 0 bytes long, but must have from 1 to 64",
        ),
        (
            ",1,self,1,,",
            "target is 0 bytes long, but must have from 1 to 64",
        ),
        (
            "self,1,normal,1,,",
            "`self` stands for a target's own network and cannot be a target",
        ),
        (
            "normal,1,self,,,",
            "transfer from self to `normal` has neither an affinity nor a win rate",
        ),
        ("normal,1,\"self,1,,", "a quotation mark is not closed"),
        (
            "normal,1,rgb2sfnorm,1,,",
            "one task is spelt in two ways: `normal` and `rgb2sfnorm` are both normal",
        ),
    ] {
        assert_eq!(
            csv(&format!("{HEAD}{row}\n")).unwrap_err(),
            format!("t.csv:2: {error}")
        );
    }
}

#[test]
fn a_transfer_that_stands_twice_is_refused_in_any_order_of_its_sources() {
    let text = format!("{HEAD}normal,2,edge2d+denoise,0.5,,\n\nnormal,2,denoise+edge2d,0.5,,\n");
    let error = csv(&text).unwrap_err();
    assert_eq!(
        error,
        "t.csv:4: transfer from denoise+edge2d to `normal` stands twice"
    );
}

#[test]
fn a_head_line_that_lacks_a_column_is_refused_by_its_name() {
    for (head, error) in [
        ("sources,affinity", "the head line has no column `target`"),
        ("target,affinity", "the head line has no column `sources`"),
        (
            "target,sources,order",
            "the head line has no column `affinity`",
        ),
        (
            "target,sources,afinity",
            "column `afinity` is not one of target",
        ),
        (
            "target,sources,affinity,target",
            "column `target` stands twice",
        ),
    ] {
        let refused = csv(&format!("{head}\n")).unwrap_err();
        assert!(
            refused.starts_with(&format!("t.csv:1: {error}")),
            "{refused}"
        );
    }
    assert_eq!(
        csv("").unwrap_err(),
        "t.csv: table has no transfers, but needs at least 1"
    );
    assert_eq!(
        csv(HEAD).unwrap_err(),
        "t.csv: table has no transfers, but needs at least 1"
    );
}

#[test]
fn json_with_unknown_keys_or_a_wrong_order_is_refused() {
    let json = |text: &str| TransferTable::from_json(text, "t.json", Completeness::Whole);
    let row = r#""target":"normal","sources":["self"],"affinity":1"#;
    assert!(json(&format!("{{\"transfers\":[{{{row}}}]}}")).is_ok());
    for extra in [",\"order\":2", ",\"loss\":0.1"] {
        assert!(json(&format!("{{\"transfers\":[{{{row}{extra}}}]}}")).is_err());
    }
}

prop_compose! {
    fn rows()(
        raw in prop::collection::btree_map(
            ("[a-z0-9_ ().]{1,8}", prop::collection::btree_set("[a-z0-9_]{1,8}", 1..5)),
            (0.0..1.0f64, prop::option::of(0.0..=1.0f64), prop::option::of(0.0..=1.0f64)),
            1..20,
        ),
    ) -> Vec<TransferRow> {
        let rows = raw.into_iter().filter(|((target, _), _)| target.trim() == target);
        rows.map(|((target, sources), (affinity, win_vs_task, win_vs_pixels))| TransferRow {
            target,
            sources: sources.into_iter().collect(),
            affinity: Some(affinity / 20.0),
            win_vs_task,
            win_vs_pixels,
        }).collect()
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(rows in rows()) {
        let mut builder = TableBuilder::new("t");
        let mut pushed = true;
        for row in &rows {
            pushed &= builder.push(row, None).is_ok();
        }
        let Ok(table) = builder.finish(Completeness::Partial) else { return Ok(()) };
        let from_csv = TransferTable::from_csv(&table.to_csv(), "t", Completeness::Partial);
        let from_json = TransferTable::from_json(&table.to_json(), "t", Completeness::Partial);
        let want: Vec<_> = table.rows().collect();
        prop_assert!(!pushed || want.len() == rows.len());
        prop_assert_eq!(from_csv.expect("its own text").rows().collect::<Vec<_>>(), want.clone());
        for (row, want) in from_json.expect("its own text").rows().zip(&want) {
            let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-15,
                (a, b) => a == b,
            };
            prop_assert_eq!((&row.target, &row.sources), (&want.target, &want.sources));
            prop_assert!(close(row.affinity, want.affinity), "{row:?} {want:?}");
            prop_assert!(close(row.win_vs_task, want.win_vs_task));
            prop_assert!(close(row.win_vs_pixels, want.win_vs_pixels));
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in ".{0,200}", head in any::<bool>()) {
        let text = if head { format!("{HEAD}{text}") } else { text };
        let _ = csv(&text);
        let _ = TransferTable::from_json(&text, "t", Completeness::Whole);
    }
}
