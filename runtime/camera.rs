//! The boundary to whatever delivers frames.

use std::sync::Arc;
use std::time::Duration;

use crate::frame::Frame;

/// Delivers frames, one at a time, on a thread of its own.
pub trait Camera: Send {
    /// Describes itself for people: `images ../frames at 30 Hz`.
    fn describe(&self) -> String;

    /// Waits for the next frame, at most about `timeout`, and says what came.
    /// It never waits longer, so that a stop is prompt.
    fn next_frame(&mut self, timeout: Duration) -> Capture;

    /// Counts its losses since it was opened: everything that came and
    /// [`next_frame`](Self::next_frame) never told of. Only grows.
    fn losses(&self) -> CameraLosses {
        CameraLosses::default()
    }

    /// Counts what came beside its frames so far.
    fn companions(&self) -> Companions {
        Companions::default()
    }
}

/// Counts of what comes beside the frames of a camera.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Companions {
    /// Calibrations (`CameraInfo`) that could not be used.
    pub camera_infos_refused: u64,
    /// Depth images that could not be used.
    pub depths_refused: u64,
    /// Why the newest of them could not, while that is so.
    pub fault: Option<Arc<str>>,
}

/// Frames that came to a camera and were lost inside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CameraLosses {
    /// A newer one took their place before they were asked for.
    pub superseded: u64,
    /// They could not be used, beside those told of as [`Capture::Refused`].
    pub refused: u64,
}

/// An answer of a camera that was asked for a frame.
#[derive(Debug)]
pub enum Capture {
    /// A frame.
    Frame(Frame),
    /// A frame came but cannot be used (truncated, wrong step, …). It is
    /// counted; the camera goes on.
    Refused(FrameFault),
    /// Nothing came within the time.
    Nothing,
    /// The camera lost its device, program or publisher and tries again by
    /// itself; with the reason, for the log.
    Interrupted(String),
    /// No frame will ever come again (a list of images came to its end).
    Ended,
}

/// Why one frame cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject}: {reason}")]
pub struct FrameFault {
    /// The file or key it came from.
    pub subject: String,
    /// Both quantities and the rule.
    pub reason: String,
}
