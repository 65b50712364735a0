//! A swap on terms: only where the policy fits, by what its networks are measured to
//! take, or on another engine, where the one that runs is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::stage::{of, start_on};
use crate::common::{MS, World, policy_on_p};
use concert_models::fake::FakeNetwork;
use concert_runtime::io::thread;
use concert_runtime::{Outcome, SwapError, SwapTerms};

/// An encoder that does as it is told.
fn encoder(run: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> FakeNetwork {
    FakeNetwork::new(
        &[("image", &[1, 1, 2, 2])],
        &[("a", &[1, 1]), ("b", &[1, 1])],
        move |_, _| run(),
    )
}

const SLOW: &str = "name = \"slow\"\nsupervision_budget = 1\n[[transfer]]\n\
                    target = \"depth_zbuffer\"\nsources = [\"q\"]\n";

#[test]
fn what_would_not_fit_between_two_frames_is_not_put_in_place() {
    let mut world = World::default();
    world.encoder("p");
    // Frames come about every millisecond.
    let slow = encoder(|| {
        thread::sleep(MS * 20);
        Ok(())
    });
    world.encoder_of("q", slow);
    world.readout("normal_from_p", &["p.a"]);
    world.readout("depth_zbuffer_from_q", &["q.a"]);
    let policy = policy_on_p(&["normal"]);
    let stage = start_on(world.engine.sibling(), &world, &policy, &["front"]);
    stage.pass(20);
    let control = stage.runtime.control();
    let if_it_fits = || SwapTerms {
        most_load: Some(0.9),
        ..SwapTerms::default()
    };
    let refused = control.swap_on(world.plan(SLOW), if_it_fits());
    let Err(SwapError::DoesNotFit {
        policy, percent, ..
    }) = &refused
    else {
        panic!("{refused:?}");
    };
    assert!(policy == "slow" && *percent > 90.0, "{percent}");
    stage.pass(20);
    assert_eq!(stage.runtime.snapshot().swaps, 0);
    // Without that term it is as any other swap, and the way back fits.
    control.swap(world.plan(SLOW)).expect("a swap");
    stage.pass(3);
    let (snapshot, outputs) = stage.finish();
    assert_eq!(snapshot.swaps, 1);
    let made = of(&snapshot, "depth_zbuffer");
    assert!(made.published > 0);
    let slow = outputs
        .iter()
        .find(|output| &*output.origin.key == "depth_zbuffer");
    assert_eq!(slow.expect("an output").origin.hashes.policy_name, "slow");
    // Its 20 ms are far longer than the time between frames.
    let camera = &snapshot.cameras[0].counts;
    assert!(camera.superseded > 0, "{camera:?}");
}

#[test]
fn a_lost_engine_is_told_and_another_one_takes_the_policy_over() {
    let lost = Arc::new(AtomicBool::new(false));
    let device = Arc::clone(&lost);
    let mut world = World::default();
    let on_device = encoder(move || match device.load(Ordering::SeqCst) {
        true => Err("the device is gone".to_owned()),
        false => Ok(()),
    });
    world.encoder_of("p", on_device);
    world.readout("normal_from_p", &["p.a"]);
    let mut processor = World::default();
    processor.encoder_of("p", encoder(|| Ok(())));
    processor.readout("normal_from_p", &["p.a"]);
    let policy = policy_on_p(&["normal"]);
    let stage = start_on(world.engine.sibling(), &world, &policy, &["front"]);
    let control = stage.runtime.control();
    stage.pass(20);
    assert!(!control.is_engine_lost());
    lost.store(true, Ordering::SeqCst);
    stage.wait_until(|_| control.is_engine_lost());
    let terms = SwapTerms {
        engine: Some(Box::new(processor.engine.sibling())),
        most_load: None,
    };
    control
        .swap_on(processor.plan(&policy), terms)
        .expect("a swap");
    let delivered = |snapshot: &concert_runtime::Snapshot| {
        of(snapshot, "normal").outcomes.of(Outcome::Delivered)
    };
    let before = delivered(&stage.runtime.snapshot());
    stage.wait_until(|snapshot| delivered(snapshot) > before + 10);
    assert!(!control.is_engine_lost());
    // What is swapped in later stays on the engine that works.
    control.swap(processor.plan(&policy)).expect("a swap");
    let before = delivered(&stage.runtime.snapshot());
    stage.wait_until(|snapshot| delivered(snapshot) > before + 10);
    assert!(!control.is_engine_lost());
    let (snapshot, _) = stage.finish();
    assert_eq!(snapshot.swaps, 2);
}
