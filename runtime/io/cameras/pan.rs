//! A camera that pans over large photographs.
//!
//! What it shows depends on the time since its start alone, so that two runs
//! see the same: a window of the camera's shape moves over each photograph on
//! a Lissajous curve while it slowly zooms, to fractions of a pixel.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use concert_models::image_file::DecodeLimits;
use concert_models::{Image, PixelFormat};

use super::pace::Pace;
use super::{CameraError, Framer, decode};
use crate::camera::{Camera, Capture};
use crate::clock::Clock;

/// The window's side as a share of the largest window that fits: least, most.
const ZOOM: (f64, f64) = (0.55, 0.85);
/// Seconds per period along u, along v and of the zoom: their ratios are not
/// small whole numbers, so the curve hardly repeats.
const PERIODS: [f64; 3] = [11.0, 7.3, 17.0];

/// Settings of a camera that pans over photographs.
#[derive(Debug, Clone)]
pub struct PanOptions {
    /// Frames per second; above 0, at most 1000.
    pub rate_hz: f64,
    /// Width of the frames, px.
    pub width: usize,
    /// Height of the frames, px.
    pub height: usize,
    /// Time for which each photograph is shown.
    pub hold: Duration,
    /// Coordinate frame of the camera; ends in `_optical`.
    pub frame_id: Arc<str>,
    /// Larger photographs are refused before any pixel is decoded.
    pub limits: DecodeLimits,
}

impl Default for PanOptions {
    /// 640 × 480 px at 30 Hz, 4 s per photograph.
    fn default() -> Self {
        Self {
            rate_hz: 30.0,
            width: 640,
            height: 480,
            hold: Duration::from_secs(4),
            frame_id: "camera_optical".into(),
            limits: DecodeLimits::default(),
        }
    }
}

/// Pans over photographs, one after the other, for ever. Its intrinsics are
/// unknown: nobody measured the cameras that took the photographs.
pub struct PanCamera {
    photographs: Vec<Photograph>,
    options: PanOptions,
    framer: Framer,
    pace: Pace,
    clock: Arc<dyn Clock>,
}

impl PanCamera {
    /// Decodes the photographs, given as names (for errors) and the bytes of
    /// PNG or JPEG files; the first frame is due at once.
    ///
    /// # Errors
    /// No photograph, one that cannot be decoded or is smaller than the
    /// frames, a rate, size or time that cannot be.
    pub fn open(
        photographs: Vec<(String, Vec<u8>)>,
        options: PanOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CameraError> {
        let sides = 1..=Image::MAX_SIDE;
        if !sides.contains(&options.width) || !sides.contains(&options.height) {
            return Err(unusable(format!(
                "frames are {}x{}, but each side must be 1 to {} pixels",
                options.width,
                options.height,
                Image::MAX_SIDE
            )));
        }
        if options.hold.is_zero() {
            return Err(unusable("hold is 0 s, but it must be longer".into()));
        }
        if photographs.is_empty() {
            return Err(unusable("has 0 photographs, but needs at least 1".into()));
        }
        let prepare = |(name, bytes): &(String, Vec<u8>)| {
            Photograph::prepare(bytes, &options).map_err(|rule| CameraError::Unusable {
                subject: name.clone(),
                rule,
            })
        };
        let photographs = photographs.iter().map(prepare).collect::<Result<_, _>>()?;
        Ok(Self {
            photographs,
            framer: Framer::new(&options.frame_id, None)?,
            pace: Pace::starting(clock.monotonic(), options.rate_hz)?,
            options,
            clock,
        })
    }

    /// Renders what the camera shows `since_start` after its start, as
    /// [`PixelFormat::Rgb8`].
    #[must_use]
    pub fn view_at(&self, since_start: Duration) -> Image {
        let turn = since_start.as_nanos() / self.options.hold.as_nanos();
        let index = (turn % self.photographs.len() as u128) as usize;
        let photograph = &self.photographs[index];
        let window = photograph.window(since_start.as_secs_f64(), &self.options);
        photograph.cut(&window, self.options.width, self.options.height)
    }
}

fn unusable(rule: String) -> CameraError {
    CameraError::Unusable {
        subject: "pan".into(),
        rule,
    }
}

impl Camera for PanCamera {
    fn describe(&self) -> String {
        let count = self.photographs.len();
        let PanOptions {
            width,
            height,
            rate_hz,
            ..
        } = self.options;
        format!("pan over {count} photographs, {width}x{height} at {rate_hz} Hz")
    }

    fn next_frame(&mut self, timeout: Duration) -> Capture {
        let Some(slot) = self.pace.wait(&*self.clock, timeout) else {
            return Capture::Nothing;
        };
        let (stamp, arrived) = (self.clock.now(), self.clock.monotonic());
        let image = self.view_at(self.pace.since_start(slot));
        match self.framer.frame(image, stamp, arrived) {
            Ok(frame) => Capture::Frame(frame),
            Err(reason) => Capture::Refused(super::fault("pan", reason)),
        }
    }
}

/// Part of a photograph, in its pixels: the corner's position (from the top
/// left corner of the top left pixel) and pixels per pixel of the frame.
#[derive(Debug, Clone, Copy)]
struct Window {
    left: f64,
    top: f64,
    scale: f64,
}

/// A decoded photograph, no larger than panning over it needs.
struct Photograph {
    width: usize,
    height: usize,
    /// Red, green, blue; rows without padding.
    pixels: Vec<u8>,
}

impl Photograph {
    fn prepare(bytes: &[u8], options: &PanOptions) -> Result<Self, String> {
        let image = decode(bytes, &options.limits)?;
        let (width, height) = (image.width(), image.height());
        if width < options.width || height < options.height {
            return Err(format!(
                "photograph is {width}x{height}, but panning needs at least {}x{}",
                options.width, options.height
            ));
        }
        let pixels = rgb(&image)?;
        // Shrunk so that the smallest window is cut out pixel for pixel.
        let largest = fit(width, height, options);
        let shrink = (1.0 / (ZOOM.0 * largest)).min(1.0);
        let side = |pixels: usize| (pixels as f64 * shrink).ceil() as u32;
        let whole = image::RgbImage::from_raw(width as u32, height as u32, pixels)
            .ok_or("photograph has too few pixels")?;
        let filter = image::imageops::FilterType::Triangle;
        let small = if shrink < 1.0 {
            image::imageops::resize(&whole, side(width), side(height), filter)
        } else {
            whole
        };
        Ok(Self {
            width: small.width() as usize,
            height: small.height() as usize,
            pixels: small.into_raw(),
        })
    }

    fn window(&self, seconds: f64, options: &PanOptions) -> Window {
        let [u, v, zoom] = PERIODS.map(|period| (TAU * seconds / period).sin());
        let share = (ZOOM.0 + ZOOM.1) / 2.0 + zoom * (ZOOM.1 - ZOOM.0) / 2.0;
        let scale = share * fit(self.width, self.height, options);
        let free = |side: usize, window: usize| side as f64 - scale * window as f64;
        Window {
            left: free(self.width, options.width) * (0.5 + 0.5 * u),
            top: free(self.height, options.height) * (0.5 + 0.5 * v),
            scale,
        }
    }

    /// Interpolates between the four nearest pixels, in 256ths.
    fn cut(&self, window: &Window, width: usize, height: usize) -> Image {
        let columns: Vec<_> = (0..width)
            .map(|u| between(window.left + (u as f64 + 0.5) * window.scale, self.width))
            .collect();
        let mut pixels = Vec::with_capacity(width * height * 3);
        for v in 0..height {
            let middle = window.top + (v as f64 + 0.5) * window.scale;
            let (top, bottom, down) = between(middle, self.height);
            let row = |v: usize| &self.pixels[v * self.width * 3..][..self.width * 3];
            let (top, bottom) = (row(top), row(bottom));
            for &(left, right, along) in &columns {
                for channel in 0..3 {
                    let mix = |row: &[u8]| {
                        let at = |column: usize| u32::from(row[column * 3 + channel]);
                        at(left) * (256 - along) + at(right) * along
                    };
                    let level = mix(top) * (256 - down) + mix(bottom) * down;
                    pixels.push(((level + (1 << 15)) >> 16) as u8);
                }
            }
        }
        Image::packed(width, height, PixelFormat::Rgb8, pixels)
            .expect("the size was checked at opening")
    }
}

/// Pixels of a photograph per pixel of the largest window that fits in it.
fn fit(width: usize, height: usize, options: &PanOptions) -> f64 {
    let along = width as f64 / options.width as f64;
    let down = height as f64 / options.height as f64;
    along.min(down)
}

/// The two pixels whose centres lie around `position` (from the first pixel's
/// outer edge), and how far it lies towards the second, in 256ths.
fn between(position: f64, side: usize) -> (usize, usize, u32) {
    let centre = (position - 0.5).clamp(0.0, (side - 1) as f64);
    let first = centre.floor() as usize;
    let along = ((centre - first as f64) * 256.0).round() as u32;
    (first, (first + 1).min(side - 1), along)
}

fn rgb(image: &Image) -> Result<Vec<u8>, String> {
    let rows = (0..image.height()).map(|v| image.row(v));
    Ok(match image.format() {
        PixelFormat::Rgb8 => rows.flatten().copied().collect(),
        PixelFormat::Grey8 => rows.flatten().flat_map(|&level| [level; 3]).collect(),
        PixelFormat::Rgba8 => rows
            .flat_map(|row| row.chunks_exact(4))
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect(),
        other => {
            return Err(format!(
                "photograph is {other:?}, but must be rgb8 or grey8"
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    /// A PNG whose red rises with u, green with v; blue is `blue`.
    fn ramp(width: u32, height: u32, blue: u8) -> Vec<u8> {
        let level = |at: u32, side: u32| (at * 255 / (side - 1)) as u8;
        let pixels = image::RgbImage::from_fn(width, height, |u, v| {
            image::Rgb([level(u, width), level(v, height), blue])
        });
        let mut bytes = std::io::Cursor::new(Vec::new());
        pixels
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    fn options() -> PanOptions {
        PanOptions {
            width: 64,
            height: 48,
            rate_hz: 10.0,
            ..PanOptions::default()
        }
    }

    fn open() -> (PanCamera, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::default());
        let photographs = vec![
            ("a".into(), ramp(400, 300, 10)),
            ("b".into(), ramp(128, 300, 20)),
        ];
        let camera = PanCamera::open(photographs, options(), clock.clone());
        (camera.unwrap(), clock)
    }

    #[test]
    fn a_view_depends_on_its_time_alone() {
        let ((first, _), (mut second, clock)) = (open(), open());
        for _ in 0..3 {
            second.next_frame(Duration::ZERO);
            clock.advance(Duration::from_millis(100));
        }
        let Capture::Frame(frame) = second.next_frame(Duration::ZERO) else {
            panic!("slot 3 is due");
        };
        let view = first.view_at(Duration::from_millis(300));
        assert_eq!(frame.image.bytes(), view.bytes());
        assert_eq!((frame.sequence, frame.intrinsics), (3, None));
    }

    #[test]
    fn photographs_take_turns() {
        let (camera, _) = open();
        let blue = |seconds| camera.view_at(Duration::from_secs(seconds)).bytes()[2];
        assert_eq!([0, 3, 4, 7, 8].map(blue), [10, 10, 20, 20, 10]);
    }

    #[test]
    fn the_window_stays_inside_and_moves_smoothly() {
        let (camera, _) = open();
        let photograph = &camera.photographs[0];
        let mut last: Option<Window> = None;
        for step in 0..6000 {
            let window = photograph.window(f64::from(step) / 30.0, &camera.options);
            let right = window.left + 64.0 * window.scale;
            let bottom = window.top + 48.0 * window.scale;
            assert!(window.left >= -1e-9 && right <= photograph.width as f64 + 1e-9);
            assert!(window.top >= -1e-9 && bottom <= photograph.height as f64 + 1e-9);
            if let Some(last) = last {
                let moved = (window.left - last.left).hypot(window.top - last.top);
                assert!(moved < 2.0, "{moved} px between two frames");
            }
            last = Some(window);
        }
    }

    #[test]
    fn motion_below_a_pixel_is_seen() {
        let photograph = Photograph {
            width: 3,
            height: 1,
            pixels: [[0; 3], [100; 3], [200; 3]].concat(),
        };
        let level = |left| {
            let window = Window {
                left,
                top: 0.0,
                scale: 1.0,
            };
            photograph.cut(&window, 1, 1).bytes()[0]
        };
        assert_eq!(
            [0.0, 0.25, 0.5, 1.0, 1.75].map(level),
            [0, 25, 50, 100, 175]
        );
    }

    #[test]
    fn photographs_that_cannot_be_panned_are_refused_by_name() {
        let refusal = |photographs: Vec<(String, Vec<u8>)>| {
            let clock = Arc::new(ManualClock::default());
            let camera = PanCamera::open(photographs, options(), clock);
            camera.err().unwrap().to_string()
        };
        assert_eq!(
            refusal(vec![]),
            "pan: has 0 photographs, but needs at least 1"
        );
        assert_eq!(
            refusal(vec![("attic.png".into(), ramp(63, 48, 0))]),
            "attic.png: photograph is 63x48, but panning needs at least 64x48"
        );
        let error = refusal(vec![("attic.png".into(), b"x".to_vec())]);
        assert!(error.starts_with("attic.png: "), "{error}");
    }
}
