//! `concert apartment`: writes data sets of simulated homes, shows them, and
//! drives a robot in them.

mod args;
mod drive;
mod hand;
pub(crate) mod messages;
mod pilot;
mod settings;
mod situation;
mod truth;
mod values;
mod view;
mod write;

use concert_apartment::ApartmentError;

use crate::cli::Global;
use crate::report::{Failure, Report};

pub(crate) use args::{ApartmentArgs, DoorsArg};
pub(crate) use values::{rate, speed};

/// Does one of the three.
pub(crate) fn run(args: &ApartmentArgs, global: &Global) -> Result<Report, Failure> {
    if let Some(folder) = &args.write {
        return write::run(folder, args, global);
    }
    if let Some(file) = &args.view {
        return view::run(file, args, global);
    }
    // The command line has exactly one of the three.
    drive::run(args, global)
}

/// Absurd parameters are refused; what else goes wrong, fails.
fn failure(error: ApartmentError) -> Failure {
    match error {
        ApartmentError::Camera { .. }
        | ApartmentError::Randomisation { .. }
        | ApartmentError::Robot { .. }
        | ApartmentError::Stock { .. }
        | ApartmentError::DataSet { .. } => Failure::refused(error),
        _ => Failure::failed(error),
    }
}
