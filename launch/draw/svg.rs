//! Pictures of lines and letters, as SVG.

use std::fmt::Write as _;

/// An SVG picture under construction. Coordinates are px from the top left.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text stands relative to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

impl Svg {
    /// A white picture.
    #[must_use]
    pub(super) fn new(width: f64, height: f64) -> Self {
        let body = String::new();
        Svg {
            width,
            height,
            body,
        }
    }

    /// Lines from point to point; `dashed` for dotted ones.
    pub(super) fn lines(&mut self, points: &[[f64; 2]], colour: &str, width: f64, dashed: bool) {
        let points: Vec<_> = points
            .iter()
            .map(|[x, y]| format!("{x:.1},{y:.1}"))
            .collect();
        let dash = if dashed {
            " stroke-dasharray=\"2 4\""
        } else {
            ""
        };
        self.push(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"{dash}/>",
            points.join(" "),
            escaped(colour)
        ));
    }

    /// A thin upright line from one height to another: something changed there.
    pub(super) fn upright(&mut self, x: f64, [top, bottom]: [f64; 2], colour: &str) {
        self.push(format_args!(
            "<line class=\"switch\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"{}\" stroke-width=\"1\" stroke-opacity=\"0.6\"/>",
            escaped(colour)
        ));
    }

    /// A smooth line between two places, level at both.
    pub(super) fn curve(
        &mut self,
        [x0, y0]: [f64; 2],
        [x1, y1]: [f64; 2],
        colour: &str,
        width: f64,
    ) {
        let middle = (x0 + x1) / 2.0;
        self.push(format_args!(
            "<path d=\"M{x0:.1} {y0:.1} C{middle:.1} {y0:.1} {middle:.1} {y1:.1} {x1:.1} {y1:.1}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width:.1}\" stroke-opacity=\"0.7\"/>",
            escaped(colour)
        ));
    }

    /// As [`Svg::curve`], dashed.
    pub(super) fn dashed_curve(
        &mut self,
        [x0, y0]: [f64; 2],
        [x1, y1]: [f64; 2],
        colour: &str,
        width: f64,
    ) {
        let middle = (x0 + x1) / 2.0;
        self.push(format_args!(
            "<path d=\"M{x0:.1} {y0:.1} C{middle:.1} {y0:.1} {middle:.1} {y1:.1} {x1:.1} {y1:.1}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width:.1}\" stroke-opacity=\"0.7\" stroke-dasharray=\"5 4\"/>",
            escaped(colour)
        ));
    }

    /// A straight line that looks as a curve goes on.
    pub(super) fn faint_line(
        &mut self,
        [x0, y0]: [f64; 2],
        [x1, y1]: [f64; 2],
        colour: &str,
        width: f64,
        dashed: bool,
    ) {
        let dash = if dashed {
            " stroke-dasharray=\"5 4\""
        } else {
            ""
        };
        self.push(format_args!(
            "<path d=\"M{x0:.1} {y0:.1} L{x1:.1} {y1:.1}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width:.1}\" stroke-opacity=\"0.7\"{dash}/>",
            escaped(colour)
        ));
    }

    /// A filled disc.
    pub(super) fn disc(&mut self, [x, y]: [f64; 2], radius: f64, colour: &str) {
        self.push(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{}\"/>",
            escaped(colour)
        ));
    }

    /// A filled rectangle with round corners and an outline.
    pub(super) fn rectangle(
        &mut self,
        [x, y]: [f64; 2],
        [width, height]: [f64; 2],
        fill: &str,
        line: &str,
    ) {
        self.push(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"5\" fill=\"{}\" stroke=\"{}\"/>",
            escaped(fill),
            escaped(line)
        ));
    }

    /// A text on one line; its base line is at `y`.
    pub(super) fn text(
        &mut self,
        [x, y]: [f64; 2],
        size: f64,
        colour: &str,
        anchor: Anchor,
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            escaped(colour),
            escaped(text)
        ));
    }

    /// The picture as a file's text.
    #[must_use]
    pub(super) fn finish(&self) -> String {
        let Svg {
            width,
            height,
            body,
        } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("writing to a string cannot fail");
    }
}

/// Text as it may stand in an element or between quotation marks.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ if letter.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_their_element() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text([0.0, 0.0], 9.0, "#000", Anchor::Start, "a<script>&\"\u{1b}");
        let text = svg.finish();
        assert!(
            text.contains("a&lt;script&gt;&amp;&quot;\u{fffd}</text>"),
            "{text}"
        );
    }
}
