//! Which colours a terminal shows, by what it says of itself.

use ratatui::style::Color;

use crate::draw::Rgb;

/// The colours of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Colours {
    /// The sixteen that every terminal with colours has.
    Sixteen,
    /// Sixteen, a cube of 6 × 6 × 6 and 24 greys.
    Indexed,
    /// 24 bits.
    True,
}

/// Terminals that show 24 bits and whose name, which ssh forwards, says so.
const TRUE: [&str; 9] = [
    "alacritty",
    "contour",
    "foot",
    "ghostty",
    "iterm2",
    "kitty",
    "mintty",
    "rio",
    "wezterm",
];
/// Names of terminals that have no colours.
const COLOURLESS: [&str; 7] = ["dumb", "vt5", "vt10", "vt22", "vt32", "vt42", "vt52"];

impl Colours {
    /// The colours of a terminal whose environment is `variable`: 24 bits where
    /// `COLORTERM` or `TERM` say so, the palette where `TERM` names 256 colours,
    /// else sixteen. ssh forwards `TERM` and not `COLORTERM`.
    ///
    /// # Errors
    /// Why there are none, in a few words: `NO_COLOR` is set, or the terminal
    /// has none.
    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if set("NO_COLOR").is_some() {
            return Err("NO_COLOR is set".to_owned());
        }
        let Some(term) = set("TERM") else {
            return Err("TERM is not set".to_owned());
        };
        if COLOURLESS.iter().any(|name| term.starts_with(name)) || term.ends_with("-m") {
            return Err(format!("a terminal of kind {term} has no colours"));
        }
        let says = |name: &str, words: &[&str]| {
            set(name).is_some_and(|value| words.contains(&value.to_ascii_lowercase().as_str()))
        };
        let known = TRUE.iter().any(|name| term.contains(name));
        if says("COLORTERM", &["truecolor", "24bit"]) || known || term.ends_with("-direct") {
            return Ok(Colours::True);
        }
        if term.contains("256") || set("COLORTERM").is_some() {
            return Ok(Colours::Indexed);
        }
        Ok(Colours::Sixteen)
    }

    /// The nearest colour that the terminal has.
    #[must_use]
    pub(crate) fn nearest(self, colour: Rgb) -> Color {
        let [r, g, b] = colour;
        match self {
            Colours::True => Color::Rgb(r, g, b),
            Colours::Indexed => Color::Indexed(indexed(colour)),
            Colours::Sixteen => Color::Indexed(sixteen(colour)),
        }
    }
}

/// Levels of a channel in the cube.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
/// The sixteen, as xterm shows them.
const SIXTEEN: [Rgb; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

/// The nearest of the cube and the greys.
fn indexed(colour: Rgb) -> u8 {
    let level = |channel: u8| {
        let near = LEVELS.iter().enumerate();
        let near = near.min_by_key(|(_, level)| level.abs_diff(channel));
        near.map_or(0, |(index, _)| index)
    };
    let [r, g, b] = colour.map(level);
    let cube = [LEVELS[r], LEVELS[g], LEVELS[b]];
    let mean = colour
        .iter()
        .map(|&channel| u32::from(channel))
        .sum::<u32>()
        / 3;
    let step = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + 10 * step; 3];
    if distance(colour, grey) < distance(colour, cube) {
        232 + step
    } else {
        (16 + 36 * r + 6 * g + b) as u8
    }
}

fn sixteen(colour: Rgb) -> u8 {
    let all = SIXTEEN.iter().enumerate();
    let near = all.min_by_key(|(_, known)| distance(colour, **known));
    near.map_or(0, |(index, _)| index as u8)
}

/// Squared, with the eye's weights of the channels (green most).
fn distance(a: Rgb, b: Rgb) -> u32 {
    let weights = [3, 6, 2];
    (0..3)
        .map(|channel| u32::from(a[channel].abs_diff(b[channel])).pow(2) * weights[channel])
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<Colours, String> {
        Colours::of(|name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colours_are_those_that_the_terminal_says_it_has() {
        for (set, want) in [
            (
                &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..],
                Colours::True,
            ),
            (&[("TERM", "xterm"), ("COLORTERM", "24bit")], Colours::True),
            // As ssh forwards them.
            (&[("TERM", "xterm-256color")], Colours::Indexed),
            (&[("TERM", "tmux-256color")], Colours::Indexed),
            (&[("TERM", "xterm-kitty")], Colours::True),
            (&[("TERM", "xterm-ghostty")], Colours::True),
            (&[("TERM", "alacritty")], Colours::True),
            (&[("TERM", "xterm-direct")], Colours::True),
            (&[("TERM", "screen")], Colours::Sixteen),
            (&[("TERM", "linux")], Colours::Sixteen),
            (&[("TERM", "xterm"), ("COLORTERM", "yes")], Colours::Indexed),
            (
                &[("TERM", "xterm-256color"), ("NO_COLOR", "")],
                Colours::Indexed,
            ),
        ] {
            assert_eq!(of(set), Ok(want), "{set:?}");
        }
    }

    #[test]
    fn where_there_are_no_colours_it_is_said_why() {
        let refusal = |set: &[(&str, &str)]| of(set).expect_err("none");
        let no_color = [
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("NO_COLOR", "1"),
        ];
        assert_eq!(refusal(&no_color), "NO_COLOR is set");
        assert_eq!(refusal(&[]), "TERM is not set");
        assert_eq!(
            refusal(&[("TERM", "vt100")]),
            "a terminal of kind vt100 has no colours"
        );
        assert!(refusal(&[("TERM", "xterm-m")]).contains("no colours"));
    }

    #[test]
    fn the_nearest_colour_of_a_palette_is_near() {
        let [grey, red] = [[128, 128, 128], [250, 10, 5]].map(|c| Colours::Indexed.nearest(c));
        assert_eq!((grey, red), (Color::Indexed(244), Color::Indexed(196)));
        assert_eq!(Colours::Sixteen.nearest([250, 10, 5]), Color::Indexed(9));
        assert_eq!(Colours::True.nearest([1, 2, 3]), Color::Rgb(1, 2, 3));
        for value in 0..=255u8 {
            let Color::Indexed(index) = Colours::Indexed.nearest([value; 3]) else {
                panic!("no index");
            };
            let shown = match index {
                232.. => 8 + 10 * (index - 232),
                _ => LEVELS[usize::from(index - 16) % 6],
            };
            assert!(shown.abs_diff(value) <= 8, "{value}: {index} is {shown}");
        }
    }
}
