//! The viewing ray of each pixel.

use concert_models::Intrinsics;

/// The ray of pixel (u, v) is (x, y, 1) in the optical frame; a point at depth
/// z is z times that.
#[derive(Debug, Clone)]
pub(in crate::dataset) struct Rays {
    pub(super) fx: f32,
    pub(super) x: Vec<f32>,
    pub(super) y: Vec<f32>,
}

impl Rays {
    pub(in crate::dataset) fn of(camera: &Intrinsics) -> Self {
        let ray = |i: usize, centre: f64, focal: f64| ((i as f64 - centre) / focal) as f32;
        Self {
            fx: camera.fx as f32,
            x: (0..camera.width)
                .map(|u| ray(u, camera.cx, camera.fx))
                .collect(),
            y: (0..camera.height)
                .map(|v| ray(v, camera.cy, camera.fy))
                .collect(),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.x.len()
    }

    pub(super) fn height(&self) -> usize {
        self.y.len()
    }

    /// Length of the ray: distance of a point over its depth.
    pub(in crate::dataset) fn length(&self, u: usize, v: usize) -> f32 {
        (self.x[u] * self.x[u] + self.y[v] * self.y[v] + 1.0).sqrt()
    }

    pub(super) fn ray(&self, pixel: usize) -> [f32; 3] {
        let width = self.width();
        [self.x[pixel % width], self.y[pixel / width], 1.0]
    }
}

pub(super) fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn unit(a: [f32; 3]) -> Option<[f32; 3]> {
    let length = dot(a, a).sqrt();
    (length > 1e-12 && length.is_finite()).then(|| a.map(|x| x / length))
}
