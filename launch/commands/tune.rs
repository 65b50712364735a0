//! `concert tune`: how a policy is run best on this computer.

mod args;
mod candidates;
mod child;
mod choice;
mod report;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use concert_models::store::Store;
use concert_policies::Policy;
use concert_runtime::ExecutionSettings;
use concert_runtime::io::onnxruntime::{
    Environment, Provider, Tuned, TunedFolder, TunedFor, TunedWith,
};
use concert_runtime::io::thread;

use self::child::Child;
use self::choice::{Choice, Measured};
use self::report::Outcome;
use super::serve::launch_of;
use crate::assemble;
use crate::cli::Global;
use crate::model_folders::model_folders;
use crate::overrides::Overrides;
use crate::policy_choice::PolicyChoice;
use crate::progress::progress;
use crate::report::{Exit, Failure, Refuse, Report};
use crate::stop::Stop;
use crate::tuning::{networks, tuned_for};

pub(crate) use args::TuneArgs;

/// A way to run a policy.
type Way = ExecutionSettings;
/// Ways that run, each in its process.
type Running = Vec<(Child, Measured)>;
/// Ways that could not run, each with the reason.
type Failed = Vec<(Way, String)>;

/// How long a turn is, where there is time for several rounds.
const TURN: Duration = Duration::from_millis(700);
/// Fewest rounds.
const MIN_ROUNDS: usize = 2;
/// Between two turns, so that threads that spin have gone to sleep.
const PAUSE: Duration = Duration::from_millis(60);

/// What is measured.
struct Subject {
    policy: Policy,
    of: TunedFor,
    with: TunedWith,
    ways: Vec<Way>,
}

/// Measures, chooses, and keeps the choice.
pub(crate) fn run(args: &TuneArgs, global: &Global) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    let subject = Subject::of(args, global)?;
    let folder = tempfile::tempdir().map_err(|error| anyhow!("no temporary folder: {error}"))?;
    let load_before = load();
    let (measured, failed) = subject.measure(folder.path(), (args, global), &stop)?;
    let choice = Choice::of(&measured, args.goal);
    let choice = choice.ok_or_else(|| anyhow!("nothing was measured"))?;
    let kept = match args.dry_run {
        true => None,
        false => keep(&subject.tuned(&measured[choice.index], args)),
    };
    let outcome = Outcome {
        subject: &subject,
        args,
        measured: &measured,
        failed: &failed,
        choice: &choice,
        load: [load_before, load()],
        kept: kept.as_deref(),
    };
    let mut report = outcome.report();
    if kept.is_none() && !args.dry_run {
        report.exit = Exit::Failed;
    }
    Ok(report)
}

/// Keeps a choice; where that cannot be, says why.
fn keep(tuned: &Tuned) -> Option<PathBuf> {
    let Some(folder) = TunedFolder::of_user() else {
        tracing::error!("the choice is not kept: this user has no folder for caches");
        return None;
    };
    let kept = folder.keep(tuned);
    kept.map_err(|error| {
        let path = folder.path(&tuned.of);
        tracing::error!("the choice is not kept in {}: {error}", path.display());
    })
    .ok()
}

impl Subject {
    /// Reads a policy or launch file and the networks that it needs.
    ///
    /// # Errors
    /// Refuses what cannot be served.
    fn of(args: &TuneArgs, global: &Global) -> Result<Self, Failure> {
        let overrides = Overrides {
            threads: global.threads.map(NonZeroUsize::get),
            gpu: global.gpu,
            ..Overrides::default()
        };
        let launch = launch_of(&args.file)?.with(&overrides);
        let choice = PolicyChoice::of_launch(&launch).or_refuse()?;
        let folders = model_folders(&global.models, &launch.models(), choice.path.as_deref());
        let plan = assemble::plan(&choice.policy, folders.clone())?.plan;
        let of = tuned_for(&launch, &choice.policy);
        let of = of.ok_or_else(|| anyhow!("/proc/cpuinfo does not say what processor this is"))?;
        let library = assemble::library(launch.providers(), global)?;
        let networks = networks(&choice.policy, &Store::new(folders)).or_refuse()?;
        let with = TunedWith::of(&library, &networks);
        let with = with.ok_or_else(|| anyhow!("{} is gone", library.path.display()))?;
        // Devices run one network after the other.
        let on_processor = *launch.providers() == [Provider::Cpu];
        let several = on_processor && plan.has_several_encoders_a_frame();
        let asked = launch.threads().and_then(NonZeroUsize::new);
        Ok(Self {
            policy: choice.policy,
            of,
            with,
            ways: candidates::candidates(asked, Environment::usual_threads(), several),
        })
    }

    /// Lets every way take turns; those that ran, and those that could not.
    ///
    /// # Errors
    /// Where the usual way cannot run, or somebody stops it.
    fn measure(
        &self,
        folder: &Path,
        (args, global): (&TuneArgs, &Global),
        stop: &Stop,
    ) -> Result<(Vec<Measured>, Failed), Failure> {
        let (mut running, failed) = self.start(folder, (args, global), stop)?;
        let seconds = Duration::from_secs(args.seconds);
        let (rounds, turn) = rounds(seconds, running.len());
        let bar = progress(rounds * running.len(), "turns", global);
        for round in 0..rounds {
            for place in 0..running.len() {
                // Forth and back, so that nobody is always first.
                let index = match round % 2 {
                    0 => place,
                    _ => running.len() - 1 - place,
                };
                let (child, measured) = &mut running[index];
                thread::sleep(PAUSE);
                let taken = child.turn(turn, stop)?.ok_or_else(stopped)?;
                measured.turns.push(taken);
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let measured = running.into_iter().map(|(_, measured)| measured);
        Ok((measured.collect(), failed))
    }

    /// Starts a process for each way, one after the other.
    fn start(
        &self,
        folder: &Path,
        (args, global): (&TuneArgs, &Global),
        stop: &Stop,
    ) -> Result<(Running, Failed), Failure> {
        let bar = progress(self.ways.len(), "starting", global);
        let (mut running, mut failed) = (Vec::new(), Vec::new());
        for (number, &settings) in self.ways.iter().enumerate() {
            let child = Child::start(&settings, (args, global), folder, number);
            let started = child.and_then(|mut child| Ok((child.first(stop)?, child)));
            match started {
                Ok((None, _)) => return Err(stopped().into()),
                Ok((Some(first), child)) => {
                    let turns = Vec::new();
                    let measured = Measured {
                        settings,
                        first,
                        turns,
                    };
                    running.push((child, measured));
                }
                // Everything is compared with the usual way.
                Err(error) if number == 0 => return Err(error.into()),
                Err(error) => failed.push((settings, format!("{error:#}"))),
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok((running, failed))
    }

    fn tuned(&self, chosen: &Measured, args: &TuneArgs) -> Tuned {
        Tuned {
            of: self.of.clone(),
            with: self.with.clone(),
            policy_name: self.policy.name().to_owned(),
            goal: args.goal.to_string(),
            settings: chosen.settings,
            frame_millis: chosen.median(),
            processor_millis: chosen.processor(),
        }
    }
}

/// How many rounds there are, and how long a turn is.
fn rounds(all: Duration, ways: usize) -> (usize, Duration) {
    let ways = ways.max(1);
    let rounds = all.as_millis() / (TURN.as_millis() * ways as u128);
    let rounds = usize::try_from(rounds)
        .unwrap_or(usize::MAX)
        .max(MIN_ROUNDS);
    let turns = u32::try_from(rounds * ways).unwrap_or(u32::MAX);
    (rounds, all / turns)
}

fn stopped() -> anyhow::Error {
    anyhow!("stopped before everything was measured: nothing was kept")
}

/// How many programs want a processor, on average over the last minute.
fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_two_rounds_at_least_and_no_turn_is_longer_than_it_need_be() {
        let of = |seconds: u64, ways| rounds(Duration::from_secs(seconds), ways);
        assert_eq!(of(1, 5), (2, Duration::from_millis(100)));
        let (count, turn) = of(40, 9);
        assert_eq!(count, 6);
        assert!(turn >= TURN && turn < 2 * TURN, "{turn:?}");
    }
}
