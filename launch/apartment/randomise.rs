//! Domain randomisation: how far homes and cameras may differ.

use serde::{Deserialize, Serialize};

use crate::camera::{Development, Exposure, Pinhole};
use crate::dice::Dice;
use crate::error::ApartmentError;
use crate::home::Stock;

/// An inclusive range of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Lowest value.
    pub low: f32,
    /// Highest value.
    pub high: f32,
}

impl Range {
    /// From `low` to `high`.
    pub const fn new(low: f32, high: f32) -> Self {
        Self { low, high }
    }

    pub(crate) fn draw(self, dice: &mut Dice) -> f32 {
        dice.range(self.low, self.high)
    }
}

/// Ranges in which homes and cameras differ. The default is wide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Randomisation {
    /// 0 plain whites and woods, 1 any colour.
    pub colour: Range,
    /// Small things lying about, 0 none to 1 many.
    pub clutter: Range,
    /// Daylight, 0 night to 1 noon.
    pub daylight: Range,
    /// Probability that the sun shines.
    pub sun: f32,
    /// Probability that a lamp is on by day; at night nearly all are.
    pub lamps: f32,
    /// Camera above the floor, m.
    pub camera_height: Range,
    /// Camera tilt, up positive, rad.
    pub camera_tilt: Range,
    /// Horizontal field of view, rad.
    pub field_of_view: Range,
    /// What is there on purpose.
    pub stock: Stock,
}

impl Default for Randomisation {
    fn default() -> Self {
        Self {
            colour: Range::new(0.0, 1.0),
            clutter: Range::new(0.2, 1.0),
            daylight: Range::new(0.05, 1.0),
            sun: 0.5,
            lamps: 0.35,
            camera_height: Range::new(0.35, 1.6),
            camera_tilt: Range::new(-0.35, 0.12),
            field_of_view: Range::new(0.95, 1.5),
            stock: Stock::default(),
        }
    }
}

impl Randomisation {
    /// Checks every range, and what is there on purpose.
    ///
    /// # Errors
    /// The first range that is not finite, upside down or out of bounds; as
    /// [`Stock::check`].
    pub fn check(&self) -> Result<(), ApartmentError> {
        let unit = "within 0..1, low first";
        let single = |p: f32| Range::new(p, p);
        let checks = [
            ("colour", self.colour, 0.0, 1.0, unit),
            ("clutter", self.clutter, 0.0, 1.0, unit),
            ("daylight", self.daylight, 0.0, 1.0, unit),
            ("sun", single(self.sun), 0.0, 1.0, unit),
            ("lamps", single(self.lamps), 0.0, 1.0, unit),
            (
                "camera_height",
                self.camera_height,
                0.1,
                2.2,
                "within 0.1..2.2 m, low first",
            ),
            (
                "camera_tilt",
                self.camera_tilt,
                -1.4,
                1.4,
                "within -1.4..1.4 rad, low first",
            ),
            (
                "field_of_view",
                self.field_of_view,
                0.05,
                2.9,
                "within 0.05..2.9 rad, low first",
            ),
        ];
        for (name, range, low, high, rule) in checks {
            if !(range.low >= low && range.low <= range.high && range.high <= high) {
                return Err(ApartmentError::Randomisation {
                    name,
                    low: range.low,
                    high: range.high,
                    rule,
                });
            }
        }
        self.stock.check()
    }

    /// The camera of a seed: its intrinsics with a drawn field of view.
    ///
    /// # Errors
    /// As [`Pinhole::from_field_of_view`].
    pub fn camera(&self, seed: u64, width: u32, height: u32) -> Result<Pinhole, ApartmentError> {
        self.check()?;
        let mut dice = Dice::new(seed, 90);
        let angle = self.field_of_view.draw(&mut dice);
        Pinhole::from_field_of_view(width, height, f64::from(angle))
    }

    /// `base` with exposure, warmth and noise varied as a seed has it.
    pub fn develop(&self, seed: u64, base: Development) -> Development {
        let mut dice = Dice::new(seed, 92);
        let vary = |stops: f32, dice: &mut Dice| (stops + dice.range(-0.5, 0.5)).clamp(-16.0, 16.0);
        Development {
            exposure: match base.exposure {
                Exposure::Auto { stops } => Exposure::Auto {
                    stops: vary(stops, &mut dice),
                },
                fixed => fixed,
            },
            warmth: (base.warmth + dice.range(-0.08, 0.08)).clamp(-0.3, 0.3),
            noise: (base.noise * dice.range(0.3, 2.5)).min(0.5),
            ..base
        }
    }

    /// Height (m) and tilt (rad) of the camera of a seed.
    pub fn mount(&self, seed: u64) -> (f32, f32) {
        let mut dice = Dice::new(seed, 91);
        (
            self.camera_height.draw(&mut dice),
            self.camera_tilt.draw(&mut dice),
        )
    }
}
