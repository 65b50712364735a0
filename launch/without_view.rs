//! A build without the view serves no page.

use clap::Args;

use crate::launch_file::LaunchFile;
use crate::report::Failure;
use crate::transfers::TableFiles;

/// The command line's part: nothing.
#[derive(Debug, Clone, Default, Args)]
pub struct ViewFlags {}

/// No view.
#[derive(Default)]
pub(crate) struct Beside;

impl ViewFlags {
    pub(crate) fn start(
        &self,
        _launch: &LaunchFile,
        _tables: &TableFiles,
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
