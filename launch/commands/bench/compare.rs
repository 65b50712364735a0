//! Two policies by turns, in short rounds.

use std::path::Path;
use std::time::Duration;

use concert_models::rng::Rng;
use serde::Serialize;

use super::args::BenchArgs;
use super::measured::measure;
use super::moment::{Between, Moment};
use super::rig::{Rig, Subject};
use super::series::{Figures, Series, median};
use crate::cli::Global;
use crate::progress::progress;
use crate::report::{Exit, Failure};
use crate::stop::Stop;

/// What is measured of a round, and what is not, before.
const ROUND: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));
/// Fewer rounds tell nothing of how they differ.
const MIN_ROUNDS: u64 = 4;
/// Bootstrap samples.
const SAMPLES: usize = 2000;
/// How long the servers may take to end; one who was stopped has less patience.
const FAREWELL: (Duration, Duration) = (Duration::from_secs(6), Duration::from_millis(400));

/// A quantity of both, round by round.
#[derive(Debug, Clone, Default)]
struct Rounds {
    a: Vec<f64>,
    b: Vec<f64>,
}

/// How a quantity of the first compares with that of the second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Comparison {
    /// What: a key, or what concerns the whole frame.
    pub(super) what: String,
    /// Median over the rounds, ms: first, second.
    pub(super) medians_millis: [f64; 2],
    /// First over second.
    pub(super) ratio: f64,
    /// 95 of 100 bootstrap samples lie between these.
    pub(super) interval: [f64; 2],
    /// Rounds of each.
    pub(super) rounds: usize,
}

/// One of both, over all rounds.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Side {
    /// Frames that were published.
    pub(super) sent: u64,
    /// Frames that outputs came of.
    pub(super) with_outputs: u64,
    /// From a frame's due time to its last output.
    pub(super) to_last_output: Figures,
    #[serde(skip)]
    pub(super) distribution: Vec<[f64; 2]>,
}

/// What comparing came to.
pub(super) struct Compared {
    pub(super) sides: [Side; 2],
    pub(super) comparisons: Vec<Comparison>,
    /// The last round of each: how busy the computer was.
    pub(super) between: Vec<Between>,
    /// Why it ended before its time, where it did.
    pub(super) fault: Option<String>,
    pub(super) stopped: bool,
}

/// One round of one of both.
struct Round {
    fault: Option<String>,
    between: Between,
    sent: u64,
    with_outputs: u64,
    cpu_millis: f64,
    /// Median of each output that came, ms.
    outputs: Vec<(String, f64)>,
    to_last_output: f64,
    latencies: Vec<Duration>,
}

/// Measures both; `None` where somebody stopped it before a round was done.
///
/// # Errors
/// What cannot be served or does not stand in time.
pub(super) fn run(
    subjects: [&Subject; 2],
    folder: &Path,
    (args, global): (&BenchArgs, &Global),
    stop: &Stop,
) -> Result<Option<Compared>, Failure> {
    let mut rigs = Vec::new();
    for (subject, name) in subjects.into_iter().zip(["a", "b"]) {
        match Rig::start(subject, &folder.join(name), (args, global), stop)? {
            Some(rig) => rigs.push(rig),
            None => return Ok(None),
        }
    }
    stop.ends_with(Exit::Failed);
    let rounds = args.seconds.div_ceil(ROUND.1.as_secs()).max(MIN_ROUNDS);
    let bar = progress(2 * rounds as usize, "rounds", global);
    let mut all = Tally::default();
    for round in 0..rounds {
        // A B B A: a steady drift hits both alike.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        let mut pair = [None, None];
        for side in order {
            let done = one_round(&mut rigs[side], subjects[side], args.rate, stop);
            bar.inc(1);
            pair[side] = Some(done);
        }
        let [Some(a), Some(b)] = pair else {
            break;
        };
        all.fault = a.fault.clone().or_else(|| b.fault.clone());
        if all.fault.is_some() || stop.is_raised() {
            break;
        }
        all.add([a, b]);
    }
    bar.finish_and_clear();
    let stopped = stop.is_raised();
    let limit = if stopped { FAREWELL.1 } else { FAREWELL.0 };
    for rig in rigs {
        drop(rig.end(limit));
    }
    let is_something = all.sides[0].sent > 0 || all.fault.is_some();
    Ok(is_something.then(|| all.finish(stopped)))
}

fn one_round(rig: &mut Rig, subject: &Subject, rate_hz: f64, stop: &Stop) -> Round {
    let schedule = rig.schedule(rate_hz);
    let first = schedule.frames_within(ROUND.0);
    let end = first + schedule.frames_within(ROUND.1);
    let lead = rig.play(&schedule, 0..first, stop, &mut || ());
    let (before, heard) = (Moment::now(rig), rig.received.len());
    let played = rig.play(&schedule, first..end, stop, &mut || ());
    let between = Moment::now(rig).since(before);
    rig.settle(stop);
    let (received, cameras) = (&rig.received[heard..], subject.frames.len());
    let measured = measure(&played.sent, received, &[], &subject.keys, cameras);
    let due: std::collections::HashMap<i64, Duration> = played
        .sent
        .iter()
        .map(|sent| (sent.stamp_ns, sent.due))
        .collect();
    let mut last: std::collections::BTreeMap<i64, Duration> = std::collections::BTreeMap::new();
    for output in received {
        if let Some(due) = due.get(&output.stamp_ns) {
            let latency = output.at().saturating_sub(*due);
            let known = last.entry(output.stamp_ns).or_default();
            *known = latency.max(*known);
        }
    }
    let came = measured.outputs.iter().filter(|output| output.received > 0);
    let came = came.map(|output| (output.key.clone(), output.latency.p50_millis));
    let with_outputs = measured.frames.with_outputs;
    Round {
        fault: lead.fault.or(played.fault),
        sent: measured.frames.sent,
        with_outputs,
        cpu_millis: 1e3 * between.server_cpu_seconds / with_outputs.max(1) as f64,
        outputs: came.collect(),
        to_last_output: measured.frames.to_last_output.p50_millis,
        latencies: last.into_values().collect(),
        between,
    }
}

/// What rounds came to so far.
#[derive(Default)]
struct Tally {
    sides: [Side; 2],
    series: [Series; 2],
    /// In the order in which they came first.
    quantities: Vec<(String, Rounds)>,
    between: Vec<Between>,
    fault: Option<String>,
}

impl Tally {
    fn add(&mut self, pair: [Round; 2]) {
        for (side, round) in pair.iter().enumerate() {
            self.sides[side].sent += round.sent;
            self.sides[side].with_outputs += round.with_outputs;
            for latency in &round.latencies {
                self.series[side].add(*latency);
            }
        }
        let [a, b] = &pair;
        self.note("to the last output", a.to_last_output, b.to_last_output);
        self.note(
            "server's processor time a frame",
            a.cpu_millis,
            b.cpu_millis,
        );
        for (key, millis) in &a.outputs {
            let other = b.outputs.iter().find(|(other, _)| other == key);
            if let Some((_, other)) = other {
                self.note(key, *millis, *other);
            }
        }
        self.between = pair.map(|round| round.between).into();
    }

    fn note(&mut self, what: &str, a: f64, b: f64) {
        let known = self.quantities.iter().position(|(name, _)| name == what);
        let at = known.unwrap_or_else(|| {
            self.quantities.push((what.to_owned(), Rounds::default()));
            self.quantities.len() - 1
        });
        let rounds = &mut self.quantities[at].1;
        rounds.a.push(a);
        rounds.b.push(b);
    }

    fn finish(mut self, stopped: bool) -> Compared {
        for (side, series) in self.sides.iter_mut().zip(&self.series) {
            side.to_last_output = series.figures();
            side.distribution = series.distribution();
        }
        let comparisons = self.quantities.iter();
        let comparisons = comparisons.filter_map(|(what, rounds)| compare(what, rounds));
        Compared {
            comparisons: comparisons.collect(),
            sides: self.sides,
            between: self.between,
            fault: self.fault,
            stopped,
        }
    }
}

/// The ratio of the medians, with an interval from samples of whole rounds: of both
/// the same, so that what disturbed a pair stays with the pair (the bootstrap;
/// Efron, 1979).
fn compare(what: &str, rounds: &Rounds) -> Option<Comparison> {
    let ratio = |a: &[f64], b: &[f64]| {
        let (a, b) = (median(a)?, median(b)?);
        (b > 0.0).then(|| a / b)
    };
    let found = ratio(&rounds.a, &rounds.b)?;
    let count = rounds.a.len();
    let mut rng = Rng::from_seed(14);
    let mut samples = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let drawn: Vec<usize> = (0..count)
            .map(|_| (rng.next_u64() % count as u64) as usize)
            .collect();
        let of = |values: &[f64]| drawn.iter().map(|&at| values[at]).collect::<Vec<_>>();
        samples.extend(ratio(&of(&rounds.a), &of(&rounds.b)));
    }
    samples.sort_by(f64::total_cmp);
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share).round() as usize];
    Some(Comparison {
        what: what.to_owned(),
        medians_millis: [median(&rounds.a)?, median(&rounds.b)?],
        ratio: found,
        interval: [at(0.025), at(0.975)],
        rounds: count,
    })
}

impl Comparison {
    /// Tells whether the rounds show a difference.
    pub(super) fn differs(&self) -> bool {
        let [low, high] = self.interval;
        low > 1.0 || high < 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_in_every_round_is_found_though_the_computer_drifts() {
        // It becomes three times as slow meanwhile; A takes 1.2 times as long.
        let b: Vec<f64> = (0..12).map(|n| 10.0 + 20.0 * f64::from(n) / 11.0).collect();
        let a = b.iter().map(|b| b * 1.2).collect();
        let found = compare("normal", &Rounds { a, b }).expect("a comparison");
        assert!((found.ratio - 1.2).abs() < 1e-9, "{found:?}");
        assert!(found.differs() && found.interval[0] > 1.15, "{found:?}");
        assert_eq!(found.rounds, 12);
    }

    #[test]
    fn rounds_that_scatter_show_no_difference() {
        let a = vec![10.0, 14.0, 9.0, 13.0, 11.0, 12.0];
        let b = vec![13.0, 9.0, 12.0, 10.0, 14.0, 11.0];
        let found = compare("normal", &Rounds { a, b }).expect("a comparison");
        assert!(!found.differs(), "{found:?}");
        assert!(found.interval[0] <= found.ratio && found.ratio <= found.interval[1]);
        let again = Rounds {
            a: vec![10.0, 14.0, 9.0, 13.0, 11.0, 12.0],
            b: vec![13.0, 9.0, 12.0, 10.0, 14.0, 11.0],
        };
        assert_eq!(compare("normal", &again), Some(found), "samples repeat");
    }

    #[test]
    fn nothing_compares_with_nothing() {
        assert_eq!(compare("normal", &Rounds::default()), None);
        let zero = Rounds {
            a: vec![1.0],
            b: vec![0.0],
        };
        assert_eq!(compare("normal", &zero), None);
    }
}
