//! The motion between two frames of a depth camera.

use nalgebra::Isometry3;

use super::OdometryParameters;
use super::joint::{Aligned, Joint};
use super::refine::misfit;
use super::relative::{MIN_KNOWN, MIN_SHARE, Relative, Tracker, told_turn};
use super::snapshot::Snapshot;

/// Standard deviations of where keypoints are seen that make their tolerance, and
/// the least that is believed of them, as a share of the tolerance given.
const DEVIATIONS: f64 = 2.5;
const MIN_SPREAD: f64 = 0.33;

impl Tracker {
    /// From keypoints whose depth was measured, and then from the surfaces too.
    ///
    /// # Errors
    /// What was too little, in words.
    pub(super) fn by_sensor(
        &mut self,
        then: &mut Snapshot,
        now: &Snapshot,
        guesses: &[Isometry3<f64>; 2],
        parameters: &OdometryParameters,
    ) -> Result<Relative, String> {
        let (total, least) = (self.pairs.len(), parameters.least_inliers);
        let tolerance = parameters.depth_inlier_px * now.pixel;
        let found = self.by_depths(then, guesses, tolerance, least);
        let mut found = found.ok_or_else(|| self.too_few(least))?;
        let aligned = self.align(then, now, &found.now_from_then, tolerance);
        found.now_from_then = aligned.now_from_then;
        found.covariance = aligned.covariance;
        self.settle(&found.now_from_then, tolerance);
        let agreeing = self.agreeing();
        let wanted = least.max(total * MIN_SHARE.0 / 100);
        if agreeing < wanted {
            return Err(format!(
                "of {total} matches {agreeing} agree on a motion, but {wanted} must"
            ));
        }
        told_turn(&found.covariance, agreeing, total)?;
        self.learn(then, &found, tolerance);
        Ok(Relative {
            now_from_then: found.now_from_then,
            covariance: found.covariance,
            inliers: agreeing,
            overlap: Some(aligned.overlap),
        })
    }

    fn too_few(&self, least: usize) -> String {
        let (total, known) = (self.pairs.len(), self.sightings.len());
        let needed = MIN_KNOWN.max(least);
        if known < needed {
            return format!("of {total} matches {known} have a measured depth, but {needed} must");
        }
        let wanted = least.max(known * MIN_SHARE.0 / 100);
        format!("of {known} matches of measured depth fewer than {wanted} agree on a motion")
    }

    fn align(
        &mut self,
        then: &Snapshot,
        now: &Snapshot,
        start: &Isometry3<f64>,
        tolerance: f64,
    ) -> Aligned {
        let spread = self.spread(start, tolerance);
        let spread = spread.clamp(MIN_SPREAD * tolerance, tolerance);
        for (part, packed) in self.parts.iter_mut().enumerate() {
            let pairs = self.pairs.iter().zip(&self.sights);
            let here = pairs.filter(|(pair, _)| usize::from(now.parts[pair.1 as usize]) == part);
            packed.pack(here.map(|(_, sight)| sight));
        }
        let joint = Joint {
            parts: &self.parts,
            then: &then.surface,
            now: &now.surface,
            scale: 0.5 * spread,
            misfit: spread / tolerance,
        };
        joint.align(start, &mut self.residuals)
    }

    /// The tolerance that the residuals of what fits ask for.
    fn spread(&mut self, motion: &Isometry3<f64>, tolerance: f64) -> f64 {
        let misfits = self.sights.iter();
        let misfits = misfits.filter_map(|sight| misfit(sight, motion, tolerance));
        self.residuals.clear();
        self.residuals
            .extend(misfits.filter(|squared| *squared < 1.0));
        let middle = self.residuals.len() / 2;
        if self.residuals.is_empty() {
            return tolerance;
        }
        let (_, median, _) = (self.residuals).select_nth_unstable_by(middle, f64::total_cmp);
        // The median of a Rayleigh distribution is 1.177 of its parameter.
        DEVIATIONS * median.sqrt() / 1.177 * tolerance
    }
}
