//! Poses as text: 4×4 matrices, and TUM's `t tx ty tz qx qy qz qw`.

use std::path::Path;

use nalgebra::{Isometry3, Matrix3, Quaternion, Rotation3, Translation3, UnitQuaternion, Vector3};

use super::error::DataSetError;
use super::files::{each_line, read_text};

/// Longest text of one pose, bytes.
const MAX_POSE_BYTES: u64 = 4096;
/// Largest deviation of RᵀR from the identity, per element.
const ORTHONORMAL_TOLERANCE: f64 = 0.01;
/// Largest deviation of a quaternion's length from 1.
const LENGTH_TOLERANCE: f64 = 0.02;

/// `world_from_optical` from a file of four rows of four numbers; `None` where
/// one of them is not finite, as recorders write where they lost track.
pub(super) fn read_matrix(path: &Path) -> Result<Option<Isometry3<f64>>, DataSetError> {
    let refuse = |reason: String| DataSetError::Pose {
        path: path.to_owned(),
        at: String::new(),
        reason,
    };
    let text = read_text(path, MAX_POSE_BYTES)?;
    let numbers: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    let numbers = numbers.map_err(|_| refuse("holds a word that is no number".to_owned()))?;
    if numbers.len() != 16 {
        let count = numbers.len();
        return Err(refuse(format!("has {count} numbers, but a pose has 4x4")));
    }
    if numbers.iter().any(|number| !number.is_finite()) {
        return Ok(None);
    }
    from_rows(&numbers).map(Some).map_err(refuse)
}

fn from_rows(m: &[f64]) -> Result<Isometry3<f64>, String> {
    if m[12..] != [0.0, 0.0, 0.0, 1.0] {
        return Err(format!(
            "last row is {} {} {} {}, but must be 0 0 0 1",
            m[12], m[13], m[14], m[15]
        ));
    }
    #[rustfmt::skip]
    let matrix = Matrix3::new(m[0], m[1], m[2], m[4], m[5], m[6], m[8], m[9], m[10]);
    let deviation = (matrix.transpose() * matrix - Matrix3::identity()).amax();
    if deviation > ORTHONORMAL_TOLERANCE || matrix.determinant() < 0.0 {
        return Err(format!(
            "rotation deviates from an orthonormal matrix by {deviation:.4} (determinant {:.4}), \
             but at most {ORTHONORMAL_TOLERANCE} (and a determinant of 1) is allowed",
            matrix.determinant()
        ));
    }
    let rotation = Rotation3::from_matrix_eps(&matrix, 1e-12, 100, Rotation3::identity());
    Ok(Isometry3::from_parts(
        Translation3::new(m[3], m[7], m[11]),
        UnitQuaternion::from_rotation_matrix(&rotation),
    ))
}

/// A trajectory: `world_from_optical` by stamp, in rising order.
#[derive(Debug, Clone, Default)]
pub(super) struct Trajectory {
    poses: Vec<(f64, Isometry3<f64>)>,
}

/// Farthest that neighbouring truths may lie apart for a pose between them, s.
const MAX_GAP_SECONDS: f64 = 0.1;
/// Farthest that the nearest truth may lie from a stamp, s (as TUM's tools).
pub(super) const MAX_OFFSET_SECONDS: f64 = 0.02;

impl Trajectory {
    /// Reads TUM's `groundtruth.txt`: `t tx ty tz qx qy qz qw` per line, s and m.
    pub(super) fn read(path: &Path) -> Result<Self, DataSetError> {
        let mut lines: Vec<(f64, usize, Isometry3<f64>)> = Vec::new();
        each_line(path, |line, text| {
            let refuse = |reason: String| DataSetError::Pose {
                path: path.to_owned(),
                at: format!(" line {line}"),
                reason,
            };
            let mut numbers = [0.0_f64; 8];
            let mut words = text.split_whitespace();
            for number in &mut numbers {
                let word = words.next().and_then(|word| word.parse().ok());
                *number = word.ok_or_else(|| {
                    refuse("has not 8 numbers: t tx ty tz qx qy qz qw".to_owned())
                })?;
            }
            if !numbers[0].is_finite() {
                return Err(refuse("has a stamp that is not finite".to_owned()));
            }
            // A pose of NaN or infinity is an unknown one.
            if numbers.iter().all(|number| number.is_finite()) {
                lines.push((numbers[0], line, from_quaternion(&numbers).map_err(refuse)?));
            }
            Ok(())
        })?;
        lines.sort_by(|a, b| a.0.total_cmp(&b.0));
        if let Some(pair) = lines.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(DataSetError::SameStamp {
                path: path.to_owned(),
                first: pair[0].1.min(pair[1].1),
                second: pair[0].1.max(pair[1].1),
                stamp: pair[0].0.to_string(),
            });
        }
        let poses = lines.into_iter().map(|(stamp, _, pose)| (stamp, pose));
        Ok(Self {
            poses: poses.collect(),
        })
    }

    /// The pose at `stamp`: interpolated between two truths at most 0.1 s
    /// apart, else the nearest within 0.02 s.
    pub(super) fn at(&self, stamp: f64) -> Option<Isometry3<f64>> {
        let after = self.poses.partition_point(|(known, _)| *known < stamp);
        let before = after.checked_sub(1).and_then(|index| self.poses.get(index));
        let after = self.poses.get(after);
        if let (Some((t0, a)), Some((t1, b))) = (before, after)
            && t1 - t0 <= MAX_GAP_SECONDS
        {
            let share = (stamp - t0) / (t1 - t0);
            let rotation = a.rotation.try_slerp(&b.rotation, share, 1e-9);
            let moved = a.translation.vector.lerp(&b.translation.vector, share);
            let rotation = rotation.unwrap_or(a.rotation);
            return Some(Isometry3::from_parts(Translation3::from(moved), rotation));
        }
        let near =
            |(known, _): &&(f64, Isometry3<f64>)| (known - stamp).abs() <= MAX_OFFSET_SECONDS;
        let nearest = [before, after].into_iter().flatten().filter(near);
        let nearest = nearest.min_by(|a, b| (a.0 - stamp).abs().total_cmp(&(b.0 - stamp).abs()));
        nearest.map(|(_, pose)| *pose)
    }

    /// Seconds from `stamp` to the nearest truth.
    pub(super) fn distance(&self, stamp: f64) -> f64 {
        let after = self.poses.partition_point(|(known, _)| *known < stamp);
        let near = self.poses[after.saturating_sub(1)..].iter().take(2);
        (near.map(|(known, _)| (known - stamp).abs())).fold(f64::INFINITY, f64::min)
    }
}

fn from_quaternion(line: &[f64; 8]) -> Result<Isometry3<f64>, String> {
    let [_, tx, ty, tz, qx, qy, qz, qw] = *line;
    let quaternion = Quaternion::new(qw, qx, qy, qz);
    let length = quaternion.norm();
    if (length - 1.0).abs() > LENGTH_TOLERANCE {
        return Err(format!(
            "quaternion has length {length:.4}, but must be within {LENGTH_TOLERANCE} of 1"
        ));
    }
    Ok(Isometry3::from_parts(
        Translation3::from(Vector3::new(tx, ty, tz)),
        UnitQuaternion::from_quaternion(quaternion),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Isometry3<f64>, String> {
        let numbers: Vec<f64> = (text.split_whitespace())
            .map(|n| n.parse().unwrap())
            .collect();
        from_rows(&numbers)
    }

    #[test]
    fn poses_that_are_none_are_refused_with_the_rule() {
        let scaled = rows("2 0 0 0  0 2 0 0  0 0 2 0  0 0 0 1").unwrap_err();
        assert!(scaled.contains("orthonormal matrix by 3.0000"), "{scaled}");
        let mirrored = rows("1 0 0 0  0 1 0 0  0 0 -1 0  0 0 0 1").unwrap_err();
        assert!(mirrored.contains("determinant -1.0000"), "{mirrored}");
        let shifted = rows("1 0 0 0  0 1 0 0  0 0 1 0  0 0 1 1").unwrap_err();
        assert!(shifted.contains("must be 0 0 0 1"), "{shifted}");
    }

    #[test]
    fn a_pose_of_minus_infinity_is_an_unknown_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frame-000000.pose.txt");
        for unknown in ["-inf", "nan", "inf"] {
            std::fs::write(&path, format!("{unknown} ").repeat(16)).unwrap();
            assert_eq!(read_matrix(&path).unwrap(), None);
            let text = format!("1.0 {0} {0} {0} 0 0 0 1\n2 0 0 0 0 0 0 1\n", unknown);
            let path = folder.path().join("groundtruth.txt");
            std::fs::write(&path, text).unwrap();
            let truth = Trajectory::read(&path).unwrap();
            assert!(truth.at(1.0).is_none() && truth.at(2.0).is_some());
        }
    }

    #[test]
    fn a_pose_between_two_truths_is_interpolated_and_one_far_from_all_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("groundtruth.txt");
        let text = "# t\n1.00 0 0 0 0 0 0 1\n1.01 1 0 0 0 0 0 1\n5 9 9 9 0 0 0 1\n";
        std::fs::write(&path, text).unwrap();
        let truth = Trajectory::read(&path).unwrap();
        let x = truth.at(1.0025).unwrap().translation.x;
        assert!((x - 0.25).abs() < 1e-9);
        assert!(truth.at(3.0).is_none());
        assert_eq!(truth.at(5.015).unwrap().translation.x, 9.0);
        assert!(truth.at(5.03).is_none());
        std::fs::write(&path, "1 0 0 0 0 0 0 1\n1 0 0 0 0 0 0 1\n").unwrap();
        let error = Trajectory::read(&path).unwrap_err().to_string();
        assert!(error.ends_with("lines 1 and 2 both have stamp 1, but stamps must differ"));
    }
}
