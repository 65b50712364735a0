//! Whatever stands in a launch file or a request of somebody on the bus: it is
//! taken or refused, without a panic and at once (F13, F29).

#[path = "../tests/common/mutations.rs"]
mod mutations;

use std::path::Path;

use concert_policies::affinity::{Completeness, TransferTable};

use self::mutations::Mutations;
use crate::LaunchFile;
use crate::assemble::AskedSolver;

#[test]
fn launch_files() {
    let front = include_bytes!("robots/front.toml").as_slice();
    let learns = include_bytes!("robots/driven_learns.toml");
    let images = include_bytes!("robots/images.toml");
    Mutations::of(&[front, learns, images]).each(1_500, |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes) {
            drop(LaunchFile::parse(text, Path::new("robot.toml")));
        }
    });
}

#[test]
fn requests_to_solve() {
    let table =
        "target,sources,affinity\nkeypoints2d,xfeat,0.7\nkeypoints2d,efficientnet_lite0,0.3\n";
    let table = TransferTable::from_csv(table, "table.csv", Completeness::Whole).expect("a table");
    let solver = AskedSolver::new(table, None);
    let toml = "target_only = [\"keypoints2d\"]\n\
                source_only = [\"xfeat\", \"efficientnet_lite0\"]\nbudget = 1\n";
    let json = r#"{"target_only": ["keypoints2d"], "source_only": ["xfeat"], "budget": 1}"#;
    assert_eq!(solver.answer(toml)["status"], "optimal");
    let mut solved = 0;
    Mutations::of(&[toml.as_bytes(), json.as_bytes()]).each(1_500, |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes) {
            let answer = solver.answer(text);
            assert!(answer["status"].is_string(), "{answer}");
            solved += usize::from(answer["status"] == "optimal");
        }
    });
    assert!(solved > 0, "some variants are still problems");
}
