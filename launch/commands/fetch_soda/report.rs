//! How an errand went: what the robot believes, and what is true.

use serde_json::{Value, json};

use super::args::FetchSodaArgs;
use crate::fetch_soda::behaviour::{Counts, Outcome};
use crate::fetch_soda::errand::Errand;
use crate::report::{Exit, Report};

/// A thing is handed over where it is let go so near to the start, m.
const HANDED_OVER: f64 = 0.8;
/// Who moved less did not move, m.
const LEAST_WAY: f64 = 0.1;
/// A robot stands before a large thing that is so near, m.
const BEFORE: f64 = 1.0;

/// An errand from the robot's side.
pub(super) struct Run {
    pub(super) errand: Errand,
    pub(super) outcome: Outcome,
    pub(super) seconds: f64,
    pub(super) counts: Counts,
    /// What it was at in the end.
    pub(super) state: &'static str,
    /// Of the perception's processor time.
    pub(super) cpu_seconds: Option<f64>,
    /// What it was taught for the errand, if anything.
    pub(super) lesson: Option<Value>,
    /// How often the perception ended and was started again.
    pub(super) restarts: u32,
    pub(super) unreadable: u64,
    /// How often walls and pictures put the heading right.
    pub(super) localised: (u64, u64),
    /// It was told to stop.
    pub(super) is_stopped: bool,
}

/// What the other processes say in the end; null for one that says nothing.
pub(super) struct Ended {
    pub(super) home: Value,
    pub(super) server: Value,
}

impl Run {
    /// An errand that never began.
    pub(super) fn stopped(errand: Errand, reason: &str) -> Self {
        Self {
            errand,
            outcome: Outcome::GaveUp(reason.to_owned()),
            seconds: 0.0,
            counts: Counts::default(),
            state: "",
            cpu_seconds: None,
            lesson: None,
            restarts: 0,
            unreadable: 0,
            localised: (0, 0),
            is_stopped: true,
        }
    }

    /// The report; an errand that was not done is a failure, unless somebody
    /// stopped it.
    pub(super) fn report(self, args: &FetchSodaArgs, ended: Ended) -> Report {
        let Ended { home, server } = ended;
        let success = self.is_done(&home);
        let path = home["way_metres"].as_f64().unwrap_or(self.counts.path_m);
        let (bumps, hurting) = (&home["bumps"], &home["hurting_bumps"]);
        let counts = &self.counts;
        let age = 1e3 * counts.age_sum_s / counts.sights.max(1) as f64;
        let rate = counts.sights as f64 / self.seconds.max(1e-3);
        let moved = self.cpu_seconds.filter(|_| path > LEAST_WAY);
        let per_metre = moved.map(|cpu| cpu / path);
        let said = self.outcome.said();
        let json = json!({
            "seed": args.seed, "errand": self.errand.to_string(),
            "perception": args.perception.name(), "success": success,
            "stopped": self.is_stopped, "said": said,
            "state": self.state, "bumps": bumps, "hurting_bumps": hurting,
            "seconds": self.seconds, "path_m": path, "age_ms": age, "perceived_hz": rate,
            "cpu_seconds": self.cpu_seconds, "cpu_seconds_per_metre": per_metre,
            "encoder_runs": encoder_runs(&server), "taught": self.lesson,
            "perception_restarts": self.restarts, "unreadable": self.unreadable, "robot": counts,
            "headings_by_walls": self.localised.0, "headings_by_pictures": self.localised.1,
            "hand": home["hand"], "home": home, "perceived": server["figures"],
        });
        let verdict = match (success, &self.outcome) {
            (true, _) => "done",
            (false, Outcome::Done(_) | Outcome::Answered { .. }) => {
                "NOT done, though the robot believes so"
            }
            (false, Outcome::GaveUp(_)) => "not done",
        };
        let cpu = self.cpu_seconds.map_or_else(String::new, |cpu| {
            let per_metre = per_metre.map_or_else(String::new, |cpu| format!(", {cpu:.2} a metre"));
            format!("; perception took {cpu:.1} s of processor time{per_metre}")
        });
        let taught = self.lesson.as_ref().map_or_else(String::new, |lesson| {
            let (class, frames) = (lesson["class"].as_str().unwrap_or(""), &lesson["frames"]);
            let seconds = lesson["seconds"].as_f64().unwrap_or(f64::NAN);
            format!("\n  taught what a {class} is on {frames} pictures in {seconds:.0} s")
        });
        let restarted = match self.restarts {
            0 => String::new(),
            restarts => format!("\n  perception ended and was started again, {restarts} times"),
        };
        let text = format!(
            "{}, seed {}, perception {}: {verdict}\n  {said}{taught}{restarted}\n  {:.0} s, {path:.1} m, {bumps} bumps \
             ({hurting} hurting), {rate:.1} frames a second, {age:.0} ms old{cpu}",
            self.errand,
            args.seed,
            args.perception.name(),
            self.seconds,
        );
        Report {
            json,
            text,
            exit: match success || self.is_stopped {
                true => Exit::Done,
                false => Exit::Failed,
            },
        }
    }

    /// What is true decides.
    fn is_done(&self, home: &Value) -> bool {
        match (&self.errand, &self.outcome) {
            (Errand::Bring(thing), Outcome::Done(_)) => {
                let releases = home["hand"]["releases"].as_array();
                let mut releases = releases.into_iter().flatten();
                releases.any(|one| {
                    let away = one["metres_from_start"].as_f64();
                    one["class"] == thing.class
                        && (thing.colour.is_none() || one["put"] == true)
                        && away.is_some_and(|away| away <= HANDED_OVER)
                })
            }
            (Errand::GoTo(what), Outcome::Done(_)) => {
                let away = home["metres_to"][what].as_f64();
                away.is_some_and(|away| away <= BEFORE)
            }
            (Errand::IsDoorOpen(room), Outcome::Answered { is_open, .. }) => {
                home["open_doors"][room].as_bool() == Some(*is_open)
            }
            (_, Outcome::GaveUp(_) | Outcome::Done(_) | Outcome::Answered { .. }) => false,
        }
    }
}

/// Runs of each encoder, as the server counted them; null where there is none.
fn encoder_runs(server: &Value) -> Value {
    let encoders = server["figures"]["encoders"].as_array();
    let runs = encoders.into_iter().flatten().filter_map(|encoder| {
        let source = encoder["source"].as_str()?;
        Some((source.to_owned(), encoder["run"]["count"].clone()))
    });
    let runs: serde_json::Map<String, Value> = runs.collect();
    match runs.is_empty() {
        true => Value::Null,
        false => Value::Object(runs),
    }
}
