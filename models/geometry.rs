//! Maps from the pixels of one image to those of another, and what they do to a
//! camera's intrinsics.
//!
//! Pixel centres lie at whole numbers: the top left pixel's centre is (0, 0)
//! and the image reaches from −0.5 to width − 0.5.

use serde::{Deserialize, Serialize};

/// An affine map between two images, `to_from`: applied to a pixel of *from*
/// it gives the pixel of *to*. Rows are `[a, b, c]`: `u' = a u + b v + c`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Affine2(pub [[f64; 3]; 2]);

impl Affine2 {
    /// The map of every pixel onto itself.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);

    /// The map from an image of `from` (width, height in pixels) onto one of
    /// `to` that shows the same scene, stretched.
    #[must_use]
    pub fn stretch(from: (usize, usize), to: (usize, usize)) -> Self {
        let x = to.0 as f64 / from.0 as f64;
        let y = to.1 as f64 / from.1 as f64;
        Self::scale_offset([x, y], [0.0, 0.0])
    }

    /// Scales pixel *areas* by `scale`, then moves them by `offset` pixels;
    /// (u + 0.5) · scale + offset − 0.5 per axis.
    #[must_use]
    pub fn scale_offset(scale: [f64; 2], offset: [f64; 2]) -> Self {
        Self([
            [scale[0], 0.0, 0.5 * scale[0] - 0.5 + offset[0]],
            [0.0, scale[1], 0.5 * scale[1] - 0.5 + offset[1]],
        ])
    }

    /// Maps the pixel (u, v) to its place in the other image.
    #[must_use]
    pub fn apply(&self, [u, v]: [f64; 2]) -> [f64; 2] {
        let [x, y] = &self.0;
        [x[0] * u + x[1] * v + x[2], y[0] * u + y[1] * v + y[2]]
    }

    /// `c_from_b.after(b_from_a)` is `c_from_a`.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        let mut rows = [[0.0; 3]; 2];
        for (row, outer) in rows.iter_mut().zip(&self.0) {
            for (column, cell) in row.iter_mut().enumerate() {
                *cell = outer[0] * first.0[0][column] + outer[1] * first.0[1][column];
            }
            row[2] += outer[2];
        }
        Self(rows)
    }

    /// The map back, or `None` where the map flattens the image.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        let [[a, b, c], [d, e, f]] = self.0;
        let determinant = a * e - b * d;
        if !determinant.is_normal() {
            return None;
        }
        let [ia, ib, id, ie] = [e, -b, -d, a].map(|x| x / determinant);
        Some(Self([
            [ia, ib, -(ia * c + ib * f)],
            [id, ie, -(id * c + ie * f)],
        ]))
    }
}

/// A pinhole camera's intrinsics, in pixels of an image of `width` × `height`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Intrinsics {
    /// Focal length along u, px.
    pub fx: f64,
    /// Focal length along v, px.
    pub fy: f64,
    /// Principal point, u, px.
    pub cx: f64,
    /// Principal point, v, px.
    pub cy: f64,
    /// Width of the image that these numbers belong to, px.
    pub width: usize,
    /// Height of that image, px.
    pub height: usize,
}

impl Intrinsics {
    /// The intrinsics of the same camera for an image that `to_from_image`
    /// makes of this one, of `width` × `height` pixels. Only scale and offset
    /// are meant; shear is ignored.
    #[must_use]
    pub fn through(&self, to_from_image: &Affine2, width: usize, height: usize) -> Self {
        let [cx, cy] = to_from_image.apply([self.cx, self.cy]);
        Self {
            fx: self.fx * to_from_image.0[0][0],
            fy: self.fy * to_from_image.0[1][1],
            cx,
            cy,
            width,
            height,
        }
    }

    /// `None` where the numbers can be a camera's, else what is wrong. A field
    /// of view is 1 to 179 degrees.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let (w, h) = (self.width as f64, self.height as f64);
        let sees = |focal: f64, side: f64| {
            let degrees = 2.0 * (0.5 * side / focal).atan().to_degrees();
            (1.0..=179.0).contains(&degrees)
        };
        let rules = [
            (
                self.width > 0 && self.height > 0,
                "width and height must be above 0",
            ),
            (
                self.fx.is_finite() && self.fx > 0.0,
                "fx must be finite and above 0",
            ),
            (
                self.fy.is_finite() && self.fy > 0.0,
                "fy must be finite and above 0",
            ),
            (
                sees(self.fx, w) && sees(self.fy, h),
                "fx and fy must give a field of view of 1 to 179 degrees",
            ),
            (
                self.cx.is_finite() && self.cx >= -w && self.cx <= 2.0 * w,
                "cx must lie near the image",
            ),
            (
                self.cy.is_finite() && self.cy >= -h && self.cy <= 2.0 * h,
                "cy must lie near the image",
            ),
        ];
        let broken = rules.iter().find(|(holds, _)| !holds)?;
        Some(format!(
            "intrinsics fx {} fy {} cx {} cy {} of a {}x{} image: {}",
            self.fx, self.fy, self.cx, self.cy, self.width, self.height, broken.1
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_of_a_stretched_image_stay_corners() {
        let map = Affine2::stretch((384, 288), (640, 480));
        let [u, v] = map.apply([-0.5, -0.5]);
        assert!((u + 0.5).abs() < 1e-12 && (v + 0.5).abs() < 1e-12);
        let [u, v] = map.apply([383.5, 287.5]);
        assert!((u - 639.5).abs() < 1e-12 && (v - 479.5).abs() < 1e-12);
    }

    #[test]
    fn f32_focal_lengths_that_no_camera_has_are_refused() {
        let fault = |fx: f64, fy: f64| {
            let of_64_by_48 = Intrinsics {
                fx,
                fy,
                cx: 32.0,
                cy: 24.0,
                width: 64,
                height: 48,
            };
            of_64_by_48.fault()
        };
        assert_eq!(fault(50.0, 50.0), None);
        assert_eq!(fault(0.5, 0.4), None, "a field of view of 178 degrees");
        for (fx, fy) in [(0.001, 50.0), (50.0, 1e9), (1e9, 1e9), (4000.0, 50.0)] {
            assert!(
                fault(fx, fy).unwrap().contains("field of view"),
                "{fx} {fy}"
            );
        }
    }

    #[test]
    fn a_map_after_its_inverse_moves_nothing() {
        let map = Affine2([[1.5, 0.1, 3.0], [-0.2, 0.7, -4.0]]);
        let round = map.after(&map.inverse().unwrap());
        for (row, want) in round.0.iter().zip(&Affine2::IDENTITY.0) {
            for (got, want) in row.iter().zip(want) {
                assert!((got - want).abs() < 1e-12);
            }
        }
    }
}
