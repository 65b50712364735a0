//! Colours for values and for labels.

/// Red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// The colour map *turbo*, for 0 to 1; values beyond are held at the ends, NaN
/// is dark grey. Polynomial of degree 5 by A. Mikhailov (Google, 2019), who
/// made the map.
#[must_use]
pub(crate) fn turbo(value: f32) -> Rgb {
    if value.is_nan() {
        return [40, 40, 40];
    }
    const RED: [f32; 6] = [
        0.135_721_4,
        4.615_392_6,
        -42.660_32,
        132.131_1,
        -152.942_4,
        59.286_38,
    ];
    const GREEN: [f32; 6] = [
        0.091_402_6,
        2.194_188_4,
        4.842_966_6,
        -14.185_033,
        4.277_298_6,
        2.829_566,
    ];
    const BLUE: [f32; 6] = [
        0.106_673_3,
        12.641_946,
        -60.582_05,
        110.362_77,
        -89.903_11,
        27.348_25,
    ];
    let x = value.clamp(0.0, 1.0);
    [RED, GREEN, BLUE].map(|polynomial| {
        let value = polynomial
            .iter()
            .rev()
            .fold(0.0, |sum, factor| sum * x + factor);
        (value.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

/// A colour for a label, far from those of the labels before it: hues a golden
/// ratio of the circle apart.
#[must_use]
pub(crate) fn label_colour(label: usize) -> Rgb {
    hue((label % 1_000_000) as f32 * 0.618_034)
}

/// A bright colour of a hue; a whole turn is 1.
pub(super) fn hue(turns: f32) -> Rgb {
    [0.0, 2.0 / 3.0, 1.0 / 3.0].map(|offset: f32| {
        let distance = ((turns + offset).rem_euclid(1.0) - 0.5).abs() * 6.0 - 1.0;
        (distance.clamp(0.0, 1.0) * 215.0 + 40.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turbo_goes_from_blue_over_green_to_red() {
        let [low, middle, high] = [0.1, 0.5, 0.9].map(turbo);
        assert!(low[2] > low[0] && low[2] > 150, "{low:?}");
        assert!(middle[1] > 240, "{middle:?}");
        assert!(high[0] > 180 && high[2] < 40, "{high:?}");
        assert_eq!(turbo(-1.0), turbo(0.0));
        assert_eq!(turbo(f32::INFINITY), turbo(1.0));
    }

    #[test]
    fn hues_begin_with_red_and_neighbouring_labels_differ() {
        assert_eq!(hue(0.0), [255, 40, 40]);
        assert_eq!(hue(1.0 / 3.0), [40, 255, 40]);
        for label in 0..100 {
            assert_ne!(label_colour(label), label_colour(label + 1));
        }
    }
}
