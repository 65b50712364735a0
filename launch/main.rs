//! The program `concert`.
#![expect(
    unsafe_code,
    reason = "sets a variable of the environment while there is one thread"
)]

use std::process::ExitCode;

fn main() -> ExitCode {
    // ONNX Runtime reads it once, when it is loaded; children inherit it.
    // SAFETY: this is the first thing that the process does, so there is no
    // other thread that could read the environment meanwhile.
    unsafe {
        std::env::set_var(concert::TELEMETRY_VARIABLE, "1");
    }
    concert::run()
}
