//! ONNX Runtime's telemetry, which is off before the library is loaded, or the
//! library is not loaded.
//!
//! From 1.29 on the published library writes a lasting number of the machine
//! below the user's cache folder and sends events to its maker. It decides once,
//! while it is loaded; what its interface offers afterwards comes too late.

use std::env;

/// Environment variable that switches the telemetry off where it is `1`.
pub const TELEMETRY_VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Tells whether a library that is loaded now would send nothing.
#[must_use]
pub fn is_switched_off() -> bool {
    env::var_os(TELEMETRY_VARIABLE).is_some_and(|value| value == "1")
}

/// Holds this process to [`is_switched_off`]. It cannot be mended from here: a
/// variable may be set only while there is one thread.
pub(crate) fn must_be_off() -> Result<(), String> {
    if is_switched_off() {
        return Ok(());
    }
    Err(format!(
        "its telemetry is not switched off: {TELEMETRY_VARIABLE}=1 must be in the environment \
         before the first thread starts"
    ))
}
