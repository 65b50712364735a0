//! Intrinsics and distortion of images, as their `sensor_msgs/CameraInfo` says.
//!
//! After REP-104 and `image_geometry`: width, height, K and P belong to the
//! whole sensor; region of interest and binning say which part of it is sent,
//! and how coarsely. K is of the image as it was taken, P of the rectified one.

use concert_models::{Affine2, Intrinsics};

use crate::wire::sensor_msgs::CameraInfo;

/// Bent by no more than this, px at the image's edge, an image counts as a
/// pinhole camera's.
const STRAIGHT_PX: f64 = 1.0;
/// Models of lenses that are no pinhole's even where all their numbers are 0.
const FISHEYES: [&str; 9] = [
    "equidistant",
    "fisheye",
    "kannala",
    "omni",
    "mei",
    "ftheta",
    "double_sphere",
    "eucm",
    "fov",
];

/// A camera's calibration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Intrinsics of the whole sensor.
    sensor: Intrinsics,
    /// Offset x, y, width, height of what is sent, px of the sensor.
    region: [usize; 4],
    /// Sensor pixels per image pixel along u and v.
    binning: [usize; 2],
    lens: Lens,
}

/// A model of lens distortion.
#[derive(Debug, Clone, PartialEq)]
enum Lens {
    /// Not at all, or no more: the image is rectified.
    Pinhole,
    /// As `plumb_bob` and `rational_polynomial` say: k1 k2 p1 p2 k3 k4 k5 k6.
    Polynomial([f64; 8]),
    /// So that a focal length alone does not describe it; with its model's name.
    Other(String),
}

/// Intrinsics and distortion of one image's camera.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CalibrationView {
    /// For this very image; `None` where no pinhole describes the camera.
    pub intrinsics: Option<Intrinsics>,
    /// By how much lines are bent at the image's edge, px, where that is more
    /// than a pixel; infinite where no pinhole describes the camera.
    pub bent_px: Option<f64>,
}

impl Calibration {
    /// Reads a camera info; `is_rectified` says that the images are, so that P
    /// holds for them. Where a camera info has no distortion but another P than
    /// K, its images have been rectified, too.
    ///
    /// # Errors
    /// Numbers that cannot be a camera's, and which.
    pub fn of(info: &CameraInfo, is_rectified: bool) -> Result<Self, String> {
        let lens = match is_rectified {
            true => Lens::Pinhole,
            false => lens(info)?,
        };
        let (width, height) = (info.width as usize, info.height as usize);
        let of = |[fx, cx, fy, cy]: [f64; 4]| Intrinsics {
            fx,
            fy,
            cx,
            cy,
            width,
            height,
        };
        let [fx, _, cx, _, fy, cy, ..] = info.k;
        let [px, _, pcx, _, _, py, pcy, ..] = info.p;
        let (k, p) = ([fx, cx, fy, cy], [px, pcx, py, pcy]);
        let has_p = lens == Lens::Pinhole && px != 0.0 && p != k;
        let has_k = (fx, fy) != (0.0, 0.0);
        if !(has_k || is_rectified && has_p) {
            return Err("K is 0, so the camera is not calibrated".to_owned());
        }
        // Where nobody says that P holds, K is not passed over unread.
        if has_k
            && !is_rectified
            && let Some(fault) = of(k).fault()
        {
            return Err(fault);
        }
        let sensor = of(if has_p { p } else { k });
        if let Some(fault) = sensor.fault() {
            return Err(fault);
        }
        let roi = info.roi;
        let region = [roi.x_offset, roi.y_offset, roi.width, roi.height].map(|px| px as usize);
        let region = match region {
            [0, 0, 0, 0] => [0, 0, width, height],
            part => part,
        };
        let [x, y, w, h] = region;
        if w == 0 || h == 0 || x + w > width || y + h > height {
            return Err(format!(
                "region of interest {w}x{h} at {x}, {y} must lie in the {width}x{height} sensor"
            ));
        }
        Ok(Self {
            sensor,
            region,
            binning: info.binning.map(|binning| binning.max(1) as usize),
            lens,
        })
    }

    /// The camera of an image of `width` × `height` px.
    ///
    /// # Errors
    /// A size that region and binning do not explain, with both.
    pub fn view(&self, width: usize, height: usize) -> Result<CalibrationView, String> {
        let ([x, y, w, h], [bx, by]) = (self.region, self.binning);
        // A rest that fills no pixel may be dropped or padded.
        let fits = |side: usize, whole: usize, binning: usize| {
            side == whole / binning || side == whole.div_ceil(binning)
        };
        if !fits(width, w, bx) || !fits(height, h, by) {
            return Err(format!(
                "is for images of {}x{} ({w}x{h} of a {}x{} sensor, binning {bx}x{by}), but the \
                 image is {width}x{height}",
                w / bx,
                h / by,
                self.sensor.width,
                self.sensor.height,
            ));
        }
        let scale = [1.0 / bx as f64, 1.0 / by as f64];
        let offset = [-(x as f64) * scale[0], -(y as f64) * scale[1]];
        let image_from_sensor = Affine2::scale_offset(scale, offset);
        let intrinsics = self.sensor.through(&image_from_sensor, width, height);
        let bent = match &self.lens {
            Lens::Pinhole => 0.0,
            Lens::Polynomial(numbers) => bent_px(numbers, &intrinsics),
            Lens::Other(_) => f64::INFINITY,
        };
        Ok(CalibrationView {
            intrinsics: bent.is_finite().then_some(intrinsics),
            bent_px: (bent > STRAIGHT_PX).then_some(bent),
        })
    }

    /// The lens's model, where no pinhole describes the camera.
    #[must_use]
    pub fn other_model(&self) -> Option<&str> {
        match &self.lens {
            Lens::Other(model) => Some(model),
            Lens::Pinhole | Lens::Polynomial(_) => None,
        }
    }
}

fn lens(info: &CameraInfo) -> Result<Lens, String> {
    if let Some(number) = info.d.iter().find(|number| !number.is_finite()) {
        return Err(format!("distortion has {number}, but must be finite"));
    }
    let model: String = info.distortion_model.chars().take(64).collect();
    let model = model.to_lowercase();
    if FISHEYES.iter().any(|fisheye| model.contains(fisheye)) {
        return Ok(Lens::Other(model));
    }
    if info.d.iter().all(|number| *number == 0.0) {
        return Ok(Lens::Pinhole);
    }
    let is_polynomial = model.is_empty()
        || ["plumb_bob", "rational_polynomial", "thin_prism"].contains(&model.as_str())
        || model.contains("brown");
    if !is_polynomial {
        return Ok(Lens::Other(model));
    }
    // What follows the eighth (thin prism, tilt) is small beside these.
    let mut numbers = [0.0; 8];
    numbers
        .iter_mut()
        .zip(&info.d)
        .for_each(|(to, from)| *to = *from);
    Ok(Lens::Polynomial(numbers))
}

/// Greatest distance that the lens moves a point of the image's edge, px.
/// Radial and tangential distortion as in OpenCV's `calib3d`.
fn bent_px(&[k1, k2, p1, p2, k3, k4, k5, k6]: &[f64; 8], camera: &Intrinsics) -> f64 {
    let moved = |[u, v]: [f64; 2]| {
        let (x, y) = ((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy);
        let r = x * x + y * y;
        let radial = (1.0 + r * (k1 + r * (k2 + r * k3))) / (1.0 + r * (k4 + r * (k5 + r * k6)));
        let across = x * radial + 2.0 * p1 * x * y + p2 * (r + 2.0 * x * x);
        let down = y * radial + p1 * (r + 2.0 * y * y) + 2.0 * p2 * x * y;
        (camera.fx * (across - x)).hypot(camera.fy * (down - y))
    };
    let (w, h) = (camera.width as f64 - 1.0, camera.height as f64 - 1.0);
    let steps = (0..=8).map(|step| f64::from(step) / 8.0);
    let edge = steps.flat_map(|at| [[at * w, 0.0], [at * w, h], [0.0, at * h], [w, at * h]]);
    edge.map(moved).fold(
        0.0,
        |most, px| if px > most || px.is_nan() { px } else { most },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::common::Header;
    use crate::wire::sensor_msgs::RegionOfInterest;

    fn part(x_offset: u32, y_offset: u32, width: u32, height: u32) -> RegionOfInterest {
        RegionOfInterest {
            x_offset,
            y_offset,
            height,
            width,
            do_rectify: false,
        }
    }

    fn info(width: u32, height: u32, f: f64) -> CameraInfo {
        let (cx, cy) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
        CameraInfo {
            header: Header::default(),
            height,
            width,
            distortion_model: "plumb_bob".to_owned(),
            d: vec![0.0; 5],
            k: [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0],
            r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            p: [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
            binning: [0, 0],
            roi: RegionOfInterest::default(),
        }
    }

    fn view(info: &CameraInfo, size: (usize, usize)) -> CalibrationView {
        let calibration = Calibration::of(info, false).unwrap();
        calibration.view(size.0, size.1).unwrap()
    }

    #[test]
    fn a_binned_camera_has_the_focal_length_of_its_image() {
        let info = CameraInfo {
            binning: [2, 2],
            ..info(128, 96, 100.0)
        };
        let camera = view(&info, (64, 48)).intrinsics.unwrap();
        assert_eq!((camera.fx, camera.fy), (50.0, 50.0));
        // The pixel 63.75 of the image covers 127 and 128 of the sensor.
        assert_eq!((camera.cx, camera.cy), (31.75, 23.75));
        assert_eq!((camera.width, camera.height), (64, 48));
    }

    #[test]
    fn a_region_of_interest_moves_the_principal_point() {
        let roi = CameraInfo {
            roi: part(32, 24, 64, 48),
            ..info(128, 96, 50.0)
        };
        let camera = view(&roi, (64, 48)).intrinsics.unwrap();
        assert_eq!(
            (camera.fx, camera.cx, camera.cy),
            (50.0, 64.0 - 32.0, 48.0 - 24.0)
        );
        let both = CameraInfo {
            binning: [2, 1],
            ..roi
        };
        let camera = view(&both, (32, 48)).intrinsics.unwrap();
        assert_eq!((camera.fx, camera.fy, camera.cx), (25.0, 50.0, 15.75));
    }

    #[test]
    fn an_image_of_another_size_is_refused_with_both_sizes() {
        let calibration = Calibration::of(&info(128, 96, 100.0), false).unwrap();
        let error = calibration.view(64, 48).unwrap_err();
        assert!(
            error.contains("128x96") && error.ends_with("image is 64x48"),
            "{error}"
        );
    }

    #[test]
    fn of_a_rectified_image_p_holds() {
        let mut bent = info(64, 48, 60.0);
        bent.d = vec![-0.3, 0.1, 0.0, 0.0, 0.0];
        bent.p[0] = 50.0;
        bent.p[5] = 50.0;
        let rectified = Calibration::of(&bent, true).unwrap().view(64, 48).unwrap();
        assert_eq!(rectified.intrinsics.unwrap().fx, 50.0);
        assert_eq!(rectified.bent_px, None);
        let raw = view(&bent, (64, 48));
        assert_eq!(raw.intrinsics.unwrap().fx, 60.0);
        assert!(raw.bent_px.unwrap() > 1.0);
        bent.d = Vec::new();
        assert_eq!(view(&bent, (64, 48)).intrinsics.unwrap().fx, 50.0);
    }

    #[test]
    fn a_fisheye_is_never_passed_as_a_pinhole() {
        for (model, d) in [
            ("equidistant", vec![0.0; 4]),
            ("fisheye", vec![0.1, 0.0, 0.0, 0.0]),
            ("thin_prism_fisheye", vec![0.0; 8]),
            ("something_new", vec![0.2]),
        ] {
            let info = CameraInfo {
                distortion_model: model.to_owned(),
                d,
                ..info(64, 48, 30.0)
            };
            let seen = view(&info, (64, 48));
            assert_eq!(seen.intrinsics, None, "{model}");
            assert_eq!(seen.bent_px, Some(f64::INFINITY), "{model}");
        }
    }

    #[test]
    fn a_lens_that_bends_less_than_a_pixel_is_a_pinhole() {
        let mut info = info(64, 48, 60.0);
        info.d = vec![-0.001, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(view(&info, (64, 48)).bent_px, None);
        info.distortion_model = "rational_polynomial".to_owned();
        info.d = vec![0.5, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0];
        assert_eq!(view(&info, (64, 48)).bent_px, None, "both cancel");
    }

    #[test]
    fn f32_intrinsics_that_no_camera_has_are_refused_with_the_rule() {
        let refused = |change: &dyn Fn(&mut CameraInfo)| {
            let mut info = info(64, 48, 50.0);
            change(&mut info);
            Calibration::of(&info, false).unwrap_err()
        };
        let error = refused(&|info| info.k[0] = 0.001);
        assert!(error.contains("field of view"), "{error}");
        let error = refused(&|info| info.k[4] = 1e9);
        assert!(error.contains("field of view"), "{error}");
        let error = refused(&|info| info.k = [0.0; 9]);
        assert!(error.contains("not calibrated"), "{error}");
        let error = refused(&|info| info.k[2] = f64::NAN);
        assert!(error.contains("cx must"), "{error}");
        let error = refused(&|info| info.d[1] = f64::NAN);
        assert!(error.contains("NaN, but must be finite"), "{error}");
        let error = refused(&|info| info.roi = part(32, 0, 64, 48));
        assert!(error.contains("must lie in the 64x48 sensor"), "{error}");
    }
}
