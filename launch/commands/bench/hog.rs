//! What keeps the computer busy beside a server, and which steps its chain of
//! policies made meanwhile.

use std::ops::Range;
use std::path::Path;

use concert_runtime::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::args::BenchArgs;
use super::rig::{Played, Rig};
use super::schedule::Schedule;
use crate::process::Process;
use crate::stop::Stop;

/// Threads that do nothing but compute, in a process of their own, in the middle
/// third of the frames.
pub(super) struct Hog {
    thirds: [Range<u64>; 3],
    threads: u64,
}

impl Hog {
    pub(super) fn in_the_middle(frames: Range<u64>, threads: u64) -> Self {
        let third = (frames.end - frames.start) / 3;
        let (first, last) = (frames.start + third, frames.end - third);
        Self {
            thirds: [frames.start..first, first..last, last..frames.end],
            threads,
        }
    }

    /// Plays all frames, the middle third beside the busy threads.
    pub(super) fn play(
        self,
        rig: &mut Rig,
        schedule: &Schedule,
        folder: &Path,
        stop: &Stop,
        each: &mut dyn FnMut(),
    ) -> Played {
        let [first, middle, last] = self.thirds;
        let mut played = rig.play(schedule, first, stop, each);
        if played.fault.is_some() {
            return played;
        }
        let line = ["bench-part", "hog", &self.threads.to_string()].map(str::to_owned);
        let hog = match Process::start("hog", &line, folder) {
            Ok(hog) => hog,
            Err(error) => {
                played.fault = Some(format!("nothing keeps the computer busy: {error:#}"));
                return played;
            }
        };
        played.extend(rig.play(schedule, middle, stop, each));
        drop(hog);
        if played.fault.is_none() {
            played.extend(rig.play(schedule, last, stop, each));
        }
        played
    }
}

/// What a chain of policies did while it was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Steps {
    /// The busy threads, where there were any.
    pub(super) hog: Option<HogSpan>,
    pub(super) steps: Vec<Step>,
}

/// Busy threads beside the server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct HogSpan {
    pub(super) threads: u64,
    /// Seconds from the first measured frame on.
    pub(super) from_seconds: f64,
    pub(super) to_seconds: f64,
}

/// A step from one policy of the chain to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Step {
    /// Seconds from the first measured frame on; negative before.
    pub(super) seconds: f64,
    pub(super) from: String,
    pub(super) to: String,
    /// `overload`, `heat`, `engine_lost` or `calm`.
    pub(super) cause: String,
    /// Why, in words.
    pub(super) words: String,
}

impl Steps {
    /// What a server says of its steps; `start` is the stamp of the first measured
    /// frame.
    pub(super) fn of(said: &Value, start: Timestamp, args: &BenchArgs) -> Self {
        let steps = said["figures"]["degradation"]["steps"].as_array();
        let step = |step: &Value| {
            let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
            let stamp = step["stamp_ns"].as_i64()?;
            Some(Step {
                seconds: stamp.saturating_sub(start.nanos()) as f64 / 1e9,
                from: text("from"),
                to: text("to"),
                cause: text("cause"),
                words: text("words"),
            })
        };
        let third = args.seconds as f64 / 3.0;
        Self {
            hog: args.hog.map(|threads| HogSpan {
                threads,
                from_seconds: third,
                to_seconds: 2.0 * third,
            }),
            steps: steps.into_iter().flatten().filter_map(step).collect(),
        }
    }

    /// For people.
    pub(super) fn text(&self) -> Vec<String> {
        let hog = self.hog.iter().map(|hog| {
            let (threads, from, to) = (hog.threads, hog.from_seconds, hog.to_seconds);
            format!("hog: {threads} busy threads beside it from {from:.1} to {to:.1} s")
        });
        let steps = self.steps.iter().map(|step| {
            let (seconds, from, to) = (step.seconds, &step.from, &step.to);
            format!("step at {seconds:.1} s from {from} to {to}: {}", step.words)
        });
        let none = self.hog.is_some() && self.steps.is_empty();
        let none = none.then(|| "no step from one policy to another was made".to_owned());
        hog.chain(steps).chain(none).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_middle_third_is_hogged_and_no_frame_is_left_out() {
        let Hog { thirds, .. } = Hog::in_the_middle(60..160, 2);
        assert_eq!(thirds, [60..93, 93..127, 127..160]);
    }

    #[test]
    fn steps_are_told_from_the_first_measured_frame_on() {
        let said = json!({ "figures": { "degradation": { "steps": [{
            "stamp_ns": 8_500_000_000_i64, "from": "k2", "to": "k1", "cause": "overload",
            "words": "64 % of the frames were late or dropped, but 20 % may be",
        }] } } });
        let args = args(Some(4));
        let steps = Steps::of(&said, Timestamp::from_nanos(5_000_000_000), &args);
        let want = [
            "hog: 4 busy threads beside it from 2.0 to 4.0 s",
            "step at 3.5 s from k2 to k1: 64 % of the frames were late or dropped, but 20 % may be",
        ];
        assert_eq!(steps.text(), want);
        let none = Steps::of(&json!({}), Timestamp::default(), &args);
        assert_eq!(
            none.text()[1],
            "no step from one policy to another was made"
        );
    }

    fn args(hog: Option<u64>) -> BenchArgs {
        BenchArgs {
            file: "k2.toml".to_owned(),
            provider: Vec::new(),
            untuned: false,
            rate: 30.0,
            seconds: 6,
            data: None,
            compare: None,
            compare_program: None,
            hog,
            html: None,
            max_p99: None,
        }
    }
}
