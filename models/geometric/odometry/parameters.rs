//! Parameters of odometry.

use serde::Deserialize;

/// Parameters of odometry, in the card's `[parameters]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OdometryParameters {
    /// Most keypoints of a frame.
    pub most_points: usize,
    /// Least cosine of the angle between descriptors that match.
    pub least_similarity: f32,
    /// Greatest error of a match that fits the motion, px of the network's
    /// input.
    pub inlier_px: f64,
    /// The same where a depth camera measures: its depth may be registered to the
    /// image a few pixels off.
    pub depth_inlier_px: f64,
    /// Fewer matches that agree are a loss.
    pub least_inliers: usize,
    /// A frame becomes the keyframe when fewer than this share of the matches
    /// that the keyframe had at first are left.
    pub keyframe_overlap: f64,
    /// Frames lost in a row after which odometry starts anew from the next.
    pub restart_after: usize,
    /// Error of a depth camera's depths, of all alike, as a share: its
    /// calibration. Depth of a readout has the error that its card states.
    pub depth_error: f64,
    /// Standard deviation of a depth camera's depth over the square of the
    /// depth, 1/m.
    pub depth_noise: f64,
}

impl Default for OdometryParameters {
    fn default() -> Self {
        Self {
            most_points: 512,
            least_similarity: 0.82,
            inlier_px: 1.5,
            depth_inlier_px: 3.0,
            least_inliers: 15,
            keyframe_overlap: 0.7,
            restart_after: 3,
            depth_error: 0.01,
            depth_noise: 0.003,
        }
    }
}

impl OdometryParameters {
    /// Words for what is wrong with the numbers, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let share = |value: f64| value > 0.0 && value < 1.0;
        let rules = [
            (
                (64..=2048).contains(&self.most_points),
                "most_points",
                "64 to 2048",
            ),
            (
                share(f64::from(self.least_similarity)),
                "least_similarity",
                "above 0 and below 1",
            ),
            (
                (0.1..=10.0).contains(&self.inlier_px),
                "inlier_px",
                "0.1 to 10",
            ),
            (
                (0.1..=10.0).contains(&self.depth_inlier_px),
                "depth_inlier_px",
                "0.1 to 10",
            ),
            (
                (8..=200).contains(&self.least_inliers),
                "least_inliers",
                "8 to 200",
            ),
            (
                share(self.keyframe_overlap),
                "keyframe_overlap",
                "above 0 and below 1",
            ),
            (
                (1..=1000).contains(&self.restart_after),
                "restart_after",
                "1 to 1000",
            ),
            (
                (0.0..=1.0).contains(&self.depth_error),
                "depth_error",
                "0 to 1",
            ),
            (
                (0.0..=0.1).contains(&self.depth_noise),
                "depth_noise",
                "0 to 0.1",
            ),
        ];
        let (_, name, rule) = rules.into_iter().find(|(holds, ..)| !holds)?;
        Some(format!("{name} must be {rule}"))
    }
}
