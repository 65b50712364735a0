//! Learning beside serving: the part of `serve` that a build without fitting
//! does not have.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use concert_models::store::Store;
use concert_runtime::{Clock, Control};
use serde_json::Value;

use crate::assemble::{ControlServer, SharedSwapper, Transport};
use crate::commands::learn::LearnFlags;
use crate::launch_file::LaunchFile;
use crate::learn::{Beginner, Beginning, Learning, Prepared, check_place};
use crate::live::Aside;
use crate::overrides::Overrides;
use crate::policy_choice::PolicyChoice;
use crate::report::Failure;

/// The command line's part.
pub(crate) type Flags = LearnFlags;

/// Plans of what is to be learnt, before anything runs.
pub(super) struct Plans {
    prepared: Option<Prepared>,
    beginner: Option<Beginner>,
    picture: Option<PathBuf>,
}

/// Everything that learns while something is served.
pub(super) struct Running {
    learning: Option<Learning>,
    beginning: Option<Beginning>,
    picture: Option<PathBuf>,
    _asked: Option<ControlServer>,
}

/// The outcome of learning.
#[derive(Default)]
pub(super) struct Learnt {
    /// Figures of the targets that were to be learnt.
    pub(super) figures: Option<Value>,
    /// Outcome of what began from nothing: for people, and for `--json`.
    pub(super) begun: Option<(String, Value)>,
    /// The reason why the curve was not drawn.
    pub(super) lost_curve: Option<anyhow::Error>,
}

/// Puts what the command line says in place of the launch file's.
pub(super) fn overrides(flags: &Flags, overrides: Overrides) -> Overrides {
    flags.overrides(overrides)
}

impl Plans {
    /// Refuses what cannot be learnt, before networks are loaded. Gives the
    /// folders of models, with that of what was learnt before.
    ///
    /// # Errors
    /// A target, a camera or a place that does not do.
    pub(super) fn make(
        flags: &Flags,
        launch: &LaunchFile,
        choice: &PolicyChoice,
        folders: Vec<PathBuf>,
        begins: bool,
    ) -> Result<(Self, Vec<PathBuf>), Failure> {
        let picture = flags.learn_curve.clone();
        check_place(picture.as_deref())?;
        let prepared = Prepared::new(launch, &choice.policy, &folders)?;
        let folders = prepared.as_ref().map_or(folders, Prepared::folders);
        let beginner = begins.then(|| beginner(launch, choice, &folders)).flatten();
        let plans = Self {
            prepared,
            beginner,
            picture,
        };
        Ok((plans, folders))
    }

    /// The targets whose encoders must run, whoever listens.
    pub(super) fn targets(&self) -> Vec<&'static str> {
        self.prepared.as_ref().map_or(Vec::new(), Prepared::targets)
    }

    /// Begins to learn.
    ///
    /// # Errors
    /// A thread or a key that cannot be had.
    pub(super) fn start(
        self,
        control: &dyn Fn() -> Control,
        swapper: &SharedSwapper,
        clock: &Arc<dyn Clock>,
        (transport, launch): (&Transport, &LaunchFile),
    ) -> Result<Running, Failure> {
        let learning = self
            .prepared
            .map(|prepared| prepared.start(control(), Arc::clone(swapper), Arc::clone(clock)));
        let learning = learning.transpose()?;
        let asked = learning.as_ref();
        let asked = asked.map(|learning| transport.learn(launch, learning.answerer()));
        let beginning = self.beginner;
        let beginning = beginning.map(|one| one.start(control(), Arc::clone(clock)));
        Ok(Running {
            learning,
            beginning: beginning.transpose()?,
            picture: self.picture,
            _asked: asked.transpose()?,
        })
    }
}

/// A readout that begins from nothing; where that cannot be, everything else
/// goes on.
fn beginner(launch: &LaunchFile, choice: &PolicyChoice, folders: &[PathBuf]) -> Option<Beginner> {
    let store = Store::new(folders.to_vec());
    let found = Beginner::of(launch, &choice.policy, &store);
    found.unwrap_or_else(|error| {
        tracing::warn!("nothing begins from nothing beside it: {error:#}");
        None
    })
}

impl Running {
    /// A readout that begins from nothing, to be shown.
    pub(super) fn aside(&self) -> Option<&dyn Aside> {
        let beginning = self.beginning.as_ref();
        beginning.map(|beginning| -> &dyn Aside { beginning })
    }

    /// Ends it.
    pub(super) fn finish(self) -> Learnt {
        let picture: Option<&Path> = self.picture.as_deref();
        let begun = self.beginning.map(Beginning::finish);
        let learnt = self.learning.map(|learning| learning.finish(picture));
        let (figures, drawn) = learnt.unzip();
        Learnt {
            figures,
            begun,
            lost_curve: drawn.and_then(Result::err),
        }
    }
}
