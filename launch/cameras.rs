//! Kinds of cameras: each is one file with its entry of a launch file, the
//! rules of that entry, what is said of it, and how it is opened; and one line
//! in the list below.

#[cfg(feature = "apartment")]
mod apartment;
mod argument;
mod command;
mod images;
mod over_bus;
#[cfg(feature = "recording")]
mod recording;
mod ros2;
mod subject;
mod v4l2;
mod zenoh;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use concert_models::Intrinsics;
use concert_policies::document::at;
use concert_runtime::{Camera, Clock};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, Deserializer};

use crate::assemble::Transport;
use crate::launch_file::value::{Placed, Text, shown_message, unknown};
use crate::launch_file::{CameraEntry, LaunchFault, LaunchFile};

pub(crate) use subject::Subject;

/// A program or device that is silent for this long is begun again.
const MAX_SILENCE: Duration = Duration::from_secs(10);

/// The rules of one kind of camera, from its entry to what was checked.
trait Rules: Sized {
    /// Name of the kind, as it is written.
    const NAME: &'static str;
    /// The keys that the entry has beside `name`, `kind` and `frame_id`.
    const KEYS: &'static [&'static str];
    /// The entry as it is written, without `name`, `kind` and `frame_id`.
    type Entry: DeserializeOwned + schemars::JsonSchema;

    /// Checks the entry.
    ///
    /// # Errors
    /// The first rule that it breaks.
    fn check(entry: &Self::Entry, subject: &Subject) -> Placed<Self>;

    /// Gives the intrinsics that the entry states.
    fn intrinsics(_entry: &Self::Entry) -> Option<&Spanned<Intrinsics>> {
        None
    }
}

/// A camera as far as the entry of a launch file says what it is.
pub(crate) trait Source {
    /// Says on one line what delivers the frames.
    fn describe(&self, launch: &LaunchFile) -> String;

    /// Says where intrinsics come from that the launch file does not state, and
    /// which they are where that is known beforehand.
    fn own_intrinsics(&self, _launch: &LaunchFile) -> (String, Option<Intrinsics>) {
        ("unknown".to_owned(), None)
    }

    /// Tells whether its frames carry depth.
    fn carries_depth(&self, _launch: &LaunchFile) -> bool {
        false
    }

    /// Tells whether its frames come to an end, and each is to be seen, however
    /// long it takes.
    fn ends(&self) -> bool {
        false
    }

    /// Gives the key on which others can publish frames in its name.
    fn heard_key(&self) -> Option<&str> {
        None
    }

    /// Opens it.
    ///
    /// # Errors
    /// The reason why it cannot be.
    fn open(&self, site: &Site<'_>) -> anyhow::Result<Opened>;
}

/// The surroundings in which a camera is opened.
pub(crate) struct Site<'a> {
    pub(crate) launch: &'a LaunchFile,
    pub(crate) entry: &'a CameraEntry,
    pub(crate) clock: &'a Arc<dyn Clock>,
    /// The bus, where there is one.
    pub(crate) transport: Option<&'a Transport>,
}

impl Site<'_> {
    fn frame_id(&self) -> Arc<str> {
        self.entry.frame_id().into()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(self.clock)
    }
}

/// A camera that is open, or one that still waits for something long.
pub(crate) enum Opened {
    Ready(Box<dyn Camera>),
    #[cfg_attr(not(feature = "apartment"), expect(dead_code))]
    Later(Box<dyn FnOnce() -> anyhow::Result<Box<dyn Camera>>>),
}

impl Opened {
    /// Waits until it is open.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(crate) fn finish(self) -> anyhow::Result<Box<dyn Camera>> {
        match self {
            Opened::Ready(camera) => Ok(camera),
            Opened::Later(finish) => finish(),
        }
    }
}

macro_rules! camera_kinds {
    ($($(#[$attribute:meta])* $module:ident::$Kind:ident),* $(,)?) => {
        $($(#[$attribute])* pub(crate) use $module::$Kind;)*

        /// A camera as far as its entry says what delivers the frames.
        #[derive(Debug, Clone, PartialEq)]
        pub enum CameraKind {
            $(
                $(#[$attribute])*
                #[doc = concat!("See [`", stringify!($Kind), "`].")]
                $Kind($Kind),
            )*
        }

        impl CameraKind {
            /// Names of the kinds of this build, as they are written.
            pub const NAMES: &[&str] = &[$($(#[$attribute])* <$Kind as Rules>::NAME,)*];

            /// Name of the kind, as it is written.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $($(#[$attribute])* CameraKind::$Kind(_) => <$Kind as Rules>::NAME,)*
                }
            }

            /// The camera behind the entry.
            pub(crate) fn source(&self) -> &dyn Source {
                match self {
                    $($(#[$attribute])* CameraKind::$Kind(kind) => kind,)*
                }
            }

            /// Reads what is left of an entry of the kind that `kind` names.
            fn read(
                camera: &str,
                kind: &Text,
                entry: Spanned<DeTable<'_>>,
            ) -> Placed<(Self, Option<Intrinsics>)> {
                match kind.get_ref().as_str() {
                    $(
                        $(#[$attribute])*
                        <$Kind as Rules>::NAME => {
                            let subject = Subject::new(camera, <$Kind as Rules>::NAME, kind.span());
                            let (kind, intrinsics) = checked::<$Kind>(entry, &subject)?;
                            Ok((CameraKind::$Kind(kind), intrinsics))
                        }
                    )*
                    _ => unknown(format!("kind of camera `{camera}`"), kind, Self::NAMES),
                }
            }

            /// The keys that an entry of a kind has beside those of every camera.
            #[cfg(test)]
            pub(crate) fn keys(kind: &str) -> &'static [&'static str] {
                match kind {
                    $($(#[$attribute])* <$Kind as Rules>::NAME => <$Kind as Rules>::KEYS,)*
                    _ => &[],
                }
            }

            /// Name and JSON Schema of every kind's own entry.
            pub(crate) fn schemas(
                generator: &mut schemars::SchemaGenerator,
            ) -> Vec<(&'static str, schemars::Schema)> {
                vec![$($(#[$attribute])* (
                    <$Kind as Rules>::NAME,
                    <<$Kind as Rules>::Entry as schemars::JsonSchema>::json_schema(generator),
                ),)*]
            }
        }

        $($(#[$attribute])* impl From<$Kind> for CameraKind {
            fn from(kind: $Kind) -> Self {
                CameraKind::$Kind(kind)
            }
        })*
    };
}

camera_kinds! {
    images::Images,
    #[cfg(feature = "apartment")]
    apartment::Apartment,
    zenoh::Zenoh,
    ros2::Ros2,
    v4l2::V4l2,
    command::Command,
    #[cfg(feature = "recording")]
    recording::Recording,
}

impl CameraKind {
    /// Reads an entry, of which `name` and `frame_id` are taken already.
    ///
    /// # Errors
    /// An unknown kind, keys of other kinds, and what breaks a rule of the kind.
    pub(crate) fn of_entry(
        camera: &str,
        kind: &Text,
        entry: Spanned<DeTable<'_>>,
    ) -> Placed<(Self, Option<Intrinsics>)> {
        Self::read(camera, kind, entry)
    }
}

/// Checks an entry by the rules of its kind.
fn checked<K: Rules>(
    entry: Spanned<DeTable<'_>>,
    subject: &Subject,
) -> Placed<(K, Option<Intrinsics>)> {
    let foreign = |key: &&Spanned<DeString<'_>>| !K::KEYS.contains(&&**key.get_ref());
    if let Some(key) = entry.get_ref().keys().find(foreign) {
        let value = &entry.get_ref()[key.get_ref() as &str];
        return at(value.span(), subject.foreign(key.get_ref(), K::KEYS));
    }
    let entry = K::Entry::deserialize(Deserializer::from(entry)).map_err(|error| {
        let message = shown_message(error.message());
        (error.span(), LaunchFault::Toml(message))
    })?;
    let intrinsics = K::intrinsics(&entry).map(|written| subject.intrinsics(written));
    let intrinsics = intrinsics.transpose()?;
    Ok((K::check(&entry, subject)?, intrinsics))
}

/// Takes an entry's own texts out of it; the rest is the kind's.
pub(crate) fn take_text(entry: &mut DeTable<'_>, key: &str) -> Result<Option<Text>, LaunchFault> {
    let Some(value) = entry.remove(key) else {
        return Ok(None);
    };
    let span = value.span();
    match value.into_inner() {
        DeValue::String(text) => Ok(Some(Spanned::new(span, text.into_owned()))),
        other => Err(LaunchFault::Toml(format!(
            "invalid type: {}, expected a string for key `{key}`",
            other.type_str()
        ))),
    }
}

/// Opens a camera that needs no bus.
///
/// # Errors
/// Why it cannot be.
pub(crate) fn open_alone(
    launch: &LaunchFile,
    entry: &CameraEntry,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Box<dyn Camera>> {
    let site = Site {
        launch,
        entry,
        clock,
        transport: None,
    };
    let opened = entry.kind().source().open(&site)?;
    opened.finish()
}

/// A camera under its name in the launch file.
pub(crate) type NamedCamera = (String, Box<dyn Camera>);

/// The cameras of a launch file. What takes long is begun, and waited for last:
/// see [`Cameras::finish`].
pub(crate) struct Cameras<'a> {
    launch: &'a LaunchFile,
    opened: Vec<(String, Opened)>,
}

impl<'a> Cameras<'a> {
    /// Opens every camera of a launch file, in its order.
    ///
    /// # Errors
    /// The first that cannot be opened, with its name and why.
    pub(crate) fn open(
        launch: &'a LaunchFile,
        clock: &Arc<dyn Clock>,
        transport: &Transport,
    ) -> anyhow::Result<Self> {
        let open = |entry: &CameraEntry| {
            let site = Site {
                launch,
                entry,
                clock,
                transport: Some(transport),
            };
            let opened = entry.kind().source().open(&site);
            let opened = opened.with_context(|| subject_of(launch, entry.name()))?;
            anyhow::Ok((entry.name().to_owned(), opened))
        };
        let opened: anyhow::Result<_> = launch.cameras().iter().map(open).collect();
        Ok(Self {
            launch,
            opened: opened?,
        })
    }

    /// Waits for all of them.
    ///
    /// # Errors
    /// The first that cannot be opened, with its name and why.
    pub(crate) fn finish(self) -> anyhow::Result<Vec<NamedCamera>> {
        let launch = self.launch;
        let finish = |(name, opened): (String, Opened)| {
            let camera = opened.finish();
            let camera = camera.with_context(|| subject_of(launch, &name))?;
            tracing::info!("camera {name}: {}", camera.describe());
            Ok((name, camera))
        };
        self.opened.into_iter().map(finish).collect()
    }
}

fn subject_of(launch: &LaunchFile, camera: &str) -> String {
    format!("{}: camera `{camera}`", launch.origin())
}

/// The error of a camera that is a client of the bus where there is none.
fn needs_a_bus(kind: &str) -> anyhow::Error {
    anyhow!("kind {kind} opens with its bus")
}
