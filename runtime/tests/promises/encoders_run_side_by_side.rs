//! Encoders that every frame needs run at the same time, and nothing else changes.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::common::{Keep, MS, World, frame};
use concert_models::fake::{FakeEngine, FakeNetwork};
use concert_policies::Task;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::watchdog::Watchdog;
use concert_runtime::{
    Clock, EncoderOrder, LaneName, ManualClock, NoWatch, Outcome, Pipeline, Timestamp,
};

/// Three targets whose values may be anything: of `p`, of `p` and `q`, of `q`.
fn targets() -> [&'static str; 3] {
    let free = |task: &&Task| task.can_be_target() && task.check_values(&[40.0; 3]).is_ok();
    let mut free = Task::all().iter().filter(free).map(|task| task.name);
    [(); 3].map(|()| free.next().expect("three of them"))
}

/// The second target also reads the first; `rest` belongs to the third.
fn policy(rest: &str) -> String {
    let [first, second, third] = targets();
    format!(
        r#"
name = "test"
supervision_budget = 2
[[transfer]]
target = "{first}"
sources = ["p"]
[[transfer]]
target = "{second}"
sources = ["p", "q"]
inputs = ["{first}"]
{rest}
[[transfer]]
target = "{third}"
sources = ["q"]
{rest}
"#
    )
}

const ENCODER_INPUTS: [(&str, &[usize]); 1] = [("image", &[1, 1, 2, 2])];
const LEVELS: [(&str, &[usize]); 2] = [("a", &[1, 1]), ("b", &[1, 1])];

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::default()))
}

/// Side by side where `count` is not 1.
fn world(count: usize) -> World {
    let mut world = World {
        engine: FakeEngine::with_side_by_side(count),
        ..World::default()
    };
    world.encoder("p");
    world.encoder("q");
    let [first, second, third] = targets();
    world.readout(&format!("{first}_from_p"), &["p.a"]);
    world.readout(&format!("{second}_from_p+q"), &["p.b", "q.a@1", first]);
    world.readout(&format!("{third}_from_q"), &["q.b"]);
    world
}

/// An encoder that computes once `other` computes, too; it fails where that does
/// not happen.
fn meeting(meet: &Arc<(Mutex<usize>, Condvar)>) -> FakeNetwork {
    let meet = Arc::clone(meet);
    FakeNetwork::new(&ENCODER_INPUTS, &LEVELS, move |_, outputs| {
        let (here, changed) = &*meet;
        let mut count = here.lock().unwrap();
        *count += 1;
        changed.notify_all();
        // Two of the first runs, which come one after the other, and two of a frame.
        let patience = Duration::from_secs(if *count > 2 { 20 } else { 0 });
        let waited = changed.wait_timeout_while(count, patience, |count| *count == 3);
        if waited.unwrap().1.timed_out() && !patience.is_zero() {
            return Err("the other does not run at the same time".to_owned());
        }
        outputs.iter_mut().for_each(|(_, values)| values.fill(0.0));
        Ok(())
    })
}

#[test]
fn encoders_that_every_frame_needs_run_at_the_same_time() {
    let mut world = world(2);
    let meet = Arc::default();
    world.encoder_of("p", meeting(&meet));
    world.encoder_of("q", meeting(&meet));
    let mut pipeline = world.pipeline(&policy(""), clock(), &["front"], None);
    assert_eq!(pipeline.side_by_side(), ["p", "q"]);
    let report = pipeline.step(0, &frame(0, 0, MS), MS, &mut Keep::default());
    let expected = [Outcome::Delivered, Outcome::Warming, Outcome::Delivered];
    assert_eq!(report.outcomes, expected);
}

#[test]
fn outputs_and_runs_are_those_of_one_encoder_after_the_other() {
    let run = |count: usize| {
        let world = world(count);
        let runs = ["p", "q"].map(|source| world.counts[source].clone());
        let mut pipeline = world.pipeline(&policy(""), clock(), &["front"], None);
        let mut outcomes = Vec::new();
        let mut keep = Keep::default();
        for (number, deaf) in [
            vec![],
            vec![2],
            vec![1, 2],
            vec![0, 1],
            vec![0, 1, 2],
            vec![],
        ]
        .into_iter()
        .enumerate()
        {
            keep.deaf = deaf;
            let frame = frame(number as u64, number as u8, MS * number as u32);
            let report = pipeline.step(0, &frame, MS, &mut keep);
            outcomes.push((
                report.outcomes.clone(),
                runs.each_ref().map(|runs| runs.runs()),
            ));
        }
        let outputs = keep.outputs.iter();
        let outputs = outputs.map(|output| (output.origin.key.clone(), output.values.clone()));
        (outcomes, outputs.collect::<Vec<_>>())
    };
    assert_eq!(run(2), run(1));
    assert_eq!(run(8), run(1));
}

#[test]
fn what_runs_on_some_frames_alone_leaves_the_others_all_threads() {
    for (rate, beside) in [("", &["p", "q"] as &[&str]), ("rate_hz = 10", &[])] {
        let pipeline = world(2).pipeline(&policy(rate), clock(), &["front"], None);
        assert_eq!(pipeline.side_by_side(), beside);
    }
    let pipeline = world(1).pipeline(&policy(""), clock(), &["front"], None);
    assert!(
        pipeline.side_by_side().is_empty(),
        "on an engine of one thread"
    );
}

#[test]
fn encoders_take_turns_where_that_was_chosen_also_after_a_swap() {
    let world = world(2);
    let plan = world.plan(&policy(""));
    assert!(plan.has_several_encoders_a_frame());
    assert!(
        !world
            .plan(&policy("rate_hz = 10"))
            .has_several_encoders_a_frame()
    );
    let (first, next) = (
        plan.clone().with_encoders(EncoderOrder::OneAfterTheOther),
        plan,
    );
    let lane = LaneName {
        camera: "front".to_owned(),
        in_keys: false,
    };
    let (engine, watch) = (Box::new(world.engine), Arc::new(NoWatch));
    let running = Pipeline::prepare(first, engine, &[lane], clock(), watch, None);
    let running = running.expect("prepared");
    assert!(running.side_by_side().is_empty());
    let swapped = running.preparer().prepare(next).expect("prepared");
    assert!(swapped.side_by_side().is_empty());
}

#[test]
fn an_encoder_that_fails_or_panics_beside_costs_its_own_targets_alone() {
    for panics in [false, true] {
        let mut world = world(2);
        let failing = FakeNetwork::new(&ENCODER_INPUTS, &LEVELS, move |inputs, _| {
            assert!(!panics || inputs[0].1[0] == 0.0, "the test's own panic");
            match inputs[0].1[0] {
                0.0 => Ok(()),
                _ => Err("node 7 broke".to_owned()),
            }
        });
        world.encoder_of("q", failing);
        let mut pipeline = world.pipeline(&policy(""), clock(), &["front"], None);
        let report = pipeline.step(0, &frame(0, 5, MS), MS, &mut Keep::default());
        let missing = Outcome::InputMissing;
        assert_eq!(report.outcomes, [Outcome::Delivered, missing, missing]);
        assert!(report.encode[0].is_some() && report.encode[1].is_none());
        let troubles = pipeline.troubles(0);
        assert_eq!(troubles[0].name, "q", "{troubles:?}");
        // It is tried again after a pause, not at once.
        let report = pipeline.step(0, &frame(1, 0, MS * 2), MS, &mut Keep::default());
        assert_eq!(report.outcomes, [Outcome::Delivered, missing, missing]);
    }
}

#[test]
fn an_encoder_that_hangs_beside_is_ended_by_a_watch_of_its_own() {
    let mut world = world(2);
    // Its first run is not on a frame.
    let hanging = FakeNetwork::hanging_after(&ENCODER_INPUTS, &LEVELS, 1);
    world.encoder_of("q", hanging);
    let plan = world.plan(&policy(""));
    let clock = Arc::new(SystemClock::start());
    let watch = Arc::new(Watchdog::start(clock.clone(), MS * 50).expect("a thread"));
    let lane = LaneName {
        camera: "front".to_owned(),
        in_keys: false,
    };
    let pipeline = Pipeline::prepare(plan, Box::new(world.engine), &[lane], clock, watch, None);
    let mut pipeline = pipeline.expect("prepared");
    let report = pipeline.step(0, &frame(0, 0, MS), MS, &mut Keep::default());
    let missing = Outcome::InputMissing;
    assert_eq!(report.outcomes, [Outcome::Delivered, missing, missing]);
    let troubles = pipeline.troubles(0);
    let reason = &troubles[0].reason;
    assert!(reason.contains("longer than its limit"), "{troubles:?}");
}

#[test]
fn what_has_no_time_is_not_begun_beside() {
    let clock = clock();
    let mut world = world(2);
    let slow = Arc::clone(&clock);
    let network = FakeNetwork::new(&ENCODER_INPUTS, &LEVELS, move |_, outputs| {
        slow.advance(MS * 30);
        outputs.iter_mut().for_each(|(_, values)| values.fill(0.0));
        Ok(())
    });
    world.encoder_of("q", network);
    let runs = world.counts["q"].clone();
    let limit = Some(MS * 10);
    let mut pipeline = world.pipeline(&policy(""), clock.clone(), &["front"], limit);
    let mut step = |number: u64, deaf: &[usize]| {
        let frame = frame(number, 0, clock.monotonic());
        let mut keep = Keep {
            deaf: deaf.to_vec(),
            ..Keep::default()
        };
        let outcomes = pipeline
            .step(0, &frame, MS * 100, &mut keep)
            .outcomes
            .clone();
        clock.advance(MS * 100);
        outcomes
    };
    // Alone, it shows what it takes.
    step(0, &[0, 1]);
    let shown = runs.runs();
    for number in 1..4 {
        let outcomes = step(number, &[]);
        assert_eq!(outcomes[0], Outcome::Delivered);
        assert_eq!(outcomes[2], Outcome::Shed);
    }
    assert_eq!(runs.runs(), shown);
}
