//! Readouts' inputs from the camera beside its image: measured depth, and its
//! focal length.

use concert_models::image_file::DepthImage;
use concert_models::{Affine2, EngineError, Intrinsics};

use super::Lane;
use super::condition::ReadoutCondition;
use super::state::{CameraState, Progress};
use crate::counts::Outcome;
use crate::frame::Frame;
use crate::plan::{CameraInput, CameraValue};
use crate::step::Step;

impl CameraState {
    /// Makes sure that this frame's value is in the slot; false where the frame
    /// has none.
    ///
    /// # Errors
    /// Where the copy to the device fails.
    pub(super) fn fill(
        &mut self,
        input: &CameraInput,
        step: &mut Step<'_>,
    ) -> Result<bool, EngineError> {
        if self.made != Progress::NotTried {
            return Ok(self.made == Progress::Made);
        }
        self.made = Progress::Missing;
        let frame = step.frame;
        let contract = &step.plan.contracts[input.contract];
        let size = (frame.image.width(), frame.image.height());
        let image_from_input = contract.image_from_input(size.0, size.1);
        let input_size = (contract.width(), contract.height());
        match input.what {
            CameraValue::Depth { width, height } => {
                let Some(depth) = frame.depth.as_deref() else {
                    return Ok(false);
                };
                let stretch = Affine2::stretch((width, height), input_size);
                let image_from_cell = image_from_input.after(&stretch);
                step.engine.fill(self.slot, &mut |bytes| {
                    sample(depth, size, &image_from_cell, width, bytes);
                })?;
            }
            CameraValue::Focal { reference_px } => {
                let focal = focal_px(frame, &image_from_input, input_size);
                let focal = focal.unwrap_or(reference_px) as f32;
                step.engine.fill(self.slot, &mut |bytes| {
                    bytes.copy_from_slice(&focal.to_ne_bytes());
                })?;
            }
        }
        self.made = Progress::Made;
        Ok(true)
    }
}

impl Lane {
    /// Makes sure that what the readout reads of the camera is there; false
    /// where the frame has none.
    pub(super) fn read_camera(
        &mut self,
        index: usize,
        step: &mut Step<'_>,
    ) -> Result<bool, Outcome> {
        let plan = step.plan;
        let mut condition = ReadoutCondition::Well;
        if plan.readouts[index].reads_frame_depth && step.frame.depth.is_none() {
            condition = ReadoutCondition::NoDepth;
        }
        for &input in &plan.readouts[index].camera_inputs {
            let what = &plan.camera_inputs[input];
            match self.camera[input].fill(what, step) {
                Ok(true) => {}
                Ok(false) => condition = ReadoutCondition::NoDepth,
                Err(error) => {
                    let network = &mut self.readouts[index].network;
                    network.note_failure(step.clock.monotonic(), error.to_string());
                    return Err(Outcome::Failed);
                }
            }
        }
        if condition == ReadoutCondition::Well && self.is_uncalibrated(index, step) {
            condition = ReadoutCondition::Uncalibrated;
        }
        if condition == ReadoutCondition::Well && self.is_distorted(index, step) {
            condition = ReadoutCondition::Distorted;
        }
        let lane = &mut self.readouts[index];
        lane.output.uncalibrated = condition == ReadoutCondition::Uncalibrated;
        let has_depth = condition != ReadoutCondition::NoDepth;
        lane.condition = condition;
        Ok(has_depth)
    }

    /// Tells whether a readout or what it reads takes a distorted image for a
    /// pinhole camera's.
    fn is_distorted(&self, index: usize, step: &Step<'_>) -> bool {
        let stage = &step.plan.readouts[index];
        let mut inputs = stage.inputs.iter();
        step.frame.distorted
            && (stage.needs_intrinsics(step.plan)
                || inputs
                    .any(|&input| self.readouts[input].condition == ReadoutCondition::Distorted))
    }

    /// Tells whether a readout or what it reads needs intrinsics that are unknown.
    fn is_uncalibrated(&self, index: usize, step: &Step<'_>) -> bool {
        if step.frame.intrinsics.is_some() {
            return false;
        }
        let stage = &step.plan.readouts[index];
        stage.needs_intrinsics(step.plan)
            || (stage.inputs.iter())
                .any(|&input| self.readouts[input].condition == ReadoutCondition::Uncalibrated)
    }
}

/// √(fx · fy) in pixels of the network's input.
fn focal_px(frame: &Frame, image_from_input: &Affine2, input: (usize, usize)) -> Option<f64> {
    let input_from_image = image_from_input.inverse()?;
    let Intrinsics { fx, fy, .. } = frame
        .intrinsics?
        .through(&input_from_image, input.0, input.1);
    Some((fx * fy).sqrt())
}

/// The nearest measurement of every cell: between two surfaces lies neither.
fn sample(
    depth: &DepthImage,
    image: (usize, usize),
    image_from_cell: &Affine2,
    width: usize,
    bytes: &mut [u8],
) {
    let depth_from_image = Affine2::stretch(image, (depth.width, depth.height));
    let depth_from_cell = depth_from_image.after(image_from_cell);
    for (index, bytes) in bytes.chunks_exact_mut(4).enumerate() {
        let cell = [(index % width) as f64, (index / width) as f64];
        let [u, v] = depth_from_cell.apply(cell).map(f64::round);
        let inside =
            (0.0..depth.width as f64).contains(&u) && (0.0..depth.height as f64).contains(&v);
        let metres = match inside {
            true => depth.metres[v as usize * depth.width + u as usize],
            false => f32::NAN,
        };
        bytes.copy_from_slice(&metres.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_sampled_where_the_cell_looks_and_unknown_outside() {
        let depth = DepthImage {
            width: 4,
            height: 2,
            metres: (0..8).map(|metres| metres as f32).collect(),
        };
        let mut bytes = [0; 8];
        let halves = Affine2::stretch((2, 1), (4, 2));
        sample(&depth, (4, 2), &halves, 2, &mut bytes);
        // Cell 0 is centred between pixels 0 and 1 of rows 0 and 1.
        let value = |index: usize| f32::from_ne_bytes(bytes[4 * index..][..4].try_into().unwrap());
        assert!([0.0, 1.0, 4.0, 5.0].contains(&value(0)));
        assert!([2.0, 3.0, 6.0, 7.0].contains(&value(1)));
        let mut bytes = [0; 4];
        let outside = Affine2::scale_offset([1.0, 1.0], [-3.0, 0.0]);
        sample(&depth, (4, 2), &outside, 1, &mut bytes);
        assert!(f32::from_ne_bytes(bytes).is_nan());
    }
}
