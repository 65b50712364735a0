//! Whatever stands in a policy, a problem, a profile or a table: it is read or
//! refused, without a panic and at once (F13).

use crate::mutations::Mutations;
use concert_policies::Policy;
use concert_policies::affinity::{Completeness, TransferTable};
use concert_policies::profile::Profile;
use concert_policies::solve::Problem;

/// Calls with what is text, as the readers of files do.
fn text(parse: impl Fn(&str)) -> impl FnMut(&[u8]) {
    move |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes) {
            parse(text);
        }
    }
}

#[test]
fn policies() {
    let home = include_bytes!("../../shipped/home.toml").as_slice();
    let light = include_bytes!("../../shipped/first_light.toml");
    let read = |text: &str| {
        if let Ok(policy) = Policy::parse(text, "policy.toml") {
            let again = Policy::parse(&policy.to_toml(), "again").expect("what it wrote");
            assert_eq!(again.hash(), policy.hash());
        }
    };
    Mutations::of(&[home, light]).each(4_000, text(read));
}

#[test]
fn problems() {
    let toml = include_bytes!("../../shipped/affinities/apartment_problem.toml").as_slice();
    let json = br#"{"target_only": ["keypoints2d"], "source_only": ["a", "b"], "budget": 1}"#;
    for good in [toml, json] {
        let good = std::str::from_utf8(good).expect("text");
        Problem::parse(good, "problem").expect("a problem");
    }
    let read = |text: &str| drop(Problem::parse(text, "problem"));
    Mutations::of(&[toml, json]).each(4_000, text(read));
}

#[test]
fn profiles() {
    let profile = b"device = \"a board\"\n[[encoder]]\nsource = \"xfeat\"\nmillis = 8.5\n\
        memory_bytes = 8000000\n[[readout]]\ntarget = \"keypoints2d\"\nsources = [\"xfeat\"]\n\
        millis = 1.5\nmemory_bytes = 100000\n";
    let good = std::str::from_utf8(profile).expect("text");
    Profile::parse(good, "profile.toml").expect("a profile");
    let read = |text: &str| drop(Profile::parse(text, "profile.toml"));
    Mutations::of(&[profile]).each(3_000, text(read));
}

#[test]
fn tables() {
    let csv = include_bytes!("../../shipped/affinities/corridor.csv").as_slice();
    let json = br#"{"transfers": [{"target": "normal", "sources": ["a", "b"], "affinity": 0.5}]}"#;
    let good = std::str::from_utf8(json).expect("text");
    TransferTable::from_json(good, "table.json", Completeness::Partial).expect("a table");
    for completeness in [Completeness::Whole, Completeness::Partial] {
        let read = |text: &str| {
            drop(TransferTable::from_csv(text, "table.csv", completeness));
            drop(TransferTable::from_json(text, "table.json", completeness));
        };
        Mutations::of(&[csv, json]).each(1_500, text(read));
    }
}
