//! The computer and the processes at one moment, and between two.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use concert_runtime::Timestamp;
use concert_runtime::io::clock::since_boot;
use serde::Serialize;

use super::load::{Counters, Load, Memory, Usage};
use super::machine::Condition;
use super::rig::{Rig, both_clocks};
use crate::process::cpu_seconds;

/// From here on the robot's clock has stepped, and did not merely drift.
const STEP: Duration = Duration::from_millis(2);

/// Everything that is counted, at one moment.
pub(super) struct Moment {
    clocks: (Timestamp, Duration),
    counters: Counters,
    server: Usage,
    receiver: Usage,
    own: f64,
    condition: Condition,
    server_id: u32,
}

/// What happened between two moments.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Between {
    /// s.
    pub(super) seconds: f64,
    /// Processor time of the server, s.
    pub(super) server_cpu_seconds: f64,
    /// Time that threads of the server were ready and waited for a processor, s;
    /// null where the kernel does not tell.
    pub(super) server_waited_seconds: Option<f64>,
    /// Processor time of the server by name of the thread, s.
    pub(super) server_threads: BTreeMap<String, f64>,
    /// Processor time of the receiver, s.
    pub(super) receiver_cpu_seconds: f64,
    /// Processor time of the camera, s.
    pub(super) camera_cpu_seconds: f64,
    /// Memory of the server at the end.
    pub(super) server_memory: Memory,
    /// How busy the computer was.
    pub(super) load: Load,
    /// The condition of the computer before and after.
    pub(super) condition: [Condition; 2],
    /// By how much the system's clock stepped, ms; 0 where it did not.
    pub(super) clock_step_millis: f64,
}

impl Moment {
    /// Now.
    pub(super) fn now(rig: &Rig) -> Self {
        let root = Path::new("/");
        let [server, receiver] = rig.processes();
        Self {
            clocks: both_clocks(),
            counters: Counters::read(root),
            server: Usage::of_group(server),
            receiver: Usage::of(receiver),
            own: cpu_seconds(std::process::id()).unwrap_or(0.0),
            condition: Condition::read(root),
            server_id: server,
        }
    }

    /// What happened since `before`.
    pub(super) fn since(self, before: Self) -> Between {
        let seconds = (self.clocks.1 - before.clocks.1).as_secs_f64();
        let server = self.server.since(&before.server);
        let receiver = self.receiver.since(&before.receiver).cpu_seconds;
        let camera = self.own - before.own;
        let own = server.cpu_seconds + receiver + camera;
        Between {
            seconds,
            server_cpu_seconds: server.cpu_seconds,
            server_waited_seconds: server.waited_seconds,
            server_threads: server.threads,
            receiver_cpu_seconds: receiver,
            camera_cpu_seconds: camera,
            server_memory: Memory::of_group(self.server_id),
            load: before.counters.until(&self.counters, own, seconds),
            condition: [before.condition, self.condition],
            clock_step_millis: step(before.clocks, self.clocks),
        }
    }
}

/// By how much a clock that may step went further than one that never does, ms.
fn step(before: (Timestamp, Duration), after: (Timestamp, Duration)) -> f64 {
    let stamped = (after.0.nanos() - before.0.nanos()) as f64 / 1e6;
    let passed = (after.1 - before.1).as_secs_f64() * 1e3;
    match stamped - passed {
        step if step.abs() > STEP.as_secs_f64() * 1e3 => step,
        _ => 0.0,
    }
}

impl Between {
    /// For people, where the system's clock stepped.
    pub(super) fn step_text(&self) -> Option<String> {
        let step = self.clock_step_millis;
        (step != 0.0).then(|| {
            format!(
                "the system's clock stepped by {step:+.1} ms: stamps may be off by that, \
                 latencies are not, which are of a clock that never steps"
            )
        })
    }
}

/// Time until now since `begin`, s.
pub(super) fn seconds_since(begin: Duration) -> f64 {
    since_boot().saturating_sub(begin).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_steps_is_told_from_one_that_drifts() {
        let at = |millis: i64, since: u64| {
            let stamp = Timestamp::from_nanos(millis * 1_000_000);
            (stamp, Duration::from_millis(since))
        };
        assert_eq!(step(at(5000, 100), at(15_001, 10_100)), 0.0);
        assert!((step(at(5000, 100), at(18_000, 10_100)) - 3000.0).abs() < 1e-6);
        assert!((step(at(5000, 100), at(5000, 10_100)) + 10_000.0).abs() < 1e-6);
    }
}
