//! The shipped policy names the coffee cup on the photograph of one.

use crate::common;

use std::time::Duration;

use crate::common::first_light::{Keep, frame, pipeline};
use concert_policies::Policy;

#[test]
fn the_coffee_cup_is_an_espresso_a_cup_or_a_coffee_mug() {
    let mut pipeline = pipeline(&Policy::shipped("first_light").unwrap());
    let mut keep = Keep::default();
    let photograph = common::repository().join("launch/photographs/coffee.jpg");
    pipeline.step(
        0,
        &frame(0, &photograph),
        Duration::from_millis(100),
        &mut keep,
    );
    let output = keep.newest("class_object");
    let best = output
        .values
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .unwrap();
    let label = output.origin.labels[best.0].to_lowercase();
    let cups = ["espresso", "cup", "coffee mug"];
    assert!(
        cups.iter().any(|cup| label.contains(cup)),
        "{label} with {}",
        best.1
    );
    let sum: f32 = output.values.iter().sum();
    assert!((sum - 1.0).abs() < 1e-3, "probabilities sum to {sum}");
}
