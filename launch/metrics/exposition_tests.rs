use std::collections::BTreeMap;

use concert_runtime::{Percentiles, Unready};

use super::*;

const DASHBOARD: &str = include_str!("dashboard.json");
const DOCUMENT: &str = include_str!("../../docs/metrics.md");

/// Every family that is told, and its type; of a server that does not serve yet.
fn families() -> BTreeMap<String, String> {
    let text = Exposition {
        figures: None,
        readiness: Readiness::not(Unready::Starting, "networks load: 3 of 7"),
        loading: Some((3, 7)),
    };
    let text = text.text().expect("text");
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("\nconcert_ready 0.0\n"), "{text}");
    assert!(text.contains("\nconcert_networks_loaded 3.0\n"), "{text}");
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let types = types.map(|line| line.split_once(' ').expect("a type"));
    types
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect()
}

/// The names of metrics in a text.
fn named(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_metric = |word: &&str| word.starts_with("concert_") || word.starts_with("process_");
    words.filter(is_metric).collect()
}

/// The samples that a family has.
fn samples(family: &str, kind: &str) -> Vec<String> {
    let ends: &[&str] = match kind {
        "counter" => &["_total"],
        "histogram" => &["_bucket", "_sum", "_count"],
        "info" => &["_info"],
        _ => &[""],
    };
    ends.iter().map(|end| format!("{family}{end}")).collect()
}

#[test]
fn every_metric_of_the_dashboard_is_told() {
    let families = families();
    let told: Vec<String> = families
        .iter()
        .flat_map(|(family, kind)| samples(family, kind))
        .collect();
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut count = 0;
    for panel in panels {
        for target in panel["targets"].as_array().expect("targets") {
            let query = target["expr"].as_str().expect("a query");
            let names = named(query);
            assert!(!names.is_empty(), "{query}");
            for name in names {
                assert!(told.iter().any(|told| told == name), "{name} in {query}");
                count += 1;
            }
        }
    }
    assert!(count > 20, "only {count}");
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_told() {
    let families = families();
    let told: Vec<String> = families
        .iter()
        .flat_map(|(family, kind)| match kind.as_str() {
            "histogram" => vec![family.clone()],
            kind => samples(family, kind),
        })
        .collect();
    for name in &told {
        assert!(DOCUMENT.contains(&format!("`{name}`")), "{name}");
    }
    let table = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    for name in table.flat_map(|line| named(line.split('|').nth(1).unwrap_or_default())) {
        assert!(told.iter().any(|told| told == name), "{name}");
    }
}

#[test]
fn a_histogram_is_told_in_seconds_and_its_buckets_add_up() {
    let mut durations = concert_runtime::stats::DurationHistogram::default();
    for micros in [900, 7_000, 7_000, 60_000_000] {
        durations.record(std::time::Duration::from_micros(micros));
    }
    #[derive(Debug)]
    struct One(Percentiles);
    impl Collector for One {
        fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
            let labels = vec![("output", "a\"b\\c\nd")];
            Families::to(encoder).histograms("x_seconds", "X.", [(labels, &self.0)])
        }
    }
    let mut registry = Registry::default();
    registry.register_collector(Box::new(One(durations.summary())));
    let mut text = String::new();
    text::encode(&mut text, &registry).expect("text");
    let labels = r#"output="a\"b\\c\nd""#;
    let has = |line: &str| assert!(text.lines().any(|own| own == line), "{line} in {text}");
    has(&format!("x_seconds_bucket{{le=\"0.001\",{labels}}} 1"));
    has(&format!("x_seconds_bucket{{le=\"0.005\",{labels}}} 1"));
    has(&format!("x_seconds_bucket{{le=\"0.01\",{labels}}} 3"));
    has(&format!("x_seconds_bucket{{le=\"10.0\",{labels}}} 3"));
    has(&format!("x_seconds_bucket{{le=\"+Inf\",{labels}}} 4"));
    has(&format!("x_seconds_count{{{labels}}} 4"));
}
