//! Conditions of a readout that does not fail.

use crate::counts::Outcome;
use crate::evidence::NOTHING_AFTER;
use crate::failures::Trouble;
use crate::health::Health;
use crate::plan::Plan;
use crate::shedding::Need;

/// Condition of a readout that does not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadoutCondition {
    Well,
    /// It reads the camera's depth, but the frame has none.
    NoDepth,
    /// It needs the camera's intrinsics, but they are unknown.
    Uncalibrated,
    /// It needs a pinhole camera, but the image is distorted.
    Distorted,
    /// It needs more frames first.
    Warming(String),
    /// It has lost track.
    Lost(String),
    /// There is no time for it.
    Shed(Need),
    /// The output of this readout, which it reads, was not made, for this reason.
    InputMissing(usize, Outcome),
    /// So many outputs in a row were NaN throughout.
    Unknown(u32),
}

impl ReadoutCondition {
    /// The trouble that it is, if it is one.
    pub(super) fn trouble(&self, name: &str, plan: &Plan) -> Option<Trouble> {
        let (health, reason) = match self {
            ReadoutCondition::Well => return None,
            ReadoutCondition::Unknown(row) if *row < NOTHING_AFTER => return None,
            ReadoutCondition::Unknown(row) => (
                Health::Warn,
                format!("unknown: every value of the last {row} outputs was NaN"),
            ),
            ReadoutCondition::Shed(need) => (Health::Warn, need.words()),
            ReadoutCondition::InputMissing(input, outcome) => (
                match outcome {
                    Outcome::Shed | Outcome::Warming | Outcome::Lost => Health::Warn,
                    _ => Health::Error,
                },
                format!(
                    "what it reads, {}, was not made: {}",
                    plan.readouts[*input].task.name,
                    outcome.name().replace('_', " ")
                ),
            ),
            ReadoutCondition::NoDepth => {
                (Health::Error, "frame comes without camera.depth".to_owned())
            }
            ReadoutCondition::Uncalibrated => (
                Health::Warn,
                "uncalibrated: the camera's intrinsics are unknown, so a reference stands in"
                    .to_owned(),
            ),
            ReadoutCondition::Distorted => (
                Health::Warn,
                "distorted: the image is not rectified, so metres and angles hold near its middle"
                    .to_owned(),
            ),
            ReadoutCondition::Warming(reason) => (Health::Warn, format!("warming: {reason}")),
            ReadoutCondition::Lost(reason) => (Health::Warn, format!("lost: {reason}")),
        };
        Some(Trouble {
            name: name.to_owned(),
            reason,
            health,
            quarantined: false,
        })
    }
}
