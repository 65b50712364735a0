//! Kind `command`: a program that writes Y4M or MJPEG to its standard output.

use concert_models::Intrinsics;
use concert_models::image_file::DecodeLimits;
use concert_runtime::io::cameras::{CommandCamera, CommandOptions};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::{MAX_SILENCE, Opened, Rules, Site, Source, Subject};
use crate::launch_file::LaunchFile;
use crate::launch_file::value::{Placed, Texts, texts_of};

/// A program that writes Y4M or MJPEG to its standard output.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The program and its arguments; no shell is between.
    pub command: Vec<String>,
    /// True where it is started again when it ends.
    pub repeat: bool,
    /// At most so many frames a second are taken, where it would write them as
    /// fast as it can.
    pub paced_hz: Option<f64>,
}

/// A program that writes Y4M or MJPEG to its standard output.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Intrinsics in pixels of the images as they come.
    #[schemars(with = "Option<Intrinsics>")]
    intrinsics: Option<Spanned<Intrinsics>>,
    /// Program and arguments.
    #[schemars(with = "Vec<String>")]
    command: Option<Texts>,
    /// Start the program again when it ends; default: true, and else it writes a
    /// film, all of which is seen.
    repeat: Option<bool>,
}

impl Rules for Command {
    const NAME: &'static str = "command";
    const KEYS: &'static [&'static str] = &["intrinsics", "command", "repeat"];
    type Entry = Entry;

    fn check(entry: &Entry, subject: &Subject) -> Placed<Self> {
        let command = subject.needed("command", &entry.command)?;
        Ok(Self {
            command: texts_of("command", Some(command), 1)?,
            repeat: entry.repeat.unwrap_or(true),
            paced_hz: None,
        })
    }

    fn intrinsics(entry: &Entry) -> Option<&Spanned<Intrinsics>> {
        entry.intrinsics.as_ref()
    }
}

impl Source for Command {
    fn describe(&self, _launch: &LaunchFile) -> String {
        format!("output of {}", self.command.join(" "))
    }

    fn ends(&self) -> bool {
        !self.repeat
    }

    fn open(&self, site: &Site<'_>) -> anyhow::Result<Opened> {
        let options = CommandOptions {
            ends: !self.repeat,
            paced_hz: self.paced_hz,
            argv: self.command.clone(),
            frame_id: site.frame_id(),
            intrinsics: site.entry.intrinsics(),
            limits: DecodeLimits::default(),
            silence: MAX_SILENCE,
        };
        let camera = CommandCamera::open(options, site.clock())?;
        Ok(Opened::Ready(Box::new(camera)))
    }
}
