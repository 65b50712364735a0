//! A build without fitting learns nothing while it serves.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use concert_runtime::{Clock, Control};
use serde_json::Value;

use crate::assemble::{SharedSwapper, Transport};
use crate::launch_file::LaunchFile;
use crate::live::Aside;
use crate::overrides::Overrides;
use crate::policy_choice::PolicyChoice;
use crate::report::Failure;

/// The command line's part: nothing.
#[derive(Debug, Clone, Default, Args)]
pub struct Flags {}

pub(super) struct Plans;
pub(super) struct Running;

#[derive(Default)]
pub(super) struct Learnt {
    pub(super) figures: Option<Value>,
    pub(super) begun: Option<(String, Value)>,
    pub(super) lost_curve: Option<anyhow::Error>,
}

pub(super) fn overrides(_flags: &Flags, overrides: Overrides) -> Overrides {
    overrides
}

impl Plans {
    pub(super) fn make(
        _flags: &Flags,
        _launch: &LaunchFile,
        _choice: &PolicyChoice,
        folders: Vec<PathBuf>,
        _begins: bool,
    ) -> Result<(Self, Vec<PathBuf>), Failure> {
        Ok((Self, folders))
    }

    pub(super) fn targets(&self) -> Vec<&'static str> {
        Vec::new()
    }

    pub(super) fn start(
        self,
        _control: &dyn Fn() -> Control,
        _swapper: &SharedSwapper,
        _clock: &Arc<dyn Clock>,
        _bus: (&Transport, &LaunchFile),
    ) -> Result<Running, Failure> {
        Ok(Running)
    }
}

impl Running {
    pub(super) fn aside(&self) -> Option<&dyn Aside> {
        None
    }

    pub(super) fn finish(self) -> Learnt {
        Learnt::default()
    }
}
