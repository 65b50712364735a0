//! Visual odometry: the pose of the camera since the start, from the keypoints
//! of a keyframe and of each frame after it.
//!
//! With depth, the pose is that from which the keyframe's points are seen as
//! they are; without, that of the essential matrix, and lengths have the
//! median distance of the points at the start as their unit. A frame that
//! neither the keyframe nor the frame before leads to is lost, and says so. The
//! next may still be told from it: odometry starts anew from the lost one then,
//! and says that the motion up to it is unknown.

mod inverse_depth;
mod joint;
mod measured;
mod packed;
mod parameters;
mod pose;
mod refine;
mod relative;
mod snapshot;
mod surface;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

use self::pose::{Covariance, composed, in_body, inverted, published, turned};
use self::relative::{Relative, Tracker};
use self::snapshot::Snapshot;
use super::keypoints::Detector;
use super::scene::{Geometric, OutputFlags, Scene, Unable};

pub use self::parameters::OdometryParameters;
pub use self::pose::{ODOMETRY_LENGTH, OdometryEstimate, body_from_optical};

/// Variance of what is not known at all: a kilometre, squared.
const UNKNOWN_METRES: f64 = 1e6;
/// Share of a keyframe's surfaces below which the next is one.
const MIN_OVERLAP: f64 = 0.6;
/// Speed that is possible while nobody looks, m/s, and rate of turning, rad/s.
const UNSEEN_SPEED: f64 = 1.0;
const UNSEEN_TURNING: f64 = 1.0;

/// Odometry of one camera.
#[derive(Debug)]
pub struct VisualOdometry {
    parameters: OdometryParameters,
    detector: Detector,
    tracker: Tracker,
    now: Snapshot,
    /// What frames are compared with first; has keypoints once there is one.
    keyframe: Snapshot,
    /// The frame that was tracked last.
    last: Snapshot,
    /// The last frame with keypoints that was lost: the next may be told from it.
    lost: Snapshot,
    /// The motion of the frame tracked last, per nanosecond it took.
    motion: Option<(Isometry3<f64>, i64)>,
    /// Matches that the keyframe had with the first frame after it.
    first_inliers: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is no keyframe.
    Empty,
    Tracking,
    /// For so many frames.
    Lost(usize),
    /// A new keyframe, and nothing tracked since.
    Restarted,
}

impl VisualOdometry {
    /// Begins at the first frame to come.
    #[must_use]
    pub fn new(parameters: OdometryParameters) -> Self {
        Self {
            parameters,
            detector: Detector::default(),
            tracker: Tracker::new(parameters.most_points),
            now: Snapshot::default(),
            keyframe: Snapshot::default(),
            last: Snapshot::default(),
            lost: Snapshot::default(),
            motion: None,
            first_inliers: 0,
            state: State::Empty,
        }
    }

    /// Takes the frame as the keyframe without knowing how it lies to others.
    fn begin(&mut self) -> Unable {
        let found = self.now.keypoints.points.len();
        let least = 2 * self.parameters.least_inliers;
        if found < least {
            let text = format!("{found} keypoints, but {least} are needed to start from");
            return match self.state {
                State::Empty => Unable::Warming(text),
                _ => Unable::Lost(text),
            };
        }
        if self.state == State::Empty {
            self.now.odom_from_this = Isometry3::identity();
            self.now.covariance = Covariance::zeros();
            self.now.scaled = Vector3::zeros();
            self.motion = None;
            self.first_inliers = 0;
            self.state = State::Tracking;
            std::mem::swap(&mut self.keyframe, &mut self.now);
            // All memory is made with the first frame.
            for each in [&mut self.last, &mut self.now, &mut self.lost] {
                each.copy(&self.keyframe);
            }
            return Unable::Warming("first frame".to_owned());
        }
        std::mem::swap(&mut self.lost, &mut self.now);
        self.restart();
        Unable::Lost("starts anew from this frame".to_owned())
    }

    /// Takes the frame that was lost as the keyframe, somewhere near the frame
    /// tracked last.
    fn restart(&mut self) {
        self.lost.odom_from_this = self.last.odom_from_this;
        self.lost.covariance = self.last.covariance + self.unseen();
        self.lost.scaled = self.last.scaled;
        self.motion = None;
        self.first_inliers = 0;
        self.state = State::Restarted;
        std::mem::swap(&mut self.keyframe, &mut self.lost);
        self.last.copy(&self.keyframe);
    }

    /// What may have happened from the frame tracked last to the one lost.
    fn unseen(&self) -> Covariance {
        let seconds = seconds(self.lost.stamp_nanos - self.last.stamp_nanos).abs();
        let turning = (UNSEEN_TURNING * seconds).min(std::f64::consts::PI).powi(2);
        let moving = (UNSEEN_SPEED * seconds).powi(2).min(UNKNOWN_METRES);
        let mut covariance = Covariance::zeros();
        (0..3).for_each(|i| covariance[(i, i)] = turning);
        (3..6).for_each(|i| covariance[(i, i)] = moving);
        covariance
    }

    /// The motion expected since the frame tracked last, at its velocity.
    fn expected(&self) -> Isometry3<f64> {
        let Some((motion, nanos)) = &self.motion else {
            return Isometry3::identity();
        };
        let passed = self.now.stamp_nanos - self.last.stamp_nanos;
        let times = (passed as f64 / (*nanos).max(1) as f64).clamp(0.0, 3.0);
        let turn = UnitQuaternion::from_scaled_axis(motion.rotation.scaled_axis() * times);
        let step = motion.translation.vector * times;
        Isometry3::from_parts(Translation3::from(step), turn)
    }

    /// Compares with the keyframe, or else with the frame before, which is the
    /// keyframe then.
    fn track(&mut self) -> Result<Relative, String> {
        let expected = self.last.odom_from_this * self.expected();
        let (at_last, parameters) = (self.last.odom_from_this, self.parameters);
        let track = |tracker: &mut Tracker, then: &mut Snapshot, now: &Snapshot| {
            let from_then =
                |odom_from_now: &Isometry3<f64>| odom_from_now.inverse() * then.odom_from_this;
            let guesses = [from_then(&expected), from_then(&at_last)];
            tracker.track(then, now, &guesses, &parameters)
        };
        let found = track(&mut self.tracker, &mut self.keyframe, &self.now);
        let is_firm = |found: &Relative| found.overlap.is_none_or(|share| share >= MIN_OVERLAP);
        if found.as_ref().is_ok_and(is_firm) || self.last.stamp_nanos == self.keyframe.stamp_nanos {
            return found;
        }
        let again = track(&mut self.tracker, &mut self.last, &self.now);
        if let (Ok(first), Ok(second)) = (&found, &again)
            && first.overlap >= second.overlap
        {
            // Its matches are those that are gone on with.
            return track(&mut self.tracker, &mut self.keyframe, &self.now);
        }
        if again.is_err() && found.is_ok() {
            return track(&mut self.tracker, &mut self.keyframe, &self.now);
        }
        if again.is_ok() {
            std::mem::swap(&mut self.keyframe, &mut self.last);
            self.last.copy(&self.keyframe);
            self.first_inliers = 0;
        }
        again
    }

    /// Compares with the frame before, where it was lost, and starts anew from it.
    fn resume(&mut self) -> Option<Relative> {
        let State::Lost(_) = self.state else {
            return None;
        };
        let nothing = [Isometry3::identity(); 2];
        let found = (self.tracker).track(&mut self.lost, &self.now, &nothing, &self.parameters);
        let found = found.ok()?;
        self.restart();
        Some(found)
    }

    /// Takes over what was found, and tells it.
    fn settle(&mut self, relative: &Relative, metric: bool) -> OdometryEstimate {
        let then_from_now = relative.now_from_then.inverse();
        let covariance = inverted(&relative.now_from_then, &relative.covariance);
        let keyframe = &self.keyframe;
        self.now.odom_from_this = keyframe.odom_from_this * then_from_now;
        self.now.covariance = composed(
            &keyframe.odom_from_this,
            &keyframe.covariance,
            &then_from_now,
            &covariance,
        );
        let scale_error = if metric { keyframe.scale_error } else { 0.0 };
        let moved = keyframe.odom_from_this.rotation * then_from_now.translation.vector;
        self.now.scaled = keyframe.scaled + moved * scale_error;
        let nanos = self.now.stamp_nanos - self.last.stamp_nanos;
        let last_from_now = self.last.odom_from_this.inverse() * self.now.odom_from_this;
        self.motion = (nanos > 0).then_some((last_from_now, nanos));
        let step = StepCovariance {
            // Both of its ends are as unsure as this one.
            of_sight: turned(&relative.now_from_then.rotation, &covariance) * 2.0,
            scale_error,
        };
        let estimate = self.told(&last_from_now, seconds(nanos), &step, metric);
        if self.first_inliers == 0 {
            self.first_inliers = relative.inliers;
        }
        let left = relative.inliers as f64 / self.first_inliers.max(1) as f64;
        // Metres are not to be mixed with another unit.
        let gains_metres = self.now.is_measured && !metric;
        if !gains_metres {
            self.tracker.hand_on(&mut self.now, &relative.now_from_then);
            self.now.is_metric |= metric;
            if !self.now.is_measured {
                self.now.scale_error = self.keyframe.scale_error;
                self.now.is_read_out = self.keyframe.is_read_out;
            }
        }
        let is_far = relative.overlap.is_some_and(|share| share < MIN_OVERLAP);
        let replace = left < self.parameters.keyframe_overlap || gains_metres || is_far;
        std::mem::swap(&mut self.last, &mut self.now);
        if replace {
            self.keyframe.copy(&self.last);
            self.first_inliers = 0;
        }
        self.state = State::Tracking;
        estimate
    }

    fn told(
        &self,
        last_from_now: &Isometry3<f64>,
        seconds: f64,
        step: &StepCovariance,
        metric: bool,
    ) -> OdometryEstimate {
        let moved = in_body(last_from_now);
        let rate = if seconds > 1e-6 { 1.0 / seconds } else { 0.0 };
        // The velocity is along the axes of the moving frame.
        let back = moved.rotation.inverse();
        let mut of_pose = self.now.covariance;
        add_scaled(&mut of_pose, &self.now.scaled);
        let along = last_from_now.rotation.inverse() * last_from_now.translation.vector;
        let mut of_twist = step.of_sight;
        add_scaled(&mut of_twist, &(along * step.scale_error));
        of_twist *= rate * rate;
        if rate == 0.0 {
            of_twist = Covariance::identity() * UNKNOWN_METRES;
        }
        if !metric {
            (3..6).for_each(|i| of_pose[(i, i)] += UNKNOWN_METRES);
            (3..6).for_each(|i| of_twist[(i, i)] += UNKNOWN_METRES);
        }
        OdometryEstimate {
            odom_from_body: in_body(&self.now.odom_from_this),
            linear: back * moved.translation.vector * rate,
            angular: moved.rotation.scaled_axis() * rate,
            pose_covariance: published(&of_pose),
            twist_covariance: published(&of_twist),
        }
    }
}

/// How unsure the motion since the frame before is.
struct StepCovariance {
    /// Along the axes of the frame now.
    of_sight: Covariance,
    /// Share of its length that it may be wrong by.
    scale_error: f64,
}

/// Adds that the position may be off by a multiple of `scaled`.
fn add_scaled(covariance: &mut Covariance, scaled: &Vector3<f64>) {
    let mut block = covariance.fixed_view_mut::<3, 3>(3, 3);
    block += scaled * scaled.transpose();
}

impl Geometric for VisualOdometry {
    fn estimate(&mut self, scene: &Scene<'_>, out: &mut [f32]) -> Result<OutputFlags, Unable> {
        self.now.take(scene, &mut self.detector, &self.parameters)?;
        if self.state == State::Empty {
            return Err(self.begin());
        }
        let tracked = self.track();
        match tracked.or_else(|reason| self.resume().ok_or(reason)) {
            Ok(relative) => {
                let metric = self.keyframe.is_metric;
                let after_gap = matches!(self.state, State::Lost(_) | State::Restarted);
                self.settle(&relative, metric).write(out);
                Ok(OutputFlags {
                    scale_unknown: !metric,
                    after_gap,
                    face_percent: None,
                })
            }
            Err(reason) => {
                let lost = match self.state {
                    State::Lost(frames) => frames + 1,
                    _ => 1,
                };
                self.state = State::Lost(lost);
                if lost >= self.parameters.restart_after {
                    return Err(self.begin());
                }
                std::mem::swap(&mut self.lost, &mut self.now);
                Err(Unable::Lost(reason))
            }
        }
    }

    fn forget(&mut self) {
        self.state = State::Empty;
        self.motion = None;
    }
}

fn seconds(nanos: i64) -> f64 {
    nanos as f64 * 1e-9
}

#[cfg(test)]
mod tests;
