//! Policies on Taskonomy's published tables are the known optima.

use std::path::PathBuf;
use std::time::Duration;

use concert_policies::affinity::{Completeness, TransferTable};
use concert_policies::solve::{Answer, Problem, Status, solve};

/// The 22 targets of the published tables.
const TARGETS: &str = r#"targets = ["autoencoder", "class_1000", "class_places", "curvature",
    "denoise", "edge2d", "edge3d", "ego_motion", "fix_pose", "keypoint2d", "keypoint3d",
    "non_fixated_pose", "point_match", "reshade", "rgb2depth", "rgb2mist", "rgb2sfnorm",
    "room_layout", "segment25d", "segment2d", "segmentsemantic_rb",
    "vanishing_point_well_defined"]
source_only = ["colorization", "jigsaw", "impainting_whole", "random"]
"#;

/// The published table of this name, if it is on this machine.
fn table(name: &str) -> Option<TransferTable> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/taskonomy");
    let path = folder.join(name);
    if !path.exists() {
        eprintln!("skipped: there is no {}", path.display());
        return None;
    }
    let table = TransferTable::read(&[path], Completeness::Whole);
    Some(table.expect("a published table"))
}

fn solved(table: &TransferTable, rest: &str) -> Answer {
    let problem = Problem::parse(&format!("{TARGETS}{rest}"), "problem").expect("a problem");
    let never = || Duration::ZERO;
    let answer = solve(&problem, table, Duration::MAX, &never).expect("an answer");
    assert_eq!(answer.status, Status::Optimal, "{answer:?}");
    answer
}

fn assert_close(got: Option<f64>, want: f64, within: f64) {
    let got = got.expect("a number");
    assert!((got - want).abs() < within, "{got} is not {want}");
}

#[test]
fn the_known_optima_of_the_16k_table_are_found_to_nine_digits() {
    let Some(table) = table("transfers_16k.csv") else {
        return;
    };
    let two = solved(&table, "budget = 2\nmax_order = 1\ntransform = 'sqrt'");
    assert_close(two.objective, 3.436_680_317_3, 1e-9);
    assert_eq!(two.sources, ["denoise", "rgb2sfnorm"]);
    let eight = solved(&table, "budget = 8\nmax_order = 4\ntransform = 'sqrt'");
    assert_close(eight.objective, 5.343_930_380_1, 1e-9);
    assert_close(eight.gain, 0.845, 5e-4);
    assert_close(eight.quality, 0.414, 5e-4);
    let all = solved(&table, "budget = 26\nmax_order = 4\ntransform = 'sqrt'");
    assert_close(all.objective, 5.955_890_680_5, 1e-9);
}

#[test]
fn the_two_transforms_choose_different_sources() {
    let Some(table) = table("transfers_16k.csv") else {
        return;
    };
    let plain = solved(&table, "budget = 2\nmax_order = 1\ntransform = 'identity'");
    assert_eq!(plain.sources, ["denoise", "edge2d"]);
}

#[test]
fn the_services_convention_adds_a_hundred_thousandth_per_affordable_idle_root() {
    let Some(table) = table("transfers_16k.csv") else {
        return;
    };
    let paper = solved(&table, "budget = 26\nmax_order = 4");
    let service = solved(&table, "budget = 26\nmax_order = 4\nconvention = 'service'");
    let idle: Vec<_> = ["colorization", "impainting_whole", "jigsaw", "random"].into();
    let added: Vec<_> = service
        .sources
        .iter()
        .filter(|source| idle.contains(&source.as_str()))
        .collect();
    assert_eq!(added.len(), 4);
    assert_close(
        service.objective,
        paper.objective.expect("a number") + 4e-5,
        1e-9,
    );
    assert_eq!(service.sources_used, paper.sources_used);
}
