//! Options of a data set, and the rules that they keep.

use std::ops::Range;
use std::path::PathBuf;

use serde::Serialize;

use crate::camera::{Development, Pinhole};
use crate::error::ApartmentError;
use crate::home::LightQuality;
use crate::randomise::Randomisation;

/// Most frames in one data set: six digits.
const MAX_FRAMES: u64 = 1_000_000;

/// Places from which pictures are taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Views {
    /// Along a tour through the home, `spacing` metres apart, blurred over
    /// `shutter` of that spacing (0 sharp).
    Tour {
        /// m.
        spacing: f32,
        /// 0..1.
        shutter: f32,
    },
    /// Each frame elsewhere, height and tilt drawn anew.
    Scattered,
    /// Each frame 0.4 to 2.2 m from a small thing that a robot could fetch (a
    /// can, cup, bottle, bowl or fruit), or 0.9 to 3.8 m from a fridge or a door,
    /// and with it in view; scattered where a home shows none.
    Things,
    /// Each frame 0.4 to 2.2 m from one of the things that were put into the home
    /// on purpose, by turns, and with it in view; scattered where it cannot be seen.
    Put,
}

/// Format in which pictures are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColourFormat {
    /// Lossless.
    Png,
    /// JPEG of this quality, 1..=100.
    Jpeg(u8),
}

/// Folders that sequences go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrangement {
    /// One folder per seed, `seed-NNNNNN`, each with its own field of view.
    PerSeed,
    /// All frames in the data set's folder, numbered through, one field of view
    /// (drawn for the first seed).
    Flat,
}

/// Options of a data set.
#[derive(Clone, Debug)]
pub struct DataSetOptions {
    /// Folder to write to; made if it is missing.
    pub folder: PathBuf,
    /// Homes.
    pub seeds: Range<u64>,
    /// Frames in all, spread evenly over the seeds.
    pub frames: u64,
    /// px.
    pub width: u32,
    /// px.
    pub height: u32,
    /// Ranges in which homes and cameras differ.
    pub randomisation: Randomisation,
    /// Development of pictures; exposure, warmth and noise vary around it by seed.
    pub development: Development,
    /// Care with which light is computed.
    pub light: LightQuality,
    /// Places from which pictures are taken.
    pub views: Views,
    /// Format in which pictures are stored.
    pub colour: ColourFormat,
    /// One folder or many.
    pub arrangement: Arrangement,
}

impl DataSetOptions {
    /// Options for a folder with sensible defaults: 320×240, scattered views, PNG.
    pub fn new(folder: impl Into<PathBuf>, seeds: Range<u64>, frames: u64) -> Self {
        Self {
            folder: folder.into(),
            seeds,
            frames,
            width: 320,
            height: 240,
            randomisation: Randomisation::default(),
            development: Development::default(),
            light: LightQuality::Standard,
            views: Views::Scattered,
            colour: ColourFormat::Png,
            arrangement: Arrangement::PerSeed,
        }
    }

    pub(super) fn check(&self) -> Result<(), ApartmentError> {
        self.randomisation.check()?;
        self.development.check()?;
        let refuse = |name, value, rule| Err(ApartmentError::DataSet { name, value, rule });
        let seeds = self.seeds.end.saturating_sub(self.seeds.start);
        if seeds == 0 {
            return refuse("number of seeds", seeds, "at least 1");
        }
        if self.frames < seeds || self.frames > MAX_FRAMES {
            return refuse(
                "number of frames",
                self.frames,
                "at least one per seed and at most 1000000",
            );
        }
        if self.views == Views::Put && self.randomisation.stock.things.is_empty() {
            let rule = "at least 1, which the views are taken near to";
            return refuse("number of things that are put", 0, rule);
        }
        if let ColourFormat::Jpeg(quality) = self.colour
            && !(1..=100).contains(&quality)
        {
            return refuse("jpeg quality", u64::from(quality), "1 to 100");
        }
        if let Views::Tour { spacing, shutter } = self.views {
            let sound = spacing > 0.0 && spacing <= 5.0 && (0.0..=1.0).contains(&shutter);
            if !sound {
                return refuse(
                    "tour spacing in mm",
                    (f64::from(spacing) * 1000.0) as u64,
                    "1 mm to 5 m, with a shutter of 0 to 1",
                );
            }
        }
        Pinhole::from_field_of_view(self.width, self.height, 1.0).map(|_| ())
    }
}
