//! The field's measures of an output against the truth, added up frame by frame.
//!
//! | target | measures | source |
//! |---|---|---|
//! | depth | `abs_rel` = mean \|p − t\| / t, `rmse` (m), `delta_1` = share with max(p/t, t/p) < 1.25; `median_scaled`: the same after scaling each prediction by the ratio of medians | Eigen, Puhrsch, Fergus, NIPS 2014 |
//! | normals | angle between the directions: `mean_deg`, `median_deg`, shares `within_11_25`, `within_22_5`, `within_30` | Fouhey, Gupta, Hebert, ICCV 2013 |
//! | class of the picture | `top1`: share of frames whose greatest score is the true class | ImageNet |
//! | segmentation | `miou`: mean over the classes that occur of intersection over union; `pixel_accuracy` | Everingham et al., IJCV 2010 |
//! | edges | `f1` at the best threshold for the whole set, hits within 0.75 % of the diagonal; `l1` | Martin, Fowlkes, Malik, PAMI 2004 |
//! | others with a value per pixel | `l1`: mean absolute difference | Taskonomy, CVPR 2018 |
//! | boxes | `ap50`: mean over classes of the area below precision over recall at an intersection over union of 0.5; `recall50`; `objects`: see [`Detections`] | Everingham et al., IJCV 2015; COCO's rules for what is ignored |
//! | odometry | `ate_m`, `rpe_m`, `rpe_deg`: see [`trajectory`] | Sturm et al., IROS 2012 |
//! | room layout | `corner_m`, `plane_m`, `manhattan_deg`, and sides in view apart from the rest: `seen_plane_m`, `seen_within_10_cm`, `unseen_plane_m`: see [`layout`] | |
//!
//! Depth's measures are means over frames of each frame's own (as the public
//! code of Eigen's successors has it); the others count every pixel alike.
//! Everything is measured at the label's full resolution, with the output
//! brought to it by [`resample`]. Pixels unknown in the truth count nowhere;
//! pixels unknown only in the prediction count as not covered (`coverage`).
//!
//! The constant predictor ([`ConstantFit`]) says the same at every pixel of
//! every frame: the best single answer, without looking, by the first measure.

mod classes;
mod constant;
mod depth;
mod detection;
pub(crate) mod directions;
mod edges;
pub mod layout;
mod measures;
mod normals;
mod sampling;
mod sharpness;
mod sketch;
pub mod trajectory;
mod values;
mod window;

pub use constant::ConstantFit;
pub use detection::{
    BoxMatch, ClassPrecision, Detections, FoundBox, counts, intersection_over_union, match_boxes,
};
pub use measures::{Measures, QualityError, TaskQuality};
pub use sampling::{Filter, class_numbers, resample};
pub use sharpness::Sharpness;

#[cfg(test)]
mod tests;
