//! The publisher thread: the newest output of each target, and the status,
//! onto the bus. It alone may be held up by the bus.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::bus::Bus;
use crate::clock::lock;
use crate::output::Output;
use crate::shared::{FOREIGN_AFTER, Shared};
use crate::stats::smooth;
use crate::status::Health;

/// How often it looks who listens and how well everything is.
const TICK: Duration = Duration::from_millis(20);
/// How long closing the bus may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Runs until the perceive thread is over and everything it left is published.
pub(crate) fn publish(shared: &Shared, bus: &mut dyn Bus, status_period: Duration) {
    let mut publisher = Publisher::new(shared, bus, status_period);
    loop {
        // Read before looking into the outbox, so that nothing slips between.
        let over = shared.perceive_over.load(Ordering::Acquire);
        publisher.outputs();
        publisher.tick();
        if over {
            break;
        }
        shared.outbox.wait(TICK);
    }
    publisher.status();
    bus.close(CLOSE_LIMIT);
}

struct Publisher<'a> {
    shared: &'a Shared,
    bus: &'a mut dyn Bus,
    spares: Vec<Output>,
    status_period: Duration,
    next_tick: Duration,
    next_status: Duration,
    healths: Vec<Health>,
    bus_fails: bool,
}

impl<'a> Publisher<'a> {
    fn new(shared: &'a Shared, bus: &'a mut dyn Bus, status_period: Duration) -> Self {
        let spares = shared
            .origins
            .iter()
            .map(|origin| Output::empty(std::sync::Arc::clone(origin)));
        Self {
            spares: spares.collect(),
            shared,
            bus,
            status_period,
            next_tick: Duration::ZERO,
            next_status: Duration::ZERO,
            healths: Vec::new(),
            bus_fails: false,
        }
    }

    /// Every output that waits, most important first.
    fn outputs(&mut self) {
        for place in 0..self.spares.len() {
            if self.shared.outbox.take(place, &mut self.spares[place]) {
                let result = self.bus.publish(&self.spares[place]);
                self.note(place, result.is_ok());
                self.log(result.err().map(|error| error.to_string()));
            }
        }
    }

    fn note(&self, place: usize, taken: bool) {
        let output = &self.spares[place];
        let (camera, target) = self.shared.target_of(place);
        let now = self.shared.clock.monotonic();
        let age = output.stamp.age_at(self.shared.clock.now());
        let mut stats = lock(&self.shared.stats);
        let target = &mut stats.targets[camera][target];
        if !taken {
            target.lost_on_bus += 1;
            return;
        }
        target.published += 1;
        target.latency.record(now.saturating_sub(output.arrived));
        match age {
            Some(age) if age < FOREIGN_AFTER => target.age.record(age),
            _ => target.foreign_stamps += 1,
        }
        if let Some(last) = target.last_published.replace(now) {
            target.publish_interval =
                Some(smooth(target.publish_interval, now.saturating_sub(last)));
        }
    }

    /// One line when the bus begins to fail and one when it works again.
    fn log(&mut self, error: Option<String>) {
        match (error, self.bus_fails) {
            (Some(error), false) => tracing::warn!("bus fails: {error}"),
            (None, true) => tracing::info!("bus works again"),
            (Some(_), true) | (None, false) => return,
        }
        self.bus_fails = !self.bus_fails;
    }

    fn tick(&mut self) {
        let now = self.shared.clock.monotonic();
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + TICK;
        for (place, origin) in self.shared.origins.iter().enumerate() {
            let wanted = self.bus.has_subscriber(&origin.key).unwrap_or(true);
            self.shared.wanted[place].store(wanted, Ordering::Relaxed);
        }
        if now >= self.next_status || self.health_changed() {
            self.status();
            self.next_status = now + self.status_period;
        }
    }

    fn health_changed(&mut self) -> bool {
        let now = self.shared.clock.monotonic();
        let stats = lock(&self.shared.stats);
        let troubles = lock(&self.shared.troubles);
        let healths = stats
            .cameras
            .iter()
            .zip(troubles.iter())
            .map(|(camera, troubles)| {
                let (health, _) = camera.health(now);
                let worst = troubles.iter().map(|trouble| trouble.health).max();
                health.max(worst.unwrap_or(Health::Ok))
            });
        if healths.clone().eq(self.healths.iter().copied()) {
            return false;
        }
        self.healths.clear();
        self.healths.extend(healths);
        true
    }

    fn status(&mut self) {
        let mut status = self.shared.status();
        if self.bus_fails {
            status.entries[0].health = status.entries[0].health.max(Health::Error);
            status.entries[0].message = "the bus fails".to_owned();
        }
        let result = self.bus.publish_status(&status);
        self.log(result.err().map(|error| error.to_string()));
    }
}
