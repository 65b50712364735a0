//! The pipeline's promises for one frame after the other.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{Keep, MS, World, frame, giving};
use concert_models::contract::{Channels, Fit, InputContract, Layout};
use concert_models::fake::FakeNetwork;
use concert_policies::Task;
use concert_runtime::{Clock, ManualClock, Outcome, Timestamp};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_nanos(
        1_700_000_000_000_000_000,
    )))
}

/// Tasks whose values may be anything a test makes.
fn free_targets() -> Vec<&'static Task> {
    let free = |task: &&Task| task.can_be_target() && task.check_values(&[40.0; 3]).is_ok();
    Task::all().iter().filter(free).collect()
}

fn transfers(text: &[(&str, &str)]) -> String {
    let head = "name = \"test\"\nsupervision_budget = 4\nmax_order = 4\n".to_owned();
    let one =
        |(target, rest): &(&str, &str)| format!("[[transfer]]\ntarget = \"{target}\"\n{rest}\n");
    head + &text.iter().map(one).collect::<String>()
}

#[test]
fn an_encoder_runs_once_however_many_readouts_share_it() {
    let targets: Vec<&str> = Task::all()
        .iter()
        .filter(|t| t.can_be_target())
        .map(|t| t.name)
        .take(26)
        .collect();
    assert_eq!(targets.len(), 26);
    for count in [1, 2, 7, 26] {
        let mut world = World::default();
        world.encoder("shared");
        let mut text = Vec::new();
        for target in &targets[..count] {
            world.readout(&format!("{target}_from_shared"), &["shared.a", "shared.b"]);
            text.push((*target, "sources = [\"shared\"]"));
        }
        let runs = world.counts["shared"].clone();
        let mut pipeline = world.pipeline(&transfers(&text), clock(), &["front"], None);
        let warm = runs.runs();
        let mut keep = Keep::default();
        // 0: a value that lies in the range of every task.
        pipeline.step(0, &frame(0, 0, MS), MS, &mut keep);
        assert_eq!(runs.runs() - warm, 1, "{count} readouts");
        let outcomes = &pipeline.step(0, &frame(1, 0, MS), MS, &mut keep).outcomes;
        assert_eq!(outcomes.len(), count);
        assert_eq!(runs.runs() - warm, 2);
    }
}

#[test]
fn orders_one_to_three_read_the_levels_they_name() {
    let targets = free_targets();
    let [one, two, three] = [targets[0].name, targets[1].name, targets[2].name];
    let mut world = World::default();
    for source in ["p", "q", "r"] {
        world.encoder(source);
    }
    world.readout(&format!("{one}_from_p"), &["p.a"]);
    world.readout(&format!("{two}_from_p+q"), &["p.a", "q.b"]);
    world.readout(&format!("{three}_from_p+q+r"), &["p.b", "q.b", "r.a"]);
    let text = transfers(&[
        (one, "sources = [\"p\"]"),
        (two, "sources = [\"p\", \"q\"]"),
        (three, "sources = [\"r\", \"q\", \"p\"]"),
    ]);
    let mut pipeline = world.pipeline(&text, clock(), &["front"], None);
    let mut keep = Keep::default();
    pipeline.step(0, &frame(0, 10, MS), MS, &mut keep);
    assert_eq!(keep.first_value(one), Some(10.0));
    assert_eq!(keep.first_value(two), Some(30.0));
    assert_eq!(keep.first_value(three), Some(50.0));
}

#[test]
fn a_ring_over_time_pairs_each_frame_with_the_one_before() {
    let target = free_targets()[0].name;
    let name = format!("{target}_from_p");
    let mut world = World::default();
    world.encoder("p");
    world.readout(&name, &["p.a", "p.a@1"]);
    let text = transfers(&[(target, "sources = [\"p\"]")]);
    let mut pipeline = world.pipeline(&text, clock(), &["front"], None);
    let mut keep = Keep::default();
    let first = pipeline
        .step(0, &frame(0, 1, MS), MS, &mut keep)
        .outcomes
        .clone();
    assert_eq!(first, [Outcome::Warming]);
    for (sequence, value) in [(1u64, 2u8), (2, 4), (3, 8), (4, 16)] {
        pipeline.step(
            0,
            &frame(sequence, value, MS * sequence as u32 * 10),
            MS,
            &mut keep,
        );
    }
    let sums: Vec<f32> = keep.outputs.iter().map(|output| output.values[0]).collect();
    assert_eq!(sums, [3.0, 6.0, 12.0, 24.0]);
    let last = keep.outputs.last().unwrap();
    assert_eq!(last.previous_stamp, Some(frame(3, 0, MS * 30).stamp));
    pipeline.forget(0);
    let again = pipeline
        .step(0, &frame(5, 1, MS), MS, &mut keep)
        .outcomes
        .clone();
    assert_eq!(
        again,
        [Outcome::Warming],
        "after a jump the past is not the past"
    );
}

#[test]
fn rings_of_different_lengths_in_one_readout_stay_in_step() {
    let target = free_targets()[0].name;
    let mut world = World::default();
    world.encoder("p");
    world.encoder("q");
    world.readout(&format!("{target}_from_p+q"), &["p.a@2", "q.a@1", "p.a"]);
    let text = transfers(&[(target, "sources = [\"p\", \"q\"]")]);
    let mut pipeline = world.pipeline(&text, clock(), &["front"], None);
    let mut keep = Keep::default();
    let values = [1u8, 2, 4, 8, 16, 32];
    for (i, value) in values.into_iter().enumerate() {
        pipeline.step(0, &frame(i as u64, value, MS * i as u32), MS, &mut keep);
    }
    let got: Vec<f32> = keep.outputs.iter().map(|output| output.values[0]).collect();
    let want: Vec<f32> = (2..6)
        .map(|i| f32::from(values[i] + values[i - 1] + values[i - 2]))
        .collect();
    assert_eq!(got, want);
}

#[test]
fn an_input_is_computed_first_and_even_if_nobody_listens_to_it() {
    let targets = free_targets();
    let (input, middle, last) = (targets[0].name, targets[1].name, targets[2].name);
    let mut world = World::default();
    world.encoder("p");
    world.readout(&format!("{input}_from_p"), &["p.a"]);
    world.readout(&format!("{middle}_from_p"), &["p.b", input]);
    world.readout(&format!("{last}_from_p"), &["p.a", middle]);
    let text = transfers(&[
        (last, &format!("sources = [\"p\"]\ninputs = [\"{middle}\"]")),
        (
            middle,
            &format!("sources = [\"p\"]\ninputs = [\"{input}\"]"),
        ),
        (input, "sources = [\"p\"]\nrate_hz = 1"),
    ]);
    let plan = world.plan(&text);
    let order: Vec<&str> = plan.targets().map(|task| task.name).collect();
    assert_eq!(order, [input, middle, last]);
    let mut pipeline = world.pipeline(&text, clock(), &["front"], None);
    let mut keep = Keep {
        deaf: vec![0, 1],
        ..Keep::default()
    };
    let outcomes = pipeline
        .step(0, &frame(0, 10, MS), MS, &mut keep)
        .outcomes
        .clone();
    assert_eq!(
        outcomes,
        [Outcome::Internal, Outcome::Internal, Outcome::Delivered]
    );
    assert_eq!(keep.first_value(last), Some(40.0));
    assert_eq!(keep.outputs.len(), 1);
}

#[test]
fn what_nobody_listens_to_is_not_computed_and_its_encoder_rests() {
    let targets = free_targets();
    let (heard, unheard) = (targets[0].name, targets[1].name);
    let mut world = World::default();
    world.encoder("p");
    world.encoder("q");
    world.readout(&format!("{heard}_from_p"), &["p.a"]);
    world.readout(&format!("{unheard}_from_q"), &["q.a"]);
    let runs = world.counts["q"].clone();
    let text = transfers(&[(heard, "sources = [\"p\"]"), (unheard, "sources = [\"q\"]")]);
    let mut pipeline = world.pipeline(&text, clock(), &["front"], None);
    let warm = runs.runs();
    let mut keep = Keep {
        deaf: vec![1],
        ..Keep::default()
    };
    let outcomes = pipeline
        .step(0, &frame(0, 10, MS), MS, &mut keep)
        .outcomes
        .clone();
    assert_eq!(outcomes, [Outcome::Delivered, Outcome::NoSubscriber]);
    assert_eq!(runs.runs(), warm);
}

#[test]
fn a_target_with_a_rate_of_its_own_is_computed_that_often() {
    let targets = free_targets();
    let (every, tenth) = (targets[0].name, targets[1].name);
    let mut world = World::default();
    world.encoder("p");
    world.readout(&format!("{every}_from_p"), &["p.a"]);
    world.readout(&format!("{tenth}_from_p"), &["p.a"]);
    let text = transfers(&[
        (every, "sources = [\"p\"]"),
        (tenth, "sources = [\"p\"]\nrate_hz = 3"),
    ]);
    let mut pipeline = world.pipeline(&text, clock(), &["front"], None);
    let mut keep = Keep::default();
    let period = Duration::from_micros(33_333);
    for i in 0..300u32 {
        pipeline.step(0, &frame(u64::from(i), 1, period * i), period, &mut keep);
    }
    let of = |name: &str| {
        keep.outputs
            .iter()
            .filter(|output| output.origin.task.name == name)
            .count()
    };
    assert_eq!((of(every), of(tenth)), (300, 30));
}

#[test]
fn attempts_that_fail_are_no_more_frequent_than_the_rate() {
    let targets = free_targets();
    let (every, input, reader) = (targets[0].name, targets[1].name, targets[2].name);
    let mut world = World::default();
    world.encoder("p");
    world.encoder("q");
    world.readout(&format!("{every}_from_p"), &["p.a"]);
    // Two of three attempts give what may not be published.
    let attempts = std::sync::atomic::AtomicUsize::new(0);
    let now_and_then = giving(move |_| {
        let attempt = attempts.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        [if attempt.is_multiple_of(3) {
            1.0
        } else {
            f32::INFINITY
        }; 3]
    });
    world.readout_of(&format!("{input}_from_q"), &["q.a"], now_and_then);
    world.readout(&format!("{reader}_from_p"), &["p.a", input]);
    let runs = world.counts[&format!("{input}_from_q")].clone();
    let encoded = world.counts["q"].clone();
    let text = transfers(&[
        (every, "sources = [\"p\"]"),
        (input, "sources = [\"q\"]\nrate_hz = 3"),
        (
            reader,
            &format!("sources = [\"p\"]\ninputs = [\"{input}\"]\nrate_hz = 3"),
        ),
    ]);
    let mut pipeline = world.pipeline(&text, clock(), &["front"], None);
    let (warm, encoded_warm) = (runs.runs(), encoded.runs());
    let mut keep = Keep::default();
    let period = Duration::from_micros(33_333);
    for i in 0..300u32 {
        pipeline.step(0, &frame(u64::from(i), 1, period * i), period, &mut keep);
    }
    assert_eq!(
        (runs.runs() - warm, encoded.runs() - encoded_warm),
        (30, 30)
    );
    let delivered = |name: &str| {
        let of = |output: &&concert_runtime::Output| output.origin.task.name == name;
        keep.outputs.iter().filter(of).count()
    };
    assert_eq!(delivered(every), 300);
    assert!((9..=11).contains(&delivered(input)), "{}", delivered(input));
    assert_eq!(delivered(reader), delivered(input));
}

/// An encoder that takes ten milliseconds of a manual clock.
fn slow(clock: &Arc<ManualClock>) -> FakeNetwork {
    let clock = Arc::clone(clock);
    FakeNetwork::new(
        &[("image", &[1, 1, 2, 2])],
        &[("a", &[1, 1]), ("b", &[1, 1])],
        move |_, _| {
            clock.advance(MS * 10);
            Ok(())
        },
    )
}

#[test]
fn the_least_important_target_is_given_up_first() {
    let targets = free_targets();
    let clock = clock();
    let mut world = World::default();
    let mut text = Vec::new();
    for (target, source) in targets.iter().zip(["p", "q", "r"]) {
        world.encoder_of(source, slow(&clock));
        world.readout(
            &format!("{}_from_{source}", target.name),
            &[&format!("{source}.a")],
        );
        text.push((target.name, format!("sources = [\"{source}\"]")));
    }
    let text: Vec<(&str, &str)> = text
        .iter()
        .map(|(target, rest)| (*target, rest.as_str()))
        .collect();
    let mut pipeline = world.pipeline(&transfers(&text), clock.clone(), &["front"], Some(MS * 25));
    let mut keep = Keep::default();
    let arrived = clock.monotonic();
    let outcomes = pipeline
        .step(0, &frame(0, 1, arrived), MS, &mut keep)
        .outcomes
        .clone();
    assert_eq!(
        outcomes,
        [Outcome::Delivered, Outcome::Delivered, Outcome::Shed]
    );
}

#[test]
fn a_failing_encoder_costs_the_targets_that_need_it_and_nothing_else() {
    let targets = free_targets();
    let clock = clock();
    let mut world = World::default();
    world.encoder("p");
    let fails = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let switch = Arc::clone(&fails);
    let network = FakeNetwork::new(
        &[("image", &[1, 1, 2, 2])],
        &[("a", &[1, 1]), ("b", &[1, 1])],
        move |_, _| {
            if switch.load(std::sync::atomic::Ordering::SeqCst) {
                Err("no memory".into())
            } else {
                Ok(())
            }
        },
    );
    world.encoder_of("q", network);
    let runs = world.counts["q"].clone();
    world.readout(&format!("{}_from_p", targets[0].name), &["p.a"]);
    world.readout(&format!("{}_from_q", targets[1].name), &["q.a"]);
    world.readout(
        &format!("{}_from_p", targets[2].name),
        &["p.a", targets[1].name],
    );
    let text = transfers(&[
        (targets[0].name, "sources = [\"p\"]"),
        (targets[1].name, "sources = [\"q\"]"),
        (
            targets[2].name,
            &format!("sources = [\"p\"]\ninputs = [\"{}\"]", targets[1].name),
        ),
    ]);
    let mut pipeline = world.pipeline(&text, clock.clone(), &["front"], None);
    let mut keep = Keep::default();
    fails.store(true, std::sync::atomic::Ordering::SeqCst);
    let warm = runs.runs();
    for i in 0..10u64 {
        let outcomes = pipeline
            .step(0, &frame(i, 1, clock.monotonic()), MS, &mut keep)
            .outcomes
            .clone();
        assert_eq!(
            outcomes,
            [
                Outcome::Delivered,
                Outcome::InputMissing,
                Outcome::InputMissing
            ]
        );
        clock.advance(MS * 10);
    }
    assert_eq!(runs.runs() - warm, 1, "it pauses after a failure");
    let failing = pipeline.troubles(0);
    assert_eq!(failing.len(), 2);
    let dependent = format!("{}_from_p", targets[2].name);
    assert_eq!((&*failing[0].name, &failing[1].name), ("q", &dependent));
    let why = format!(
        "what it reads, {}, was not made: input missing",
        targets[1].name
    );
    assert_eq!(
        failing[1].reason, why,
        "and the reason of what depends on it"
    );
    assert!(
        failing[0].reason.contains("no memory"),
        "{}",
        failing[0].reason
    );
    fails.store(false, std::sync::atomic::Ordering::SeqCst);
    clock.advance(MS * 100);
    let outcomes = pipeline
        .step(0, &frame(11, 1, clock.monotonic()), MS, &mut keep)
        .outcomes
        .clone();
    assert_eq!(outcomes, [Outcome::Delivered; 3]);
    assert!(pipeline.troubles(0).is_empty());
}

#[test]
fn a_readout_that_panics_is_quarantined_and_the_others_go_on() {
    let targets = free_targets();
    let clock = clock();
    let mut world = World::default();
    world.encoder("p");
    let warm = std::sync::atomic::AtomicBool::new(false);
    let network = FakeNetwork::new(&[("in0", &[1, 1])], &[("out", &[1, 3])], move |_, _| {
        if warm.swap(true, std::sync::atomic::Ordering::SeqCst) {
            panic!("an index out of bounds");
        }
        Ok(())
    });
    world.readout_of(&format!("{}_from_p", targets[0].name), &["p.a"], network);
    world.readout(&format!("{}_from_p", targets[1].name), &["p.a"]);
    let text = transfers(&[
        (targets[0].name, "sources = [\"p\"]"),
        (targets[1].name, "sources = [\"p\"]"),
    ]);
    let mut pipeline = world.pipeline(&text, clock.clone(), &["front"], None);
    let mut keep = Keep::default();
    for i in 0..10u64 {
        let outcomes = pipeline
            .step(0, &frame(i, 1, clock.monotonic()), MS, &mut keep)
            .outcomes
            .clone();
        assert_eq!(outcomes, [Outcome::Failed, Outcome::Delivered]);
        clock.advance(Duration::from_secs(11));
    }
    assert!(pipeline.troubles(0)[0].quarantined, "quarantined");
}

#[test]
fn an_output_that_is_not_finite_is_withheld() {
    let target = free_targets()[0].name;
    let mut world = World::default();
    world.encoder("p");
    let network = FakeNetwork::new(
        &[("in0", &[1, 1])],
        &[("out", &[1, 3])],
        |inputs, outputs| {
            outputs[0].1.fill(if inputs[0].1[0] > 5.0 {
                f32::INFINITY
            } else {
                1.0
            });
            Ok(())
        },
    );
    world.readout_of(&format!("{target}_from_p"), &["p.a"], network);
    let text = transfers(&[(target, "sources = [\"p\"]")]);
    let mut pipeline = world.pipeline(&text, clock(), &["front"], None);
    let mut keep = Keep::default();
    let mut outcome = |value| {
        pipeline
            .step(0, &frame(0, value, MS), MS, &mut keep)
            .outcomes[0]
    };
    assert_eq!(
        [outcome(1), outcome(9), outcome(1)],
        [Outcome::Delivered, Outcome::Withheld, Outcome::Delivered]
    );
}

#[test]
fn two_cameras_share_no_ring_and_no_sequence() {
    let target = free_targets()[0].name;
    let mut world = World::default();
    world.encoder("p");
    world.readout(&format!("{target}_from_p"), &["p.a", "p.a@1"]);
    let text = transfers(&[(target, "sources = [\"p\"]")]);
    let mut pipeline = world.pipeline(&text, clock(), &["left", "right"], None);
    let mut keep = Keep::default();
    for (sequence, left, right) in [(0u64, 1u8, 100u8), (1, 2, 50), (2, 3, 25)] {
        pipeline.step(
            0,
            &frame(sequence, left, MS * sequence as u32),
            MS,
            &mut keep,
        );
        pipeline.step(
            1,
            &frame(sequence, right, MS * sequence as u32),
            MS,
            &mut keep,
        );
    }
    let got: Vec<_> = keep
        .outputs
        .iter()
        .map(|o| (o.origin.key.to_string(), o.sequence, o.values[0]))
        .collect();
    let key = |camera: &str| format!("{camera}/{target}");
    assert_eq!(
        got,
        [
            (key("left"), 0, 3.0),
            (key("right"), 0, 150.0),
            (key("left"), 1, 5.0),
            (key("right"), 1, 75.0),
        ]
    );
}

#[test]
fn equal_contracts_are_preprocessed_once() {
    let targets = free_targets();
    let mut world = World::default();
    world.encoder("p");
    world.encoder("q");
    world.encoder("r");
    let other = InputContract::new(
        "image",
        2,
        2,
        Layout::Nchw,
        Channels::Grey,
        Fit::Stretch,
        &[1.0],
        &[1.0],
    );
    world.encoders.get_mut("r").unwrap().contract = other.unwrap();
    world.readout(
        &format!("{}_from_p+q+r", targets[0].name),
        &["p.a", "q.a", "r.a"],
    );
    let text = transfers(&[(targets[0].name, "sources = [\"p\", \"q\", \"r\"]")]);
    let mut pipeline = world.pipeline(&text, clock(), &["front"], None);
    let mut keep = Keep::default();
    for sequence in 0..3 {
        let report = pipeline.step(0, &frame(sequence, 9, MS), MS, &mut keep);
        let runs = |times: &[Option<Duration>]| times.iter().flatten().count();
        assert_eq!(
            runs(&report.preprocess),
            2,
            "two contracts, of three encoders"
        );
        assert_eq!(runs(&report.encode), 3);
    }
    // Their pixels are those of the one image: 9, 9 and, of the other contract, 8.
    assert_eq!(keep.first_value(targets[0].name), Some(26.0));
    assert_eq!(keep.outputs[0].image_size, (4, 4));
}
