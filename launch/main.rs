//! The program `concert`.

use std::process::ExitCode;

fn main() -> ExitCode {
    concert::run()
}
