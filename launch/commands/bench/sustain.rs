//! Which rate a policy sustains, and what to leave out for more.

use std::collections::{BTreeMap, BTreeSet};

use concert_policies::{Input, Policy, Transfer};
use serde::Serialize;

/// Above this share of frames without any output the rate is not sustained.
const LOST_LIMIT: f64 = 0.01;
/// Share of the time between frames that a frame may take, so that nothing waits.
const FULL: f64 = 0.95;

/// What was found out about a rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Sustained {
    /// Frames a second that were asked for, of all cameras.
    pub(super) asked_hz: f64,
    /// Frames a second that outputs came of.
    pub(super) got_hz: f64,
    /// Frames of which nothing came, % of all.
    pub(super) lost_percent: f64,
    /// Frames a second that the server would have time for; null where it is not
    /// known how long a step takes.
    pub(super) possible_hz: Option<f64>,
    /// True where what was asked for is sustained.
    pub(super) sustained: bool,
    /// Targets without which it would be, least important first: an estimate;
    /// null where that would not do.
    pub(super) leave_out: Option<Vec<&'static str>>,
}

/// What a step takes, ms.
#[derive(Debug, Clone, Default)]
pub(super) struct StepCost {
    /// A whole step, mean.
    pub(super) step_millis: Option<f64>,
    /// Mean time a frame of each encoder and readout, by name.
    pub(super) networks: BTreeMap<String, f64>,
}

/// Judges a rate.
pub(super) fn judge(
    policy: &Policy,
    asked_hz: f64,
    (got_hz, lost): (f64, f64),
    cost: &StepCost,
) -> Sustained {
    let sustained = lost <= LOST_LIMIT;
    let room = 1e3 / asked_hz * FULL;
    let leave_out = match (sustained, cost.step_millis) {
        (true, _) | (false, None) => None,
        (false, Some(step)) => leave_out(policy, step, room, &cost.networks),
    };
    Sustained {
        asked_hz,
        got_hz,
        lost_percent: 100.0 * lost,
        possible_hz: cost
            .step_millis
            .filter(|step| *step > 0.0)
            .map(|step| 1e3 / step),
        sustained,
        leave_out,
    }
}

/// The least important targets without which a step fits into `room` ms. A step
/// takes time in proportion to its networks.
fn leave_out(
    policy: &Policy,
    step: f64,
    room: f64,
    networks: &BTreeMap<String, f64>,
) -> Option<Vec<&'static str>> {
    let mut kept: Vec<&Transfer> = policy.transfers().iter().collect();
    let all = cost(policy, &kept, networks);
    let mut left_out = Vec::new();
    while all > 0.0 && kept.len() > 1 {
        let last = kept.pop()?;
        left_out.push(last.target().name);
        if step * cost(policy, &kept, networks) / all <= room {
            return Some(left_out);
        }
    }
    None
}

/// What the networks take that these transfers need, ms a frame.
fn cost(policy: &Policy, kept: &[&Transfer], networks: &BTreeMap<String, f64>) -> f64 {
    let mut needed: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<&Transfer> = kept.to_vec();
    while let Some(transfer) = open.pop() {
        if !needed.insert(transfer.readout_name()) {
            continue;
        }
        needed.extend(transfer.sources().iter().cloned());
        let inputs = transfer.inputs().iter().filter_map(|input| match input {
            Input::Target(task) => policy.transfer(task),
            Input::CameraDepth => None,
        });
        open.extend(inputs);
    }
    let times = needed.iter().filter_map(|name| networks.get(name));
    times.sum()
}

impl Sustained {
    /// For people.
    pub(super) fn text(&self) -> String {
        let Self {
            asked_hz,
            got_hz,
            lost_percent,
            ..
        } = self;
        if self.sustained {
            let more = self.possible_hz.map_or(String::new(), |hz| {
                format!(": a step leaves time for about {hz:.0} Hz")
            });
            return format!("sustains {asked_hz} Hz{more}");
        }
        let advice = match &self.leave_out {
            Some(targets) => {
                let targets = targets.join(", ");
                format!("; leave out {targets} to sustain {asked_hz} Hz (an estimate)")
            }
            None if self.possible_hz.is_none() => String::new(),
            None => format!(
                "; the most important output alone would not sustain {asked_hz} Hz (an estimate)"
            ),
        };
        format!(
            "sustains {got_hz:.1} Hz; asked {asked_hz}: {lost_percent:.0} % of the frames were \
             replaced by newer ones{advice}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let text = "name = \"a\"\nsupervision_budget = 2\n\
            [[transfer]]\ntarget = \"odometry\"\nsources = [\"xfeat\"]\ninputs = [\"depth_zbuffer\"]\n\
            [[transfer]]\ntarget = \"normal\"\nsources = [\"home_multi\"]\n\
            [[transfer]]\ntarget = \"keypoints2d\"\nsources = [\"xfeat\"]\n\
            [[transfer]]\ntarget = \"depth_zbuffer\"\nsources = [\"home_multi\"]\n";
        Policy::parse(text, "a").expect("a policy")
    }

    fn cost_of(step_millis: f64) -> StepCost {
        let networks = [
            ("xfeat", 10.0),
            ("home_multi", 10.0),
            ("odometry_from_xfeat", 5.0),
            ("depth_zbuffer_from_home_multi", 5.0),
            ("normal_from_home_multi", 5.0),
            ("keypoints2d_from_xfeat", 5.0),
        ];
        let networks = networks.map(|(name, millis)| (name.to_owned(), millis));
        StepCost {
            step_millis: Some(step_millis),
            networks: networks.into(),
        }
    }

    #[test]
    fn what_is_sustained_is_said_with_the_room_that_is_left() {
        let found = judge(&policy(), 20.0, (20.0, 0.0), &cost_of(40.0));
        assert!(found.sustained && found.leave_out.is_none());
        assert_eq!(
            found.text(),
            "sustains 20 Hz: a step leaves time for about 25 Hz"
        );
    }

    #[test]
    fn the_least_important_outputs_are_left_out_first() {
        let names: Vec<_> = policy()
            .transfers()
            .iter()
            .map(Transfer::readout_name)
            .collect();
        let cost = cost_of(40.0);
        assert!(
            names.iter().all(|name| cost.networks.contains_key(name)),
            "{names:?}"
        );
        // 40 ms in all; odometry needs depth, so leaving depth out saves nothing, and
        // keypoints must go, too: 35 ms.
        let found = judge(&policy(), 27.0, (25.0, 0.075), &cost);
        assert_eq!(
            found.leave_out.as_deref(),
            Some(&["depth_zbuffer", "keypoints2d"][..])
        );
        let text = found.text();
        assert!(
            text.starts_with("sustains 25.0 Hz; asked 27: 8 % of the frames"),
            "{text}"
        );
        assert!(
            text.contains("leave out depth_zbuffer, keypoints2d"),
            "{text}"
        );
        // Nothing but odometry and what it reads: 30 ms, too much for 40 Hz.
        let found = judge(&policy(), 40.0, (25.0, 0.375), &cost);
        assert_eq!(found.leave_out, None);
        assert!(
            found.text().contains("most important output alone"),
            "{}",
            found.text()
        );
    }

    #[test]
    fn without_a_known_step_nothing_is_advised() {
        let found = judge(&policy(), 30.0, (20.0, 0.33), &StepCost::default());
        assert!(!found.sustained && found.possible_hz.is_none());
        assert!(!found.text().contains("leave out"), "{}", found.text());
    }
}
