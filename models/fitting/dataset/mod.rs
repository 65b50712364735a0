//! Data sets: pictures with labels, as files, read one example at a time.
//!
//! Layouts, recognised by what stands in the folder, in this order:
//!
//! | what stands there | layout |
//! |---|---|
//! | `dataset.json` | the apartment's: folders of layout "frames" |
//! | `NAME.color.png` or `.jpg` | "frames": beside each `NAME.depth.png` (u16, mm; 0 and 65535 unknown), `NAME.pose.txt` (4×4 camera-to-world, m), `NAME.normal.png`, `.semantic.png`, `.edge_occlusion.png`, `.curvature.png`, `.reshading.png`, `.layout.json`, `.instance.png` (16 bit numbers of objects), all optional; `camera-intrinsics.txt` (3×3, px) |
//! | `rgb.txt` | TUM RGB-D: lists of `stamp file`; `depth.txt` (u16, 1/5000 m) and `groundtruth.txt` joined by stamp |
//! | `TIMESTAMP.png` and `groundtruth.txt` | a plain folder with TUM's truth |
//! | pictures and `labels.csv`, or the only `*.csv` | classes: columns `file` and `class` |
//! | a file of COCO's instances, and a folder of pictures | boxes: see [`DataSet::open_coco`] |
//! | folders | each as above, as one sequence |
//!
//! Depth belongs to its image pixel by pixel ("registered"). A depth image of
//! another size is scaled to its image by the nearest pixel if the aspect
//! ratios agree, else refused.
//!
//! TUM's truth is joined by interpolation between two poses at most 0.1 s apart,
//! else the nearest within 0.02 s; depth by the nearest stamp within 0.02 s, each
//! used once.

mod classes;
mod coco;
mod depth_fault;
mod derive;
mod error;
mod example;
mod files;
mod frames;
mod hash;
mod label;
mod label_file;
mod objects;
mod open;
mod pose;
mod resize;
mod sequence;
mod sound;
mod survey;
mod tum;

pub use depth_fault::DepthFault;
pub use error::{DataSetError, LabelError};
pub use example::{Example, LabelFiles};
pub use label::{Label, LabelKind, relative_pose};
pub use objects::{BOX_NUMBERS, ObjectBox, area, longer_side};
pub use open::DataSet;
pub use sequence::Sequence;
pub use sound::{LeftOut, SoundFrames};
pub use survey::Survey;

#[cfg(test)]
mod tests;
