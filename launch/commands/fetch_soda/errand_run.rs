//! An errand that goes on: what is perceived goes into the behaviour, what it
//! says goes out.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use concert_runtime::io::clock::SystemClock;
use concert_runtime::{BusError, Clock};
use indicatif::ProgressBar;
use serde_json::Value;

use super::args::FetchSodaArgs;
use super::report::Run;
use super::{LISTEN, PERCEPTION};
use crate::fetch_soda::behaviour::{Action, Behaviour, MAX_AGE, Outcome, Settings};
use crate::fetch_soda::bus::Nerves;
use crate::fetch_soda::errand::Errand;
use crate::fetch_soda::sheet::Sheet;
use crate::report::Failure;

/// How often the behaviour acts, and how often it tells what it is at.
const ACT_EVERY: Duration = Duration::from_millis(100);
const TELL_EVERY: Duration = Duration::from_millis(500);

/// An errand that goes on.
pub(super) struct ErrandRun {
    errand: Errand,
    nerves: Nerves,
    behaviour: Behaviour,
    sheet: Sheet,
    bar: ProgressBar,
    limit: Duration,
    /// When it began, last acted and last told (monotonic).
    began: Duration,
    acted: Duration,
    told: Duration,
    outcome: Option<Outcome>,
}

impl ErrandRun {
    /// Begins an errand with what a robot that sees by now knows: the names of
    /// its classes, and by how much its perception is delayed. What it was taught for
    /// it since `began` (monotonic) counts as the errand's time.
    pub(super) fn begin(
        args: &FetchSodaArgs,
        errand: Errand,
        nerves: Nerves,
        (names, delay): (Vec<String>, Duration),
        (clock, began): (&SystemClock, Duration),
        quiet: bool,
    ) -> Result<Self, Failure> {
        let limit = Duration::from_secs(args.seconds);
        let left = limit.saturating_sub(clock.monotonic().saturating_sub(began));
        let settings = Settings {
            mount: nerves.mount().context("the camera's mount is unknown")?,
            names,
            max_age: MAX_AGE + delay,
            limit: left,
        };
        tracing::info!("the robot sees, and publishes below {PERCEPTION} what it is at");
        Ok(Self {
            behaviour: Behaviour::new(settings, errand.clone()),
            errand,
            nerves,
            sheet: Sheet::default(),
            bar: match quiet {
                true => ProgressBar::hidden(),
                false => ProgressBar::new_spinner(),
            },
            limit,
            began,
            acted: Duration::ZERO,
            told: Duration::ZERO,
            outcome: None,
        })
    }

    fn elapsed(&self, clock: &SystemClock) -> Duration {
        clock.monotonic().saturating_sub(self.began)
    }

    /// Whether it is neither at its end nor out of time.
    pub(super) fn goes_on(&self, clock: &SystemClock) -> bool {
        self.outcome.is_none() && self.elapsed(clock) < self.limit
    }

    /// Listens for a moment, and acts where it is time to.
    pub(super) fn step(&mut self, clock: &SystemClock) -> anyhow::Result<()> {
        let senses = self.nerves.senses(LISTEN, clock.monotonic());
        if let Some(mount) = self.nerves.mount() {
            self.behaviour.see_from(mount);
        }
        self.behaviour.take_in(clock.now(), senses);
        let now = clock.monotonic();
        if now.saturating_sub(self.acted) < ACT_EVERY {
            return Ok(());
        }
        self.acted = now;
        let action = self.behaviour.act(clock.now());
        self.nerves.command(&action).map_err(lost)?;
        self.outcome = action.outcome;
        if let Some(picture) = self.nerves.picture() {
            self.sheet.see(picture);
        }
        let seconds = self.elapsed(clock).as_secs_f64();
        self.sheet.note(&self.behaviour, seconds);
        if now.saturating_sub(self.told) >= TELL_EVERY {
            self.told = now;
            let behaviour = &self.behaviour;
            self.nerves.say(|| behaviour.picture()).map_err(lost)?;
        }
        let (state, way) = (self.behaviour.state(), self.behaviour.counts.path_m);
        self.bar.set_message(format!(
            "{}: {state}, {seconds:.0} s, {way:.1} m",
            self.errand
        ));
        self.bar.tick();
        Ok(())
    }

    /// Stops the robot, draws the errand where that was asked for, and says how it
    /// went; `cpu_seconds` is the perception's processor time, `lesson` what it was
    /// taught, `restarts` how often it was started again.
    pub(super) fn end(
        mut self,
        args: &FetchSodaArgs,
        clock: &SystemClock,
        (cpu_seconds, lesson, restarts): (Option<f64>, Option<Value>, u32),
        is_stopped: bool,
    ) -> Result<Run, Failure> {
        self.nerves.command(&Action::default()).map_err(lost)?;
        self.bar.finish_and_clear();
        let seconds = self.elapsed(clock).as_secs_f64();
        if let Some(path) = &args.picture {
            self.sheet.write(&self.behaviour, path)?;
        }
        let unfinished = || {
            Outcome::GaveUp(match is_stopped {
                true => "stopped".to_owned(),
                false => format!("not done within {} s", args.seconds),
            })
        };
        Ok(Run {
            outcome: self.outcome.unwrap_or_else(unfinished),
            errand: self.errand,
            seconds,
            counts: self.behaviour.counts,
            state: self.behaviour.state(),
            cpu_seconds,
            lesson,
            restarts,
            unreadable: self.nerves.unreadable(),
            localised: self.behaviour.localised(),
            is_stopped,
        })
    }
}

fn lost(error: BusError) -> anyhow::Error {
    anyhow!("the robot cannot be reached: {error}")
}
