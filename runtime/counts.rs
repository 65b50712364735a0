//! Exact counts: what became of every frame, and of every target on it.
//!
//! Two laws hold at every moment in which no step is under way:
//! * per camera, `arrived` = `refused` + `duplicate` + `superseded` +
//!   `too_old` + `processed` + those waiting (0 or 1);
//! * per target, `processed` = the sum of its outcomes.

use serde::Serialize;

/// The fate of one target on one processed frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Computed and handed to the publisher.
    Delivered,
    /// Computed because another target reads it, but nobody listens to it or
    /// it is not due by its own rate.
    Internal,
    /// Its own rate did not ask for it.
    NotDue,
    /// Nobody listens to it and no due target reads it.
    NoSubscriber,
    /// Given up because the time limit had passed.
    Shed,
    /// Looks back further than its encoder has run since the start.
    Warming,
    /// It has lost track, and has nothing to say about this frame.
    Lost,
    /// Its own network failed, or pauses after failures.
    Failed,
    /// An encoder or target that it reads failed, warms or was shed.
    InputMissing,
    /// Computed, but not finite or out of its task's range; withheld.
    Withheld,
}

impl Outcome {
    /// Every outcome, in the order of [`OutcomeCounts`].
    pub const ALL: [Outcome; 10] = [
        Outcome::Delivered,
        Outcome::Internal,
        Outcome::NotDue,
        Outcome::NoSubscriber,
        Outcome::Shed,
        Outcome::Warming,
        Outcome::Lost,
        Outcome::Failed,
        Outcome::InputMissing,
        Outcome::Withheld,
    ];

    /// The word for it in status and `--json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Internal => "internal",
            Outcome::NotDue => "not_due",
            Outcome::NoSubscriber => "no_subscriber",
            Outcome::Shed => "shed",
            Outcome::Warming => "warming",
            Outcome::Lost => "lost",
            Outcome::Failed => "failed",
            Outcome::InputMissing => "input_missing",
            Outcome::Withheld => "withheld",
        }
    }
}

/// Counts of each [`Outcome`] of one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutcomeCounts([u64; Outcome::ALL.len()]);

impl OutcomeCounts {
    /// Counts one.
    pub fn add(&mut self, outcome: Outcome) {
        self.0[outcome as usize] += 1;
    }

    /// The count of `outcome`.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    /// The sum: frames processed.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Losses that a user would call drops: shed, lost, failed, input missing,
    /// withheld.
    #[must_use]
    pub fn lost(&self) -> u64 {
        [
            Outcome::Shed,
            Outcome::Lost,
            Outcome::Failed,
            Outcome::InputMissing,
            Outcome::Withheld,
        ]
        .map(|outcome| self.of(outcome))
        .iter()
        .sum()
    }
}

impl Serialize for OutcomeCounts {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(
            Outcome::ALL
                .iter()
                .map(|&outcome| (outcome.name(), self.of(outcome))),
        )
    }
}

/// Counts of the frames of one camera.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CameraCounts {
    /// Everything that came, usable or not.
    pub arrived: u64,
    /// Could not be used: truncated, wrong step, wrong size.
    pub refused: u64,
    /// Carried the stamp of the frame before; dropped.
    pub duplicate: u64,
    /// A newer frame came before it was looked at.
    pub superseded: u64,
    /// Had waited longer than the limit when its turn came.
    pub too_old: u64,
    /// Went through the plan.
    pub processed: u64,
    /// Processed, but without time for everything that was due. Not a loss of the
    /// frame: what was shed is counted with its target.
    pub late: u64,
    /// Frames whose stamp lay before the frame before's. Not a loss.
    pub backward_stamps: u64,
    /// Frames whose stamp moved by over a second more or less than
    /// the monotonic clock did. Not a loss.
    pub stamp_steps: u64,
    /// Times that size or pixel format changed between frames. Not a loss.
    pub format_changes: u64,
    /// Times that the camera lost its device, program or publisher.
    pub interruptions: u64,
    /// Calibrations beside the frames that could not be used. No frames.
    pub camera_infos_refused: u64,
    /// Depth images beside the frames that could not be used. No frames.
    pub depths_refused: u64,
}

impl CameraCounts {
    /// Frames that came and were not processed; `waiting` is 0 or 1.
    #[must_use]
    pub fn drops(&self) -> u64 {
        self.refused + self.duplicate + self.superseded + self.too_old
    }
}
