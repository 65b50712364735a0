//! Agreement of two outputs of one target for one frame.

use concert_models::Affine2;
use concert_policies::OutputKind;

use crate::output::Output;

/// Most places of a dense output that are compared along one side.
const SAMPLES: usize = 64;
/// Most rows of an output of rows that are compared.
const MAX_ROWS: usize = 256;
/// Distance up to which points count as the same, px of the camera image.
const SAME_POINT: f64 = 3.0;

/// The measure of a figure of agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AgreementMeasure {
    /// Mean of the absolute differences, in the task's unit; 0 is best.
    MeanAbsDifference,
    /// Share of places with the same most likely class; 1 is best.
    SameClass,
    /// Share of the points (centres, for boxes) that have one of the other
    /// output within 3 px of the camera image; 1 is best.
    SamePlace,
}

impl AgreementMeasure {
    /// The measure for outputs of this kind.
    #[must_use]
    pub fn of(kind: OutputKind) -> Self {
        match kind {
            OutputKind::Classes | OutputKind::ClassMap => Self::SameClass,
            OutputKind::Points { .. } | OutputKind::Boxes2d => Self::SamePlace,
            OutputKind::Dense { .. }
            | OutputKind::RoomLayout
            | OutputKind::Vector { .. }
            | OutputKind::Odometry => Self::MeanAbsDifference,
        }
    }

    /// The word for it in status and `--json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MeanAbsDifference => "mean_abs_difference",
            Self::SameClass => "same_class",
            Self::SamePlace => "same_place",
        }
    }
}

/// Compares `other` with `one`, by the [`AgreementMeasure`] of their kind; `None`
/// where nothing can be compared: another number of classes or channels, or no
/// place that both know.
#[must_use]
pub fn agreement(one: &Output, other: &Output) -> Option<f64> {
    match one.origin.task.output {
        OutputKind::Classes => same_class(one, other),
        OutputKind::ClassMap => over_image(one, other, &|a, b| f64::from(most(a) == most(b))),
        OutputKind::Dense { .. } => over_image(one, other, &|a, b| mean_difference(a, b)),
        OutputKind::Points { columns } => {
            let column = |name: &str| columns.iter().position(|column| *column == name);
            let (u, v) = (column("u")?, column("v")?);
            same_place(one, other, &|row| [row[u], row[v]])
        }
        OutputKind::Boxes2d => same_place(one, other, &|row| {
            [(row[0] + row[2]) / 2.0, (row[1] + row[3]) / 2.0]
        }),
        OutputKind::RoomLayout | OutputKind::Vector { .. } | OutputKind::Odometry => {
            let alike = one.values.len() == other.values.len();
            let mean = alike.then(|| mean_difference(&one.values, &other.values));
            mean.filter(|mean| mean.is_finite())
        }
    }
}

fn same_class(one: &Output, other: &Output) -> Option<f64> {
    let alike = one.values.len() == other.values.len();
    alike.then(|| f64::from(most(&one.values) == most(&other.values)))
}

/// Index of the greatest value; a map of labels has but one, its label.
fn most(values: &[f32]) -> i64 {
    if let [label] = values {
        return *label as i64;
    }
    let greatest = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    greatest.map_or(-1, |(index, _)| index as i64)
}

/// Mean over the values that both know; NaN where there is none.
fn mean_difference(one: &[f32], other: &[f32]) -> f64 {
    let both = one.iter().zip(other);
    let known = both.filter(|(a, b)| a.is_finite() && b.is_finite());
    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), (a, b)| {
        (sum + f64::from((a - b).abs()), count + 1.0)
    });
    sum / count
}

/// Mean of `of` over places of the camera image that both outputs cover.
fn over_image(one: &Output, other: &Output, of: &dyn Fn(&[f32], &[f32]) -> f64) -> Option<f64> {
    let (&[_, channels, height, width], &[_, others, other_height, other_width]) =
        (&one.origin.shape[..], &other.origin.shape[..])
    else {
        return None;
    };
    if channels != others {
        return None;
    }
    let other_from_one = (other.image_from_output.inverse()?).after(&one.image_from_output);
    let (mut mine, mut theirs) = (vec![0.0; channels], vec![0.0; channels]);
    let (mut sum, mut count) = (0.0, 0.0);
    for v in (0..height).step_by(height.div_ceil(SAMPLES).max(1)) {
        for u in (0..width).step_by(width.div_ceil(SAMPLES).max(1)) {
            let place = other_from_one.apply([u as f64, v as f64]);
            let Some((ou, ov)) = nearest(place, (other_width, other_height)) else {
                continue;
            };
            pixel(&one.values, (width, height), (u, v), &mut mine);
            pixel(
                &other.values,
                (other_width, other_height),
                (ou, ov),
                &mut theirs,
            );
            let agreed = of(&mine, &theirs);
            if agreed.is_finite() {
                sum += agreed;
                count += 1.0;
            }
        }
    }
    (count > 0.0).then(|| sum / count)
}

/// The pixel whose centre is nearest, if it lies inside.
pub(crate) fn nearest([u, v]: [f64; 2], (width, height): (usize, usize)) -> Option<(usize, usize)> {
    let (u, v) = (u.round(), v.round());
    let inside = u >= 0.0 && v >= 0.0 && u < width as f64 && v < height as f64;
    inside.then_some((u as usize, v as usize))
}

fn pixel(values: &[f32], (width, height): (usize, usize), (u, v): (usize, usize), to: &mut [f32]) {
    for (channel, to) in to.iter_mut().enumerate() {
        *to = values[(channel * height + v) * width + u];
    }
}

fn same_place(one: &Output, other: &Output, at: &dyn Fn(&[f32]) -> [f32; 2]) -> Option<f64> {
    let (mine, theirs) = (places(one, at)?, places(other, at)?);
    if mine.is_empty() && theirs.is_empty() {
        return Some(1.0);
    }
    let near = |place: &&[f64; 2]| {
        theirs.iter().any(|other| {
            let (du, dv) = (place[0] - other[0], place[1] - other[1]);
            du * du + dv * dv <= SAME_POINT * SAME_POINT
        })
    };
    let same = mine.iter().filter(near).count();
    Some(same as f64 / mine.len().max(1) as f64)
}

/// Places in the camera image of the rows with a score.
fn places(output: &Output, at: &dyn Fn(&[f32]) -> [f32; 2]) -> Option<Vec<[f64; 2]>> {
    let columns = output.origin.task.output.columns()?;
    let score = columns.iter().position(|column| *column == "score")?;
    let image_from_output: &Affine2 = &output.image_from_output;
    let rows = output.values.chunks_exact(columns.len());
    let scored = rows.filter(|row| row[score] > 0.0).take(MAX_ROWS);
    let places = scored.map(|row| {
        let [u, v] = at(row);
        image_from_output.apply([f64::from(u), f64::from(v)])
    });
    Some(places.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::output;

    #[test]
    fn dense_outputs_of_different_size_are_compared_where_they_show_the_same() {
        let mut small = output(
            "depth_zbuffer",
            &[1, 1, 2, 2],
            vec![1.0, 2.0, 3.0, f32::NAN],
        );
        small.image_from_output = Affine2::stretch((2, 2), (8, 8));
        let values = [
            1.0, 1.0, 2.5, 2.5, 1.0, 1.0, 2.5, 2.5, 3.0, 3.0, 9.0, 9.0, 3.0, 3.0, 9.0, 9.0,
        ];
        let mut large = output("depth_zbuffer", &[1, 1, 4, 4], values.to_vec());
        large.image_from_output = Affine2::stretch((4, 4), (8, 8));
        // Three pixels are known to both, and one of them is 0.5 m apart.
        let there = agreement(&small, &large).unwrap();
        assert!((there - 0.5 / 3.0).abs() < 1e-6, "{there}");
        let back = agreement(&large, &small).unwrap();
        assert!((back - 0.5 / 3.0).abs() < 1e-6, "{back}");
    }

    #[test]
    fn classes_agree_where_the_most_likely_is_the_same() {
        let one = output("class_scene", &[1, 3], vec![0.1, 0.7, 0.2]);
        let same = output("class_scene", &[1, 3], vec![0.3, 0.4, 0.3]);
        let other = output("class_scene", &[1, 3], vec![0.8, 0.1, 0.1]);
        let longer = output("class_scene", &[1, 4], vec![0.8, 0.1, 0.1, 0.0]);
        assert_eq!(agreement(&one, &same), Some(1.0));
        assert_eq!(agreement(&one, &other), Some(0.0));
        assert_eq!(agreement(&one, &longer), None);
        let map = output("segment_semantic", &[1, 2, 1, 2], vec![0.9, 0.2, 0.1, 0.8]);
        let half = output("segment_semantic", &[1, 2, 1, 2], vec![0.9, 0.7, 0.1, 0.3]);
        assert_eq!(agreement(&map, &half), Some(0.5));
    }

    #[test]
    fn points_agree_within_three_pixels_of_the_camera_image() {
        let rows = |points: [[f32; 3]; 2]| {
            let mut rows = output("keypoints2d", &[1, 2, 3], points.concat());
            rows.image_from_output = Affine2::IDENTITY;
            rows
        };
        let one = rows([[10.0, 10.0, 1.0], [50.0, 50.0, 1.0]]);
        let other = rows([[12.0, 11.0, 1.0], [50.0, 60.0, 1.0]]);
        let empty = rows([[10.0, 10.0, 0.0], [0.0, 0.0, 0.0]]);
        assert_eq!(agreement(&one, &one), Some(1.0));
        assert_eq!(agreement(&one, &other), Some(0.5));
        assert_eq!(agreement(&one, &empty), Some(0.0));
        assert_eq!(agreement(&empty, &empty), Some(1.0));
    }
}
