//! Odometry outputs as `nav_msgs/msg/Odometry` and as transforms.

use concert_models::geometric::odometry::{OdometryEstimate, body_from_optical};
use concert_policies::OutputKind;
use nalgebra::{Isometry3, UnitQuaternion};

use super::common::{Header, Pose};
use super::message::Message;
use super::nav_msgs::Odometry;
use super::tf2_msgs::{TfMessage, TransformStamped};
use crate::output::Output;

/// End of the name of a coordinate frame that images are given in (REP-103).
const OPTICAL: &str = "_optical";

/// The frame that a camera's odometry starts from: where its body was at
/// first. Of one camera `odom` (REP-105), of several `CAMERA_odom`.
fn odometry_frame(output: &Output) -> String {
    let origin = &output.origin;
    match origin.key.contains('/') {
        true => format!("{}_odom", origin.camera),
        false => "odom".to_owned(),
    }
}

/// The camera's body frame (x ahead, y left, z up): its optical frame's name
/// without the ending, or with `_body` where it has none.
fn body_frame(output: &Output) -> String {
    match output.frame_id.strip_suffix(OPTICAL) {
        Some(body) if !body.is_empty() => body.to_owned(),
        _ => format!("{}_body", output.frame_id),
    }
}

fn header(output: &Output, frame_id: String) -> Header {
    Header {
        stamp: output.stamp,
        frame_id,
    }
}

fn pose(a_from_b: &Isometry3<f64>) -> Pose {
    let rotation = &a_from_b.rotation.coords;
    Pose {
        position: a_from_b.translation.vector.into(),
        orientation: [rotation.x, rotation.y, rotation.z, rotation.w],
    }
}

/// `None` where the tensor is not one of odometry.
pub(super) fn odometry(output: &Output) -> Option<Odometry> {
    let estimate = OdometryEstimate::read(&output.values)?;
    Some(Odometry {
        header: header(output, odometry_frame(output)),
        child_frame_id: body_frame(output),
        pose: pose(&estimate.odom_from_body),
        pose_covariance: estimate.pose_covariance,
        linear: estimate.linear.into(),
        angular: estimate.angular.into(),
        twist_covariance: estimate.twist_covariance,
    })
}

/// Writes an odometry output as the transforms `odom` from body and body from
/// optical frame; what stood in `to` is lost. Gives `false`, and writes
/// nothing, where the output is not odometry.
pub fn encode_transforms(output: &Output, to: &mut Vec<u8>) -> bool {
    let is_odometry = matches!(output.origin.task.output, OutputKind::Odometry);
    let estimate = OdometryEstimate::read(&output.values).filter(|_| is_odometry);
    let Some(estimate) = estimate else {
        return false;
    };
    let (body, optical) = (body_frame(output), output.frame_id.to_string());
    let turn: UnitQuaternion<f64> = body_from_optical();
    let body_from_optical = Isometry3::from_parts(nalgebra::Translation3::identity(), turn);
    let transforms = vec![
        TransformStamped {
            header: header(output, odometry_frame(output)),
            child_frame_id: body.clone(),
            transform: pose(&estimate.odom_from_body),
        },
        TransformStamped {
            header: header(output, body),
            child_frame_id: optical,
            transform: pose(&body_from_optical),
        },
    ];
    TfMessage { transforms }.encode(to);
    true
}
