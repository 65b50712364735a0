//! A chain on a clock that the tests move.

use std::time::Duration;

use super::*;
use crate::health::Health;
use crate::heat::ThermalZone;

const LOOK: Duration = Duration::from_millis(250);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A chain that is looked at four times a second while frames come at 30 Hz.
struct Trial {
    chain: Chain,
    now: Duration,
    frames: f64,
    late: f64,
    signs: Signs,
    /// Whether a better policy fits, by what is measured.
    fits: bool,
    /// Positions whose policy is refused.
    refused: Vec<usize>,
    /// When it stepped, whole seconds, to where, and why.
    steps: Vec<(u64, usize, &'static str)>,
}

impl Trial {
    fn new(engines: &[usize]) -> Self {
        let rules = DegradationRules::default();
        Self {
            chain: Chain::new(rules, engines.to_vec()),
            now: Duration::ZERO,
            frames: 0.0,
            late: 0.0,
            signs: Signs::default(),
            fits: true,
            refused: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Lets so many seconds pass, a share of the frames late as `late` has it for
    /// each position.
    fn pass(&mut self, time: Duration, late: &dyn Fn(usize) -> f64) -> &mut Self {
        let end = self.now + time;
        while self.now < end {
            self.now += LOOK;
            self.frames += 30.0 * LOOK.as_secs_f64();
            self.late += 30.0 * LOOK.as_secs_f64() * late(self.chain.position());
            self.signs.tally = FrameTally {
                frames: self.frames as u64,
                late: self.late as u64,
            };
            self.look();
        }
        self
    }

    fn look(&mut self) {
        let Some(step) = self.chain.look(self.now, &self.signs) else {
            return;
        };
        if self.refused.contains(&step.position) {
            self.chain.note_refused(self.now, &step);
        } else if step.if_it_fits && !self.fits {
            self.chain.note_unfit();
        } else {
            let at = self.now.as_secs();
            self.steps.push((at, step.position, step.cause.name()));
            self.chain.note_stepped(self.now, &step);
        }
    }

    fn hot(&mut self, celsius: f64) -> &mut Self {
        self.signs.heat.nearest = Some(ThermalZone {
            name: "cpu-thermal".into(),
            celsius,
            limit_celsius: 85.0,
        });
        self
    }
}

/// Nothing is late.
fn calm(_: usize) -> f64 {
    0.0
}

#[test]
fn a_hiccup_is_no_overload_and_calm_changes_nothing() {
    let mut trial = Trial::new(&[0, 0]);
    trial.pass(seconds(30), &calm);
    // A second of everything late, and nearly a fifth of it for long.
    trial.pass(seconds(1), &|_| 1.0);
    trial.pass(seconds(30), &calm);
    trial.pass(seconds(60), &|_| 0.19);
    assert_eq!(trial.steps, []);
}

#[test]
fn sustained_overload_steps_down_one_policy_at_a_time_and_calm_up_again() {
    let mut trial = Trial::new(&[0, 0, 0]);
    trial.pass(seconds(10), &calm);
    // Only the last of three has time for everything.
    trial.pass(seconds(12), &|position| [0.7, 0.4, 0.0][position]);
    let down: Vec<_> = trial.steps.iter().map(|step| (step.1, step.2)).collect();
    assert_eq!(down, [(1, "overload"), (2, "overload")]);
    let (first, second) = (trial.steps[0].0, trial.steps[1].0);
    assert!((12..=13).contains(&first), "{:?}", trial.steps);
    assert!((first + 3..=first + 4).contains(&second), "looked anew");
    // The load is over: calm for ten seconds, and once more.
    trial.pass(seconds(60), &calm);
    let up: Vec<_> = trial.steps[2..]
        .iter()
        .map(|step| (step.1, step.2))
        .collect();
    assert_eq!(up, [(1, "calm"), (0, "calm")]);
    assert_eq!(trial.chain.position(), 0);
    // What lies between calm and overload holds a lower policy where it is.
    let mut between = Trial::new(&[0, 0]);
    between.pass(seconds(300), &|position| [0.7, 0.1][position]);
    assert_eq!(between.chain.position(), 1);
    assert_eq!(between.steps.len(), 1);
}

#[test]
fn a_step_up_that_does_not_last_doubles_the_calm_that_the_next_one_needs() {
    let mut trial = Trial::new(&[0, 0]);
    // The better policy never fits, the lower one always.
    trial.pass(seconds(3600), &|position| [0.5, 0.0][position]);
    let ups = trial.steps.iter().filter(|step| step.1 == 0);
    let ups: Vec<u64> = ups.map(|step| step.0).collect();
    let pauses: Vec<u64> = ups.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        pauses.windows(2).all(|two| two[1] + 2 >= two[0]),
        "{pauses:?}"
    );
    assert!(
        ups.len() <= 11 && pauses[pauses.len() - 1] >= 600,
        "{ups:?}"
    );
    // Once it lasts, patience is what it was.
    trial.pass(seconds(1200), &calm);
    assert_eq!(trial.chain.position(), 0);
    trial.pass(seconds(10), &|position| [0.5, 0.0][position]);
    assert_eq!(trial.chain.position(), 1);
    assert_eq!(trial.chain.patience(), seconds(10));
}

#[test]
fn what_would_not_fit_is_not_taken_up_but_an_estimate_is_not_believed_for_ever() {
    let mut trial = Trial::new(&[0, 0]);
    trial.pass(seconds(5), &|_| 1.0);
    assert_eq!(trial.chain.position(), 1);
    trial.fits = false;
    let went_down = trial.now;
    trial.pass(seconds(60), &calm);
    assert_eq!(trial.chain.position(), 1);
    trial.pass(seconds(200), &calm);
    // Refused after 10, 20 and 40 s, tried all the same after 80 more.
    assert_eq!(trial.chain.position(), 0);
    let up = trial.steps[1].0 - went_down.as_secs();
    assert!((150..=156).contains(&up), "{up}");
}

#[test]
fn heat_steps_down_slowly_and_needs_to_go_by_five_degrees() {
    let mut trial = Trial::new(&[0, 0, 0]);
    trial.hot(84.0).pass(seconds(60), &calm);
    assert_eq!(trial.steps, [], "warm is not hot");
    trial.hot(86.0).pass(seconds(20), &calm);
    assert_eq!(trial.steps.len(), 1, "it cools for half a minute");
    assert_eq!((trial.steps[0].1, trial.steps[0].2), (1, "heat"));
    trial.pass(seconds(30), &calm);
    assert_eq!(trial.chain.position(), 2);
    trial.hot(82.0).pass(seconds(120), &calm);
    assert_eq!(trial.chain.position(), 2, "not cool yet");
    trial.hot(79.0).pass(seconds(30), &calm);
    assert_eq!(trial.chain.position(), 0);
    // A zone that vanishes is nothing, a processor that is throttled is hot.
    trial.signs.heat.nearest = None;
    trial.pass(seconds(60), &calm);
    assert_eq!(trial.chain.position(), 0);
    for _ in 0..5 {
        trial.signs.heat.throttled += 3;
        trial.pass(seconds(1), &calm);
    }
    assert_eq!(trial.chain.position(), 1);
}

#[test]
fn a_lost_engine_is_left_at_once_for_the_next_on_another_and_for_good() {
    let mut trial = Trial::new(&[0, 0, 1]);
    trial.pass(seconds(10), &calm);
    trial.signs.engine_lost = true;
    trial.pass(LOOK, &calm);
    assert_eq!(trial.steps, [(10, 2, "engine_lost")]);
    trial.signs.engine_lost = false;
    trial.pass(seconds(3600), &calm);
    assert_eq!(trial.chain.position(), 2);
    // Where nothing stands on another engine, it may be the encoders, not the engine.
    let mut alone = Trial::new(&[0, 0]);
    alone.signs.engine_lost = true;
    alone.pass(seconds(60), &calm);
    assert_eq!(alone.steps, [(0, 1, "engine_lost")]);
    assert!(!alone.chain.has_lower());
    alone.signs.engine_lost = false;
    alone.pass(seconds(30), &calm);
    assert_eq!(alone.chain.position(), 0);
}

#[test]
fn a_policy_that_is_refused_is_passed_over_for_a_while() {
    let mut trial = Trial::new(&[0, 0, 0]);
    trial.refused = vec![1];
    trial.pass(seconds(5), &|_| 0.9);
    assert_eq!(trial.chain.position(), 2);
    // Up it goes by one, or not at all.
    trial.pass(seconds(300), &calm);
    assert_eq!(trial.chain.position(), 2);
    trial.refused.clear();
    trial.pass(seconds(1300), &calm);
    assert_eq!(trial.chain.position(), 0);
}

#[test]
fn it_rests_while_somebody_elses_policy_runs_and_without_frames_nothing_is_known() {
    let mut trial = Trial::new(&[0, 0]);
    trial.pass(seconds(10), &calm);
    trial.chain.rest();
    trial.pass(seconds(60), &|_| 1.0);
    assert_eq!(trial.steps, []);
    trial.chain.resume(1);
    trial.pass(seconds(15), &calm);
    assert_eq!(trial.chain.position(), 0);
    // The camera stands still.
    let steps = trial.steps.len();
    for _ in 0..400 {
        trial.now += LOOK;
        trial.look();
    }
    assert_eq!((trial.steps.len(), trial.chain.late_share()), (steps, None));
}

#[test]
fn a_slow_camera_is_judged_over_a_longer_time() {
    let mut chain = Chain::new(DegradationRules::default(), vec![0, 0]);
    let mut signs = Signs::default();
    let mut stepped = None;
    for second in 1..30 {
        signs.tally.frames = second;
        signs.tally.late = second;
        stepped = stepped.or(chain.look(seconds(second), &signs).map(|_| second));
    }
    // Eight frames, and two seconds more.
    assert_eq!(stepped, Some(11));
}

#[test]
fn a_lower_policy_is_said_to_be_one_and_is_not_healthy() {
    let mut snapshot = DegradationSnapshot {
        chain: vec!["k2".into(), "k1".into()],
        ..DegradationSnapshot::default()
    };
    assert_eq!((snapshot.line(), snapshot.verdict().0), (None, Health::Ok));
    snapshot.position = 1;
    snapshot.since_seconds = 12.4;
    snapshot.cause = Cause::Overload {
        late: 0.64,
        limit: 0.2,
    }
    .to_string();
    let want = "degraded: k1 (2 of 2) in place of k2, from 12 s after the start on: 64 % of the \
                frames were late or dropped, but 20 % may be";
    assert_eq!(snapshot.verdict(), (Health::Warn, want.to_owned()));
    let entry = snapshot.entry();
    assert_eq!(
        (entry.name.as_str(), entry.health),
        ("degradation", Health::Warn)
    );
    snapshot.rests = true;
    assert_eq!(snapshot.verdict().0, Health::Ok, "a person decided");
}
