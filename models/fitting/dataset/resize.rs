//! Labels at the resolution of an output.

use super::label::{Label, LabelKind};
use super::objects::ObjectBox;
use concert_models::give_way::give_way;

/// Least share of known pixels that makes a cell known.
const MIN_KNOWN: f32 = 0.125;

impl Label {
    /// The label at another size, stretched over the whole picture. Each new
    /// pixel is the area of those that it covers (the nearest one where it
    /// covers less than one), of which at least an eighth must be known: see
    /// [`LabelKind`] for how they become one value.
    ///
    /// # Panics
    /// Where a side is 0.
    #[must_use]
    pub fn resize(&self, width: usize, height: usize) -> Self {
        assert!(width > 0 && height > 0, "a label has at least one pixel");
        if self.kind == LabelKind::Whole || (width, height) == (self.width, self.height) {
            return self.clone();
        }
        if self.kind == LabelKind::Boxes {
            return self.with_boxes_at(width, height);
        }
        let columns = windows(self.width, width);
        let rows = windows(self.height, height);
        let mut out = Label {
            channels: self.channels,
            width,
            height,
            values: vec![f32::NAN; self.channels * width * height],
            kind: self.kind,
        };
        let mut cell = vec![Vec::new(); self.channels];
        for (v, (top, bottom)) in rows.iter().enumerate() {
            give_way();
            for (u, (left, right)) in columns.iter().enumerate() {
                let all = (bottom - top) * (right - left);
                cell.iter_mut().for_each(Vec::clear);
                for row in *top..*bottom {
                    self.gather(row * self.width + left, right - left, &mut cell);
                }
                if cell[0].len() as f32 >= MIN_KNOWN * all as f32 && !cell[0].is_empty() {
                    self.merge(&mut cell);
                    for (channel, values) in cell.iter().enumerate() {
                        out.values[(channel * height + v) * width + u] = values[0];
                    }
                }
            }
        }
        out
    }

    /// The boxes of a picture that is stretched to another size.
    fn with_boxes_at(&self, width: usize, height: usize) -> Self {
        let across = width as f32 / self.width as f32;
        let down = height as f32 / self.height as f32;
        let scale = |[x0, y0, x1, y1]: [f32; 4]| [x0 * across, y0 * down, x1 * across, y1 * down];
        let scaled = self.clone().map_objects(|object| {
            let corners = scale(object.corners);
            Some(ObjectBox { corners, ..object })
        });
        Label {
            width,
            height,
            ..scaled
        }
    }

    /// Appends the known ones of `count` pixels from `start`.
    fn gather(&self, start: usize, count: usize, cell: &mut [Vec<f32>]) {
        let plane = self.width * self.height;
        for pixel in start..start + count {
            let known = (0..self.channels).all(|c| !self.values[c * plane + pixel].is_nan());
            if known {
                for (channel, values) in cell.iter_mut().enumerate() {
                    values.push(self.values[channel * plane + pixel]);
                }
            }
        }
    }

    /// Leaves the one value of a cell in front of each channel.
    fn merge(&self, cell: &mut [Vec<f32>]) {
        match self.kind {
            LabelKind::Normal => {
                let sums: Vec<f32> = cell.iter().map(|values| values.iter().sum()).collect();
                let length = sums.iter().map(|x| x * x).sum::<f32>().sqrt();
                // Opposite directions have no mean.
                let usable = length > 0.05 * cell[0].len() as f32;
                for (values, sum) in cell.iter_mut().zip(sums) {
                    values[0] = if usable { sum / length } else { f32::NAN };
                }
            }
            _ => {
                for values in cell.iter_mut() {
                    values[0] = match self.kind {
                        LabelKind::Depth => median(values),
                        LabelKind::Edge => values.iter().copied().fold(0.0, f32::max),
                        LabelKind::Class => most_frequent(values),
                        _ => values.iter().sum::<f32>() / values.len() as f32,
                    };
                }
            }
        }
    }
}

/// First and behind last input pixel of each output pixel.
fn windows(from: usize, to: usize) -> Vec<(usize, usize)> {
    (0..to)
        .map(|i| {
            if to >= from {
                let nearest = ((2 * i + 1) * from / (2 * to)).min(from - 1);
                (nearest, nearest + 1)
            } else {
                (i * from / to, ((i + 1) * from).div_ceil(to))
            }
        })
        .collect()
}

/// The lower of two middle values, so that it is always one that was there.
fn median(values: &mut [f32]) -> f32 {
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// The smallest of the most frequent.
fn most_frequent(values: &mut [f32]) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    let mut best = (0, f32::NAN);
    for same in values.chunk_by(|a, b| a == b) {
        if same.len() > best.0 {
            best = (same.len(), same[0]);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(kind: LabelKind, channels: usize, width: usize, values: &[f32]) -> Label {
        Label {
            channels,
            width,
            height: values.len() / channels / width,
            values: values.to_vec(),
            kind,
        }
    }

    #[test]
    fn a_depth_cell_on_an_edge_shows_one_of_its_sides() {
        let near_and_far = label(
            LabelKind::Depth,
            1,
            4,
            &[1.0, 3.0, 3.0, 3.0, 1.0, 1.0, f32::NAN, 3.0],
        );
        let small = near_and_far.resize(2, 1);
        assert_eq!(small.values, [1.0, 3.0]);
    }

    #[test]
    fn unknown_pixels_never_weigh_and_an_unknown_cell_stays_unknown() {
        let mut values = vec![f32::NAN; 32];
        values[0] = 2.0;
        let small = label(LabelKind::Continuous, 1, 8, &values).resize(2, 1);
        assert!(
            small.values.iter().all(|v| v.is_nan()),
            "one of 16 is too few"
        );
        values[1] = 4.0;
        let small = label(LabelKind::Continuous, 1, 8, &values).resize(2, 1);
        assert_eq!(small.values[0], 3.0);
        assert!(small.values[1].is_nan());
    }

    #[test]
    fn normals_stay_unit_and_classes_take_the_majority() {
        let normals = label(LabelKind::Normal, 3, 2, &[1.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
        let mean = normals.resize(1, 1);
        let half = std::f32::consts::FRAC_1_SQRT_2;
        for (got, want) in mean.values.iter().zip([half, 0.0, -half]) {
            assert!((got - want).abs() < 1e-6);
        }
        let classes = label(LabelKind::Class, 1, 3, &[7.0, 2.0, 7.0]);
        assert_eq!(classes.resize(1, 1).values, [7.0]);
    }

    #[test]
    fn boxes_are_stretched_with_their_picture() {
        let object = ObjectBox::new([10.0, 20.0, 30.0, 60.0], 4);
        let small = Label::of_objects((320, 240), &[object]).resize(160, 60);
        assert_eq!((small.width, small.height), (160, 60));
        let corners = small.objects().next().unwrap().corners;
        assert_eq!(corners, [5.0, 5.0, 15.0, 15.0]);
    }

    #[test]
    fn enlarging_repeats_the_nearest_value() {
        let small = label(LabelKind::Depth, 1, 2, &[1.0, 2.0]);
        assert_eq!(small.resize(4, 1).values, [1.0, 1.0, 2.0, 2.0]);
    }
}
