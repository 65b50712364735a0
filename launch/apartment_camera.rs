//! A camera on a robot that tours a simulated home.

use std::sync::Arc;
use std::time::Duration;

use concert_apartment::{ApartmentError, Development, Home, Pinhole, RobotConfig};
use concert_runtime::io::cameras::{CameraError, Pace};
use concert_runtime::{Camera, Capture, Clock, Frame, FrameFault, Timestamp};

use crate::simulated_robot::SimulatedRobot;

/// Time that a camera makes up for at most where its reader was away; for the
/// rest the robot stood still.
const MAX_ABSENCE: Duration = Duration::from_secs(10);

/// What the camera is like.
#[derive(Debug, Clone)]
pub(crate) struct ApartmentOptions {
    /// Width of the frames, px; at most 4096.
    pub width: usize,
    /// Height of the frames, px; at most 4096.
    pub height: usize,
    /// Horizontal field of view, degrees; above 0 and under 170.
    pub field_of_view_degrees: f64,
    /// Frames per second; above 0, at most 1000.
    pub rate_hz: f64,
    /// True where edges are smoothed; takes half as long again.
    pub antialias: bool,
    /// True where frames come as the clock says.
    pub pacing: Pacing,
    /// Coordinate frame of the camera; ends in `_optical`.
    pub frame_id: Arc<str>,
}

/// When frames come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pacing {
    /// `rate_hz` times a second of the clock, stamped with its time. Where the
    /// reader is late, frames are left out and the robot drives on.
    RealTime,
    /// As fast as they are taken, stamped a period apart from the clock's time
    /// at the start; none is left out.
    AsFastAsItGoes,
}

impl ApartmentOptions {
    /// Field of view where nothing else is said, degrees.
    pub(crate) const FIELD_OF_VIEW_DEGREES: f64 = 72.0;
}

impl Default for ApartmentOptions {
    /// 320 × 240 px at 30 Hz, 72° wide, not antialiased, in real time.
    fn default() -> Self {
        Self {
            width: 320,
            height: 240,
            field_of_view_degrees: Self::FIELD_OF_VIEW_DEGREES,
            rate_hz: 30.0,
            antialias: false,
            pacing: Pacing::RealTime,
            frame_id: "front_optical".into(),
        }
    }
}

/// Why a camera in a home cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ApartmentCameraError {
    /// The home or the camera is impossible.
    #[error(transparent)]
    Apartment(#[from] ApartmentError),
    /// A rate at which nothing can be paced.
    #[error(transparent)]
    Camera(#[from] CameraError),
}

/// A camera on a robot that tours its home. Frames carry intrinsics and depth.
///
/// What frame n of a run shows follows from the home alone, if no frame before
/// it was left out.
pub(crate) struct ApartmentCamera {
    robot: SimulatedRobot,
    options: ApartmentOptions,
    pace: Pace,
    clock: Arc<dyn Clock>,
    start: Timestamp,
    /// Slots of the schedule that the robot has driven through.
    driven: u64,
    delivered: u64,
}

impl ApartmentCamera {
    /// Checks the camera before a home is made for it.
    ///
    /// # Errors
    /// A size or field of view that no camera has.
    pub(crate) fn check(options: &ApartmentOptions) -> Result<Pinhole, ApartmentError> {
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let angle = options.field_of_view_degrees.to_radians();
        Pinhole::from_field_of_view(side(options.width), side(options.height), angle)
    }

    /// Puts a robot with this camera into the home; the first frame is due at
    /// once.
    ///
    /// # Errors
    /// A size, field of view or rate that cannot be.
    pub(crate) fn open(
        home: Home,
        options: ApartmentOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ApartmentCameraError> {
        let camera = Self::check(&options)?;
        let development = Development {
            antialias: options.antialias,
            ..Development::default()
        };
        Ok(Self {
            robot: SimulatedRobot::new(home, camera, development, RobotConfig::default())?,
            pace: Pace::starting(clock.monotonic(), options.rate_hz)?,
            start: clock.now(),
            options,
            clock,
            driven: 0,
            delivered: 0,
        })
    }

    /// The slot that is due, with its stamp.
    fn wait(&mut self, timeout: Duration) -> Option<(u64, Timestamp)> {
        match self.options.pacing {
            Pacing::RealTime => {
                let slot = self.pace.wait(&*self.clock, timeout)?;
                Some((slot, self.clock.now()))
            }
            Pacing::AsFastAsItGoes => {
                let slot = self.delivered;
                Some((slot, self.start.after(self.pace.since_start(slot))))
            }
        }
    }

    fn frame(&mut self, slot: u64, stamp: Timestamp) -> Result<Frame, ApartmentError> {
        let period = self.pace.period();
        let most = (MAX_ABSENCE.as_secs_f64() * self.options.rate_hz).ceil() as u64;
        for _ in 0..slot.saturating_sub(self.driven).min(most.max(1)) {
            self.robot.follow_tour(period.min(MAX_ABSENCE))?;
        }
        self.driven = slot;
        let arrived = self.clock.monotonic();
        let (image, depth) = self.robot.picture()?;
        let sequence = self.delivered;
        self.delivered += 1;
        Ok(Frame {
            sequence,
            stamp,
            arrived,
            frame_id: Arc::clone(&self.options.frame_id),
            image,
            intrinsics: Some(self.robot.intrinsics()),
            distorted: false,
            depth: Some(depth),
        })
    }
}

impl Camera for ApartmentCamera {
    fn describe(&self) -> String {
        let ApartmentOptions {
            width,
            height,
            rate_hz,
            ..
        } = self.options;
        let home = self.robot.home();
        let (seed, rooms) = (home.seed(), home.plan().rooms.len());
        format!("tour of apartment {seed}, {rooms} rooms, {width}x{height} at {rate_hz} Hz")
    }

    fn next_frame(&mut self, timeout: Duration) -> Capture {
        let Some((slot, stamp)) = self.wait(timeout) else {
            return Capture::Nothing;
        };
        match self.frame(slot, stamp) {
            Ok(frame) => Capture::Frame(frame),
            Err(error) => Capture::Refused(FrameFault {
                subject: "apartment".to_owned(),
                reason: error.to_string(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use concert_apartment::{LightQuality, Randomisation};
    use concert_runtime::ManualClock;

    use super::*;

    fn open(pacing: Pacing) -> (ApartmentCamera, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(5)));
        let home = Home::generate(3, &Randomisation::default(), LightQuality::Flat).unwrap();
        let options = ApartmentOptions {
            width: 64,
            height: 48,
            rate_hz: 10.0,
            pacing,
            ..ApartmentOptions::default()
        };
        let camera = ApartmentCamera::open(home, options, clock.clone()).unwrap();
        (camera, clock)
    }

    fn frame(camera: &mut ApartmentCamera) -> Frame {
        match camera.next_frame(Duration::ZERO) {
            Capture::Frame(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn frames_come_as_the_clock_says_and_carry_intrinsics_and_depth() {
        let (mut camera, clock) = open(Pacing::RealTime);
        let first = frame(&mut camera);
        assert!(matches!(
            camera.next_frame(Duration::ZERO),
            Capture::Nothing
        ));
        clock.advance(Duration::from_millis(100));
        let second = frame(&mut camera);
        assert_eq!((first.sequence, second.sequence), (0, 1));
        assert_eq!(second.stamp.nanos() - first.stamp.nanos(), 100_000_000);
        assert_eq!(&*second.frame_id, "front_optical");
        let intrinsics = second.intrinsics.expect("intrinsics");
        assert_eq!(intrinsics.fault(), None);
        assert_eq!((intrinsics.width, intrinsics.height), (64, 48));
        let depth = second.depth.expect("depth");
        assert_eq!(
            (depth.width, depth.height, depth.metres.len()),
            (64, 48, 64 * 48)
        );
        assert!(depth.metres.iter().all(|d| *d > 0.05 && *d < 30.0));
    }

    #[test]
    fn two_runs_show_the_same_and_the_robot_moves() {
        let ((mut one, _), (mut two, clock)) =
            (open(Pacing::AsFastAsItGoes), open(Pacing::RealTime));
        let mut first = None;
        for number in 0..30 {
            let (a, b) = (frame(&mut one), frame(&mut two));
            assert_eq!(a.image.bytes(), b.image.bytes(), "frame {number}");
            assert_eq!(a.stamp, b.stamp);
            assert_eq!(a.depth, b.depth);
            first.get_or_insert(a);
            clock.advance(Duration::from_millis(100));
        }
        let (place, _) = one.robot.robot().place();
        let (start, _) = concert_apartment::Tour::plan(one.robot.home()).place(0.0);
        assert!(place.distance(start) > 0.5, "{place} from {start}");
    }

    #[test]
    fn a_reader_that_was_away_finds_the_robot_further_on() {
        let ((mut late, clock), (mut prompt, _)) =
            (open(Pacing::RealTime), open(Pacing::AsFastAsItGoes));
        frame(&mut late);
        clock.advance(Duration::from_millis(1500));
        let seen = frame(&mut late);
        for _ in 0..16 {
            frame(&mut prompt);
        }
        assert_eq!(seen.sequence, 1, "14 frames are left out, not made up for");
        assert_eq!(late.robot.robot().place(), prompt.robot.robot().place());
        // A week away is no week of driving.
        clock.advance(Duration::from_secs(7 * 24 * 3600));
        frame(&mut late);
    }

    #[test]
    fn absurd_cameras_are_refused() {
        for (width, height, field_of_view_degrees) in [
            (0, 240, 72.0),
            (5000, 240, 72.0),
            (usize::MAX, 240, 72.0),
            (320, 240, 0.0),
            (320, 240, 170.0),
            (320, 240, f64::NAN),
        ] {
            let options = ApartmentOptions {
                width,
                height,
                field_of_view_degrees,
                ..ApartmentOptions::default()
            };
            assert!(ApartmentCamera::check(&options).is_err());
        }
        let home = Home::generate(3, &Randomisation::default(), LightQuality::Flat).unwrap();
        let options = ApartmentOptions {
            rate_hz: f64::NAN,
            ..ApartmentOptions::default()
        };
        let clock = Arc::new(ManualClock::default());
        assert!(ApartmentCamera::open(home, options, clock).is_err());
    }
}
