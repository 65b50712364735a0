//! The end of the process at once, where nothing else helps any more.

use std::sync::OnceLock;

static FIRST: OnceLock<fn()> = OnceLock::new();

/// Says what is to be done before the process ends at once, such as giving the
/// terminal back. It may be called from any thread, and should not wait long;
/// only the first who says something is heard.
pub fn do_first(act: fn()) {
    let _ = FIRST.set(act);
}

/// Ends the process with this exit code; no destructor runs.
pub fn at_once(code: i32) -> ! {
    if let Some(act) = FIRST.get() {
        act();
    }
    std::process::exit(code);
}
