//! Cameras of the Linux kernel (V4L2), as MJPEG or YUYV.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use concert_models::Intrinsics;
use concert_models::image_file::DecodeLimits;
use rustix::time::{ClockId, clock_gettime};
use v4l::buffer::{Flags, Metadata, Type};
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture as _;
use v4l::video::capture::Parameters;
use v4l::{Device, FourCC};

use super::capture_format::{CaptureFormat, Encoding, stamp_of};
use super::pace::{Backoff, MAX_RATE_HZ};
use super::{CameraError, Framer, fault};
use crate::camera::{Camera, CameraLosses, Capture};
use crate::clock::Clock;
use crate::io::thread;

/// Buffers that the driver fills in turn.
const BUFFERS: u32 = 4;
/// Most buffers a driver may make of them.
const MAX_BUFFERS: usize = 32;
/// A larger gap between two numbers of a driver is none, but a new beginning.
const MAX_MISSED: u32 = 100_000;

/// Settings of a camera of the kernel.
#[derive(Debug, Clone)]
pub struct V4l2Options {
    /// The device: `/dev/video0`, or better a name that stays the same,
    /// `/dev/v4l/by-id/…`.
    pub device: PathBuf,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// Frames per second; above 0, at most 1000. The driver takes the nearest
    /// that it has.
    pub rate_hz: f64,
    /// Encoding that is asked of the device; where `None`, MJPEG, else YUYV.
    pub encoding: Option<Encoding>,
    /// Coordinate frame of the camera; ends in `_optical`.
    pub frame_id: Arc<str>,
    /// The camera's intrinsics, where they are known, for this very size.
    pub intrinsics: Option<Intrinsics>,
    /// Larger frames are refused before anything is allocated for them.
    pub limits: DecodeLimits,
    /// A device that delivers no frame for this long is opened anew.
    pub silence: Duration,
}

impl Default for V4l2Options {
    /// `/dev/video0`, 640 × 480 px at 30 Hz, opened anew after 2 s of silence.
    fn default() -> Self {
        Self {
            device: "/dev/video0".into(),
            width: 640,
            height: 480,
            rate_hz: 30.0,
            encoding: None,
            frame_id: "camera_optical".into(),
            intrinsics: None,
            limits: DecodeLimits::default(),
            silence: Duration::from_secs(2),
        }
    }
}

/// A device of the kernel that may be a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct V4l2Device {
    /// Path: `/dev/video0`.
    pub path: PathBuf,
    /// Its own name, where it says one.
    pub name: Option<String>,
}

impl V4l2Device {
    /// All devices, by number. Many cameras have a second one, for metadata.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir("/dev") else {
            return Vec::new();
        };
        let number = |path: &Path| -> Option<u32> {
            path.file_name()?
                .to_str()?
                .strip_prefix("video")?
                .parse()
                .ok()
        };
        let mut found: Vec<(u32, PathBuf)> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter_map(|path| Some((number(&path)?, path)))
            .collect();
        found.sort();
        let describe = |(number, path)| {
            let name = format!("/sys/class/video4linux/video{number}/name");
            let name = std::fs::read_to_string(name).ok();
            V4l2Device {
                path,
                name: name.map(|name| name.trim().to_owned()),
            }
        };
        found.into_iter().map(describe).collect()
    }
}

/// Takes frames from a camera of the kernel. When it is unplugged, it is tried
/// again with growing pauses (0.5 s to 10 s); what comes back must have the
/// size that was asked for.
pub struct V4l2Camera {
    options: V4l2Options,
    framer: Framer,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    /// Frames that the driver had no buffer for: gaps in its numbers.
    missed: u64,
    state: State,
}

enum State {
    Open {
        open: Open,
        /// Monotonic time of the last frame, or of the opening.
        heard: Duration,
    },
    /// Until this monotonic time.
    Waiting(Duration),
}

/// A device that delivers.
struct Open {
    /// Always there, but for the moment of dropping.
    stream: Option<Stream<'static>>,
    format: CaptureFormat,
    /// The driver's number of the last frame.
    number: Option<u32>,
}

impl Drop for Open {
    fn drop(&mut self) {
        // The stream panics where the device is lost in an unforeseen way.
        let stream = self.stream.take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(stream)));
    }
}

impl V4l2Camera {
    /// Opens the device and starts it.
    ///
    /// # Errors
    /// A device that is missing, is no camera, or has neither the size nor an
    /// encoding that was asked for.
    pub fn open(options: V4l2Options, clock: Arc<dyn Clock>) -> Result<Self, CameraError> {
        if !(options.rate_hz > 0.0 && options.rate_hz <= MAX_RATE_HZ) {
            let rate_hz = options.rate_hz;
            return Err(CameraError::Rate { rate_hz });
        }
        let framer = Framer::new(&options.frame_id, options.intrinsics)?;
        let state = start(&options, &*clock)?;
        Ok(Self {
            options,
            framer,
            clock,
            backoff: Backoff::new(),
            missed: 0,
            state,
        })
    }

    fn name(&self) -> String {
        self.options.device.display().to_string()
    }

    /// Closes the device: says why, and when it is tried again.
    fn interrupt(&mut self, reason: &str) -> Capture {
        let wait = self.backoff.wait();
        self.state = State::Waiting(self.clock.monotonic() + wait);
        let seconds = wait.as_secs_f64();
        Capture::Interrupted(format!("{reason}; trying again in {seconds} s"))
    }

    fn reopen(&mut self, until: Duration, timeout: Duration) -> Capture {
        let now = self.clock.monotonic();
        if now < until {
            thread::sleep((until - now).min(timeout));
            return Capture::Nothing;
        }
        match start(&self.options, &*self.clock) {
            Ok(state) => {
                self.state = state;
                Capture::Nothing
            }
            Err(error) => self.interrupt(&error.to_string()),
        }
    }

    /// Waits for the driver and takes what it has.
    fn capture(&mut self, timeout: Duration) -> std::io::Result<Option<Capture>> {
        let State::Open { open, heard } = &mut self.state else {
            return Ok(None);
        };
        let Some(stream) = &mut open.stream else {
            return Ok(None);
        };
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        if stream.handle().poll(libc_pollin(), millis)? == 0 {
            return Ok(None);
        }
        let (bytes, about) = stream.next()?;
        let arrived = self.clock.monotonic();
        *heard = arrived;
        self.missed += u64::from(count_missed(
            open.number.replace(about.sequence),
            about.sequence,
        ));
        let stamp = stamp_of(self.clock.now(), age(about));
        let bytes = &bytes[..bytes.len().min(about.bytesused as usize)];
        let image = if about.flags.contains(Flags::ERROR) {
            Err("the driver marked the frame as damaged".to_owned())
        } else {
            open.format.image(bytes, &self.options.limits)
        };
        let frame = image.and_then(|image| self.framer.frame(image, stamp, arrived));
        Ok(Some(match frame {
            Ok(frame) => {
                self.backoff.reset();
                Capture::Frame(frame)
            }
            Err(reason) => Capture::Refused(fault(self.name(), reason)),
        }))
    }
}

impl Camera for V4l2Camera {
    fn describe(&self) -> String {
        let V4l2Options {
            width,
            height,
            rate_hz,
            ..
        } = self.options;
        format!("v4l2 {} {width}x{height} at {rate_hz} Hz", self.name())
    }

    fn next_frame(&mut self, timeout: Duration) -> Capture {
        let heard = match &self.state {
            State::Waiting(until) => return self.reopen(*until, timeout),
            State::Open { heard, .. } => *heard,
        };
        match self.capture(timeout) {
            Ok(Some(capture)) => capture,
            Ok(None) => {
                let silent = self.clock.monotonic().saturating_sub(heard);
                if silent < self.options.silence {
                    return Capture::Nothing;
                }
                let seconds = self.options.silence.as_secs_f64();
                let reason = format!("{}: no frame for {seconds} s", self.name());
                self.interrupt(&reason)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Capture::Nothing,
            Err(error) => {
                let reason = format!("{}: lost: {error}", self.name());
                self.interrupt(&reason)
            }
        }
    }

    fn losses(&self) -> CameraLosses {
        CameraLosses {
            superseded: self.missed,
            refused: 0,
        }
    }
}

/// Numbers left out between two frames; 0 where the driver began anew, or does
/// not count.
fn count_missed(last: Option<u32>, number: u32) -> u32 {
    let gap = last.map_or(0, |last| number.wrapping_sub(last).saturating_sub(1));
    if gap < MAX_MISSED { gap } else { 0 }
}

/// `POLLIN`, the same on every Linux.
fn libc_pollin() -> i16 {
    rustix::event::PollFlags::IN.bits().cast_signed()
}

/// Time since the exposure ended, where the driver says so on a clock that
/// we can read.
fn age(about: &Metadata) -> Option<Duration> {
    if !about.flags.contains(Flags::TIMESTAMP_MONOTONIC) {
        return None;
    }
    let seconds = u64::try_from(about.timestamp.sec).ok()?;
    let micros = u64::try_from(about.timestamp.usec).ok()?;
    let exposed = Duration::from_secs(seconds).checked_add(Duration::from_micros(micros))?;
    let now = Duration::try_from(clock_gettime(ClockId::Monotonic)).ok()?;
    now.checked_sub(exposed)
}

fn start(options: &V4l2Options, clock: &dyn Clock) -> Result<State, CameraError> {
    // The bindings panic at values of the driver that they do not know.
    let open = catch_unwind(AssertUnwindSafe(|| open(options))).unwrap_or_else(|_| {
        Err(unusable(
            options,
            "driver describes its format in terms that are not known".into(),
        ))
    })?;
    let heard = clock.monotonic();
    Ok(State::Open { open, heard })
}

fn unusable(options: &V4l2Options, rule: String) -> CameraError {
    CameraError::Unusable {
        subject: options.device.display().to_string(),
        rule,
    }
}

fn open(options: &V4l2Options) -> Result<Open, CameraError> {
    let system = |source| CameraError::Read {
        path: options.device.clone(),
        source,
    };
    let device = Device::with_path(&options.device).map_err(system)?;
    device
        .query_caps()
        .map_err(|error| unusable(options, format!("is not a video device: {error}")))?;
    let format = agree(&device, options)?;
    let rate = Parameters::with_fps(options.rate_hz.round().max(1.0) as u32);
    if let Err(error) = device.set_params(&rate) {
        tracing::warn!("{}: rate not set: {error}", options.device.display());
    }
    let mut stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS).map_err(system)?;
    // All but the first, which `next` queues before it takes one.
    for index in 1..MAX_BUFFERS {
        if CaptureStream::queue(&mut stream, index).is_err() {
            break;
        }
    }
    stream.start().map_err(system)?;
    Ok(Open {
        stream: Some(stream),
        format,
        number: None,
    })
}

/// The format that the device takes: exactly the size that was asked for, and
/// the first encoding that it has.
fn agree(device: &Device, options: &V4l2Options) -> Result<CaptureFormat, CameraError> {
    let wanted = match options.encoding {
        Some(one) => vec![one],
        None => vec![Encoding::Mjpeg, Encoding::Yuyv],
    };
    let mut got = Vec::new();
    for encoding in wanted {
        let fourcc = FourCC::new(&encoding.fourcc());
        let wish = v4l::Format::new(options.width, options.height, fourcc);
        let format = device.set_format(&wish).map_err(|error| {
            unusable(options, format!("cannot be set to {encoding:?}: {error}"))
        })?;
        let size = (format.width, format.height);
        if format.fourcc == fourcc && size == (options.width, options.height) {
            let agreed =
                CaptureFormat::new(encoding, size, format.stride, format.size, &options.limits);
            return agreed.map_err(|rule| unusable(options, rule));
        }
        got.push(format!("{}x{} {}", size.0, size.1, format.fourcc));
    }
    Err(unusable(
        options,
        format!(
            "offers {}, but {}x{} as {} was asked for",
            got.join(" or "),
            options.width,
            options.height,
            options.encoding.map_or("mjpeg or yuyv", Encoding::name),
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn refusal(device: &str) -> String {
        let options = V4l2Options {
            device: device.into(),
            ..V4l2Options::default()
        };
        let camera = V4l2Camera::open(options, Arc::new(ManualClock::default()));
        camera.err().unwrap().to_string()
    }

    #[test]
    fn a_missing_device_is_refused_by_name() {
        let error = refusal("/dev/video4711");
        let want = "/dev/video4711: cannot be read: No such file or directory";
        assert!(error.starts_with(want), "{error}");
    }

    #[test]
    fn what_is_no_camera_is_refused_by_name() {
        let error = refusal("/dev/null");
        assert!(
            error.starts_with("/dev/null: is not a video device: "),
            "{error}"
        );
    }

    #[test]
    fn frames_that_the_driver_had_no_buffer_for_are_counted() {
        let numbers = [None, Some(7), Some(7), Some(10), Some(u32::MAX), Some(500)];
        let next = [7, 8, 11, 10, 1, 0];
        let missed = numbers
            .iter()
            .zip(next)
            .map(|(last, n)| count_missed(*last, n));
        assert_eq!(missed.collect::<Vec<_>>(), [0, 0, 3, 0, 1, 0]);
    }

    #[test]
    fn devices_are_listed_by_number() {
        let found = V4l2Device::all();
        assert!(found.iter().all(|device| device.path.starts_with("/dev")));
    }
}
