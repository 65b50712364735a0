//! Values of the command line: seeds, sizes, ranges.

use std::ops::Range;

use concert_apartment as home;

/// Width and height, px.
pub(super) type Size = (u32, u32);

/// A range to draw from, or one value as both its ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Lowest value.
    pub low: f32,
    /// Highest value.
    pub high: f32,
}

impl Spread {
    /// As the library has it, every value passed through `unit` (degrees to
    /// radians, say).
    #[must_use]
    pub fn range(self, unit: impl Fn(f32) -> f32) -> home::Range {
        home::Range::new(unit(self.low), unit(self.high))
    }
}

/// `A`, `A..B` without B, or `A..=B`.
pub(super) fn seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| format!("`{text}` is no seed: seeds are whole numbers from 0 on"))
    };
    let (first, end) = if let Some((first, last)) = text.split_once("..=") {
        (number(first)?, next(number(last)?)?)
    } else if let Some((first, end)) = text.split_once("..") {
        (number(first)?, number(end)?)
    } else {
        let seed = number(text)?;
        (seed, next(seed)?)
    };
    if first >= end {
        return Err(format!(
            "{text} has no seed in it: `A..B` goes from A to B - 1, `A..=B` to B"
        ));
    }
    Ok(first..end)
}

fn next(seed: u64) -> Result<u64, String> {
    let most = u64::MAX - 1;
    seed.checked_add(1)
        .ok_or_else(|| format!("seed is {seed}, but at most {most} is allowed"))
}

/// `640x480`.
pub(super) fn size(text: &str) -> Result<Size, String> {
    let sides = text.split_once('x');
    let sides = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    sides.ok_or_else(|| "a size is WIDTHxHEIGHT in pixels, such as 320x240".to_owned())
}

/// Frames per second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (1.0..=1000.0).contains(&rate) => Ok(rate),
        _ => Err("must be a number from 1 to 1000".to_owned()),
    }
}

/// How fast time goes.
pub(crate) fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.05..=4.0).contains(&factor) => Ok(factor),
        _ => Err("must be a number from 0.05 to 4".to_owned()),
    }
}

/// The class of a small thing: `can`.
pub(super) fn small_class(text: &str) -> Result<home::Class, String> {
    let mut classes = home::Thing::CLASSES.into_iter();
    let found = classes.find(|class| class.name() == text);
    found.ok_or_else(|| {
        let names = home::Thing::CLASSES.map(home::Class::name).join(", ");
        format!("`{text}` is no small thing: there are {names}")
    })
}

/// A thing that is put into a home: `can`, `red-cup`.
pub(super) fn thing(text: &str) -> Result<home::Thing, String> {
    let (paint, class) = match text.split_once('-') {
        None => (None, text),
        Some((colour, class)) => {
            let mut paints = home::Paint::ALL.into_iter();
            let paint = paints.find(|paint| paint.name() == colour);
            let paint = paint.ok_or_else(|| {
                let names = home::Paint::ALL.map(home::Paint::name).join(", ");
                format!("`{colour}` is no colour of a thing: there are {names}")
            })?;
            (Some(paint), class)
        }
    };
    let thing = home::Thing {
        class: small_class(class)?,
        paint,
    };
    let stock = home::Stock {
        things: vec![thing],
        ..home::Stock::default()
    };
    stock.check().map_err(|error| error.to_string())?;
    Ok(thing)
}

/// `60` or `50..70`.
pub(super) fn spread(text: &str) -> Result<Spread, String> {
    let number = |text: &str| match text.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("`{text}` is no finite number")),
    };
    let (low, high) = match text.split_once("..") {
        Some((low, high)) => (number(low)?, number(high.trim_start_matches('='))?),
        None => (number(text)?, number(text)?),
    };
    if low > high {
        return Err(format!(
            "{text} is upside down: a range is LOW..HIGH, low first"
        ));
    }
    Ok(Spread { low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_one_or_a_range_as_rust_writes_them() {
        assert_eq!(seeds("7"), Ok(7..8));
        assert_eq!(seeds("3..9"), Ok(3..9));
        assert_eq!(seeds("3..=9"), Ok(3..10));
        assert_eq!(seeds("3..4"), Ok(3..4));
    }

    #[test]
    fn seeds_that_cannot_be_meant_are_refused_with_the_rule() {
        let refusals = [
            (
                "9..3",
                "9..3 has no seed in it: `A..B` goes from A to B - 1, `A..=B` to B",
            ),
            (
                "3..3",
                "3..3 has no seed in it: `A..B` goes from A to B - 1, `A..=B` to B",
            ),
            ("-1", "`-1` is no seed: seeds are whole numbers from 0 on"),
            ("a..b", "`a` is no seed: seeds are whole numbers from 0 on"),
            (
                "18446744073709551615",
                "seed is 18446744073709551615, but at most 18446744073709551614 is allowed",
            ),
        ];
        for (text, refusal) in refusals {
            assert_eq!(seeds(text), Err(refusal.to_owned()));
        }
        for text in [
            "",
            "..",
            "1..",
            "..5",
            "1...5",
            "1.5",
            "1..=18446744073709551615",
        ] {
            assert!(seeds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_ranges_are_read_or_refused() {
        assert_eq!(size("640x480"), Ok((640, 480)));
        for text in ["", "640", "640x", "640X480", "-1x4", "99999999999x1"] {
            assert!(size(text).is_err(), "{text}");
        }
        let one = |low, high| Ok(Spread { low, high });
        assert_eq!(spread("-8"), one(-8.0, -8.0));
        assert_eq!(spread("-20..7.5"), one(-20.0, 7.5));
        for text in ["", "a", "nan", "inf", "1..inf", "5..1", "1..2..3"] {
            assert!(spread(text).is_err(), "{text}");
        }
    }
}
