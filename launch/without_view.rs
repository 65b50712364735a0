//! A build without the view serves no page.

use std::path::PathBuf;

use clap::Args;

use crate::launch_file::LaunchFile;
use crate::report::Failure;

/// The command line's part: nothing.
#[derive(Debug, Clone, Default, Args)]
pub struct ViewFlags {}

/// Files that a view would solve from.
#[derive(Debug, Clone, Default)]
#[allow(dead_code, reason = "read by the view alone")]
pub(crate) struct TableFiles {
    pub(crate) transfers: Option<PathBuf>,
    pub(crate) partial: bool,
    pub(crate) profile: Option<PathBuf>,
}

/// No view.
#[derive(Default)]
pub(crate) struct Beside;

impl ViewFlags {
    pub(crate) fn start(
        &self,
        _launch: &LaunchFile,
        _tables: &TableFiles,
        _allow_control: bool,
    ) -> Result<Beside, Failure> {
        Ok(Beside)
    }

    pub(crate) fn start_on(
        &self,
        _bus: concert_runtime::io::zenoh::SessionOptions,
        _prefix: &str,
    ) -> Result<Beside, Failure> {
        Ok(Beside)
    }
}

impl Beside {
    pub(crate) fn line(&self) -> Option<String> {
        None
    }

    pub(crate) fn finish(self) {}
}
