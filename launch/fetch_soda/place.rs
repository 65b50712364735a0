//! Places on the floor, and points before the camera.

use std::f64::consts::TAU;

/// A pose on the floor: `a_from_b` with b's origin at (x, y) of a, m, turned by
/// `yaw`, rad, counter-clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Place {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) yaw: f64,
}

/// A point on the floor, m.
pub(crate) type Point = [f64; 2];

impl Place {
    pub(crate) fn new(x: f64, y: f64, yaw: f64) -> Self {
        Self { x, y, yaw }
    }

    pub(crate) fn point(self) -> Point {
        [self.x, self.y]
    }

    /// `a_from_b` then `b_from_c` gives `a_from_c`.
    pub(crate) fn then(self, b_from_c: Place) -> Place {
        let [x, y] = self.apply(b_from_c.point());
        Place::new(x, y, wrap(self.yaw + b_from_c.yaw))
    }

    /// A point of b, in a.
    pub(crate) fn apply(self, [x, y]: Point) -> Point {
        let (sin, cos) = self.yaw.sin_cos();
        [self.x + cos * x - sin * y, self.y + sin * x + cos * y]
    }

    /// `b_from_a`.
    pub(crate) fn inverse(self) -> Place {
        let (sin, cos) = self.yaw.sin_cos();
        Place::new(
            -(cos * self.x + sin * self.y),
            sin * self.x - cos * self.y,
            -self.yaw,
        )
    }

    /// Angle from the heading to a point, rad, left positive.
    pub(crate) fn bearing(self, point: Point) -> f64 {
        wrap((point[1] - self.y).atan2(point[0] - self.x) - self.yaw)
    }

    /// Places along an arc of a curvature, 1/m, so far apart, m; the first is one
    /// such step from here.
    pub(crate) fn arc(self, curvature: f64, step: f64) -> impl Iterator<Item = Place> {
        let onward = move |at: &Place| {
            let yaw = at.yaw + curvature * step;
            Some(Place::new(
                at.x + step * yaw.cos(),
                at.y + step * yaw.sin(),
                yaw,
            ))
        };
        std::iter::successors(onward(&self), onward)
    }

    /// Part of the way from here to `other`; angles the short way round.
    pub(crate) fn towards(self, other: Place, part: f64) -> Place {
        Place::new(
            self.x + part * (other.x - self.x),
            self.y + part * (other.y - self.y),
            wrap(self.yaw + part * wrap(other.yaw - self.yaw)),
        )
    }
}

/// Distance between two points, m.
pub(crate) fn distance(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// To −π..π.
pub(crate) fn wrap(angle: f64) -> f64 {
    angle - TAU * (angle / TAU).round()
}

/// How the camera is mounted: above the base's origin, level but for its tilt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mount {
    /// Above the floor, m.
    pub(crate) height: f64,
    /// Up positive, rad.
    pub(crate) tilt: f64,
}

impl Mount {
    /// Whether it is another to a millimetre and a milliradian.
    pub(crate) fn is_about(self, other: Self) -> bool {
        (self.height - other.height).abs() < 1e-3 && (self.tilt - other.tilt).abs() < 1e-3
    }
}

/// A pinhole of an output's resolution, px.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pinhole {
    pub(crate) fx: f64,
    pub(crate) fy: f64,
    pub(crate) cx: f64,
    pub(crate) cy: f64,
    /// px of the image that these numbers belong to.
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Pinhole {
    /// The same camera at another resolution.
    pub(crate) fn resized(self, width: usize, height: usize) -> Self {
        let (across, down) = (
            width as f64 / self.width.max(1) as f64,
            height as f64 / self.height.max(1) as f64,
        );
        Self {
            fx: self.fx * across,
            fy: self.fy * down,
            cx: (self.cx + 0.5) * across - 0.5,
            cy: (self.cy + 0.5) * down - 0.5,
            width,
            height,
        }
    }

    /// The direction of a pixel in the base frame, of length 1 along the optical
    /// axis: multiplied by a depth (REP-118) and put at the camera it is a point.
    pub(crate) fn ray(self, mount: Mount, [u, v]: Point) -> [f64; 3] {
        let (right, down) = ((u - self.cx) / self.fx, (v - self.cy) / self.fy);
        let (sin, cos) = mount.tilt.sin_cos();
        [cos + down * sin, -right, sin - down * cos]
    }

    /// The point that a pixel of a depth (m) shows, in the base frame.
    pub(crate) fn point(self, mount: Mount, pixel: Point, depth: f64) -> [f64; 3] {
        let [x, y, z] = self.ray(mount, pixel);
        [depth * x, depth * y, mount.height + depth * z]
    }

    /// The pixel that shows a point of the base frame, and the point's depth, m;
    /// `None` where it is not within the picture.
    pub(crate) fn pixel(self, mount: Mount, [x, y, z]: [f64; 3]) -> Option<([usize; 2], f64)> {
        let (sin, cos) = mount.tilt.sin_cos();
        let z = z - mount.height;
        let depth = x * cos + z * sin;
        let u = self.cx - self.fx * y / depth;
        let v = self.cy + self.fy * (x * sin - z * cos) / depth;
        let is_within = depth > 0.0
            && (0.0..self.width as f64 - 0.5).contains(&(u + 0.5))
            && (0.0..self.height as f64 - 0.5).contains(&(v + 0.5));
        is_within.then(|| {
            (
                [u.round().max(0.0) as usize, v.round().max(0.0) as usize],
                depth,
            )
        })
    }

    /// Where a pixel's ray meets the floor, in the base frame; `None` where it
    /// rises, or meets it farther away than `limit`, m.
    pub(crate) fn on_floor(self, mount: Mount, pixel: Point, limit: f64) -> Option<Point> {
        let [x, y, z] = self.ray(mount, pixel);
        let depth = -mount.height / z;
        (z < -1e-3 && depth * x.hypot(y) <= limit).then_some([depth * x, depth * y])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_seen_where_its_pixel_shows_it() {
        let camera = Pinhole {
            fx: 100.0,
            fy: 100.0,
            cx: 79.5,
            cy: 59.5,
            width: 160,
            height: 120,
        };
        let mount = Mount {
            height: 1.1,
            tilt: -0.3,
        };
        let point = camera.point(mount, [41.0, 90.0], 1.7);
        let (pixel, depth) = camera.pixel(mount, point).unwrap();
        assert_eq!(pixel, [41, 90]);
        assert!((depth - 1.7).abs() < 1e-9);
        assert_eq!(camera.pixel(mount, [-1.0, 0.0, 0.5]), None, "behind");
        assert_eq!(camera.pixel(mount, [1.0, 3.0, 0.5]), None, "beside");
    }

    #[test]
    fn an_arc_of_curvature_one_goes_around_a_circle_of_a_metre() {
        let step = TAU / 1000.0;
        let around: Vec<_> = Place::new(1.0, 0.0, 0.25 * TAU)
            .arc(1.0, step)
            .take(1000)
            .collect();
        assert!(
            around
                .iter()
                .all(|at| (at.x.hypot(at.y) - 1.0).abs() < 0.01)
        );
        assert!(distance(around[999].point(), [1.0, 0.0]) < 0.01);
        assert!(distance(around[499].point(), [-1.0, 0.0]) < 0.01);
        let straight = Place::default().arc(0.0, 0.5).nth(2).unwrap();
        assert_eq!(straight, Place::new(1.5, 0.0, 0.0));
    }

    #[test]
    fn there_and_back_is_here() {
        let a_from_b = Place::new(1.0, -2.0, 0.7);
        let back = a_from_b.then(a_from_b.inverse());
        assert!(back.x.abs() < 1e-12 && back.y.abs() < 1e-12 && back.yaw.abs() < 1e-12);
        assert!((a_from_b.bearing(a_from_b.apply([2.0, 2.0])) - 0.25 * TAU / 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_camera_that_looks_down_sees_the_floor_where_it_is() {
        let camera = Pinhole {
            fx: 100.0,
            fy: 100.0,
            cx: 80.0,
            cy: 60.0,
            width: 161,
            height: 121,
        };
        let mount = Mount {
            height: 1.0,
            tilt: -std::f64::consts::FRAC_PI_4,
        };
        let ahead = camera.on_floor(mount, [80.0, 60.0], 5.0).unwrap();
        assert!(distance(ahead, [1.0, 0.0]) < 1e-9, "{ahead:?}");
        // Left in the picture is left of the robot.
        assert!(camera.on_floor(mount, [40.0, 60.0], 5.0).unwrap()[1] > 0.1);
        assert_eq!(camera.on_floor(mount, [80.0, -60.0], 5.0), None, "level");
        let [x, y, z] = camera.point(mount, [80.0, 60.0], 2f64.sqrt());
        assert!((x - 1.0).abs() < 1e-9 && y.abs() < 1e-9 && z.abs() < 1e-9);
        let half = camera.resized(80, 60);
        let [_, y, _] = half.ray(mount, half_of([40.0, 60.0], camera, half));
        let [_, whole, _] = camera.ray(mount, [40.0, 60.0]);
        assert!((y - whole).abs() < 1e-9);
    }

    fn half_of([u, v]: Point, whole: Pinhole, half: Pinhole) -> Point {
        [
            (u + 0.5) * half.width as f64 / whole.width as f64 - 0.5,
            (v + 0.5) * half.height as f64 / whole.height as f64 - 0.5,
        ]
    }
}
