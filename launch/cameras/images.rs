//! Kind `images`: image files of a folder, of a pattern, or in the order given.

use std::path::Path;

use concert_models::Intrinsics;
use concert_runtime::io::cameras::{ImageSource, ImagesCamera, ImagesOptions, Rounds, Stamps};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::{Opened, Rules, Site, Source, Subject};
use crate::launch_file::LaunchFile;
use crate::launch_file::value::{Placed, Text, Texts, texts_of, unknown};

/// Image files: a folder, a folder with one `*` in the last part, or files in
/// the order given.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// One folder or pattern, or image files; as written, at least one.
    pub paths: Vec<String>,
    /// Frames per second.
    pub rate_hz: f64,
    /// True where the first follows the last.
    pub repeat: bool,
    /// True where stamps come from file names that carry them.
    pub stamps_from_names: bool,
}

/// Image files.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Intrinsics in pixels of the images as they come.
    #[schemars(with = "Option<Intrinsics>")]
    intrinsics: Option<Spanned<Intrinsics>>,
    /// A folder, a folder with one `*` in the last part, or image files.
    #[schemars(with = "Vec<String>")]
    paths: Option<Texts>,
    /// Frames per second; default: 30.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0, "maximum" = 1000))]
    rate_hz: Option<Spanned<f64>>,
    /// Begin again after the last; default: false, and then every image is seen,
    /// however long that takes.
    repeat: Option<bool>,
    /// `names` takes stamps from file names that carry them, `clock` (default)
    /// from the clock.
    #[schemars(with = "Option<String>", regex(pattern = "^(names|clock)$"))]
    stamps: Option<Text>,
}

impl Rules for Images {
    const NAME: &'static str = "images";
    const KEYS: &'static [&'static str] = &["intrinsics", "paths", "rate_hz", "repeat", "stamps"];
    type Entry = Entry;

    fn check(entry: &Entry, subject: &Subject) -> Placed<Self> {
        let stamps_from_names = match &entry.stamps {
            None => false,
            Some(stamps) => match stamps.get_ref().as_str() {
                "names" => true,
                "clock" => false,
                _ => return unknown(subject.entry("stamps"), stamps, &["names", "clock"]),
            },
        };
        Ok(Self {
            paths: texts_of("paths", Some(subject.needed("paths", &entry.paths)?), 1)?,
            rate_hz: subject.rate_hz(&entry.rate_hz)?,
            repeat: entry.repeat.unwrap_or(false),
            stamps_from_names,
        })
    }

    fn intrinsics(entry: &Entry) -> Option<&Spanned<Intrinsics>> {
        entry.intrinsics.as_ref()
    }
}

impl Source for Images {
    fn describe(&self, launch: &LaunchFile) -> String {
        let mut paths = self.paths.iter();
        let missing = paths.find(|path| !path.contains('*') && !launch.resolve(path).exists());
        let missing = missing.map_or(String::new(), |path| format!(" ({path} is not there)"));
        let after = if self.repeat { "for ever" } else { "once" };
        let (paths, rate_hz) = (self.paths.join(", "), self.rate_hz);
        format!("images {paths} at {rate_hz} Hz, {after}{missing}")
    }

    fn own_intrinsics(&self, launch: &LaunchFile) -> (String, Option<Intrinsics>) {
        let beside = |path: &String| {
            let folder = folder_of(&launch.resolve(path)).to_owned();
            folder.join("camera-intrinsics.txt").is_file()
        };
        match self.paths.iter().any(beside) {
            true => ("from camera-intrinsics.txt".to_owned(), None),
            false => ("unknown".to_owned(), None),
        }
    }

    fn carries_depth(&self, launch: &LaunchFile) -> bool {
        let mut paths = self.paths.iter().map(|path| launch.resolve(path));
        paths.any(|path| has_depth_files(folder_of(&path)))
    }

    fn ends(&self) -> bool {
        !self.repeat
    }

    fn open(&self, site: &Site<'_>) -> anyhow::Result<Opened> {
        let options = ImagesOptions {
            rate_hz: self.rate_hz,
            rounds: match self.repeat {
                true => Rounds::Endless,
                false => Rounds::Once,
            },
            stamps: match self.stamps_from_names {
                true => Stamps::File,
                false => Stamps::Now,
            },
            frame_id: site.frame_id(),
            intrinsics: site.entry.intrinsics(),
            ..ImagesOptions::default()
        };
        let paths = self.paths.iter().map(|path| site.launch.resolve(path));
        let source = ImageSource::at_each(&paths.collect::<Vec<_>>());
        let camera = ImagesCamera::open(source, options, site.clock())?;
        Ok(Opened::Ready(Box::new(camera)))
    }
}

/// The folder that a path or pattern is about.
fn folder_of(path: &Path) -> &Path {
    match path.is_dir() {
        true => path,
        false => path.parent().unwrap_or(Path::new(".")),
    }
}

fn has_depth_files(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().ends_with(".depth.png"))
}
