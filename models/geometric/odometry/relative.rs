//! The motion between two frames from their keypoints.

use nalgebra::{Isometry3, Point3};

use super::OdometryParameters;
use super::inverse_depth::{InverseDepth, Sight};
use super::joint::HALF;
use super::packed::Packed;
use super::pose::Covariance;
use super::refine::{Refined, descend, difference, misfit, refine};
use super::snapshot::Snapshot;
use crate::geometric::five_point::Match;
use crate::geometric::matching::Matcher;
use crate::geometric::pnp::{Sighting, pnp};
use crate::geometric::two_view::{triangulate, two_view};
use crate::rng::Rng;

/// Least points of known depth for a motion from them.
pub(super) const MIN_KNOWN: usize = 20;
/// Least way, in units of the median distance, that depths are learnt from.
const MIN_PARALLAX: f64 = 0.04;
/// Share of the matches that must agree where depths are given, and where the
/// only rule is that rays meet, which chance fulfils more easily.
pub(super) const MIN_SHARE: (usize, usize) = (20, 35);
/// Greatest standard deviation of a turn that is still told, degrees.
const MAX_TURN_DEGREES: f64 = 1.8;
/// How often the matches are halved at random to see how sure a motion is.
const SPLITS: usize = 4;
/// Parts of a frame whose depths are wrong independently of each other where a
/// readout made them.
const INDEPENDENT_DEPTHS: f64 = 12.0;

/// How a frame lies to an earlier one.
#[derive(Debug, Clone)]
pub(super) struct Relative {
    pub(super) now_from_then: Isometry3<f64>,
    /// Of a rotation vector and a translation from the left.
    pub(super) covariance: Covariance,
    pub(super) inliers: usize,
    /// Share of the surfaces seen then that are seen now, where a depth camera
    /// tells.
    pub(super) overlap: Option<f64>,
}

/// Matches two frames and finds the motion between them; buffers are kept.
#[derive(Debug, Clone)]
pub(super) struct Tracker {
    matcher: Matcher,
    rng: Rng,
    pub(super) pairs: Vec<(u32, u32, f32)>,
    matches: Vec<Match>,
    pub(super) sightings: Vec<Sighting>,
    /// As many as pairs.
    pub(super) sights: Vec<Sight>,
    /// As many as pairs: which fit the motion found last.
    fitting: Vec<bool>,
    /// Sights as they are refined on: all of them or a half, and those of each part
    /// of the picture.
    packed: Packed,
    pub(super) parts: [Packed; HALF],
    pub(super) residuals: Vec<f64>,
    lengths: Vec<f64>,
    distances: Vec<f64>,
    /// Sights in random order, and a half of them in their own.
    shuffled: Vec<usize>,
    half: Vec<Sight>,
    half_fitting: Vec<bool>,
}

impl Tracker {
    /// With memory for so many keypoints of a frame.
    pub(super) fn new(most: usize) -> Self {
        Self {
            matcher: Matcher::default(),
            rng: Rng::from_state(0x5eed),
            pairs: Vec::with_capacity(most),
            matches: Vec::with_capacity(most),
            sightings: Vec::with_capacity(most),
            sights: Vec::with_capacity(most),
            fitting: Vec::with_capacity(most),
            packed: Packed::with_capacity(most),
            parts: std::array::from_fn(|_| Packed::with_capacity(most)),
            residuals: Vec::with_capacity(most),
            lengths: Vec::with_capacity(most),
            distances: Vec::with_capacity(most),
            shuffled: Vec::with_capacity(most),
            half: Vec::with_capacity(most),
            half_fitting: Vec::with_capacity(most),
        }
    }

    /// The motion from `then` to `now`; `guesses` of it are tried first, and
    /// the first of them is the one expected. The depths of `then` are better
    /// known afterwards.
    ///
    /// # Errors
    /// What was too little, in words.
    pub(super) fn track(
        &mut self,
        then: &mut Snapshot,
        now: &Snapshot,
        guesses: &[Isometry3<f64>; 2],
        parameters: &OdometryParameters,
    ) -> Result<Relative, String> {
        self.matcher.mutual(
            &then.keypoints.descriptors,
            &now.keypoints.descriptors,
            then.keypoints.channels,
            parameters.least_similarity,
            &mut self.pairs,
        );
        let (total, least) = (self.pairs.len(), parameters.least_inliers);
        if total < least {
            return Err(format!("{total} points match, but {least} must agree"));
        }
        let by_similarity = |a: &(u32, u32, f32), b: &(u32, u32, f32)| b.2.total_cmp(&a.2);
        (self.pairs).sort_unstable_by(|a, b| by_similarity(a, b).then(a.0.cmp(&b.0)));
        self.sight(then, now);
        // A sensor's depths that do not agree are a loss. Others may be wrong:
        // those learnt from a wrong motion agree on the next one.
        if then.is_measured && !then.is_read_out {
            return self.by_sensor(then, now, guesses, parameters);
        }
        let tolerance = parameters.inlier_px * now.pixel;
        let from_depths = self.by_depths(then, guesses, tolerance, least);
        let from_rays = self.by_rays(then, guesses, tolerance, least);
        let found = [from_depths, from_rays].into_iter().flatten();
        let found = found.min_by(|a, b| a.cost.total_cmp(&b.cost));
        let mut found = found.ok_or_else(|| {
            format!("of {total} matches too few agree on a motion, at least {least} must")
        })?;
        self.settle(&found.now_from_then, tolerance);
        self.doubt(&mut found, tolerance, least, then.is_measured)?;
        if then.is_read_out {
            let alike = self.agreeing() as f64 / INDEPENDENT_DEPTHS;
            found.covariance *= alike.max(1.0);
        }
        self.learn(then, &found, tolerance);
        Ok(Relative {
            now_from_then: found.now_from_then,
            covariance: found.covariance,
            inliers: self.agreeing(),
            overlap: None,
        })
    }

    fn sight(&mut self, then: &Snapshot, now: &Snapshot) {
        self.sights.clear();
        self.sights
            .extend(self.pairs.iter().map(|&(one, two, _)| Sight {
                ray: then.rays[one as usize],
                inverse: then.inverse_depths[one as usize],
                seen: now.rays[two as usize],
            }));
    }

    pub(super) fn by_depths(
        &mut self,
        then: &Snapshot,
        guesses: &[Isometry3<f64>],
        tolerance: f64,
        least: usize,
    ) -> Option<Refined> {
        self.sightings.clear();
        let is_known = |sight: &&Sight| match then.is_read_out {
            true => sight.inverse.is_rough(),
            false => sight.inverse.is_known(),
        };
        let known = self.sights.iter().filter(is_known);
        self.sightings.extend(known.map(|sight| Sighting {
            point: Point3::from(sight.ray.push(1.0) / sight.inverse.value),
            seen: sight.seen,
        }));
        if self.sightings.len() < MIN_KNOWN.max(least) {
            return None;
        }
        let least = least.max(self.sightings.len() * MIN_SHARE.0 / 100);
        let found = pnp(&self.sightings, guesses, tolerance, least, &mut self.rng)?;
        Some(refine(&self.sights, &found, tolerance, &mut self.packed))
    }

    fn by_rays(
        &mut self,
        then: &mut Snapshot,
        guesses: &[Isometry3<f64>; 2],
        tolerance: f64,
        least: usize,
    ) -> Option<Refined> {
        self.matches.clear();
        let rays = self.sights.iter().map(|sight| (sight.ray, sight.seen));
        self.matches.extend(rays);
        let least = least.max(self.matches.len() * MIN_SHARE.1 / 100);
        let found = two_view(
            &self.matches,
            &guesses[0],
            tolerance,
            least,
            &mut self.rng,
            &mut self.fitting,
        )?;
        let mut start = found.two_from_one;
        if found.has_direction {
            start.translation.vector *= self.length(then, &start);
        }
        let starts = [&start, &guesses[0]];
        let refined = starts.map(|start| refine(&self.sights, start, tolerance, &mut self.packed));
        refined.into_iter().min_by(|a, b| a.cost.total_cmp(&b.cost))
    }

    /// Length of a unit translation: that at which known depths are right, or
    /// else at which the median depth is the unit.
    fn length(&mut self, then: &Snapshot, now_from_then: &Isometry3<f64>) -> f64 {
        let (lengths, distances) = (&mut self.lengths, &mut self.distances);
        lengths.clear();
        distances.clear();
        let pairs = self.pairs.iter().zip(&self.matches).zip(&self.fitting);
        for ((&(one, ..), rays), _) in pairs.filter(|(_, fits)| **fits) {
            if let Some((depth, second)) = triangulate(now_from_then, rays)
                && depth > 0.0
                && second > 0.0
            {
                let inverse = then.inverse_depths[one as usize];
                distances.push(depth);
                if inverse.is_known() {
                    lengths.push(1.0 / (inverse.value * depth));
                }
            }
        }
        match lengths.len() >= 10 {
            true => median(lengths).unwrap_or(0.0),
            false => median(distances).map_or(0.0, |distance| 1.0 / distance),
        }
    }

    /// Notes which matches fit.
    pub(super) fn settle(&mut self, motion: &Isometry3<f64>, tolerance: f64) {
        self.fitting.clear();
        let fits =
            |sight: &Sight| misfit(sight, motion, tolerance).is_some_and(|squared| squared < 1.0);
        self.fitting.extend(self.sights.iter().map(fits));
    }

    pub(super) fn agreeing(&self) -> usize {
        self.fitting.iter().filter(|fits| **fits).count()
    }

    /// Makes what was found as unsure as halves of the matches, drawn at random,
    /// differ from it. An estimate from half of the data differs from that of
    /// all by as much as that of all is off (the delete-half jackknife: Shao, Wu,
    /// "A General Theory for Jackknife Variance Estimation", Annals of Statistics
    /// 17(3), 1989).
    ///
    /// # Errors
    /// Why it is not to be told at all: too few agree in the end, or the turn is
    /// too uncertain.
    fn doubt(
        &mut self,
        found: &mut Refined,
        tolerance: f64,
        least: usize,
        has_depths: bool,
    ) -> Result<(), String> {
        let (agreeing, total) = (self.agreeing(), self.pairs.len());
        let share = if has_depths { MIN_SHARE.0 } else { MIN_SHARE.1 };
        let wanted = least.max(total * share / 100);
        if agreeing < wanted {
            return Err(format!(
                "of {total} matches {agreeing} agree on a motion, but {wanted} must"
            ));
        }
        let motion = found.now_from_then;
        for _ in 0..SPLITS {
            self.shuffle();
            for first in [true, false] {
                let half = self.by_half(first, &motion, tolerance, has_depths);
                let off = difference(&half, &motion);
                found.covariance += off * off.transpose() / (2 * SPLITS) as f64;
            }
        }
        told_turn(&found.covariance, agreeing, total)
    }

    /// Fisher and Yates.
    fn shuffle(&mut self) {
        self.shuffled.clear();
        self.shuffled.extend(0..self.sights.len());
        for place in (1..self.shuffled.len()).rev() {
            let other = self.rng.next_u64() % (place as u64 + 1);
            self.shuffled.swap(place, other as usize);
        }
    }

    /// The motion as half of the matches alone tells it. Where no depth was given
    /// it is found from nothing: where one plane or too little parallax allows
    /// several, halves come to different ones, which depths learnt from one of
    /// them would hide. Where half of them is too few, `found` is refined on them.
    fn by_half(
        &mut self,
        first: bool,
        found: &Isometry3<f64>,
        tolerance: f64,
        has_depths: bool,
    ) -> Isometry3<f64> {
        let (one, two) = self.shuffled.split_at_mut(self.sights.len() / 2);
        let chosen = if first { one } else { two };
        // The best come first.
        chosen.sort_unstable();
        self.half.clear();
        let half = chosen.iter().map(|&index| self.sights[index]);
        self.half.extend(half);
        let start = match has_depths {
            true => None,
            false => {
                self.matches.clear();
                let rays = self.half.iter().map(|sight| (sight.ray, sight.seen));
                self.matches.extend(rays);
                let nothing = Isometry3::identity();
                let (rng, fitting) = (&mut self.rng, &mut self.half_fitting);
                two_view(&self.matches, &nothing, tolerance, 8, rng, fitting)
            }
        };
        let start = start.map_or(*found, |start| {
            let mut start = start.two_from_one;
            start.translation.vector *= found.translation.vector.norm();
            start
        });
        descend(&self.half, &start, tolerance, &mut self.packed).0
    }

    pub(super) fn learn(&mut self, then: &mut Snapshot, found: &Refined, tolerance: f64) {
        // With little parallax the direction may be wrong altogether: what was
        // learnt of it would confirm it for ever.
        let parallax = found.now_from_then.translation.vector.norm();
        if !then.is_metric && parallax < MIN_PARALLAX {
            return;
        }
        // Where the camera is not known, parallax tells less.
        let step = found.covariance.fixed_view::<3, 3>(3, 3).trace() / 3.0;
        let pairs = self.pairs.iter().zip(&mut self.sights).zip(&self.fitting);
        for ((&(one, ..), sight), _) in pairs.filter(|(_, fits)| **fits) {
            let mut inverse = sight.inverse;
            let pixel = (tolerance * tolerance + step * inverse.value.powi(2)).sqrt();
            inverse.learn(sight, &found.now_from_then, pixel);
            sight.inverse = inverse;
            then.inverse_depths[one as usize] = inverse;
        }
    }

    /// Gives the points of `now` that fitted last the depths that `then` has
    /// for them, where these are better known.
    pub(super) fn hand_on(&self, now: &mut Snapshot, now_from_then: &Isometry3<f64>) {
        let pairs = self.pairs.iter().zip(&self.sights).zip(&self.fitting);
        for ((&(_, two, _), sight), _) in pairs.filter(|(_, fits)| **fits) {
            let moved: InverseDepth = sight.inverse.moved(&sight.ray, now_from_then);
            let known = &mut now.inverse_depths[two as usize];
            if moved.sigma < known.sigma {
                *known = moved;
            }
        }
    }
}

/// # Errors
/// Why a motion of this covariance is not to be told.
pub(super) fn told_turn(
    covariance: &Covariance,
    agreeing: usize,
    total: usize,
) -> Result<(), String> {
    let turn = covariance.fixed_view::<3, 3>(0, 0).trace().sqrt();
    let turn = turn.to_degrees();
    if turn.is_nan() || turn > MAX_TURN_DEGREES {
        return Err(format!(
            "{agreeing} of {total} matches tell the turn to {turn:.1} degrees, but \
             {MAX_TURN_DEGREES} at most are wanted"
        ));
    }
    Ok(())
}

fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    values.select_nth_unstable_by(middle.min(values.len().checked_sub(1)?), f64::total_cmp);
    Some(values[middle])
}
