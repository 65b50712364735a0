//! The `CameraInfo` messages that arrive beside the images of one camera.

use std::sync::Arc;
use std::time::Duration;

use zenoh::bytes::ZBytes;

use super::said::Said;
use crate::calibration::{Calibration, CalibrationView};
use crate::wire::Message;
use crate::wire::sensor_msgs::CameraInfo;

/// Longest `CameraInfo`; its distortion may have a handful of numbers.
const LIMIT: usize = 64 * 1024;
/// Words of a ROS topic's name that say that its images are rectified
/// (`image_rect`, `image_rect_color`).
const RECTIFIED: [&str; 2] = ["rect", "rectified"];

/// The newest calibration that can be used, and what became of the others.
#[derive(Debug)]
pub(super) struct Calibrations {
    key: String,
    is_rectified: bool,
    known: Option<Calibration>,
    said: Said,
    /// Messages that could not be used.
    pub(super) refused: u64,
    /// Why the newest one is not used, while that is so.
    pub(super) fault: Option<Arc<str>>,
}

impl Calibrations {
    /// Calibrations of messages of `key`, for images of `image_key`.
    pub(super) fn new(key: &str, image_key: &str, rectified: Option<bool>) -> Self {
        let mut words = image_key.split(['/', '_']);
        let named = words.any(|word| RECTIFIED.contains(&word));
        Self {
            key: key.to_owned(),
            is_rectified: rectified.unwrap_or(named),
            known: None,
            said: Said::default(),
            refused: 0,
            fault: None,
        }
    }

    /// Takes a message. One that cannot be used is counted and said; the last
    /// good one stays.
    pub(super) fn put(&mut self, payload: &ZBytes, now: Duration) {
        match self.read(payload) {
            Ok(calibration) => {
                self.fault = None;
                self.known = Some(calibration);
            }
            Err(reason) => {
                self.refused += 1;
                self.leave_out(&reason, now);
            }
        }
    }

    fn read(&self, payload: &ZBytes) -> Result<Calibration, String> {
        if payload.len() > LIMIT {
            let got = payload.len();
            return Err(format!(
                "payload is {got} bytes, but at most {LIMIT} are read"
            ));
        }
        let info = CameraInfo::decode(&payload.to_bytes()).map_err(|error| error.to_string())?;
        Calibration::of(&info, self.is_rectified)
    }

    /// The camera of an image; `None` where no calibration fits it.
    pub(super) fn view(&mut self, size: (usize, usize), now: Duration) -> Option<CalibrationView> {
        let known = self.known.as_ref()?;
        let view = match known.view(size.0, size.1) {
            Ok(view) => view,
            Err(reason) => {
                self.leave_out(&reason, now);
                return None;
            }
        };
        if let Some(model) = known.other_model() {
            let reason = format!(
                "model `{model}` is no pinhole camera's, so intrinsics are unknown and outputs are \
                 marked distorted"
            );
            self.leave_out(&reason, now);
        } else if let Some(bent_px) = view.bent_px {
            let text = format!(
                "{}: the lens bends the image by up to {bent_px:.1} px and it is not rectified, \
                 so outputs are marked distorted",
                self.key
            );
            self.said.warn(text, now);
        }
        Some(view)
    }

    fn leave_out(&mut self, reason: &str, now: Duration) {
        let fault = format!("{}: camera info left out: {reason}", self.key);
        if self.fault.as_deref() != Some(&fault) {
            self.fault = Some(fault.as_str().into());
        }
        self.said.warn(fault, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::common::Header;
    use crate::wire::encode;

    const NOW: Duration = Duration::ZERO;

    fn message(f: f64) -> ZBytes {
        let intrinsics = concert_models::Intrinsics {
            fx: f,
            fy: f,
            cx: 32.0,
            cy: 24.0,
            width: 64,
            height: 48,
        };
        let mut bytes = Vec::new();
        encode::camera_info(Header::default(), &intrinsics).encode(&mut bytes);
        bytes.into()
    }

    fn focal(calibrations: &mut Calibrations) -> Option<f64> {
        Some(calibrations.view((64, 48), NOW)?.intrinsics?.fx)
    }

    #[test]
    fn the_last_good_calibration_stays_and_the_others_are_counted() {
        let mut calibrations = Calibrations::new("cam/info", "cam/image", None);
        assert_eq!(focal(&mut calibrations), None);
        calibrations.put(&message(50.0), NOW);
        for bad in [
            b"nonsense".to_vec().into(),
            message(f64::NAN),
            message(0.001),
            vec![0; 100_000].into(),
        ] {
            calibrations.put(&bad, NOW);
            assert_eq!(focal(&mut calibrations), Some(50.0));
            let fault = calibrations.fault.clone().unwrap();
            assert!(fault.starts_with("cam/info: camera info left out: "));
        }
        assert_eq!(calibrations.refused, 4);
        calibrations.put(&message(60.0), NOW);
        assert_eq!(
            (calibrations.fault.clone(), focal(&mut calibrations)),
            (None, Some(60.0))
        );
    }

    #[test]
    fn a_topics_name_says_whether_it_is_rectified() {
        let is_rectified = |key| Calibrations::new("", key, None).is_rectified;
        for rectified in [
            "camera/image_rect",
            "0/left/image_rect_color/x",
            "rectified/image",
        ] {
            assert!(is_rectified(rectified), "{rectified}");
        }
        for raw in ["camera/image_raw", "direct/image", "rectangle"] {
            assert!(!is_rectified(raw), "{raw}");
        }
        assert!(!Calibrations::new("", "image_rect", Some(false)).is_rectified);
    }
}
