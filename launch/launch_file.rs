//! The launch file: WHERE a policy runs, on which cameras, and to whom it
//! publishes.
//!
//! Text becomes a private raw struct, and that a checked [`LaunchFile`], whose
//! holder need not check again. Paths in a launch file are relative to the
//! folder of the launch file; what is not there is looked for in the working
//! folder. See [`LaunchFile::resolve`].

mod camera;
mod defaults;
mod degradation;
mod fault;
#[cfg(feature = "fitting")]
mod learn;
mod metrics;
mod parse;
mod raw;
mod ros2;
#[cfg(test)]
mod tests;
pub(crate) mod value;
mod zenoh;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use camera::CameraEntry;
pub(crate) use degradation::{DegradationEntry, Fallback};

pub(crate) use concert_runtime::io::onnxruntime::Provider;

pub(crate) use crate::cameras::CameraKind;
pub use fault::{LaunchError, LaunchFault};
#[cfg(feature = "fitting")]
pub(crate) use learn::LearnEntry;
pub(crate) use metrics::{DEFAULT_METRICS, MetricsEntry};
pub(crate) use ros2::Ros2Entry;
pub(crate) use zenoh::{ControlRule, TlsEntry, ZenohEntry};

use concert_policies::document::Kind;

use crate::overrides::Overrides;

/// Greatest size of a launch file, in bytes (64 KiB).
pub(crate) const MAX_LAUNCH_BYTES: u64 = 64 << 10;
const KIND: Kind = Kind {
    name: "launch file",
    max_bytes: MAX_LAUNCH_BYTES,
};
/// Most cameras of one launch file.
pub(crate) const MAX_CAMERAS: usize = 16;
/// Where clients connect and `serve` listens, if nothing else is said.
pub(crate) const DEFAULT_ENDPOINT: &str = "tcp/127.0.0.1:7448";
/// Where a zenoh router on this computer would answer; connected to, now or
/// later, if nothing else is said.
pub(crate) const DEFAULT_ROUTER: &str = "tcp/127.0.0.1:7447";
/// What the keys of outputs begin with, if nothing else is said.
pub(crate) const DEFAULT_PREFIX: &str = "robot/perception";

/// The home of a camera of kind apartment, if nothing else is said.
pub(crate) const DEFAULT_SEED: u64 = 7;

/// Where a policy runs, on which cameras, and to whom it publishes; checked.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchFile {
    origin: String,
    folder: PathBuf,
    policy: String,
    models: Vec<String>,
    providers: Vec<Provider>,
    threads: Option<usize>,
    tuned: bool,
    time_limit: Option<Duration>,
    max_age: Option<Duration>,
    hang_limit: Duration,
    cameras: Vec<CameraEntry>,
    publish: Publish,
    zenoh: ZenohEntry,
    control: Option<bool>,
    degradation: Option<DegradationEntry>,
    metrics: Option<MetricsEntry>,
    #[cfg(feature = "fitting")]
    learn: Option<LearnEntry>,
}

/// How outputs are published.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// What the keys begin with: a zenoh key expression without wildcards.
    pub prefix: String,
    /// Key layout and attachment.
    pub style: PublishStyle,
    /// How it is a node of ROS 2: with style `ros2`, or a camera of that kind.
    pub ros2: Option<Ros2Entry>,
    /// The camera's image beside the outputs.
    pub image: ImageEntry,
}

/// How the camera's image is published.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageEntry {
    /// True where it is; `None` for small images alone, now and then.
    pub enabled: Option<bool>,
    /// Quality of the JPEG, from 1 to 100; `None` for pixels as they came.
    pub jpeg_quality: Option<u8>,
    /// Most images a second, if that was said.
    pub rate_hz: Option<f64>,
}

/// Key layout and attachment of published outputs; the payload is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishStyle {
    /// `PREFIX/TARGET`, with provenance as JSON in the attachment.
    Native,
    /// As a node of ROS 2 does over `rmw_zenoh`, with provenance at a topic beside.
    Ros2,
}

impl LaunchFile {
    /// Reads a launch file.
    ///
    /// # Errors
    /// As [`LaunchFile::parse`], and for anything but a readable regular file
    /// of at most 64 KiB of UTF-8, of which no more is read.
    pub fn read(path: &Path) -> Result<LaunchFile, LaunchError> {
        let origin = path.display().to_string();
        let text = KIND.read(path);
        let text = text.map_err(|fault| LaunchError::new(&origin, None, fault.into()))?;
        LaunchFile::parse(&text, path)
    }

    /// The JSON Schema of a launch file. It says less than
    /// [`LaunchFile::parse`] checks: not which keys belong to which kind of
    /// camera, nor the rules between entries.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        raw::json_schema()
    }

    /// Where a path in this launch file leads: itself where it is absolute,
    /// else below the launch file's folder, or, where nothing stands there,
    /// below the working folder.
    #[must_use]
    pub fn resolve(&self, path: &str) -> PathBuf {
        let beside = self.folder.join(path);
        if !beside.exists() && Path::new(path).exists() {
            return PathBuf::from(path);
        }
        beside
    }

    /// This launch file with what the command line says put in its place.
    #[must_use]
    pub fn with(mut self, overrides: &Overrides) -> LaunchFile {
        if let Some(prefix) = &overrides.prefix {
            self.publish.prefix.clone_from(prefix);
        }
        if !overrides.listen.is_empty() {
            self.zenoh.listen.clone_from(&overrides.listen);
        }
        if !overrides.connect.is_empty() {
            self.zenoh.connect.clone_from(&overrides.connect);
            self.zenoh.connect_is_named = true;
        }
        if let Some(threads) = overrides.threads {
            self.threads = Some(threads);
        }
        if overrides.untuned {
            self.tuned = false;
        }
        if let Some(listen) = overrides.metrics {
            let entry = self.metrics.get_or_insert(MetricsEntry::at(listen));
            entry.listen = listen;
        }
        if overrides.allow_control {
            self.control = Some(true);
        }
        #[cfg(feature = "fitting")]
        self.learn_instead(overrides);
        if overrides.gpu {
            self.providers = Provider::ALL.to_vec();
        }
        if !overrides.providers.is_empty() {
            self.providers.clone_from(&overrides.providers);
        }
        self
    }

    #[cfg(feature = "fitting")]
    fn learn_instead(&mut self, overrides: &Overrides) {
        if !overrides.learn.is_empty() {
            let learn = LearnEntry::of(&overrides.learn);
            let targets = learn.targets.clone();
            self.learn.get_or_insert(learn).targets = targets;
        }
        if let (Some(folder), Some(learn)) = (&overrides.learn_folder, &mut self.learn) {
            learn.folder = Some(folder.clone());
        }
    }

    /// The file it was read from, for people.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The policy: the name of one that ships with Concert, or a path.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Folders in which models are looked for, before all others.
    #[must_use]
    pub fn models(&self) -> Vec<PathBuf> {
        self.models.iter().map(|path| self.resolve(path)).collect()
    }

    /// The providers to try, one after the other; at least one, each once.
    #[must_use]
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// Threads of the one pool that runs networks; `None` for one per core.
    #[must_use]
    pub fn threads(&self) -> Option<usize> {
        self.threads
    }

    /// True where the execution settings are used that `concert tune` kept.
    #[must_use]
    pub fn is_tuned(&self) -> bool {
        self.tuned
    }

    /// How long one frame may take before the rest of its plan is shed.
    #[must_use]
    pub fn time_limit(&self) -> Option<Duration> {
        self.time_limit
    }

    /// How long a frame may wait for its turn and still be worth computing.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// How long one network may run before it is ended.
    #[must_use]
    pub fn hang_limit(&self) -> Duration {
        self.hang_limit
    }

    /// The cameras, at least one, with distinct names.
    #[must_use]
    pub fn cameras(&self) -> &[CameraEntry] {
        &self.cameras
    }

    /// How outputs are published.
    #[must_use]
    pub fn publish(&self) -> &Publish {
        &self.publish
    }

    /// Who may change the policy while it runs: as the launch file says; else
    /// who comes in where we listen, and only where that is of this computer
    /// alone.
    #[must_use]
    pub fn control(&self) -> ControlRule {
        match self.control {
            Some(true) => ControlRule::Anyone,
            None if self.zenoh.is_reached_from_here_alone() => ControlRule::OwnListener,
            _ => ControlRule::Nobody,
        }
    }

    /// What is stepped down to where the policy takes too much, if anything.
    #[must_use]
    pub(crate) fn degradation(&self) -> Option<&DegradationEntry> {
        self.degradation.as_ref()
    }

    /// Where metrics are served, if anywhere.
    #[must_use]
    pub(crate) fn metrics(&self) -> Option<&MetricsEntry> {
        self.metrics.as_ref()
    }

    /// What is learnt while it is served, if anything.
    #[cfg(feature = "fitting")]
    #[must_use]
    pub fn learn(&self) -> Option<&LearnEntry> {
        self.learn.as_ref()
    }

    /// How the zenoh session meets others.
    #[must_use]
    pub fn zenoh(&self) -> &ZenohEntry {
        &self.zenoh
    }
}
