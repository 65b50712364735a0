//! Affinities, how well sources serve targets: tables of measured transfers.
//!
//! Terms and formulas are those of Zamir et al., "Taskonomy: Disentangling Task
//! Transfer Learning" (CVPR 2018), §3.3, and of its published results.
//!
//! * [`TransferTable`]: every measured transfer with its affinity and win rates,
//!   read from CSV or JSON.
//! * [`WinMatrix`]: which transfer beats which, counted over images.
//! * [`ahp_affinities`]: affinities from win rates, by the Analytic Hierarchy
//!   Process.

mod ahp;
mod csv;
mod fault;
mod files;
mod json;
mod table;

pub use ahp::{AhpError, WIN_RATE_CLIP, WinMatrix, ahp_affinities};
pub use fault::{TableError, TableFault};
pub use files::MAX_TABLE_BYTES;
pub(crate) use table::Row;
pub use table::{
    Completeness, MAX_ROWS, MAX_TABLE_NAMES, MAX_TABLE_ORDER, SELF, SUM_TOLERANCE, TableBuilder,
    TransferRow, TransferTable,
};
