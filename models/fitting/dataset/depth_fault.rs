//! Depth images that can teach nothing, or would teach something wrong.

use super::error::MEDIAN_METRES;
use concert_models::image_file::DepthImage;

/// A fault of a depth image, for which it is not learnt from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DepthFault {
    /// The depth image has another size than its image.
    #[error(
        "depth is {width}x{height}, but its image is {image_width}x{image_height}: depth must be \
         registered to the image"
    )]
    OtherSize {
        /// px.
        width: usize,
        /// px.
        height: usize,
        /// px.
        image_width: usize,
        /// px.
        image_height: usize,
    },
    /// No pixel is known.
    #[error("depth is unknown at all {pixels} pixels, but at least 1 must be known")]
    NothingKnown {
        /// Pixels of the image.
        pixels: usize,
    },
    /// A sensor that always says the same.
    #[error("depth is {metres} m at all {known} known pixels, so there is nothing to learn")]
    Constant {
        /// Everywhere.
        metres: f32,
        /// Known pixels, at least 2.
        known: usize,
    },
    /// Most likely another unit.
    #[error(
        "depth has a median of {median_metres} m, but rooms are {} to {} m deep{hint}",
        MEDIAN_METRES.0, MEDIAN_METRES.1
    )]
    Scale {
        /// Over the known pixels.
        median_metres: f32,
        /// The unit that would fit, if any.
        hint: String,
    },
}

impl DepthFault {
    /// The fault of a depth image that came with an image of
    /// `image_width` × `image_height` px, if anything.
    #[must_use]
    pub fn of(depth: &DepthImage, (image_width, image_height): (usize, usize)) -> Option<Self> {
        let (width, height) = (depth.width, depth.height);
        if (width, height) != (image_width, image_height) || depth.metres.len() != width * height {
            return Some(Self::OtherSize {
                width,
                height,
                image_width,
                image_height,
            });
        }
        let known = known_depths(depth);
        let Some(first) = known.first().copied() else {
            let pixels = depth.metres.len();
            return Some(Self::NothingKnown { pixels });
        };
        if let Some((median_metres, hint)) = impossible_scale(depth, MILLIMETRES) {
            return Some(Self::Scale {
                median_metres,
                hint,
            });
        }
        let constant = known.len() > 1 && known.iter().all(|metres| *metres == first);
        constant.then_some(Self::Constant {
            metres: first,
            known: known.len(),
        })
    }
}

fn known_depths(depth: &DepthImage) -> Vec<f32> {
    let known = depth.metres.iter().copied();
    known.filter(|metres| metres.is_finite()).collect()
}

/// Units in a metre of a depth camera's images.
const MILLIMETRES: f32 = 1000.0;
/// Units in a metre that depth files have, the likely ones first.
const UNITS: [(f32, &str); 8] = [
    (MILLIMETRES, "millimetres"),
    (5000.0, "1/5000 m"),
    (256.0, "1/256 m"),
    (10_000.0, "1/10 mm"),
    (100.0, "centimetres"),
    (1.0, "metres"),
    (10.0, "decimetres"),
    (1_000_000.0, "micrometres"),
];

/// A median that no room has, and which unit would fit, if any, where
/// `units_per_metre` were taken; `None` where the median is possible or nothing
/// is known.
pub(super) fn impossible_scale(depth: &DepthImage, units_per_metre: f32) -> Option<(f32, String)> {
    let mut known = known_depths(depth);
    if known.is_empty() {
        return None;
    }
    let middle = known.len() / 2;
    let (_, median, _) = known.select_nth_unstable_by(middle, f32::total_cmp);
    let median = *median;
    let (least, most) = MEDIAN_METRES;
    if (least..=most).contains(&median) {
        return None;
    }
    let fits = |(units, _): &&(f32, &str)| {
        *units != units_per_metre && (0.3..=15.0).contains(&(median * units_per_metre / units))
    };
    let taken = UNITS.iter().find(|(units, _)| *units == units_per_metre);
    let taken = taken.map_or(format!("1/{units_per_metre} m"), |(_, name)| {
        (*name).to_owned()
    });
    let hint = UNITS.iter().find(fits).map(|(units, name)| {
        let factor = units_per_metre / units;
        format!(
            ": times {factor} it would be {} m ({name} read as {taken}?)",
            median * factor
        )
    });
    Some((median, hint.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(metres: Vec<f32>, image: (usize, usize)) -> String {
        let depth = DepthImage {
            width: 2,
            height: 2,
            metres,
        };
        let fault = DepthFault::of(&depth, image);
        fault.map(|fault| fault.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_hint_counts_from_the_layouts_own_unit() {
        let depth = DepthImage {
            width: 2,
            height: 1,
            metres: vec![0.0293, 0.0293],
        };
        // 0.57 m in 1/256 m, read as TUM's 1/5000 m.
        let (_, hint) = impossible_scale(&depth, 5000.0).unwrap();
        assert!(
            hint.starts_with(": times 19.53125 it would be 0.57"),
            "{hint}"
        );
        assert!(hint.ends_with("(1/256 m read as 1/5000 m?)"), "{hint}");
        let (_, hint) = impossible_scale(&depth, 4000.0).unwrap();
        assert!(hint.ends_with("read as 1/4000 m?)"), "{hint}");
    }

    #[test]
    fn depth_that_teaches_nothing_or_wrong_is_refused_with_both_quantities() {
        let nan = f32::NAN;
        assert_eq!(describe(vec![1.0, 2.0, nan, 3.0], (2, 2)), "");
        assert!(describe(vec![nan; 4], (2, 2)).contains("unknown at all 4 pixels"));
        assert!(describe(vec![f32::INFINITY; 4], (2, 2)).contains("unknown at all 4 pixels"));
        assert!(describe(vec![1.5, nan, 1.5, 1.5], (2, 2)).contains("1.5 m at all 3 known"));
        let small = describe(vec![0.001, 0.002, 0.003, 0.002], (2, 2));
        assert!(small.contains("metres read as millimetres"), "{small}");
        let large = describe(vec![1000.0, 2000.0, 1500.0, 3000.0], (2, 2));
        assert!(
            large.contains("2000 m") && large.contains("0.05 to 60 m"),
            "{large}"
        );
        let other = describe(vec![1.0, 2.0, 3.0, 4.0], (4, 3));
        assert!(
            other.contains("2x2") && other.contains("its image is 4x3"),
            "{other}"
        );
    }
}
