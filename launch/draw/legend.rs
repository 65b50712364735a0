//! What the colours of a picture mean.

use std::borrow::Cow;

use super::canvas::Canvas;
use super::colour::{Rgb, label_colour};

/// What the colours of a picture mean.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Legend {
    /// They are those of the world, or mean nothing.
    #[default]
    None,
    /// From blue over green to red, a number rises from `low` to `high`.
    Scale {
        /// At the blue end.
        low: f32,
        /// At the red end.
        high: f32,
        /// Unit; `1` for numbers without one.
        unit: &'static str,
    },
    /// Each colour is a class; those that cover most come first.
    Classes(Vec<ClassShare>),
    /// A few words.
    Words(&'static str),
}

/// A class in a picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClassShare {
    /// Its colour.
    pub colour: Rgb,
    /// Its name, or its number where that is not known.
    pub name: String,
    /// Share of the picture, percent.
    pub percent: f32,
}

/// Height of a line of a drawn legend, px, at scale 1.
const LINE: usize = 12;

/// The name of a class, or its number where it has none.
#[must_use]
pub(crate) fn class_name(labels: &[String], class: usize) -> String {
    let known = labels.get(class).cloned();
    known.unwrap_or_else(|| format!("class {class}"))
}

impl Legend {
    /// The classes among `labels` (one per pixel; NaN where nothing is known)
    /// with the names that `name` knows, the largest first.
    #[must_use]
    pub(crate) fn of_classes<'a>(
        labels: impl Iterator<Item = f32>,
        name: impl Fn(usize) -> Option<&'a str>,
    ) -> Self {
        let mut counts = std::collections::BTreeMap::<usize, usize>::new();
        let mut all = 0;
        for label in labels {
            all += 1;
            if !label.is_nan() {
                *counts.entry(label.max(0.0) as usize).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|&(label, count)| (std::cmp::Reverse(count), label));
        let share = |(label, count): (usize, usize)| ClassShare {
            colour: label_colour(label),
            name: name(label).map_or_else(|| class_name(&[], label), str::to_owned),
            percent: 100.0 * count as f32 / all.max(1) as f32,
        };
        Legend::Classes(counts.into_iter().map(share).collect())
    }

    /// The two ends of a scale, in words: `0.8 m` and `4.2 m`, near and far for
    /// metres.
    #[must_use]
    pub(crate) fn ends(low: f32, high: f32, unit: &str) -> [String; 2] {
        let span = (high - low).abs();
        let number = |value: f32| match span {
            span if span >= 1.0 => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        };
        match unit {
            "1" | "" => [number(low), number(high)],
            "m" => [
                format!("near {} m", number(low)),
                format!("far {} m", number(high)),
            ],
            unit => [low, high].map(|value| format!("{} {unit}", number(value))),
        }
    }
}

impl Canvas {
    /// This picture with what the classes of a legend look like in lines below
    /// it; unchanged for other legends, and where there are none.
    #[must_use]
    pub(crate) fn above_classes(&self, legend: &Legend) -> Canvas {
        let Legend::Classes(classes) = legend else {
            return self.clone();
        };
        let scale = (self.width() / 480).clamp(1, 3);
        let letters = self.width() / (8 * scale);
        let lines = lines_of(classes, letters);
        if lines.is_empty() {
            return self.clone();
        }
        let step = LINE * scale;
        let mut all = Canvas::new(
            self.width(),
            self.height() + lines.len() * step + scale * 2,
            [16, 16, 24],
        );
        all.paste(self, 0, 0);
        for (index, line) in lines.iter().enumerate() {
            let top = (self.height() + index * step + scale * 2) as i64;
            let mut left = 0;
            for (class, text) in line {
                let side = 8 * scale as i64;
                all.rectangle_filled([left, top], [side, side], class.colour);
                let scale = scale as i64;
                all.text(left + 10 * scale, top, scale, [230, 230, 230], text);
                left += (text.chars().count() as i64 + 3) * 8 * scale;
            }
        }
        all
    }
}

/// Classes in lines of at most so many letters, at most three lines; those of
/// less than half a percent are left out.
fn lines_of(classes: &[ClassShare], letters: usize) -> Vec<Vec<(&ClassShare, Cow<'_, str>)>> {
    const MOST: usize = 3;
    let mut lines: Vec<Vec<(&ClassShare, Cow<'_, str>)>> = Vec::new();
    let mut used = usize::MAX;
    for class in classes.iter().filter(|class| class.percent >= 0.5) {
        let text: Cow<'_, str> = match class.name.chars().count() + 2 > letters {
            true => class.name.chars().take(letters.saturating_sub(2)).collect(),
            false => class.name.as_str().into(),
        };
        let needed = text.chars().count() + 3;
        if used.saturating_add(needed) > letters + 1 {
            if lines.len() == MOST {
                break;
            }
            lines.push(Vec::new());
            used = 0;
        }
        used += needed;
        lines
            .last_mut()
            .expect("a line was begun")
            .push((class, text));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_named_the_largest_first_and_the_unknown_by_number() {
        let labels = [1.0, 1.0, 0.0, 7.0, f32::NAN, 1.0, 7.0, 7.0, 7.0, 1.0];
        let names = ["wall", "floor"];
        let legend = Legend::of_classes(labels.into_iter(), |at| names.get(at).copied());
        let Legend::Classes(classes) = legend else {
            panic!("no classes");
        };
        let named: Vec<_> = (classes.iter())
            .map(|class| (class.name.as_str(), class.percent.round()))
            .collect();
        assert_eq!(named, [("floor", 40.0), ("class 7", 40.0), ("wall", 10.0)]);
        assert_eq!(classes[0].colour, label_colour(1));
    }

    #[test]
    fn a_legend_of_classes_stands_below_the_picture_in_their_colours() {
        let picture = Canvas::new(160, 20, [1, 2, 3]);
        let legend = Legend::of_classes([0.0, 1.0].into_iter(), |_| Some("television"));
        let drawn = picture.above_classes(&legend);
        assert_eq!(drawn.width(), 160);
        assert!(drawn.height() > 20 && drawn.height() < 60);
        assert_eq!(drawn.get(159, 19), Some([1, 2, 3]));
        let below = (20..drawn.height()).flat_map(|v| (0..160).map(move |u| (u, v)));
        let colours: Vec<_> = below.filter_map(|(u, v)| drawn.get(u, v)).collect();
        for label in [0, 1] {
            assert!(colours.contains(&label_colour(label)), "class {label}");
        }
        assert!(colours.contains(&[230; 3]), "their names");
        assert_eq!(picture.above_classes(&Legend::None), picture);
        // Nothing is known anywhere.
        let nothing = Legend::of_classes([f32::NAN].into_iter(), |_| None);
        assert_eq!(picture.above_classes(&nothing), picture);
    }

    #[test]
    fn no_number_of_classes_makes_a_legend_higher_than_three_lines() {
        let labels = (0..100).map(|label| label as f32);
        let legend = Legend::of_classes(labels, |_| Some("a class of a very long name"));
        for width in [1, 8, 64, 640] {
            let drawn = Canvas::new(width, 4, [0; 3]).above_classes(&legend);
            assert!(drawn.height() <= 4 + 3 * 12 * 3 + 6, "{width}");
        }
    }

    #[test]
    fn the_ends_of_a_scale_are_said_in_the_unit() {
        assert_eq!(Legend::ends(0.8, 4.25, "m"), ["near 0.8 m", "far 4.2 m"]);
        assert_eq!(Legend::ends(0.0, 0.5, "1"), ["0.00", "0.50"]);
        assert_eq!(Legend::ends(-3.0, 3.0, "1/m"), ["-3.0 1/m", "3.0 1/m"]);
    }
}
