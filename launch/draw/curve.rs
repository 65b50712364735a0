//! Errors over time while a server learns, as a picture.

use concert_models::fit::CurvePoint;

use super::front::{BETWEEN, LEFT, Line, PANEL, TOP, WIDTH, panel};
use super::svg::{Anchor, Svg};

const LEARNT: &str = "#0b6e99";
const SERVED: &str = "#d9480f";
const FIRST: &str = "#862e9c";
const CONSTANT: &str = "#868e96";

/// The errors of one target over time.
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    /// The target.
    pub target: &'a str,
    /// In the order of time.
    pub points: &'a [CurvePoint],
}

/// One panel per target: the error on recent held-out frames of what was
/// learnt, of what served (a large dot where a learnt readout took over right
/// after), of the readout that was there first, and of the best constant.
#[must_use]
pub fn curve_picture(curves: &[Curve<'_>], title: &str) -> String {
    let panels = curves.len().max(1) as f64;
    let mut svg = Svg::new(WIDTH, TOP + panels * (PANEL + BETWEEN) + 10.0);
    svg.text([LEFT, 28.0], 16.0, "#111111", Anchor::Start, title);
    for (at, curve) in curves.iter().enumerate() {
        let top = TOP + at as f64 * (PANEL + BETWEEN);
        let line = |name, colour, dotted, of: &dyn Fn(&CurvePoint) -> f64| Line {
            name,
            colour,
            dotted,
            points: (curve.points.iter())
                .map(|point| [point.seconds, of(point)])
                .filter(|[_, error]| error.is_finite())
                .collect(),
            marks: Vec::new(),
        };
        let mut served = line("served", SERVED, false, &|point| point.served);
        let exchanged = curve.points.iter().filter(|point| point.exchanged);
        served.marks = exchanged
            .map(|point| [point.seconds, point.served])
            .collect();
        let lines = [
            line("best constant", CONSTANT, true, &|point| point.constant),
            line("first readout", FIRST, true, &|point| point.first),
            served,
            line("learnt", LEARNT, false, &|point| point.candidate),
        ];
        let measure = curve.points.first().map_or("error", |point| point.measure);
        let name = format!("{}: {measure} on recent held-out frames", curve.target);
        panel(&mut svg, top, &name, &lines, "seconds since the start");
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_shows_every_line_and_where_a_readout_took_over() {
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
        }];
        let text = curve_picture(&curves, "a drive");
        assert!(text.contains("depth_zbuffer: abs_rel on recent held-out frames"));
        assert!(text.contains(">learnt<") && text.contains(">served<"));
        assert_eq!(text.matches("r=\"6.0\"").count(), 1, "{text}");
        assert!(!text.contains("NaN"), "{text}");
        // Nothing was judged yet.
        assert!(curve_picture(&[], "a drive").contains("a drive"));
    }
}
