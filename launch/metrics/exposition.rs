//! The figures of a server as OpenMetrics text. Names follow Prometheus' conventions:
//! seconds and bytes, `_total` for counters, one family for each thing that is counted,
//! whose samples add up.

use std::fmt;
use std::sync::Arc;

use concert_runtime::io::{board, thread};
use concert_runtime::{DegradationSnapshot, Readiness, Snapshot, StatusFigures};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use super::families::{Families, plain};
use super::frames::{cameras, images, networks, outputs};

/// What is told at one moment.
#[derive(Debug, Clone)]
pub(super) struct Exposition {
    /// What the last status was made of, once there is one.
    pub(super) figures: Option<Arc<StatusFigures>>,
    pub(super) readiness: Readiness,
    /// Networks that are loaded, and of how many, while they load.
    pub(super) loading: Option<(usize, usize)>,
}

impl Exposition {
    /// The text, ended by `# EOF`.
    ///
    /// # Errors
    /// Never, as text is written to memory.
    pub(super) fn text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }

    /// Tells whether it is made of the same status.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same = match (&self.figures, &other.figures) {
            (Some(own), Some(others)) => Arc::ptr_eq(own, others),
            // Processor time goes on.
            _ => false,
        };
        same && self.readiness == other.readiness
    }

    fn process(&self, to: &mut Families<'_>) -> fmt::Result {
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        to.info("concert_build", "Version of Concert.", Some(version))?;
        let cpu = thread::processor_time_of_process().map(|time| time.as_secs_f64());
        to.seconds("process_cpu_seconds", "Processor time of all threads.", cpu)?;
        let resident = board::resident_bytes().map(|bytes| bytes as f64);
        to.gauges(
            "process_resident_memory_bytes",
            "Memory that lies in RAM.",
            plain(resident),
        )?;
        let ready = f64::from(u8::from(self.readiness.is_ready()));
        to.gauges(
            "concert_ready",
            "1 where it does its work; /ready says why not.",
            plain([ready]),
        )?;
        let (done, total) = self.loading.unzip();
        to.gauges(
            "concert_networks_loading",
            "Networks that are to be loaded, while they are.",
            plain(total.map(|total| total as f64)),
        )?;
        to.gauges(
            "concert_networks_loaded",
            "Those of them that are.",
            plain(done.map(|done| done as f64)),
        )
    }
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Families::to(encoder);
        self.process(&mut to)?;
        let figures = self.figures.as_deref();
        let snapshot = figures.map(|figures| &figures.snapshot);
        whole(&mut to, figures)?;
        cameras(&mut to, of(snapshot, |snapshot| &snapshot.cameras))?;
        networks(&mut to, snapshot)?;
        outputs(&mut to, of(snapshot, |snapshot| &snapshot.targets))?;
        images(&mut to, snapshot)?;
        degradation(&mut to, snapshot.and_then(|one| one.degradation.as_ref()))?;
        bus(&mut to, figures)?;
        learning(&mut to, snapshot)
    }
}

/// A part of the snapshot, empty before there is one.
pub(super) fn of<T>(snapshot: Option<&Snapshot>, part: impl Fn(&Snapshot) -> &Vec<T>) -> &[T] {
    snapshot.map_or(&[], |snapshot| part(snapshot))
}

fn whole(to: &mut Families<'_>, figures: Option<&StatusFigures>) -> fmt::Result {
    let snapshot = figures.map(|figures| &figures.snapshot);
    let policy = snapshot.map(|one| {
        let (name, hash) = (one.policy.as_str(), one.policy_hash.as_str());
        vec![("name", name), ("hash", hash)]
    });
    to.info("concert_policy", "The policy that serves.", policy)?;
    let health = figures.and_then(|figures| figures.status.entries.first());
    to.gauges(
        "concert_health",
        "Health of the whole: 0 ok, 1 warn, 2 error, 3 stale.",
        plain(health.map(|whole| f64::from(whole.health as u8))),
    )?;
    to.gauges(
        "concert_uptime_seconds",
        "Time since it serves.",
        plain(snapshot.map(|one| one.seconds)),
    )?;
    to.counters(
        "concert_swaps",
        "Times that another policy took over.",
        snapshot.map(|one| (Vec::new(), one.swaps)),
    )?;
    to.gauges(
        "concert_stuck_threads",
        "Threads that were to prepare another policy and hang.",
        plain(snapshot.map(|one| one.stuck_threads as f64)),
    )
}

fn degradation(to: &mut Families<'_>, chain: Option<&DegradationSnapshot>) -> fmt::Result {
    to.gauges(
        "concert_degradation_step",
        "Position in the chain of policies of the one that serves; 0 is the best.",
        plain(chain.map(|chain| chain.position as f64)),
    )?;
    let steps = chain.map(|chain| {
        [
            ("down", chain.steps_down),
            ("up", chain.steps_up),
            ("refused", chain.steps_refused),
        ]
    });
    let steps = steps.into_iter().flatten();
    to.counters(
        "concert_degradation_steps",
        "Steps from one policy of the chain to another, and those that were not made.",
        steps.map(|(direction, count)| (vec![("direction", direction)], count)),
    )
}

fn bus(to: &mut Families<'_>, figures: Option<&StatusFigures>) -> fmt::Result {
    let bus = figures.map(|figures| &figures.bus);
    let families: [(&str, &str, Option<u64>); 4] = [
        (
            "concert_bus_messages",
            "Messages that the bus took.",
            bus.map(|bus| bus.messages),
        ),
        (
            "concert_bus_bytes",
            "Payloads of these messages, bytes.",
            bus.map(|bus| bus.bytes),
        ),
        (
            "concert_bus_shared_memory_fallbacks",
            "Payloads that were copied because the shared memory was full.",
            bus.map(|bus| bus.shared_memory_fallbacks),
        ),
        (
            "concert_bus_messages_too_long",
            "Messages that are longer than what is put together at the other end.",
            bus.map(|bus| bus.messages_too_long),
        ),
    ];
    for (name, help, count) in families {
        to.counters(name, help, count.map(|count| (Vec::new(), count)))?;
    }
    to.gauges(
        "concert_bus_endpoints_named",
        "Endpoints that it is to be connected to.",
        plain(bus.map(|bus| bus.named as f64)),
    )?;
    to.gauges(
        "concert_bus_endpoints_connected",
        "Those of them that answer: at 0 of some it is deaf.",
        plain(bus.map(|bus| bus.connected as f64)),
    )
}

fn learning(to: &mut Families<'_>, snapshot: Option<&Snapshot>) -> fmt::Result {
    let learning = of(snapshot, |snapshot| &snapshot.learning);
    let target = |target| vec![("target", target)];
    to.counters(
        "concert_learning_frames",
        "Frames that were learnt from while serving.",
        learning
            .iter()
            .map(|one| (target(one.target.as_str()), one.learnt)),
    )?;
    to.counters(
        "concert_learning_refits",
        "Readouts made of what was learnt.",
        learning
            .iter()
            .map(|one| (target(one.target.as_str()), one.refits)),
    )?;
    to.counters(
        "concert_learning_exchanges",
        "Readouts exchanged because of that.",
        learning
            .iter()
            .map(|one| (target(one.target.as_str()), one.exchanges)),
    )?;
    let shadow = snapshot.and_then(|one| one.shadow.as_ref());
    to.counters(
        "concert_shadow_frames",
        "Frames on which the shadow policy ran, or had no time to.",
        shadow.into_iter().flat_map(|shadow| {
            let fates = [("run", shadow.runs), ("skipped", shadow.skipped)];
            fates.map(|(fate, count)| (vec![("fate", fate)], count))
        }),
    )
}

#[cfg(test)]
#[path = "exposition_tests.rs"]
mod tests;
