//! A camera that plays a script: the public fake of [`Camera`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use concert_models::{Image, PixelFormat};

use crate::camera::{Camera, Capture};
use crate::clock::Clock;
use crate::frame::Frame;
use crate::io::thread;
use crate::time::Timestamp;

/// Longest sleep while a clock that may be moved by hand has to be asked again.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Delivers what its script says, entry by entry, then [`Capture::Ended`] (or
/// nothing for ever, see [`then_silent`](Self::then_silent)). Frames are
/// numbered in the order in which they are delivered.
pub struct ScriptedCamera {
    script: VecDeque<(Duration, Capture)>,
    clock: Option<Arc<dyn Clock>>,
    silent_at_end: bool,
    delivered: u64,
}

impl ScriptedCamera {
    /// A camera that delivers one entry per call, at once.
    #[must_use]
    pub fn new(script: impl IntoIterator<Item = Capture>) -> Self {
        Self {
            script: script
                .into_iter()
                .map(|entry| (Duration::ZERO, entry))
                .collect(),
            clock: None,
            silent_at_end: false,
            delivered: 0,
        }
    }

    /// A camera that delivers each entry once `clock`'s monotonic time has
    /// reached the entry's, in the order of the script; frames get the time of
    /// their delivery as `arrived`.
    #[must_use]
    pub fn with_schedule(
        clock: Arc<dyn Clock>,
        script: impl IntoIterator<Item = (Duration, Capture)>,
    ) -> Self {
        Self {
            script: script.into_iter().collect(),
            clock: Some(clock),
            silent_at_end: false,
            delivered: 0,
        }
    }

    /// After the script nothing comes, instead of the end.
    #[must_use]
    pub fn then_silent(mut self) -> Self {
        self.silent_at_end = true;
        self
    }

    /// An evenly grey frame of `width` × `height` px, with `level` in every
    /// pixel, in the coordinate frame `test_optical`, without intrinsics.
    ///
    /// # Panics
    /// Where a side is 0 or above [`Image::MAX_SIDE`].
    #[must_use]
    pub fn grey_frame(width: usize, height: usize, level: u8, stamp: Timestamp) -> Frame {
        let pixels = vec![level; width * height];
        let image = Image::packed(width, height, PixelFormat::Grey8, pixels);
        Frame {
            sequence: 0,
            stamp,
            arrived: Duration::ZERO,
            frame_id: "test_optical".into(),
            image: image.expect("the caller gives a valid size"),
            intrinsics: None,
            distorted: false,
            depth: None,
        }
    }
}

impl Camera for ScriptedCamera {
    fn describe(&self) -> String {
        format!("script with {} entries left", self.script.len())
    }

    fn next_frame(&mut self, timeout: Duration) -> Capture {
        let Some(&(due, _)) = self.script.front() else {
            if self.silent_at_end {
                thread::sleep(timeout);
                return Capture::Nothing;
            }
            return Capture::Ended;
        };
        let now = self.clock.as_ref().map(|clock| clock.monotonic());
        if now.is_some_and(|now| now < due) {
            thread::sleep(timeout.min(LOOK_AGAIN));
            return Capture::Nothing;
        }
        match self.script.pop_front() {
            Some((_, Capture::Frame(mut frame))) => {
                frame.sequence = self.delivered;
                frame.arrived = now.unwrap_or(frame.arrived);
                self.delivered += 1;
                Capture::Frame(frame)
            }
            Some((_, entry)) => entry,
            None => Capture::Ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn grey(level: u8) -> Capture {
        let stamp = Timestamp::from_nanos(i64::from(level));
        Capture::Frame(ScriptedCamera::grey_frame(4, 2, level, stamp))
    }

    #[test]
    fn entries_come_in_order_and_frames_are_numbered() {
        let script = [grey(7), Capture::Interrupted("unplugged".into()), grey(9)];
        let mut camera = ScriptedCamera::new(script);
        let mut next = || camera.next_frame(Duration::ZERO);
        assert!(matches!(next(), Capture::Frame(f) if f.sequence == 0 && f.image.bytes()[0] == 7));
        assert!(matches!(next(), Capture::Interrupted(why) if why == "unplugged"));
        assert!(matches!(next(), Capture::Frame(f) if f.sequence == 1 && f.image.bytes()[0] == 9));
        assert!(matches!(next(), Capture::Ended));
    }

    #[test]
    fn a_timed_entry_waits_for_its_time() {
        let clock = Arc::new(ManualClock::default());
        let due = Duration::from_millis(30);
        let mut camera =
            ScriptedCamera::with_schedule(clock.clone(), [(due, grey(1))]).then_silent();
        assert!(matches!(
            camera.next_frame(Duration::ZERO),
            Capture::Nothing
        ));
        clock.advance(due);
        assert!(matches!(camera.next_frame(Duration::ZERO), Capture::Frame(f) if f.arrived == due));
        assert!(matches!(
            camera.next_frame(Duration::ZERO),
            Capture::Nothing
        ));
    }
}
