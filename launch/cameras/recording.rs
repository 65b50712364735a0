//! Kind `recording`: the images of a recording, with the stamps that they had.

use concert_models::Intrinsics;
use concert_runtime::io::cameras::{RecordingCamera, RecordingCameraOptions};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Opened, Rules, Site, Source, Subject};
use crate::launch_file::LaunchFile;
use crate::launch_file::value::{Placed, Text};

/// The images of a recording, each of them once, with the stamps that they had.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The file; as written.
    pub path: String,
    /// Topic of the images, where the file has those of several cameras.
    pub topic: Option<String>,
}

/// The images of a recording.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// An MCAP file: what `concert record` writes, or any with
    /// `sensor_msgs/msg/Image` or `CompressedImage`.
    #[schemars(with = "String")]
    path: Option<Text>,
    /// Topic of the images, where the file has those of several cameras; default:
    /// that of the first image.
    #[schemars(with = "Option<String>")]
    topic: Option<Text>,
}

impl Recording {
    /// Everything that a file has of one camera.
    pub(crate) fn of(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            topic: None,
        }
    }
}

impl Rules for Recording {
    const NAME: &'static str = "recording";
    const KEYS: &'static [&'static str] = &["path", "topic"];
    type Entry = Entry;

    fn check(entry: &Entry, subject: &Subject) -> Placed<Self> {
        let topic = entry.topic.as_ref();
        Ok(Self {
            path: subject.needed("path", &entry.path)?.get_ref().clone(),
            topic: topic.map(|topic| topic.get_ref().clone()),
        })
    }
}

impl Source for Recording {
    fn describe(&self, launch: &LaunchFile) -> String {
        let of = self.topic.as_ref();
        let of = of.map_or(String::new(), |topic| format!(", {topic}"));
        let missing = match launch.resolve(&self.path).exists() {
            true => "",
            false => " (which is not there)",
        };
        format!("recording {}{of}, once{missing}", self.path)
    }

    fn own_intrinsics(&self, _launch: &LaunchFile) -> (String, Option<Intrinsics>) {
        ("as recorded".to_owned(), None)
    }

    fn ends(&self) -> bool {
        true
    }

    fn open(&self, site: &Site<'_>) -> anyhow::Result<Opened> {
        let options = RecordingCameraOptions {
            path: site.launch.resolve(&self.path),
            topic: self.topic.clone(),
            frame_id: site.frame_id(),
        };
        let camera = RecordingCamera::open(options, site.clock())?;
        Ok(Opened::Ready(Box::new(camera)))
    }
}
