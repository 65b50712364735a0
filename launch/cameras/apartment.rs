//! Kind `apartment`: a robot that tours a simulated home; its frames carry
//! intrinsics and depth.

use anyhow::anyhow;
use concert_apartment::{Home, LightQuality, MAX_SIDE, Randomisation};
use concert_models::Intrinsics;
use concert_policies::document::at;
use concert_runtime::io::thread;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::subject::DEFAULT_RATE_HZ;
use super::{Opened, Rules, Site, Source, Subject};
use crate::apartment_camera::{ApartmentCamera, ApartmentOptions};
use crate::launch_file::value::{Placed, number};
use crate::launch_file::{DEFAULT_SEED, LaunchFault, LaunchFile};
use crate::simulated_home::{say_redraws, while_shown};

const MAX_FIELD_OF_VIEW_DEGREES: f64 = 169.0;

/// A robot that tours a simulated home.
#[derive(Debug, Clone, PartialEq)]
pub struct Apartment {
    /// Picks the home.
    pub seed: u64,
    /// Width, px.
    pub width: usize,
    /// Height, px.
    pub height: usize,
    /// Horizontal field of view, degrees.
    pub field_of_view_degrees: f64,
    /// Frames per second.
    pub rate_hz: f64,
    /// True where edges are smoothed.
    pub antialias: bool,
}

impl Default for Apartment {
    fn default() -> Self {
        Self {
            seed: DEFAULT_SEED,
            width: 320,
            height: 240,
            field_of_view_degrees: ApartmentOptions::FIELD_OF_VIEW_DEGREES,
            rate_hz: DEFAULT_RATE_HZ,
            antialias: false,
        }
    }
}

/// A robot that tours a simulated home; its frames carry intrinsics and depth.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Picks the home; default: 7.
    #[schemars(with = "Option<u64>")]
    seed: Option<Spanned<i64>>,
    /// Width of the images, px; default: 320.
    #[schemars(with = "Option<u32>", range(min = 16, max = 4096))]
    width: Option<Spanned<i64>>,
    /// Height of the images, px; default: 240.
    #[schemars(with = "Option<u32>", range(min = 16, max = 4096))]
    height: Option<Spanned<i64>>,
    /// Horizontal field of view, degrees; default: 72.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0, "maximum" = 169))]
    field_of_view_degrees: Option<Spanned<f64>>,
    /// Frames per second; default: 30.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0, "maximum" = 1000))]
    rate_hz: Option<Spanned<f64>>,
    /// Smooth edges, which takes half as long again; default: false.
    antialias: Option<bool>,
}

impl Rules for Apartment {
    const NAME: &'static str = "apartment";
    const KEYS: &'static [&'static str] = &[
        "seed",
        "width",
        "height",
        "field_of_view_degrees",
        "rate_hz",
        "antialias",
    ];
    type Entry = Entry;

    fn check(entry: &Entry, subject: &Subject) -> Placed<Self> {
        let usual = Self::default();
        let limit = MAX_SIDE as usize;
        let seed = entry.seed.as_ref();
        let seed = seed.map(|seed| number(&subject.entry("seed"), seed, 0, i64::MAX));
        Ok(Self {
            seed: seed.transpose()?.map_or(usual.seed, |seed| seed as u64),
            width: subject.side("width", &entry.width, usual.width, limit)?,
            height: subject.side("height", &entry.height, usual.height, limit)?,
            field_of_view_degrees: field_of_view(&entry.field_of_view_degrees, subject)?,
            rate_hz: subject.rate_hz(&entry.rate_hz)?,
            antialias: entry.antialias.unwrap_or(usual.antialias),
        })
    }
}

fn field_of_view(written: &Option<Spanned<f64>>, subject: &Subject) -> Placed<f64> {
    let Some(angle) = written else {
        return Ok(ApartmentOptions::FIELD_OF_VIEW_DEGREES);
    };
    let (value, limit) = (*angle.get_ref(), MAX_FIELD_OF_VIEW_DEGREES);
    if value > 0.0 && value <= limit {
        return Ok(value);
    }
    let key = subject.entry("field_of_view_degrees");
    at(angle.span(), LaunchFault::Rate { key, value, limit })
}

impl Source for Apartment {
    fn describe(&self, _launch: &LaunchFile) -> String {
        let Self {
            seed,
            width,
            height,
            field_of_view_degrees: angle,
            rate_hz,
            ..
        } = self;
        format!(
            "tour of the simulated home of seed {seed}, {width}x{height} at {rate_hz} Hz, {angle}° \
             wide"
        )
    }

    fn own_intrinsics(&self, _launch: &LaunchFile) -> (String, Option<Intrinsics>) {
        let (w, h) = (self.width as f64, self.height as f64);
        let focal = 0.5 * w / (0.5 * self.field_of_view_degrees).to_radians().tan();
        let carried = Intrinsics {
            fx: focal,
            fy: focal,
            cx: 0.5 * w - 0.5,
            cy: 0.5 * h - 0.5,
            width: self.width,
            height: self.height,
        };
        let text = format!("carried by its frames (focal length {focal:.1} px)");
        (text, Some(carried))
    }

    fn carries_depth(&self, _launch: &LaunchFile) -> bool {
        true
    }

    /// Begins to make the home; the camera opens when that is done.
    fn open(&self, site: &Site<'_>) -> anyhow::Result<Opened> {
        let options = ApartmentOptions {
            width: self.width,
            height: self.height,
            field_of_view_degrees: self.field_of_view_degrees,
            rate_hz: self.rate_hz,
            antialias: self.antialias,
            frame_id: site.frame_id(),
            ..ApartmentOptions::default()
        };
        // Refused before a home is made for nothing.
        ApartmentCamera::check(&options)?;
        let (seed, clock) = (self.seed, site.clock());
        tracing::info!("building and lighting the home of seed {seed}");
        let home = thread::spawn("home", move || {
            Home::generate(seed, &Randomisation::default(), LightQuality::Standard)
        })?;
        Ok(Opened::Later(Box::new(move || {
            let home = while_shown(seed, || home.join());
            let home = home.map_err(|_| anyhow!("the thread that makes the home panicked"))??;
            say_redraws(seed, home.redraws());
            Ok(Box::new(ApartmentCamera::open(home, options, clock)?))
        })))
    }
}
