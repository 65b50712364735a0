//! Curves and bars for a page, as inline SVG: colours are the page's, so that they
//! are right on white and on black.

use std::fmt::Write as _;

use crate::draw::escaped;

/// Colours that the page has; more lines than that are dashed.
pub(super) const COLOURS: usize = 8;
/// Around what is drawn: left, top, right, bottom, px.
const MARGIN: [f64; 4] = [44.0, 24.0, 14.0, 40.0];
/// From here on a scale is better read by factors.
const LOGARITHMIC_FROM: f64 = 8.0;

/// A curve of a chart.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) points: Vec<[f64; 2]>,
    /// True where every point is marked.
    pub(super) marked: bool,
}

/// A chart of curves over one axis.
pub(super) struct Chart<'a> {
    pub(super) x_name: &'a str,
    pub(super) y_name: &'a str,
    pub(super) curves: &'a [Curve],
    /// Where y ends; else at the largest.
    pub(super) y_end: Option<f64>,
    /// True where x counts things: every whole number has a tick.
    pub(super) counts: bool,
}

/// A bar of a time line.
pub(super) struct Bar {
    /// The row it stands in.
    pub(super) row: usize,
    pub(super) name: String,
    /// Short enough to stand within it; may be empty.
    pub(super) mark: String,
    pub(super) colour: usize,
    /// Begin and end, ms.
    pub(super) millis: [f64; 2],
}

/// An SVG picture under construction.
struct Svg {
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            body: String::new(),
        }
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("writing to a string cannot fail");
    }

    fn text(&mut self, [x, y]: [f64; 2], anchor: &str, class: &str, text: &str) {
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{}</text>",
            escaped(text)
        ));
    }

    fn rule(&mut self, [x0, y0]: [f64; 2], [x1, y1]: [f64; 2]) {
        self.push(format_args!(
            "<line x1=\"{x0:.1}\" y1=\"{y0:.1}\" x2=\"{x1:.1}\" y2=\"{y1:.1}\" class=\"rule\"/>"
        ));
    }

    fn finish(&self, class: &str, title: &str) -> String {
        let Self {
            width,
            height,
            body,
        } = self;
        format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{}\">\n{body}</svg>\n",
            escaped(title)
        )
    }
}

/// A picture for wide windows and one for narrow ones.
fn both(title: &str, draw: impl Fn(f64) -> Svg) -> String {
    let (wide, narrow) = (draw(820.0), draw(380.0));
    wide.finish("wide", title) + &narrow.finish("narrow", title)
}

/// Where values of an axis stand.
struct Axis {
    /// Smallest and largest value.
    range: [f64; 2],
    /// Where they stand, px.
    place: [f64; 2],
    logarithmic: bool,
}

impl Axis {
    fn at(&self, value: f64) -> f64 {
        let scaled = |value: f64| match self.logarithmic {
            true => value.max(1e-6).log10(),
            false => value,
        };
        let [low, high] = self.range.map(scaled);
        let share = (scaled(value) - low) / (high - low).max(1e-12);
        let [from, to] = self.place;
        from + (to - from) * share.clamp(0.0, 1.0)
    }

    /// Round numbers within the range, at most about `most`.
    fn ticks(&self, most: usize) -> Vec<f64> {
        let [low, high] = self.range;
        if self.logarithmic {
            let first = low.log10().floor() as i32;
            let decades = first..=high.log10().ceil() as i32;
            let all = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|n| n * 10f64.powi(decade)));
            return all.filter(|tick| (low..=high).contains(tick)).collect();
        }
        let step = nice((high - low) / most.max(1) as f64);
        let first = (low / step).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        (first..=last).map(|n| n as f64 * step).collect()
    }
}

/// The smallest of 1, 2, 5, 10, … times a power of ten that is no less.
fn nice(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1e-9).log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0].into_iter();
    let mut steps = factors.map(|factor| factor * power);
    steps
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(power)
}

impl Chart<'_> {
    /// The chart, twice: for wide and for narrow windows.
    pub(super) fn draw(&self, title: &str) -> String {
        both(title, |width| self.at_width(width))
    }

    fn at_width(&self, width: f64) -> Svg {
        let height = 300.0;
        let mut svg = Svg::new(width, height);
        let [left, top, right, bottom] = MARGIN;
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let largest = |of: usize| points().map(|point| point[of]).fold(0.0, f64::max);
        let least = points().map(|point| point[0]).fold(f64::INFINITY, f64::min);
        let end = largest(0).max(1e-3);
        let logarithmic = !self.counts && least > 0.0 && end / least > LOGARITHMIC_FROM;
        let x = Axis {
            range: match (logarithmic, self.counts) {
                (true, _) => [least * 0.9, end * 1.05],
                (false, true) => [0.5, end + 0.5],
                (false, false) => [0.0, end * 1.05],
            },
            place: [left, width - right],
            logarithmic,
        };
        let y = Axis {
            range: [0.0, self.y_end.unwrap_or(largest(1) * 1.1).max(1e-3)],
            place: [height - bottom, top],
            logarithmic: false,
        };
        for tick in y.ticks(5) {
            svg.rule([left, y.at(tick)], [width - right, y.at(tick)]);
            svg.text([left - 6.0, y.at(tick) + 4.0], "end", "tick", &number(tick));
        }
        let ticks = match self.counts {
            true => (1..=end as u32).map(f64::from).collect(),
            false => x.ticks(if width > 600.0 { 10 } else { 5 }),
        };
        for tick in ticks {
            let at = x.at(tick);
            svg.rule([at, height - bottom], [at, height - bottom + 4.0]);
            svg.text(
                [at, height - bottom + 17.0],
                "middle",
                "tick",
                &number(tick),
            );
        }
        let below = [(left + width - right) / 2.0, height - 6.0];
        svg.text(below, "middle", "axis", self.x_name);
        svg.text([4.0, 12.0], "start", "axis", self.y_name);
        for (index, curve) in self.curves.iter().enumerate() {
            draw_curve(&mut svg, (&x, &y), index, curve);
        }
        svg
    }
}

fn draw_curve(svg: &mut Svg, (x, y): (&Axis, &Axis), index: usize, curve: &Curve) {
    let places = curve.points.iter();
    let places: Vec<_> = places
        .map(|point| [x.at(point[0]), y.at(point[1])])
        .collect();
    let mut path = String::new();
    for (n, [x, y]) in places.iter().enumerate() {
        let step = if n == 0 { 'M' } else { 'L' };
        write!(path, "{step}{x:.1} {y:.1}").expect("writing to a string cannot fail");
    }
    let colour = index % COLOURS;
    let dash = if index >= COLOURS { " dashed" } else { "" };
    svg.push(format_args!(
        "<path d=\"{path}\" class=\"curve c{colour}{dash}\"><title>{}</title></path>",
        escaped(&curve.name)
    ));
    for [x, y] in places.iter().filter(|_| curve.marked) {
        svg.push(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" class=\"mark c{colour}\"/>"
        ));
    }
}

/// Bars in rows over one axis of ms from the frame's due time, twice: for wide and
/// for narrow windows.
pub(super) fn time_line(title: &str, rows: &[String], bars: &[Bar]) -> String {
    both(title, |width| time_line_at(width, rows, bars))
}

fn time_line_at(width: f64, rows: &[String], bars: &[Bar]) -> Svg {
    const ROW: f64 = 30.0;
    const TOP: f64 = 4.0;
    let names = if width > 600.0 { 190.0 } else { 100.0 };
    let (top, [_, _, right, bottom]) = (TOP, MARGIN);
    let height = top + ROW * rows.len() as f64 + bottom;
    let mut svg = Svg::new(width, height);
    let end = bars.iter().map(|bar| bar.millis[1]).fold(1e-3, f64::max);
    let x = Axis {
        range: [0.0, end * 1.02],
        place: [names, width - right],
        logarithmic: false,
    };
    for tick in x.ticks(if width > 600.0 { 10 } else { 4 }) {
        let at = x.at(tick);
        svg.rule([at, top], [at, height - bottom + 4.0]);
        svg.text(
            [at, height - bottom + 17.0],
            "middle",
            "tick",
            &number(tick),
        );
    }
    let below = [(names + width - right) / 2.0, height - 6.0];
    svg.text(below, "middle", "axis", "ms from the frame's due time");
    let letters = ((names - 10.0) / 6.6) as usize;
    for (row, name) in rows.iter().enumerate() {
        let y = top + ROW * row as f64;
        let shown = shortened(name, letters);
        svg.text([names - 8.0, y + 19.0], "end", "row", &shown);
    }
    for bar in bars {
        let y = top + ROW * bar.row as f64 + 4.0;
        let [from, to] = bar.millis.map(|millis| x.at(millis));
        let (wide, colour) = ((to - from).max(1.5), bar.colour % COLOURS);
        let took = bar.millis[1] - bar.millis[0];
        svg.push(format_args!(
            "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"22\" rx=\"3\" \
             class=\"bar c{colour}\"><title>{}, {took:.2} ms</title></rect>",
            escaped(&bar.name)
        ));
        // Names stand below; as much as there is room for stands within.
        let whole = format!("{} {took:.1} ms", bar.mark);
        let room = |label: &str| wide > label.chars().count() as f64 * 6.3 + 4.0;
        let mut labels = [whole.trim(), &bar.mark].into_iter();
        if let Some(label) = labels.find(|label| !label.is_empty() && room(label)) {
            svg.text([from + 3.0, y + 15.0], "start", "inside", label);
        }
    }
    svg
}

fn shortened(name: &str, letters: usize) -> String {
    match name.chars().count() > letters {
        false => name.to_owned(),
        true => {
            name.chars()
                .take(letters.saturating_sub(1))
                .collect::<String>()
                + "…"
        }
    }
}

/// As people write it: no more digits than it needs.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(range: [f64; 2], logarithmic: bool) -> Axis {
        Axis {
            range,
            place: [0.0, 100.0],
            logarithmic,
        }
    }

    #[test]
    fn ticks_are_round_numbers_within_the_range() {
        assert_eq!(axis([0.0, 33.0], false).ticks(5), [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(
            axis([0.0, 1.0], false).ticks(5),
            [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
        );
        assert_eq!(axis([3.0, 40.0], true).ticks(5), [5.0, 10.0, 20.0]);
        assert_eq!(
            [number(0.6000000000000001), number(10.0), number(0.0)],
            ["0.6", "10", "0"]
        );
    }

    #[test]
    fn values_stand_where_they_belong_and_none_outside() {
        let linear = axis([0.0, 10.0], false);
        assert_eq!(
            [linear.at(5.0), linear.at(-1.0), linear.at(99.0)],
            [50.0, 0.0, 100.0]
        );
        assert!((axis([1.0, 100.0], true).at(10.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn names_cannot_break_out_and_every_picture_is_there_twice() {
        let curves = [Curve {
            name: "<script>".to_owned(),
            points: vec![[1.0, 0.0], [2.0, 1.0]],
            marked: true,
        }];
        let chart = Chart {
            x_name: "ms",
            y_name: "share",
            curves: &curves,
            y_end: Some(1.0),
            counts: false,
        };
        let text = chart.draw("a \"chart\"");
        assert_eq!(text.matches("<svg").count(), 2);
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"));
        let bars = [Bar {
            row: 0,
            name: "a&b".to_owned(),
            mark: "1".to_owned(),
            colour: 1,
            millis: [0.0, 4.0],
        }];
        let line = time_line("frame", &["perceive".to_owned()], &bars);
        assert!(
            line.contains("a&amp;b, 4.00 ms") && !line.contains("NaN"),
            "{line}"
        );
        // Nothing to draw is no reason to panic.
        let empty = Chart {
            curves: &[],
            ..chart
        };
        assert!(!empty.draw("").contains("NaN"));
        assert!(!time_line("", &[], &[]).contains("NaN"));
    }
}
