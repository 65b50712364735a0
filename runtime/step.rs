//! One step of the pipeline: its surroundings, its outputs and its report.

use std::sync::Arc;
use std::time::Duration;

use concert_models::{Engine, Terminator};
use concert_policies::Task;

use crate::clock::Clock;
use crate::counts::Outcome;
use crate::frame::Frame;
use crate::output::Output;
use crate::plan::Plan;
use crate::shedding::Need;
use crate::wire::keys;

/// A camera as the pipeline knows it.
#[derive(Debug, Clone)]
pub struct LaneName {
    /// Name, as in the launch file.
    pub camera: String,
    /// True where the camera's name stands in the keys of its outputs.
    pub in_keys: bool,
}

impl LaneName {
    /// Key below the prefix of a target's output.
    #[must_use]
    pub fn key(&self, target: &Task) -> String {
        keys::output(self.in_keys.then_some(&self.camera), target.name)
    }
}

/// Watches over runs, so that a network that hangs is ended.
/// Real side: `io::watchdog::Watchdog`.
pub trait Watch: Send + Sync {
    /// A run of `network` begins; `terminator` ends it.
    fn begin(&self, network: &str, terminator: &Arc<dyn Terminator>);
    /// The run that began last has ended.
    fn end(&self);
    /// Another watch, for loading and first runs of the pipeline that the process
    /// starts with: patient. Nothing serves yet, so what hangs ends the process.
    fn at_start(&self) -> Arc<dyn Watch>;
    /// Another watch, for loading and first runs of a pipeline that is being
    /// prepared beside this one's: patient, and never at the process's expense.
    fn while_preparing(&self) -> Arc<dyn Watch>;
    /// Another watch, as strict and as patient as this one, for a thread that runs
    /// networks beside.
    fn beside(&self) -> Arc<dyn Watch>;
    /// Longest time for one network to load, or for a first run; where it takes
    /// longer, it hangs.
    fn patience(&self) -> Duration;
}

/// Watches over nothing; for tests and tools that run on their own time.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWatch;

impl Watch for NoWatch {
    fn begin(&self, _network: &str, _terminator: &Arc<dyn Terminator>) {}
    fn end(&self) {}
    fn at_start(&self) -> Arc<dyn Watch> {
        Arc::new(Self)
    }
    fn while_preparing(&self) -> Arc<dyn Watch> {
        Arc::new(Self)
    }
    fn beside(&self) -> Arc<dyn Watch> {
        Arc::new(Self)
    }
    fn patience(&self) -> Duration {
        Duration::MAX
    }
}

/// Report of one step; buffers are reused from step to step.
#[derive(Debug, Clone, Default)]
pub struct StepReport {
    /// Outcome of each target, in running order.
    pub outcomes: Vec<Outcome>,
    /// Time of each distinct preprocessing that ran.
    pub preprocess: Vec<Option<Duration>>,
    /// Time of each encoder that ran.
    pub encode: Vec<Option<Duration>>,
    /// Time of each readout that ran.
    pub read: Vec<Option<Duration>>,
    /// From arrival to the start of the step.
    pub wait: Duration,
    /// The whole step.
    pub total: Duration,
    /// True where the time limit did not suffice for everything that was due.
    pub late: bool,
}

/// The receiver of a step's outputs, asked and told while it runs.
pub trait OutputSink {
    /// Tells whether anybody listens to this target (index in running order).
    fn wants(&self, target: usize) -> bool;
    /// Takes an output; leaves another buffer of the same target in its place.
    fn deliver(&mut self, target: usize, output: &mut Output);
}

/// Rings that a pipeline took over from the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// `CAMERA/SOURCE`: rings over time that go on.
    pub kept: Vec<String>,
    /// `CAMERA/SOURCE`: rings over time that warm again, as after a start.
    pub warming: Vec<String>,
}

/// Surroundings of a lane for one step.
pub(crate) struct Step<'a> {
    pub(crate) engine: &'a mut dyn Engine,
    pub(crate) plan: &'a Arc<Plan>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) frame: &'a Frame,
    pub(crate) interval: Duration,
}

impl Step<'_> {
    /// The rest of the frame's time for something that needs so much; `None`
    /// where there is no limit.
    pub(crate) fn need(&self, needs: Duration) -> Option<Need> {
        let limit = self.time_limit?;
        let spent = self.clock.monotonic().saturating_sub(self.frame.arrived);
        let left = limit.saturating_sub(spent);
        Some(Need { needs, left, limit })
    }
}
