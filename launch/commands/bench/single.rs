//! Measuring one policy.

use std::path::Path;
use std::time::Duration;

use concert_runtime::io::clock::since_boot;
use serde::Serialize;

use super::account::Account;
use super::args::BenchArgs;
use super::hog::{Hog, Steps};
use super::measured::{Measured, measure};
use super::moment::{Between, Moment, seconds_since};
use super::receiver::ClockComparison;
use super::rig::{Ended, Played, Rig, Subject};
use super::sustain::{StepCost, Sustained, judge};
use crate::cli::Global;
use crate::commands::profile::without_brackets;
use crate::progress::progress;
use crate::report::{Exit, Failure};
use crate::stop::Stop;

/// Not counted: caches fill, rings of earlier frames, too.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long the cost of so many outputs is measured, and how long not, before.
const COST: (Duration, Duration) = (Duration::from_millis(700), Duration::from_secs(2));
/// How long the server may take to end; one who was stopped has less patience.
const FAREWELL: (Duration, Duration) = (Duration::from_secs(6), Duration::from_millis(600));

/// What was measured of one policy.
pub(super) struct Single {
    pub(super) measured: Measured,
    /// What happened meanwhile.
    pub(super) between: Between,
    pub(super) sustained: Sustained,
    pub(super) account: Option<Account>,
    pub(super) clocks: ClockComparison,
    /// Cost by number of outputs; empty where it was not measured.
    pub(super) costs: Vec<OutputsCost>,
    /// Why it ended before its time, where it did.
    pub(super) fault: Option<String>,
    /// Somebody stopped it.
    pub(super) stopped: bool,
    /// What its chain of policies did, and what kept the computer busy meanwhile.
    pub(super) steps: Steps,
    /// The engine, in words; empty where the server did not say.
    pub(super) engine: String,
}

/// What the most important outputs cost together.
#[derive(Debug, Clone, Serialize)]
pub(super) struct OutputsCost {
    /// Outputs that somebody listened to.
    pub(super) outputs: usize,
    /// Processor time of the server a frame, ms.
    pub(super) cpu_millis: f64,
    /// Median time to the last of them, ms.
    pub(super) to_last_output_millis: f64,
}

/// Measures; `None` where somebody stopped it before anything was measured.
///
/// # Errors
/// What cannot be served or does not stand in time.
pub(super) fn run(
    subject: &Subject,
    folder: &Path,
    (args, global): (&BenchArgs, &Global),
    stop: &Stop,
) -> Result<Option<Single>, Failure> {
    let Some(mut rig) = Rig::start(subject, &folder.join("a"), (args, global), stop)? else {
        return Ok(None);
    };
    stop.ends_with(Exit::Failed);
    let schedule = rig.schedule(args.rate);
    let warm = schedule.frames_within(WARM_UP);
    let end = warm + schedule.frames_within(Duration::from_secs(args.seconds));
    let bar = progress(end as usize, "frames", global);
    let mut each = || bar.inc(1);
    let warmed = rig.play(&schedule, 0..warm, stop, &mut each);
    tracing::info!("measuring {} frames", end - warm);
    let before = Moment::now(&rig);
    let played = match warmed.fault {
        None => match args.hog {
            None => rig.play(&schedule, warm..end, stop, &mut each),
            Some(threads) => {
                let hog = Hog::in_the_middle(warm..end, threads);
                hog.play(&mut rig, &schedule, folder, stop, &mut each)
            }
        },
        Some(fault) => Played {
            fault: Some(fault),
            ..Played::default()
        },
    };
    let between = Moment::now(&rig).since(before);
    bar.finish_and_clear();
    rig.settle(stop);
    let begin = since_boot();
    let costs = match args.html.is_some() && played.fault.is_none() {
        true => costs(&mut rig, subject, (args, global), stop)?,
        false => Vec::new(),
    };
    tracing::debug!("the cost of outputs took {:.1} s", seconds_since(begin));
    let stopped = stop.is_raised();
    let ended = rig.end(if stopped { FAREWELL.1 } else { FAREWELL.0 });
    let steps = Steps::of(&ended.said, schedule.stamp(warm), args);
    let single = (played, between, costs, stopped, steps);
    Ok(Some(put_together(subject, args, single, &ended)))
}

/// Measures what the most important output costs, the two most important, …
fn costs(
    rig: &mut Rig,
    subject: &Subject,
    (args, global): (&BenchArgs, &Global),
    stop: &Stop,
) -> Result<Vec<OutputsCost>, Failure> {
    let cameras = subject.frames.len();
    let bar = progress(subject.keys.len() / cameras, "outputs", global);
    let mut costs = Vec::new();
    for outputs in 1..=subject.keys.len() / cameras {
        rig.listen_to(outputs * cameras)?;
        let schedule = rig.schedule(args.rate);
        let first = schedule.frames_within(COST.0);
        let end = first + schedule.frames_within(COST.1);
        let lead = rig.play(&schedule, 0..first, stop, &mut || ());
        let before = Moment::now(rig);
        let heard = rig.received.len();
        let played = rig.play(&schedule, first..end, stop, &mut || ());
        let between = Moment::now(rig).since(before);
        rig.settle(stop);
        if stop.is_raised() || lead.fault.is_some() || played.fault.is_some() {
            break;
        }
        let received = &rig.received[heard..];
        let frames = measure(&played.sent, received, &[], &subject.keys, cameras).frames;
        costs.push(OutputsCost {
            outputs,
            cpu_millis: 1e3 * between.server_cpu_seconds / frames.with_outputs.max(1) as f64,
            to_last_output_millis: frames.to_last_output.p50_millis,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(costs)
}

fn put_together(
    subject: &Subject,
    args: &BenchArgs,
    (played, between, costs, stopped, steps): (Played, Between, Vec<OutputsCost>, bool, Steps),
    ended: &Ended,
) -> Single {
    let cameras = subject.frames.len();
    let measured = measure(
        &played.sent,
        &ended.received,
        &ended.spans,
        &subject.keys,
        cameras,
    );
    let account = Account::of(ended);
    let cost = step_cost(&measured, &ended.said);
    let lost = lost_share(subject, args.rate, &measured, account.as_ref());
    let asked_hz = args.rate * cameras as f64;
    Single {
        sustained: judge(
            &subject.policy,
            asked_hz,
            (asked_hz * (1.0 - lost), lost),
            &cost,
        ),
        clocks: ended.clocks,
        engine: without_brackets(ended.said["engine"].as_str().unwrap_or_default()),
        fault: played.fault,
        measured,
        between,
        account,
        costs,
        stopped,
        steps,
    }
}

/// The share of the frames of which nothing came though it was due. Where every
/// output has a lower rate than the camera, only the server knows which frames it
/// dropped.
fn lost_share(
    subject: &Subject,
    rate_hz: f64,
    measured: &Measured,
    account: Option<&Account>,
) -> f64 {
    let frames = &measured.frames;
    let mut transfers = subject.policy.transfers().iter();
    let is_due = transfers.any(|one| one.rate_hz().is_none_or(|hz| hz >= rate_hz));
    if is_due || account.is_none() {
        let without = frames.sent.saturating_sub(frames.with_outputs);
        return without as f64 / frames.sent.max(1) as f64;
    }
    let cameras = account.into_iter().flat_map(|account| &account.cameras);
    let (mut sent, mut dropped) = (0, 0);
    for camera in cameras {
        let count = |what: &str| camera[what].as_u64().unwrap_or(0);
        sent += count("sent");
        dropped += count("superseded") + count("too_old");
    }
    dropped as f64 / sent.max(1) as f64
}

/// What a step takes: as the server says, and of it each network.
fn step_cost(measured: &Measured, said: &serde_json::Value) -> StepCost {
    let cameras = said["figures"]["cameras"].as_array();
    let steps = cameras.into_iter().flatten().map(|camera| {
        let step = &camera["step"];
        let count = step["count"].as_u64().unwrap_or(0) as f64;
        (count, count * step["mean_millis"].as_f64().unwrap_or(0.0))
    });
    let (count, sum) = steps.fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
    let frames = measured.frames.with_outputs.max(1) as f64;
    let networks = measured
        .stages
        .iter()
        .filter(|stage| stage.thread.is_some());
    let networks = networks.map(|stage| {
        let all = stage.time.mean_millis * stage.time.count as f64;
        (stage.stage.clone(), all / frames)
    });
    StepCost {
        step_millis: (count > 0.0).then(|| sum / count),
        networks: networks.collect(),
    }
}
