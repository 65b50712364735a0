//! A camera that is any program writing Y4M or MJPEG to its standard output.

use std::sync::Arc;
use std::time::Duration;

use concert_models::Intrinsics;
use concert_models::image_file::DecodeLimits;

use super::mailbox::{Arrival, Letter, Losses, Mailbox};
use super::pace::{Backoff, Pace};
use super::program::{Film, Program};
use super::video::Splitter;
use super::{CameraError, Framer, fault};
use crate::camera::{Camera, CameraLosses, Capture};
use crate::clock::Clock;
use crate::io::thread;

/// Exit status of a program that did not fail.
const SUCCESS: &str = "exit status: 0";

/// Settings of a program that is used as a camera.
#[derive(Debug, Clone)]
pub struct CommandOptions {
    /// The program and its arguments. No shell is involved; where one is
    /// wanted, it is the program: `["sh", "-c", "…"]`.
    pub argv: Vec<String>,
    /// Coordinate frame of the camera; ends in `_optical`.
    pub frame_id: Arc<str>,
    /// The camera's intrinsics, where they are known; frames of another size
    /// are then refused.
    pub intrinsics: Option<Intrinsics>,
    /// Larger frames are refused before anything is allocated for them;
    /// `max_bytes` is the longest single JPEG.
    pub limits: DecodeLimits,
    /// A program that writes no frame for this long is restarted.
    pub silence: Duration,
    /// True where the camera ends when the program does, as of a film, of which
    /// every frame is seen, however long that takes; else the program is started
    /// again, and only the newest frame waits.
    pub ends: bool,
    /// At most so many frames a second are taken, as of a film that is read
    /// from a file; the program waits meanwhile.
    pub paced_hz: Option<f64>,
}

impl Default for CommandOptions {
    /// No program (there is none to assume); restarted when it ends or after
    /// 10 s of silence, as fast as it writes.
    fn default() -> Self {
        Self {
            argv: Vec::new(),
            frame_id: "camera_optical".into(),
            intrinsics: None,
            limits: DecodeLimits::default(),
            silence: Duration::from_secs(10),
            ends: false,
            paced_hz: None,
        }
    }
}

/// Takes frames from a program. Only the newest frame waits to be taken, and the
/// program is restarted when it ends, with growing pauses (0.5 s to 10 s), unless
/// it writes a film ([`CommandOptions::ends`]).
///
/// Y4M of 8 bits (420, 422, 444, mono; BT.601) and MJPEG are told apart by the
/// first bytes. Frames are stamped when their last byte was read.
pub struct CommandCamera {
    options: CommandOptions,
    framer: Framer,
    clock: Arc<dyn Clock>,
    losses: Arc<Losses>,
    backoff: Backoff,
    state: State,
}

enum State {
    Running {
        program: Program,
        mailbox: Arc<Mailbox>,
        /// Monotonic time of the last frame, or of the start.
        heard: Duration,
    },
    /// Until this monotonic time.
    Waiting(Duration),
    /// The film is at its end.
    Over,
}

impl CommandCamera {
    /// Starts the program.
    ///
    /// # Errors
    /// No program given, one that cannot be started, intrinsics that cannot be.
    pub fn open(options: CommandOptions, clock: Arc<dyn Clock>) -> Result<Self, CameraError> {
        if options.argv.is_empty() {
            return Err(CameraError::Unusable {
                subject: "command".into(),
                rule: "argv has 0 words, but needs at least the program".into(),
            });
        }
        let framer = Framer::new(&options.frame_id, options.intrinsics)?;
        let losses = Arc::default();
        let state = start(&options, &clock, &losses)?;
        Ok(Self {
            options,
            framer,
            clock,
            losses,
            backoff: Backoff::new(),
            state,
        })
    }

    fn name(&self) -> String {
        format!("command {:?}", self.options.argv[0])
    }

    /// Gives the run up: says why, and when it is tried again.
    fn interrupt(&mut self, reason: &str) -> Capture {
        let wait = self.backoff.wait();
        let until = self.clock.monotonic() + wait;
        let status = match std::mem::replace(&mut self.state, State::Waiting(until)) {
            State::Running { program, .. } => format!(" ({})", program.end()),
            State::Waiting(_) | State::Over => String::new(),
        };
        Capture::Interrupted(format!(
            "{}: {reason}{status}; trying again in {} s",
            self.name(),
            wait.as_secs_f64()
        ))
    }

    /// The program ended for good; whether that is a fault, it says itself.
    fn end(&mut self, reason: &str) -> Capture {
        let State::Running { program, .. } = std::mem::replace(&mut self.state, State::Over) else {
            return Capture::Ended;
        };
        match program.end() {
            status if status == SUCCESS => Capture::Ended,
            status => Capture::Interrupted(format!("{}: {reason} ({status})", self.name())),
        }
    }

    fn restart(&mut self, until: Duration, timeout: Duration) -> Capture {
        let now = self.clock.monotonic();
        if now < until {
            thread::sleep((until - now).min(timeout));
            return Capture::Nothing;
        }
        match start(&self.options, &self.clock, &self.losses) {
            Ok(state) => {
                self.state = state;
                Capture::Nothing
            }
            Err(error) => self.interrupt(&error.to_string()),
        }
    }

    fn take(&mut self, arrival: Arrival) -> Capture {
        let Arrival {
            raw,
            stamp,
            arrived,
        } = arrival;
        let image = raw.decode(&self.options.limits);
        match image.and_then(|image| self.framer.frame(image, stamp, arrived)) {
            Ok(frame) => {
                self.backoff.reset();
                Capture::Frame(frame)
            }
            Err(reason) => Capture::Refused(fault(self.name(), reason)),
        }
    }
}

fn start(
    options: &CommandOptions,
    clock: &Arc<dyn Clock>,
    losses: &Arc<Losses>,
) -> Result<State, CameraError> {
    let mailbox = Arc::new(Mailbox::counting(losses.clone()));
    let splitter = Splitter::new(options.limits.max_pixels, options.limits.max_bytes);
    let pace = options.paced_hz;
    let pace = pace.map(|rate_hz| Pace::starting(clock.monotonic(), rate_hz));
    let film = Film {
        splitter,
        is_whole: options.ends,
        pace: pace.transpose()?,
    };
    let program = Program::start(&options.argv, film, mailbox.clone(), clock.clone())?;
    Ok(State::Running {
        program,
        mailbox,
        heard: clock.monotonic(),
    })
}

impl Camera for CommandCamera {
    fn describe(&self) -> String {
        format!("command {}", self.options.argv.join(" "))
    }

    fn next_frame(&mut self, timeout: Duration) -> Capture {
        let (letter, heard) = match &self.state {
            State::Over => return Capture::Ended,
            State::Waiting(until) => return self.restart(*until, timeout),
            State::Running { mailbox, heard, .. } => (mailbox.take(timeout), *heard),
        };
        let now = self.clock.monotonic();
        match letter {
            Some(Letter::Frame(arrival)) => {
                if let State::Running { heard, .. } = &mut self.state {
                    *heard = now;
                }
                self.take(arrival)
            }
            Some(Letter::Refused(reason, 0)) => Capture::Refused(fault(self.name(), reason)),
            Some(Letter::Refused(reason, more)) => {
                let reason = format!("{reason} (and {more} more refused)");
                Capture::Refused(fault(self.name(), reason))
            }
            Some(Letter::Over(reason)) if self.options.ends => self.end(&reason),
            Some(Letter::Over(reason)) => self.interrupt(&reason),
            None if now.saturating_sub(heard) >= self.options.silence => {
                let seconds = self.options.silence.as_secs_f64();
                self.interrupt(&format!("no frame for {seconds} s"))
            }
            None => Capture::Nothing,
        }
    }

    fn losses(&self) -> CameraLosses {
        self.losses.now()
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
