//! An HTTP server on a thread of its own, and who may ask it: for the view, and for
//! metrics.

pub(crate) mod guard;
pub(crate) mod refusal;
pub(crate) mod server;
