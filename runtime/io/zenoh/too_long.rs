//! Messages that are longer than what is put together from fragments: zenoh
//! drops them and tells nobody but its own trace.

use std::sync::atomic::{AtomicU64, Ordering};

use super::session::MAX_MESSAGE_BYTES;

/// Target of zenoh's trace of it.
pub const TRACE_TARGET: &str = "zenoh_transport::unicast::universal::rx";
const TRACE_WORDS: &str = "Defragmentation buffer full";

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Messages of this process that were too long so far.
#[must_use]
pub(super) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Takes a line of zenoh's trace of [`TRACE_TARGET`]: where it tells of a message
/// that was too long, that is counted and said. Whoever sets up logging hands
/// the lines over; without, such messages stay uncounted.
pub fn note_trace(line: &str) {
    if !line.contains(TRACE_WORDS) {
        return;
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    if count.is_power_of_two() {
        tracing::warn!(
            count,
            "a message that came in over zenoh is longer than {MAX_MESSAGE_BYTES} bytes, the \
             most that is put together: it is dropped"
        );
    }
}
