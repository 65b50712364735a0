//! The camera: a pinhole with set intrinsics, and how its pictures are developed.

use serde::{Deserialize, Serialize};

use crate::error::ApartmentError;

/// Largest width and height of a picture, px.
pub const MAX_SIDE: u32 = 4096;
/// Largest number of pixels.
pub const MAX_PIXELS: u64 = 4096 * 3072;

/// A pinhole: `u = fx x/z + cx`, `v = fy y/z + cy`, optical frame (x right,
/// y down, z forward), pixel centres at whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pinhole {
    width: u32,
    height: u32,
    fx: f64,
    fy: f64,
    cx: f64,
    cy: f64,
}

impl Pinhole {
    /// Checks and makes intrinsics; focal lengths and principal point in px.
    ///
    /// # Errors
    /// Sides outside 1..=[`MAX_SIDE`], more than [`MAX_PIXELS`], anything that
    /// is not finite, a horizontal or vertical field of view of 170° or more,
    /// a principal point more than one picture away.
    pub fn new(
        width: u32,
        height: u32,
        fx: f64,
        fy: f64,
        cx: f64,
        cy: f64,
    ) -> Result<Self, ApartmentError> {
        let camera = |name, value, rule| Err(ApartmentError::Camera { name, value, rule });
        for (name, side) in [("width", width), ("height", height)] {
            if side == 0 || side > MAX_SIDE {
                return camera(name, f64::from(side), "1 to 4096 px");
            }
        }
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return camera(
                "width * height",
                f64::from(width) * f64::from(height),
                "at most 4096 * 3072 px",
            );
        }
        for (name, focal, side) in [("fx", fx, width), ("fy", fy, height)] {
            // tan(170° / 2) = 11.43
            let least = f64::from(side) / 2.0 / 11.43;
            if !(focal.is_finite() && focal > least && focal < 100.0 * f64::from(side)) {
                return camera(
                    name,
                    focal,
                    "finite, for a field of view under 170° and over 0.5°",
                );
            }
        }
        for (name, centre, side) in [("cx", cx, width), ("cy", cy, height)] {
            if !(centre.is_finite() && centre.abs() <= 2.0 * f64::from(side)) {
                return camera(name, centre, "finite and within two pictures");
            }
        }
        Ok(Self {
            width,
            height,
            fx,
            fy,
            cx,
            cy,
        })
    }

    /// Square pixels and a centred axis, from the horizontal field of view (rad).
    ///
    /// # Errors
    /// As [`Pinhole::new`]; a field of view not in (0, 170°).
    pub fn from_field_of_view(
        width: u32,
        height: u32,
        horizontal: f64,
    ) -> Result<Self, ApartmentError> {
        if !(horizontal.is_finite() && horizontal > 0.0 && horizontal < 170f64.to_radians()) {
            return Err(ApartmentError::Camera {
                name: "field of view",
                value: horizontal.to_degrees(),
                rule: "over 0° and under 170°",
            });
        }
        let focal = f64::from(width) / 2.0 / (horizontal / 2.0).tan();
        Self::new(
            width,
            height,
            focal,
            focal,
            f64::from(width) / 2.0 - 0.5,
            f64::from(height) / 2.0 - 0.5,
        )
    }

    /// px.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// px.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Focal length along u, px.
    pub fn fx(&self) -> f64 {
        self.fx
    }

    /// Focal length along v, px.
    pub fn fy(&self) -> f64 {
        self.fy
    }

    /// Column of the optical axis, px.
    pub fn cx(&self) -> f64 {
        self.cx
    }

    /// Row of the optical axis, px.
    pub fn cy(&self) -> f64 {
        self.cy
    }

    /// Number of pixels.
    pub fn pixels(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The ray of a pixel in the optical frame, with z = 1.
    pub fn ray(&self, u: f32, v: f32) -> glam::Vec3 {
        glam::Vec3::new(
            (u - self.cx as f32) / self.fx as f32,
            (v - self.cy as f32) / self.fy as f32,
            1.0,
        )
    }

    /// Pixel on which a point of the optical frame (z > 0) falls, px.
    pub fn project(&self, point: glam::Vec3) -> Option<(f32, f32)> {
        (point.z > 1e-4).then(|| {
            (
                point.x / point.z * self.fx as f32 + self.cx as f32,
                point.y / point.z * self.fy as f32 + self.cy as f32,
            )
        })
    }
}

/// Setting of the exposure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Exposure {
    /// From the picture's own log-mean luminance, corrected by `stops`.
    Auto {
        /// Correction, stops.
        stops: f32,
    },
    /// Radiance times 2^`stops`.
    Fixed {
        /// Gain, stops.
        stops: f32,
    },
}

/// Development of light into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Development {
    /// Exposure.
    pub exposure: Exposure,
    /// Standard deviation of the sensor's noise at mid grey, in 0..1 of full scale.
    pub noise: f32,
    /// Darkening in the corners, 0..1.
    pub vignette: f32,
    /// Warmth of the white balance: red up and blue down by this share, −0.3..0.3.
    pub warmth: f32,
    /// Quality 1..=100 of a JPEG that the picture passes through, if any.
    pub jpeg_quality: Option<u8>,
    /// Four more samples per pixel at edges.
    pub antialias: bool,
}

impl Default for Development {
    fn default() -> Self {
        Self {
            exposure: Exposure::Auto { stops: 0.0 },
            noise: 0.008,
            vignette: 0.18,
            warmth: 0.0,
            jpeg_quality: None,
            antialias: true,
        }
    }
}

impl Development {
    /// Checks the values.
    ///
    /// # Errors
    /// Anything that is not finite or out of the range that its field states.
    pub fn check(&self) -> Result<(), ApartmentError> {
        let (Exposure::Auto { stops } | Exposure::Fixed { stops }) = self.exposure;
        let checks = [
            ("exposure", stops, -16.0, 16.0, "-16 to 16 stops"),
            ("noise", self.noise, 0.0, 0.5, "0 to 0.5"),
            ("vignette", self.vignette, 0.0, 1.0, "0 to 1"),
            ("warmth", self.warmth, -0.3, 0.3, "-0.3 to 0.3"),
        ];
        for (name, value, low, high, rule) in checks {
            if !(value >= low && value <= high) {
                return Err(ApartmentError::Camera {
                    name,
                    value: f64::from(value),
                    rule,
                });
            }
        }
        match self.jpeg_quality {
            Some(quality) if !(1..=100).contains(&quality) => Err(ApartmentError::Camera {
                name: "jpeg_quality",
                value: f64::from(quality),
                rule: "1 to 100",
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_cameras_are_refused() {
        for fov in [
            f64::NAN,
            0.0,
            -1.0,
            std::f64::consts::PI,
            200.0,
            f64::INFINITY,
        ] {
            assert!(Pinhole::from_field_of_view(320, 240, fov).is_err(), "{fov}");
        }
        for (width, height) in [
            (0, 240),
            (320, 0),
            (1_000_000, 240),
            (320, 1_000_000),
            (4096, 4096),
        ] {
            assert!(Pinhole::from_field_of_view(width, height, 1.0).is_err());
        }
        for bad in [f64::NAN, 0.0, -300.0, 1.0, f64::INFINITY, 1e12] {
            assert!(
                Pinhole::new(320, 240, bad, 300.0, 160.0, 120.0).is_err(),
                "{bad}"
            );
        }
        assert!(Pinhole::new(320, 240, 300.0, 300.0, f64::NAN, 120.0).is_err());
        let error = Pinhole::from_field_of_view(1_000_000, 240, 1.0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "camera: width is 1000000, but must be 1 to 4096 px"
        );
        let development = Development {
            noise: f32::NAN,
            ..Development::default()
        };
        assert!(development.check().is_err());
    }
}
