//! Errors over time while a server learns, as a picture.

use concert_fitting::fit::CurvePoint;
use serde::Serialize;

use super::front::{BETWEEN, LEFT, Line, PANEL, TOP, WIDTH, panel};
use super::svg::{Anchor, Svg};

const LEARNT: &str = "#0b6e99";
const SERVED: &str = "#d9480f";
const FIRST: &str = "#862e9c";
const CONSTANT: &str = "#868e96";

/// The errors of one target over time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Curve<'a> {
    /// The target.
    pub target: &'a str,
    /// One per refit, in the order of time.
    pub points: &'a [CurvePoint],
    /// Errors on the last few frames, while something learnt served.
    pub watched: &'a [WatchedPoint],
    /// Every moment from which on another readout served.
    pub switches: &'a [Switch],
}

/// Errors on the last few frames at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct WatchedPoint {
    /// Seconds since learning began.
    pub seconds: f64,
    /// Of what served.
    pub served: f64,
    /// Of the readout that was there first.
    pub first: f64,
}

/// Another readout serves from now on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Switch {
    /// Seconds since learning began.
    pub seconds: f64,
    /// Name of the readout.
    pub serving: String,
    /// Why, in words.
    pub why: String,
}

/// One panel per target: the error on recent held-out frames of what was
/// learnt, of what served, of the readout that was there first, and of the best
/// constant, each as it stood from one refit to the next; a thin line where
/// another readout began to serve.
#[must_use]
pub(crate) fn curve_picture(curves: &[Curve<'_>], title: &str) -> String {
    let panels = curves.len().max(1) as f64;
    let mut svg = Svg::new(WIDTH, TOP + panels * (PANEL + BETWEEN) + 10.0);
    svg.text([LEFT, 28.0], 16.0, "#111111", Anchor::Start, title);
    for (at, curve) in curves.iter().enumerate() {
        let top = TOP + at as f64 * (PANEL + BETWEEN);
        let line = |name, colour, dotted, points: Vec<[f64; 2]>| Line {
            name,
            colour,
            dotted,
            points,
            marks: Vec::new(),
            upright: Vec::new(),
        };
        let stepped = |of: &dyn Fn(&CurvePoint) -> f64| {
            let points = curve.points.iter().map(|point| [point.seconds, of(point)]);
            steps(points)
        };
        let mut served = line("served", SERVED, false, curve.served());
        served.upright = curve.switches.iter().map(|switch| switch.seconds).collect();
        let lines = [
            line(
                "best constant",
                CONSTANT,
                true,
                stepped(&|point| point.constant),
            ),
            line("first readout", FIRST, true, stepped(&|point| point.first)),
            served,
            line("learnt", LEARNT, false, stepped(&|point| point.candidate)),
        ];
        let measure = curve.points.first().map_or("error", |point| point.measure);
        let name = format!("{}: {measure} on recent held-out frames", curve.target);
        panel(&mut svg, top, &name, &lines, "seconds since the start");
    }
    svg.finish()
}

impl Curve<'_> {
    /// What served: judged at every refit, and between them on the last frames
    /// while something learnt served.
    fn served(&self) -> Vec<[f64; 2]> {
        let judged = self
            .points
            .iter()
            .map(|point| [point.seconds, point.served]);
        let watched = self
            .watched
            .iter()
            .map(|point| [point.seconds, point.served]);
        let mut all: Vec<[f64; 2]> = judged.chain(watched).collect();
        all.sort_by(|a, b| a[0].total_cmp(&b[0]));
        steps(all.into_iter())
    }
}

/// A number holds from where it was found until the next is.
fn steps(points: impl Iterator<Item = [f64; 2]>) -> Vec<[f64; 2]> {
    let mut all: Vec<[f64; 2]> = Vec::new();
    for [seconds, error] in points.filter(|[_, error]| error.is_finite()) {
        if let Some([_, before]) = all.last().copied() {
            all.push([seconds, before]);
        }
        all.push([seconds, error]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_shows_every_line_as_steps_and_every_switch() {
        let point = |seconds: f64, exchanged| CurvePoint {
            seconds,
            learnt: 10,
            judged: 4,
            measure: "abs_rel",
            kind: "ridge",
            candidate: 0.1,
            served: 0.3,
            candidate_ahead: 0.1,
            served_ahead: 0.3,
            first: 0.3,
            constant: f64::NAN,
            exchanged,
        };
        let points = [point(10.0, true), point(20.0, false)];
        let curves = [Curve {
            target: "depth_zbuffer",
            points: &points,
            watched: &[],
            switches: &[
                Switch {
                    seconds: 10.5,
                    serving: "depth_zbuffer_from_a@learnt_1".to_owned(),
                    why: "learnt, and better".to_owned(),
                },
                Switch {
                    seconds: 17.0,
                    serving: "depth_zbuffer_from_a".to_owned(),
                    why: "taken back".to_owned(),
                },
            ],
        }];
        let text = curve_picture(&curves, "a drive");
        assert!(text.contains("depth_zbuffer: abs_rel on recent held-out frames"));
        assert!(text.contains(">learnt<") && text.contains(">served<"));
        // Two switches, though only one refit says that it led to one.
        assert_eq!(text.matches("class=\"switch\"").count(), 2, "{text}");
        // What holds until it changes is no slope.
        let stepped = steps([[0.0, 3.0], [4.0, 1.0]].into_iter());
        assert_eq!(stepped, [[0.0, 3.0], [4.0, 3.0], [4.0, 1.0]]);
        assert!(!text.contains("NaN"), "{text}");
        // Nothing was judged yet.
        assert!(curve_picture(&[], "a drive").contains("a drive"));
    }
}
