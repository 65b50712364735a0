//! From the command line to the apartment's own settings.

use concert_apartment::{Development, Randomisation, Range, Stock};

use super::args::ApartmentArgs;
use super::values::Spread;

/// What stands in for options that were not given.
pub(super) struct Defaults {
    /// px.
    pub(super) size: (u32, u32),
    /// Degrees; none to draw from the wide default.
    pub(super) fov: Option<f32>,
    /// m; none to draw from the wide default.
    pub(super) height: Option<f32>,
    /// Degrees; none to draw from the wide default.
    pub(super) tilt: Option<f32>,
}

impl Defaults {
    /// For data sets: everything varies.
    pub(super) const WIDE: Self = Self {
        size: (320, 240),
        fov: None,
        height: None,
        tilt: None,
    };
    /// For a robot: one camera.
    pub(super) const ROBOT: Self = Self {
        fov: Some(72.0),
        height: Some(1.1),
        tilt: Some(-7.0),
        ..Self::WIDE
    };
    /// For looking at.
    pub(super) const VIEW: Self = Self {
        size: (400, 300),
        fov: Some(72.0),
        height: Some(1.3),
        tilt: Some(-8.0),
    };
}

impl ApartmentArgs {
    pub(super) fn size(&self, defaults: &Defaults) -> (u32, u32) {
        self.camera.size.unwrap_or(defaults.size)
    }

    pub(super) fn development(&self, antialias: bool) -> Development {
        Development {
            noise: self.camera.noise,
            antialias: self.camera.antialias.unwrap_or(antialias),
            ..Development::default()
        }
    }

    /// How homes and cameras differ; checked by whoever uses it.
    pub(super) fn randomisation(&self, defaults: &Defaults) -> Randomisation {
        let wide = Randomisation::default();
        let range = |written: Option<Spread>, default: Option<f32>, unit: fn(f32) -> f32, wide| {
            let default = default.map(|value| Spread {
                low: value,
                high: value,
            });
            written
                .or(default)
                .map_or(wide, |spread: Spread| spread.range(unit))
        };
        let same = |value| value;
        let (camera, homes) = (&self.camera, &self.homes);
        let of_home = |written: Option<Spread>, wide: Range| range(written, None, same, wide);
        Randomisation {
            colour: of_home(homes.colour, wide.colour),
            clutter: of_home(homes.clutter, wide.clutter),
            daylight: of_home(homes.daylight, wide.daylight),
            sun: homes.sun.unwrap_or(wide.sun),
            lamps: homes.lamps.unwrap_or(wide.lamps),
            camera_height: range(camera.height, defaults.height, same, wide.camera_height),
            camera_tilt: range(
                camera.tilt,
                defaults.tilt,
                f32::to_radians,
                wide.camera_tilt,
            ),
            field_of_view: range(
                camera.fov,
                defaults.fov,
                f32::to_radians,
                wide.field_of_view,
            ),
            stock: Stock {
                doors: homes.doors.doors(),
                things: homes.put.clone(),
                without: homes.without.clone(),
            },
        }
    }
}
