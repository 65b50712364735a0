//! The publisher thread: the newest output of each target, and the status,
//! onto the bus. It alone may be held up by the bus.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::bus::Bus;
use crate::clock::lock;
use crate::consistency::Consistency;
use crate::generation::Generation;
use crate::health::Health;
use crate::output::Output;
use crate::shared::{FOREIGN_AFTER, Shared};
use crate::stats::smooth;
use crate::status::Status;
use crate::status_figures::StatusFigures;
use crate::wire::keys;

/// Time between looks who listens and how well everything is.
const TICK: Duration = Duration::from_millis(20);
/// Longest time for closing the bus.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Runs until the perceive thread is over and everything it left is published.
pub(crate) fn publish(shared: &Shared, bus: &mut dyn Bus, status_period: Duration) {
    let mut publisher = Publisher::new(shared, bus, status_period);
    publisher.announce_images();
    loop {
        // Read before looking into the outbox, so that nothing slips between.
        let over = shared.perceive_over.load(Ordering::Acquire);
        publisher.outputs();
        publisher.images();
        publisher.announce();
        publisher.tick();
        if over {
            break;
        }
        shared.generation().outbox.wait(TICK);
    }
    shared.announce.close();
    publisher.status();
    bus.close(CLOSE_LIMIT);
}

struct Publisher<'a> {
    shared: &'a Shared,
    bus: &'a mut dyn Bus,
    /// The generation whose outputs are being published.
    generation: Arc<Generation>,
    /// One buffer per place of it.
    spares: Vec<Output>,
    status_period: Duration,
    next_tick: Duration,
    next_status: Duration,
    healths: Vec<Health>,
    /// As they were at the last look; of the same memory.
    healths_before: Vec<Health>,
    bus_fails: bool,
    consistency: Consistency,
}

impl<'a> Publisher<'a> {
    fn new(shared: &'a Shared, bus: &'a mut dyn Bus, status_period: Duration) -> Self {
        let generation = shared.generation();
        Self {
            spares: spares(&generation),
            generation,
            shared,
            bus,
            status_period,
            next_tick: Duration::ZERO,
            next_status: Duration::ZERO,
            healths: Vec::new(),
            healths_before: Vec::new(),
            bus_fails: false,
            consistency: Consistency::default(),
        }
    }

    /// Every output that waits, most important first; of the generations before
    /// the one that runs, which get no more, to the last.
    fn outputs(&mut self) {
        loop {
            let newer = self.newer();
            for place in 0..self.spares.len() {
                let spare = &mut self.spares[place];
                if self.generation.outbox.take(place, spare) {
                    let result = self.bus.publish(&self.spares[place]);
                    self.note(place, result.is_ok());
                    self.check(place);
                    self.log(result.err().map(|error| error.to_string()));
                }
            }
            match newer {
                None => return,
                Some(newer) => self.turn_to(newer),
            }
        }
    }

    /// Declares the keys of the cameras' images.
    fn announce_images(&mut self) {
        let keys = self.shared.images.iter();
        let keys = keys.map(|image| Arc::clone(&image.key));
        let keys: Vec<_> = keys.chain([keys::EVERY_IMAGE.into()]).collect();
        let declared = self.bus.announce(&keys);
        self.log(declared.err().map(|error| error.to_string()));
    }

    /// Every camera's image that waits.
    fn images(&mut self) {
        for place in &self.shared.images {
            if let Some(image) = place.take() {
                let result = self.bus.publish_image(&image);
                place.note(result.is_ok());
                self.log(result.err().map(|error| error.to_string()));
            }
        }
    }

    /// The generation after this one, if there is one. Seen before the last look
    /// into this one's outbox, so that nothing stays there.
    fn newer(&self) -> Option<Arc<Generation>> {
        let generations = lock(&self.shared.generations);
        let mut generations = generations.iter();
        let this = |generation: &&Arc<Generation>| Arc::ptr_eq(generation, &self.generation);
        generations.find(this)?;
        generations.next().cloned()
    }

    /// Goes on with `newer`; this generation is drained and forgotten.
    fn turn_to(&mut self, newer: Arc<Generation>) {
        self.spares = spares(&newer);
        let drained = std::mem::replace(&mut self.generation, newer);
        let mut generations = lock(&self.shared.generations);
        generations.retain(|other| !Arc::ptr_eq(other, &drained));
        drop(generations);
        let kept = self.generation.keys();
        let mut gone = drained.keys();
        gone.retain(|key| !kept.contains(key));
        self.bus.withdraw(&gone);
    }

    /// Declares the keys of a generation that is about to take over.
    fn announce(&mut self) {
        if let Some(generation) = self.shared.announce.question() {
            let declared = self.bus.announce(&generation.keys());
            generation.look_who_listens(self.bus);
            self.shared.announce.answer(declared);
        }
    }

    fn note(&self, place: usize, taken: bool) {
        let output = &self.spares[place];
        let record = self.generation.records[place];
        let now = self.shared.clock.monotonic();
        let age = output.stamp.age_at(self.shared.clock.now());
        let mut stats = lock(&self.shared.stats);
        let target = &mut stats.targets[record];
        if !taken {
            target.lost_on_bus += 1;
            target.evidence.refused_by_bus += 1;
            return;
        }
        target.published += 1;
        target.evidence.refused_by_bus = 0;
        target.evidence.superseded = 0;
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

    /// Compares depth and normals of one frame, now and then.
    fn check(&mut self, place: usize) {
        let now = self.shared.clock.monotonic();
        if let Some((camera, median)) = self.consistency.note(&self.spares[place], now) {
            self.shared.note_consistency(&camera, median);
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
        lock(&self.shared.faults).bus = self.bus_fails.then(|| "the bus fails".to_owned());
    }

    fn tick(&mut self) {
        let now = self.shared.clock.monotonic();
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + TICK;
        self.generation.look_who_listens(self.bus);
        // After the outputs: who asks for images and outputs gets the image of each.
        let every = self.bus.has_subscriber(keys::EVERY_IMAGE) == Some(true);
        for image in &self.shared.images {
            image.want(self.bus.has_subscriber(&image.key) != Some(false), every);
        }
        if now >= self.next_status || self.update_health() {
            self.status();
            self.next_status = now + self.status_period;
        }
    }

    fn update_health(&mut self) -> bool {
        std::mem::swap(&mut self.healths, &mut self.healths_before);
        self.shared.healths(&mut self.healths);
        self.healths != self.healths_before
    }

    fn status(&mut self) {
        let snapshot = self.shared.snapshot();
        let mut status = Status::of(&snapshot, self.shared.clock.now());
        status.add(self.bus.entries());
        let result = self.bus.publish_status(&status);
        self.log(result.err().map(|error| error.to_string()));
        let figures = StatusFigures {
            snapshot,
            status,
            bus: self.bus.figures(),
            bus_fails: self.bus_fails,
            made: self.shared.clock.monotonic(),
        };
        *lock(&self.shared.last_status) = Some(Arc::new(figures));
    }
}

fn spares(generation: &Generation) -> Vec<Output> {
    let origins = generation.origins.iter();
    origins
        .map(|origin| Output::empty(Arc::clone(origin)))
        .collect()
}
