//! A build without metrics has no server for them.

use std::sync::Arc;

use clap::Args;

use crate::launch_file::LaunchFile;
use crate::overrides::Overrides;
use crate::report::Failure;
use crate::supervision::Vitals;

/// The command line's part: nothing.
#[derive(Debug, Clone, Default, Args)]
pub struct MetricsFlags {}

impl MetricsFlags {
    pub(crate) fn overrides(&self, overrides: Overrides) -> Overrides {
        overrides
    }
}

/// No metrics.
pub(crate) struct Metrics;

impl Metrics {
    pub(crate) fn start(
        _launch: &LaunchFile,
        _vitals: &Arc<Vitals>,
    ) -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    pub(crate) fn line(&self) -> String {
        String::new()
    }
}
