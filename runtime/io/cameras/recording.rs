//! A camera that plays a recording.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::fault;
use crate::camera::{Camera, Capture};
use crate::clock::Clock;
use crate::frame::Frame;
use crate::io::recording::{
    Recorded, RecordedFrame, RecordingEnd, RecordingError, RecordingStream,
};
use crate::io::thread;
use crate::time::Timestamp;

/// Settings of a camera that plays a recording.
#[derive(Debug, Clone)]
pub struct RecordingCameraOptions {
    /// The file.
    pub path: PathBuf,
    /// Topic of the images; that of the first image where it is not given.
    pub topic: Option<String>,
    /// Coordinate frame of images whose header names none.
    pub frame_id: Arc<str>,
}

/// Plays the images of a recording once, as fast as they came, with the stamps,
/// intrinsics and depth that they had.
pub struct RecordingCamera {
    options: RecordingCameraOptions,
    stream: RecordingStream,
    clock: Arc<dyn Clock>,
    /// The image whose turn comes.
    next: Option<Box<RecordedFrame>>,
    /// A stamp, and when its frame was due.
    anchor: Option<(Timestamp, Duration)>,
    /// Key of the images that are played.
    key: String,
    has_others: bool,
}

impl RecordingCamera {
    /// Longest pause between two frames, however far apart they were.
    const MAX_PAUSE: Duration = Duration::from_secs(10);

    /// Opens a recording, and reads it up to its first image.
    ///
    /// # Errors
    /// A file that cannot be read, is no MCAP file, or has no image that can be used.
    pub fn open(
        options: RecordingCameraOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RecordingError> {
        let mut stream = RecordingStream::open(&options.path, options.topic.as_deref())?;
        let mut refused = None;
        let next = loop {
            match stream.next_recorded()? {
                Some(Recorded::Frame(frame)) => break Some(frame),
                Some(Recorded::Refused { topic, reason }) => {
                    refused = refused.or(Some(format!(": {topic}: {reason}")));
                }
                Some(Recorded::Output(_)) => {}
                None => break None,
            }
        };
        let Some(next) = next else {
            let of = options.topic.as_ref();
            let of = of.map_or(String::new(), |topic| format!(" at {topic}"));
            return Err(RecordingError::Unusable {
                rule: format!("has no image{of}{}", refused.unwrap_or_default()),
                path: options.path,
            });
        };
        Ok(Self {
            key: next.key.clone(),
            next: Some(next),
            anchor: None,
            has_others: false,
            options,
            stream,
            clock,
        })
    }

    /// Waits until a frame is due, at most `timeout`; whether it is.
    fn is_due(&mut self, stamp: Timestamp, timeout: Duration) -> bool {
        let now = self.clock.monotonic();
        let (from, at) = *self.anchor.get_or_insert((stamp, now));
        // A stamp from before is due at once, and time goes on from there.
        let due = match stamp.age_at(from) {
            Some(_) => at,
            None => at + from.age_at(stamp).unwrap_or_default().min(Self::MAX_PAUSE),
        };
        if now < due {
            thread::sleep((due - now).min(timeout));
        }
        let is_due = self.clock.monotonic() >= due;
        if is_due {
            self.anchor = Some((stamp, due));
        }
        is_due
    }

    fn frame(&self, recorded: RecordedFrame) -> Frame {
        let mut frame = recorded.frame;
        if frame.frame_id.is_empty() {
            frame.frame_id = Arc::clone(&self.options.frame_id);
        }
        frame.arrived = self.clock.monotonic();
        frame
    }

    /// Takes note of an image of another camera.
    fn pass_over(&mut self, frame: &RecordedFrame) {
        if !std::mem::replace(&mut self.has_others, true) {
            tracing::warn!(
                "{}: plays {}, and leaves {} out: name another with `topic`",
                self.options.path.display(),
                self.key,
                frame.key
            );
        }
    }
}

impl Camera for RecordingCamera {
    fn describe(&self) -> String {
        format!("recording {}", self.options.path.display())
    }

    fn next_frame(&mut self, timeout: Duration) -> Capture {
        while self.next.is_none() {
            match self.stream.next_recorded() {
                Ok(Some(Recorded::Frame(frame))) if frame.key != self.key => {
                    self.pass_over(&frame);
                }
                Ok(Some(Recorded::Frame(frame))) => self.next = Some(frame),
                Ok(Some(Recorded::Output(_))) => {}
                Ok(Some(Recorded::Refused { topic, reason })) => {
                    return Capture::Refused(fault(topic.to_string(), reason));
                }
                Ok(None) => {
                    if let Some(RecordingEnd::Cut { at, reason }) = self.stream.end() {
                        let file = self.options.path.display();
                        tracing::warn!("{file}: cut at byte {at}: {reason}");
                    }
                    return Capture::Ended;
                }
                Err(error) => {
                    tracing::error!("{error}");
                    return Capture::Ended;
                }
            }
        }
        let stamp = self.next.as_ref().map(|next| next.frame.stamp);
        if !stamp.is_some_and(|stamp| self.is_due(stamp, timeout)) {
            return Capture::Nothing;
        }
        match self.next.take() {
            Some(frame) => Capture::Frame(self.frame(*frame)),
            None => Capture::Nothing,
        }
    }
}
