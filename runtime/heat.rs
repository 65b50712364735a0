//! How hot the computer is, against where it would be throttled. What is read
//! stands in `io::thermal`.

use std::time::Duration;

/// A thermal zone at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ThermalZone {
    /// Its type, as the system calls it.
    pub name: String,
    /// Temperature, °C.
    pub celsius: f64,
    /// Temperature from which on the system throttles, °C.
    pub limit_celsius: f64,
}

impl ThermalZone {
    /// Degrees that are left until it is throttled; negative above.
    #[must_use]
    pub fn left(&self) -> f64 {
        self.limit_celsius - self.celsius
    }
}

/// The heat of a computer at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeatReading {
    /// The zone that is nearest to its limit; `None` where none has a limit.
    pub nearest: Option<ThermalZone>,
    /// Times that the processor was throttled since the computer started.
    pub throttled: u64,
}

/// The heat over the last moments.
#[derive(Debug, Default)]
pub(crate) struct Heat {
    newest: HeatReading,
    /// When it was throttled last, and how often meanwhile.
    throttled: Option<(Duration, u64)>,
    is_known: bool,
}

impl Heat {
    /// Cool is so many degrees below the limit.
    const HYSTERESIS: f64 = 5.0;
    /// A processor that was throttled is hot for so long.
    const THROTTLED: Duration = Duration::from_secs(5);

    /// Notes a reading; a zone that vanished is nothing.
    pub(crate) fn note(&mut self, now: Duration, reading: &HeatReading) {
        let more = reading.throttled.saturating_sub(self.newest.throttled);
        if self.is_known && more > 0 {
            self.throttled = Some((now, more));
        }
        self.is_known = true;
        self.newest.clone_from(reading);
    }

    pub(crate) fn is_hot(&self, now: Duration) -> bool {
        let zone = self.newest.nearest.as_ref();
        self.is_throttled(now) || zone.is_some_and(|zone| zone.left() <= 0.0)
    }

    pub(crate) fn is_cool(&self, now: Duration) -> bool {
        let zone = self.newest.nearest.as_ref();
        !self.is_throttled(now) && zone.is_none_or(|zone| zone.left() >= Self::HYSTERESIS)
    }

    fn is_throttled(&self, now: Duration) -> bool {
        self.throttled
            .is_some_and(|(at, _)| now.saturating_sub(at) < Self::THROTTLED)
    }

    /// How hot it is.
    pub(crate) fn words(&self) -> String {
        match (&self.newest.nearest, self.throttled) {
            (Some(zone), _) if zone.left() <= 0.0 => format!(
                "{} is at {:.1} °C, and throttles from {:.1} °C on",
                zone.name, zone.celsius, zone.limit_celsius
            ),
            (_, Some((_, times))) => format!("the processor was throttled {times} times"),
            _ => "hot".to_owned(),
        }
    }
}
