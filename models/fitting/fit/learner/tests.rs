use std::time::Duration;

use concert_policies::Task;

use super::*;
use crate::dataset::LabelKind;
use crate::fit::tests::{representation, small_card, small_layout};
use crate::fit::{FitNotes, Statistics};
use concert_models::card::{Card, EncoderCard, FitData};
use concert_models::onnx::{CheckLimits, check};
use concert_models::rng::Rng;

fn target() -> &'static Task {
    Task::find("depth_zbuffer").unwrap()
}

/// Depth whose logarithm is linear in the first plane of the finest level,
/// `times` over.
fn label(layout: &RepresentationLayout, frame: &Representation, times: f32) -> Label {
    let mut plane = vec![0.0; 3 * 64];
    frame.read(layout, 0, &mut plane);
    let values = plane[..64].iter().map(|x| times * (1.0 + 0.3 * x).exp());
    Label {
        channels: 1,
        width: 8,
        height: 8,
        values: values.collect(),
        kind: LabelKind::Depth,
    }
}

/// A linear readout fitted to depth that is wrong by a factor.
fn readout(times: f32) -> FittedReadout {
    let layout = small_layout();
    let mut rng = Rng::from_seed(77);
    let frames: Vec<_> = (0..30).map(|_| representation(&layout, &mut rng)).collect();
    let mut linear = LinearFit::new(target(), &layout, None, &frames).unwrap();
    let mut statistics: Statistics = linear.statistics().unwrap();
    for frame in &frames {
        let label = label(&layout, frame, times);
        linear.add(&mut statistics, frame, &label, None, 1.0);
    }
    linear.readout(&statistics, 1e-3).unwrap()
}

fn known_readout(readout: &FittedReadout) -> KnownReadout {
    let data = vec![FitData::new("d".into(), "0".repeat(64), 30)];
    let card = readout.card(&FitNotes::new(None, 1.0, 1, data));
    let network = check(&readout.onnx, &CheckLimits::default()).unwrap();
    KnownReadout::new(&card, network)
}

fn rules() -> LearnRules {
    LearnRules {
        block: Duration::from_secs(1),
        block_frames: 3,
        steps: 0,
        ..LearnRules::default()
    }
}

fn learner(times: f32, rules: LearnRules) -> Learner {
    Learner::new(
        target(),
        &small_layout(),
        known_readout(&readout(times)),
        rules,
    )
    .unwrap()
}

/// Shows `count` frames, `every` apart, to a learner; what became of each.
fn show(
    learner: &mut Learner,
    seed: u64,
    count: u32,
    every: Duration,
    times: f32,
) -> Vec<FrameUse> {
    let layout = small_layout();
    let mut rng = Rng::from_seed(seed);
    let frames = (0..count).map(|at| {
        let frame = representation(&layout, &mut rng);
        let label = label(&layout, &frame, times);
        learner.add(frame, &label, None, every * at).unwrap()
    });
    frames.collect()
}

const TENTH: Duration = Duration::from_millis(100);

/// Goes on, ten frames a second.
fn show_from(learner: &mut Learner, frames: std::ops::Range<u32>, times: f32) {
    let layout = small_layout();
    let mut rng = Rng::from_seed(2);
    for at in frames {
        let frame = representation(&layout, &mut rng);
        let label = label(&layout, &frame, times);
        learner.add(frame, &label, None, TENTH * at).unwrap();
    }
}

fn refit(learner: &mut Learner) -> Refit {
    learner
        .refit(Duration::from_secs(60), &mut || true)
        .unwrap()
}

#[test]
fn a_block_lasts_its_time_and_has_its_frames() {
    use FrameUse::{HeldOut, Learnt};
    // Ten frames a second: a block ends with its time.
    let taken = show(&mut learner(1.0, rules()), 1, 40, TENTH, 1.0);
    let mut expected = vec![Learnt; 20];
    expected.extend([HeldOut; 10]);
    expected.extend([Learnt; 10]);
    assert_eq!(taken, expected);
    // One frame in twenty seconds: it ends with its frames, and none is empty.
    let sparse = Duration::from_secs(20);
    let taken = show(&mut learner(1.0, rules()), 1, 12, sparse, 1.0);
    let mut expected = vec![Learnt; 6];
    expected.extend([HeldOut; 3]);
    expected.extend([Learnt; 3]);
    assert_eq!(taken, expected);
}

#[test]
fn nothing_is_judged_before_enough_was_seen_and_one_frame_is_not_enough() {
    let mut learner = learner(1.0, rules());
    assert!(matches!(
        refit(&mut learner).verdict,
        Verdict::TooFewFrames { learnt: 0, .. }
    ));
    show(&mut learner, 1, 1, TENTH, 1.0);
    let found = refit(&mut learner);
    assert!(matches!(
        found.verdict,
        Verdict::TooFewFrames {
            learnt: 1,
            held_out: 0,
            ..
        }
    ));
    assert!(found.point.is_none() && found.readout.is_none());
}

#[test]
fn what_was_learnt_says_something_of_a_frame_whatever_serves() {
    // The readout that serves is right, so nothing takes over.
    let mut learner = learner(1.0, rules());
    let layout = small_layout();
    let frame = representation(&layout, &mut Rng::from_seed(9));
    assert!(
        learner.predict(&frame, None).is_none(),
        "nothing is learnt yet"
    );
    show(&mut learner, 1, 60, TENTH, 1.0);
    assert_ne!(refit(&mut learner).verdict, Verdict::Better);
    let (said, [height, width]) = learner.predict(&frame, None).expect("a readout");
    assert_eq!(said.len(), height * width);
    let truth = label(&layout, &frame, 1.0).resize(width, height);
    let errors = said.iter().zip(&truth.values);
    let error = errors.map(|(a, b)| (a - b).abs() / b).sum::<f32>() / said.len() as f32;
    assert!(error < 0.05, "{error}");
}

#[test]
fn what_is_learnt_takes_over_where_the_first_readout_is_wrong() {
    let mut learner = learner(3.0, rules());
    show(&mut learner, 1, 60, TENTH, 1.0);
    let found = refit(&mut learner);
    assert_eq!(found.verdict, Verdict::Better);
    let point = found.point.unwrap();
    assert!(
        point.candidate < 0.05 && point.first > 1.5 && point.served == point.first,
        "{point:?}"
    );
    assert!(point.constant > point.candidate);
    let readout = found.readout.unwrap();
    assert_eq!(readout.held_out.as_ref().unwrap().value, point.candidate);
    learner.adopt(&readout);
    // Nothing is gained a second time, and nothing exchanged.
    let again = refit(&mut learner);
    assert_eq!(again.verdict, Verdict::NotBetter);
    assert_eq!(again.point.unwrap().served, point.candidate);
    learner.serve(None).unwrap();
    assert!(refit(&mut learner).point.unwrap().served > 1.5);
}

#[test]
fn a_readout_that_is_right_already_stays() {
    let mut learner = learner(1.0, rules());
    show(&mut learner, 1, 60, TENTH, 1.0);
    let found = refit(&mut learner);
    assert_eq!(found.verdict, Verdict::NotBetter);
    assert!(found.readout.is_none());
}

#[test]
fn the_first_readout_returns_where_what_was_learnt_does_not_hold_any_more() {
    let rules = LearnRules {
        half_life_frames: 1e9,
        held_out: 8,
        ..rules()
    };
    let mut learner = learner(1.0, rules);
    // Learnt in another place, where it was better.
    learner.serve(Some(known_readout(&readout(2.0)))).unwrap();
    show(&mut learner, 1, 90, TENTH, 2.0);
    show_from(&mut learner, 90..120, 1.0);
    let found = refit(&mut learner);
    assert_eq!(found.verdict, Verdict::FirstIsBetter, "{:?}", found.point);
    assert!(found.readout.is_none());
    learner.serve(None).unwrap();
    assert_eq!(refit(&mut learner).verdict, Verdict::NotBetter);
}

#[test]
fn what_holds_only_where_it_was_learnt_does_not_take_over() {
    let mut learner = learner(1.6, rules());
    show(&mut learner, 1, 140, TENTH, 2.0);
    let found = refit(&mut learner);
    assert_eq!(found.verdict, Verdict::Better, "{:?}", found.point);
    // The robot comes to another place: three frames of it are held out.
    assert!(!learner.is_ripe());
    show_from(&mut learner, 140..143, 1.0);
    assert!(learner.is_ripe());
    let found = refit(&mut learner);
    let point = found.point.unwrap();
    assert!(point.candidate < 0.7 * point.served, "{point:?}");
    assert!(point.candidate_ahead > point.served_ahead, "{point:?}");
    assert_eq!(found.verdict, Verdict::NotBetter);
}

#[test]
fn the_old_is_forgotten_slowly() {
    let place = |half_life_frames: f64| {
        let rules = LearnRules {
            half_life_frames,
            held_out: 10,
            ..rules()
        };
        let mut learner = learner(3.0, rules);
        show(&mut learner, 1, 60, TENTH, 2.0);
        show_from(&mut learner, 60..150, 1.0);
        refit(&mut learner).point.unwrap().candidate
    };
    let (forgets, keeps) = (place(10.0), place(1e9));
    assert!(forgets < 0.5 * keeps, "{forgets} and {keeps}");
}

#[test]
fn frames_without_a_known_label_are_passed_over() {
    let mut learner = learner(1.0, rules());
    let layout = small_layout();
    let mut rng = Rng::from_seed(1);
    let frame = representation(&layout, &mut rng);
    let mut unknown = label(&layout, &frame, 1.0);
    unknown.values.fill(f32::NAN);
    let taken = learner.add(frame, &unknown, None, Duration::ZERO).unwrap();
    assert_eq!(taken, FrameUse::Unlabelled);
    assert_eq!((learner.frames_learnt(), learner.frames_held_out()), (0, 0));
    let levels: Vec<Vec<f32>> = layout
        .reads
        .iter()
        .map(|(_, shape)| vec![f32::NAN; shape.iter().product()])
        .collect();
    let levels: Vec<&[f32]> = levels.iter().map(Vec::as_slice).collect();
    assert!(matches!(
        layout.represent(&levels),
        Err(FitError::NotFinite)
    ));
    assert!(matches!(
        layout.represent(&levels[..1]),
        Err(FitError::OtherLevel { found: 0, .. })
    ));
}

#[test]
fn a_refit_that_is_stopped_stops_and_changes_nothing() {
    let mut learner = learner(3.0, rules());
    show(&mut learner, 1, 60, TENTH, 1.0);
    let stopped = learner.refit(Duration::ZERO, &mut || false);
    assert!(matches!(stopped, Err(FitError::Stopped)));
    assert_eq!(refit(&mut learner).verdict, Verdict::Better);
}

#[test]
fn learning_goes_on_after_a_restart_where_it_stopped() {
    let mut before = learner(3.0, rules());
    assert!(before.to_bytes().is_none());
    show(&mut before, 1, 60, TENTH, 1.0);
    let bytes = before.to_bytes().unwrap();
    assert!(bytes.len() as u64 <= before.max_bytes());
    let mut after = learner(3.0, rules());
    after.resume(&bytes).unwrap();
    assert_eq!(after.frames_learnt(), before.frames_learnt());
    assert_eq!(after.digest(), before.digest());
    // Judged on new frames alone: none were kept.
    assert!(matches!(
        refit(&mut after).verdict,
        Verdict::TooFewFrames { held_out: 0, .. }
    ));
    show(&mut after, 2, 30, TENTH, 1.0);
    assert_eq!(refit(&mut after).verdict, Verdict::Better);
}

#[test]
fn a_state_of_another_encoder_or_a_damaged_one_is_refused_and_learning_begins_anew() {
    let mut before = learner(3.0, rules());
    show(&mut before, 1, 30, TENTH, 1.0);
    let bytes = before.to_bytes().unwrap();
    let text = Card::Encoder(small_card()).to_toml();
    let other = text.replace(&small_card().origin.sha256, &"0".repeat(64));
    let Card::Encoder(other) = Card::parse(&other, "tiny.toml").unwrap() else {
        panic!("not an encoder");
    };
    let other: EncoderCard = other;
    let layout = RepresentationLayout::of(&[&other]).unwrap();
    let first = known_readout(&readout(1.0));
    // A readout of another encoder is refused as well.
    assert!(matches!(
        Learner::new(target(), &layout, first, rules()),
        Err(FitError::OtherEncoder { .. })
    ));
    let mut anew = learner(3.0, rules());
    anew.layout = layout;
    let error = anew.resume(&bytes).unwrap_err().to_string();
    assert!(error.contains("tiny 000000000000") && error.contains("tiny ba7816bf8f01"));
    let mut anew = learner(3.0, rules());
    for at in (0..bytes.len()).step_by(101) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x04;
        assert!(anew.resume(&damaged).is_err(), "byte {at}");
    }
    for length in [0, 7, 16, 200, bytes.len() / 2, bytes.len() - 1] {
        assert!(anew.resume(&bytes[..length]).is_err());
    }
    assert_eq!(anew.frames_learnt(), 0);
    show(&mut anew, 1, 60, TENTH, 1.0);
    assert_eq!(refit(&mut anew).verdict, Verdict::Better);
}

#[test]
fn a_readout_is_run_beside_the_frames_as_its_file_says() {
    let readout = readout(1.5);
    let layout = small_layout();
    let mut rng = Rng::from_seed(3);
    // Levels of another scale than it was fitted with.
    let frames: Vec<_> = (0..3).map(|_| representation(&layout, &mut rng)).collect();
    let linear = LinearFit::new(target(), &layout, None, &frames).unwrap();
    let form = (linear.objective, linear.grid);
    let model = known_readout(&readout)
        .model(target(), &layout, &linear.scaling, form)
        .unwrap();
    let mut space = model.workspace();
    for frame in &frames {
        let here = model.run(&layout, frame, 1.0, &mut space);
        for (here, file) in here.iter().zip(readout.predict(frame, None)) {
            assert!((here - file).abs() < 1e-3 * file, "{here} but {file}");
        }
    }
    let normal = Task::find("normal").unwrap();
    let refused = known_readout(&readout)
        .check(normal, &layout, None)
        .unwrap_err();
    assert!(matches!(refused, FitError::OtherTarget { .. }), "{refused}");
}

/// The verdicts of a watch on `count` frames whose depth is `times` that which a
/// readout of 1 is right about.
fn verdicts(
    watch: &mut ReadoutWatch,
    rng: &mut Rng,
    count: usize,
    times: f32,
) -> Vec<WatchVerdict> {
    let layout = small_layout();
    let verdicts = (0..count).map(|_| {
        let frame = representation(&layout, rng);
        let label = label(&layout, &frame, times);
        watch.look(frame, &label, None)
    });
    verdicts.collect()
}

#[test]
fn what_gets_worse_than_the_first_readout_is_taken_back_after_a_few_frames() {
    let (first, learnt) = (known_readout(&readout(1.0)), known_readout(&readout(1.5)));
    let mut watch = ReadoutWatch::new(target(), &small_layout(), &first).unwrap();
    let mut rng = Rng::from_seed(5);
    let nothing = verdicts(&mut watch, &mut rng, 8, 1.0);
    assert!(
        nothing
            .iter()
            .all(|verdict| *verdict == WatchVerdict::Nothing)
    );
    // Where the learnt readout is right, it stays.
    watch.serve(Some(&learnt)).unwrap();
    let right = verdicts(&mut watch, &mut rng, 8, 1.5);
    assert!((right.iter()).all(|verdict| matches!(verdict, WatchVerdict::Serves(_))));
    // In the next room it is wrong: a few frames decide, one does not.
    let wrong = verdicts(&mut watch, &mut rng, 8, 1.0);
    assert!(matches!(wrong[0], WatchVerdict::Serves(_)));
    let at = wrong
        .iter()
        .position(|verdict| matches!(verdict, WatchVerdict::Worse(_)));
    assert!(at.is_some_and(|at| at <= 4), "{wrong:?}");
    // Frames from before it served say nothing of it.
    watch.serve(Some(&learnt)).unwrap();
    assert!(matches!(
        verdicts(&mut watch, &mut rng, 1, 1.0)[0],
        WatchVerdict::Serves(_)
    ));
}

#[test]
fn a_refit_that_finished_for_another_room_is_not_taken() {
    let mut learner = learner(3.0, rules());
    let mut watch =
        ReadoutWatch::new(target(), &small_layout(), &known_readout(&readout(3.0))).unwrap();
    show(&mut learner, 1, 60, TENTH, 1.0);
    let found = refit(&mut learner);
    assert_eq!(found.verdict, Verdict::Better);
    let readout = found.readout.unwrap();
    let mut rng = Rng::from_seed(6);
    verdicts(&mut watch, &mut rng, 5, 1.0);
    assert!(learner.errors_on_newest(&readout, &watch.newest()).allow());
    // While it was made, the robot went to where the first readout is right.
    verdicts(&mut watch, &mut rng, 5, 3.0);
    let errors = learner.errors_on_newest(&readout, &watch.newest());
    assert!(!errors.allow(), "{errors:?}");
    assert!(errors.candidate > 0.5 && errors.first < 0.1, "{errors:?}");
}
