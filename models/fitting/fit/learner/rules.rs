//! The rules of learning, and the use of each frame.

use std::time::Duration;

use serde::Serialize;

/// The rules by which frames are learnt from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearnRules {
    /// Least time of a block. A block ends after this time *and*
    /// [`block_frames`](Self::block_frames), so that none is empty where frames
    /// are sparse.
    pub block: Duration,
    /// Fewest frames of a block.
    pub block_frames: usize,
    /// Most held-out frames that are kept; older ones are dropped.
    pub held_out: usize,
    /// Most learnt frames that are kept as they are, for descent; the
    /// statistics of ridge regression need none.
    pub reservoir: usize,
    /// Frames after which what was learnt counts half.
    pub half_life_frames: f64,
    /// Share by which the error must fall before anything is exchanged.
    pub margin: f64,
    /// Steps of descent at every refit; 0 for ridge regression alone.
    pub steps: usize,
}

impl Default for LearnRules {
    fn default() -> Self {
        Self {
            block: Duration::from_secs(2),
            block_frames: 5,
            held_out: 48,
            reservoir: 64,
            half_life_frames: 3000.0,
            margin: 0.03,
            steps: 60,
        }
    }
}

/// The use that was made of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameUse {
    /// Learnt from.
    Learnt,
    /// Kept for judging.
    HeldOut,
    /// Nothing of its label is known: passed over.
    Unlabelled,
}
