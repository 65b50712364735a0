//! The last minutes of every curve, for pages that open later.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

/// Points of a curve that are kept: two minutes of two a second.
const POINTS: usize = 240;
/// Points of a learning curve that are kept: ten minutes of one a second.
const LEARNING_POINTS: usize = 600;
/// Most curves that are kept.
const CURVES: usize = 256;

/// One point of a learning curve: time (s), errors of what was learnt, of what
/// serves, of the first readout and of the best constant, exchanges.
pub(super) type LearningPoint = [Option<f64>; 6];

/// The last minutes of every curve.
#[derive(Debug, Default)]
pub(super) struct History {
    curves: BTreeMap<String, Curve>,
    learning: BTreeMap<String, VecDeque<LearningPoint>>,
}

#[derive(Debug, Default)]
struct Curve {
    /// Hz.
    rate: VecDeque<Option<f64>>,
    /// From a frame's arrival in the runtime until its output leaves that, ms.
    latency: VecDeque<Option<f64>>,
    /// From the frame's stamp until its output is here, ms.
    age: VecDeque<Option<f64>>,
}

impl History {
    /// Takes note of each key's rate (Hz), latency (ms) and age on arrival (ms); keys
    /// that are not among them are forgotten.
    pub(super) fn note(&mut self, points: &[(&str, [Option<f64>; 3])]) {
        let is_known = |key: &String| points.iter().any(|(known, _)| known == key);
        self.curves.retain(|key, _| is_known(key));
        for (key, [rate, latency, age]) in points.iter().take(CURVES) {
            let curve = self.curves.entry((*key).to_owned()).or_default();
            push(&mut curve.rate, *rate, POINTS);
            push(&mut curve.latency, *latency, POINTS);
            push(&mut curve.age, *age, POINTS);
        }
    }

    /// Takes note of a point of a learning curve.
    pub(super) fn note_learning(&mut self, target: &str, point: LearningPoint) {
        if self.learning.len() < CURVES || self.learning.contains_key(target) {
            let points = self.learning.entry(target.to_owned()).or_default();
            push(points, point, LEARNING_POINTS);
        }
    }

    /// The curves by key: `rate`, `latency` and `age`, oldest point first.
    pub(super) fn curves(&self) -> Value {
        let curves = self.curves.iter();
        let curves = curves.map(|(key, curve)| {
            let curve = json!({
                "rate": rounded(&curve.rate), "latency": rounded(&curve.latency),
                "age": rounded(&curve.age),
            });
            (key.clone(), curve)
        });
        Value::Object(curves.collect())
    }

    /// The learning curves by target, oldest point first.
    pub(super) fn learning(&self) -> Value {
        let curves = self.learning.iter();
        Value::Object(
            curves
                .map(|(target, points)| (target.clone(), json!(points)))
                .collect(),
        )
    }
}

fn push<T>(points: &mut VecDeque<T>, point: T, most: usize) {
    if points.len() == most {
        points.pop_front();
    }
    points.push_back(point);
}

fn rounded(points: &VecDeque<Option<f64>>) -> Value {
    let tenths = |value: f64| (value * 10.0).round() / 10.0;
    points.iter().map(|point| point.map(tenths)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_keeps_its_newest_points_and_ends_with_its_output() {
        let mut history = History::default();
        for point in 0..300 {
            let rate = Some(f64::from(point));
            history.note(&[("normal", [rate, None, None]), ("b", [None; 3])]);
        }
        let curves = history.curves();
        let rate = curves["normal"]["rate"].as_array().expect("points");
        assert_eq!((rate.len(), &rate[239]), (POINTS, &json!(299.0)));
        history.note(&[("b", [Some(1.0), None, None])]);
        assert_eq!(
            history.curves().as_object().map(serde_json::Map::len),
            Some(1)
        );
        history.note_learning(
            "depth_zbuffer",
            [Some(1.0), None, None, None, None, Some(0.0)],
        );
        assert_eq!(history.learning()["depth_zbuffer"][0][0], 1.0);
    }
}
