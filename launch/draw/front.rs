//! The front of cost against what it buys, as a picture.

use concert_policies::solve::{Axis, Front, FrontPoint};

use super::svg::{Anchor, Svg};

pub(super) const WIDTH: f64 = 820.0;
pub(super) const PANEL: f64 = 250.0;
pub(super) const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;
pub(super) const TOP: f64 = 56.0;
pub(super) const BETWEEN: f64 = 56.0;
const GREY: &str = "#666666";
const EXACT: &str = "#0b6e99";
const GREEDY: &str = "#d9480f";
const GAIN: &str = "#2b8a3e";
const QUALITY: &str = "#862e9c";

/// A line of a panel.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) colour: &'a str,
    pub(super) dotted: bool,
    pub(super) points: Vec<[f64; 2]>,
    /// Places of large dots.
    pub(super) marks: Vec<[f64; 2]>,
    /// Places along the first axis of thin upright lines.
    pub(super) upright: Vec<f64>,
}

/// Two panels over cost: the objective with what greedy choice reaches dotted,
/// and the mean gain and quality.
#[must_use]
pub(crate) fn front_picture(front: &Front, title: &str) -> String {
    let unit = match front.axis {
        Axis::Cost => "cost of roots and transfers",
        Axis::FrameMillis => "milliseconds per frame",
    };
    let mut svg = Svg::new(WIDTH, TOP + 2.0 * PANEL + BETWEEN + 50.0);
    svg.text([LEFT, 28.0], 16.0, "#111111", Anchor::Start, title);
    let line = |name, colour, dotted, of: &dyn Fn(&FrontPoint) -> Option<f64>| Line {
        name,
        colour,
        dotted,
        points: front
            .points
            .iter()
            .filter_map(|p| Some([p.along(front.axis)?, of(p)?]))
            .collect(),
        marks: Vec::new(),
        upright: Vec::new(),
    };
    let objective = [
        line("exact", EXACT, false, &|point| Some(point.objective)),
        line("greedy", GREEDY, true, &|point| point.greedy_objective),
    ];
    panel(&mut svg, TOP, "objective", &objective, unit);
    let rates = [
        line("gain", GAIN, false, &|point| point.gain),
        line("quality", QUALITY, false, &|point| point.quality),
    ];
    panel(
        &mut svg,
        TOP + PANEL + BETWEEN,
        "mean win rate",
        &rates,
        unit,
    );
    svg.finish()
}

/// One panel below `top`; the scale of its second axis begins at 0 or below.
pub(super) fn panel(svg: &mut Svg, top: f64, name: &str, lines: &[Line<'_>], unit: &str) {
    let bottom = top + PANEL;
    svg.text([LEFT, top - 8.0], 13.0, GREY, Anchor::Start, name);
    let all = || lines.iter().flat_map(|line| line.points.iter());
    if all().next().is_none() {
        let middle = [WIDTH / 2.0, (top + bottom) / 2.0];
        svg.text(middle, 13.0, GREY, Anchor::Middle, "not in the table");
        return;
    }
    let upright = || lines.iter().flat_map(|line| line.upright.iter());
    let across = ticks(all().map(|point| point[0]).chain(upright().copied()), 12);
    let up = ticks(all().map(|point| point[1]).chain([0.0]), 5);
    let place = |[x, y]: [f64; 2]| {
        let share = |value: f64, ticks: &[f64]| {
            let (first, last) = (ticks[0], ticks[ticks.len() - 1]);
            (value - first) / (last - first)
        };
        [
            LEFT + share(x, &across) * (WIDTH - LEFT - RIGHT),
            bottom - share(y, &up) * PANEL,
        ]
    };
    for &tick in &up {
        let [left, y] = place([across[0], tick]);
        svg.lines(&[[left, y], [WIDTH - RIGHT, y]], "#e6e6e6", 1.0, false);
        svg.text(
            [left - 8.0, y + 4.0],
            11.0,
            GREY,
            Anchor::End,
            &number(tick),
        );
    }
    for &tick in &across {
        let [x, _] = place([tick, up[0]]);
        svg.lines(&[[x, bottom], [x, bottom + 4.0]], GREY, 1.0, false);
        svg.text(
            [x, bottom + 17.0],
            11.0,
            GREY,
            Anchor::Middle,
            &number(tick),
        );
    }
    let right = WIDTH - RIGHT;
    svg.text([right, bottom + 32.0], 12.0, GREY, Anchor::End, unit);
    let lines = lines.iter().filter(|line| !line.points.is_empty());
    for (index, line) in lines.enumerate() {
        let points: Vec<_> = line.points.iter().map(|&point| place(point)).collect();
        svg.lines(&points, line.colour, 2.0, line.dotted);
        if !line.dotted {
            for &point in &points {
                svg.disc(point, 3.0, line.colour);
            }
        }
        for &x in &line.upright {
            let [x, _] = place([x, up[0]]);
            svg.upright(x, [top, bottom], line.colour);
        }
        for &mark in &line.marks {
            svg.disc(place(mark), 6.0, line.colour);
        }
        let y = top + 14.0 + 18.0 * index as f64;
        svg.lines(
            &[[right + 14.0, y - 4.0], [right + 40.0, y - 4.0]],
            line.colour,
            2.0,
            line.dotted,
        );
        svg.text([right + 46.0, y], 12.0, "#111111", Anchor::Start, line.name);
    }
}

/// Round numbers that span all values, at most some `most` of them.
fn ticks(values: impl Iterator<Item = f64>, most: usize) -> Vec<f64> {
    let (least, greatest) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    // One value alone stands on an axis of its own size.
    let span = match greatest > least {
        true => greatest - least,
        false => least.abs().max(1.0),
    };
    let rough = span / most as f64;
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let step = steps
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power);
    let (first, last) = ((least / step).floor(), (greatest / step).ceil());
    let last = if last > first { last } else { first + 1.0 };
    let count = (last - first).round() as usize;
    (0..=count)
        .map(|index| (first + index as f64) * step)
        .collect()
}

/// Without the noise of binary fractions.
fn number(value: f64) -> String {
    ((value * 1e6).round() / 1e6).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_span_all_values() {
        assert_eq!(
            ticks([1.0, 9.0].into_iter(), 5),
            [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        );
        assert_eq!(ticks([3.0].into_iter(), 5).len(), 2);
        assert_eq!(ticks([38.117_41].into_iter(), 12), [35.0, 40.0]);
        let fine = ticks([0.0, 0.37].into_iter(), 5);
        assert!(fine[0] <= 0.0 && *fine.last().expect("a tick") >= 0.37);
    }
}
