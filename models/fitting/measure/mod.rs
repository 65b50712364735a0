//! Measures which sources serve which targets: Taskonomy's whole loop (Zamir
//! et al., CVPR 2018, section 3) on frozen encoders and small readouts.
//!
//! [`measure()`] runs every encoder once per frame and keeps what it made on
//! disk; fits a readout for every source and target, and for sets of sources as
//! [`higher_order`] says; and notes the loss of each on the same held-out
//! frames, one file per transfer, so that what is done is never done again.
//! [`tables`] reads those files and counts which transfer beats which: win
//! rates, affinities by the Analytic Hierarchy Process, Gain against `pixels`.
//! [`merge()`] puts the files of several computers together first.
//!
//! [`Dissimilarities`] estimate all that without fitting anything.
//!
//! | in the folder | |
//! |---|---|
//! | `settings.json` | what was measured, how, and on which frames |
//! | `representations/SOURCE-HASH/` | what the encoders made of each frame |
//! | `transfers/TARGET_from_A+B.json` | losses and measures of one transfer |
//! | `models/readouts/` | the readouts |

mod beam;
mod cache;
mod dissimilarity;
mod error;
mod files;
mod frames;
mod labels;
mod merge;
mod preparation;
mod record;
mod request;
mod settings;
mod table;
mod work;

pub use beam::{MAX_PARTNERS, higher_order};
pub use dissimilarity::{Dissimilarities, rank_correlation};
pub use error::MeasureError;
pub use frames::split_frames;
pub use merge::merge;
pub use record::{SourceRecord, TransferRecord};
pub use request::{MeasureProgress, MeasureRequest, Shard};
pub use settings::Settings;
pub use table::{MeasuredTarget, MeasuredTransfer, Measurement, tables};
pub use work::measure;
