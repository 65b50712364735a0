//! The cameras of a recording.

use anyhow::{anyhow, bail};
use concert_runtime::LaneName;
use concert_runtime::io::recording::{RecordedTopic, RecordingContents};
use concert_runtime::wire::keys;

/// Types of messages that are images.
const IMAGES: [&str; 2] = ["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"];
/// Name of a camera where nothing says it.
const USUAL: &str = "camera";

/// The cameras of a recording, at least one.
pub(super) struct ReplayCameras {
    all: Vec<ReplayCamera>,
}

/// One camera of a recording.
pub(super) struct ReplayCamera {
    /// Key of its images, as [`RecordingStream`](concert_runtime::io::recording::RecordingStream)
    /// names them.
    pub(super) key: String,
    pub(super) lane: LaneName,
}

impl ReplayCameras {
    /// Finds them; `only` is the topic of those that are meant.
    ///
    /// # Errors
    /// A recording without images, or with several where one has to be meant.
    pub(super) fn of(contents: &RecordingContents, only: Option<&str>) -> anyhow::Result<Self> {
        let file = contents.path.display();
        let is_image = |(name, topic): &(&String, &RecordedTopic)| {
            // What is said of an image stands at a key that ends as its own.
            IMAGES.contains(&topic.message_type.as_str())
                && match contents.key(name) {
                    Some(key) => keys::is_image(key),
                    None => contents.prefix.is_none(),
                }
        };
        let images = contents.topics.iter().filter(is_image);
        let names: Vec<&String> = images.clone().map(|(name, _)| name).collect();
        let images = images.filter(|(name, _)| only.is_none_or(|only| *name == only));
        let all: Vec<_> = images
            .map(|(name, topic)| camera(contents, name, topic))
            .collect();
        match (all.as_slice(), only) {
            ([], Some(only)) => Err(anyhow!(
                "{file} has no images at {only}; it has them at {}",
                listed(&names)
            )),
            ([], None) => Err(anyhow!(
                "{file} has no images, so nothing can be computed again: record while the robot \
                 publishes its camera's image"
            )),
            ([_], _) => Ok(Self { all }),
            (_, _) if contents.prefix.is_none() => {
                bail!(
                    "{file} has images at {}: name one with --topic",
                    listed(&names)
                )
            }
            _ => Ok(Self { all }),
        }
    }

    pub(super) fn lanes(&self) -> Vec<LaneName> {
        self.all.iter().map(|camera| camera.lane.clone()).collect()
    }

    pub(super) fn all(&self) -> &[ReplayCamera] {
        &self.all
    }
}

fn camera(contents: &RecordingContents, name: &str, topic: &RecordedTopic) -> ReplayCamera {
    let key = contents.key(name).unwrap_or(name).to_owned();
    // `CAMERA/image` where there are several.
    let in_key = key
        .strip_suffix(keys::IMAGE)
        .and_then(|it| it.strip_suffix('/'));
    let in_key = in_key.filter(|_| contents.prefix.is_some());
    let camera = in_key.map(str::to_owned).or_else(|| topic.camera.clone());
    let lane = LaneName {
        camera: camera.unwrap_or_else(|| USUAL.to_owned()),
        in_keys: in_key.is_some(),
    };
    ReplayCamera { key, lane }
}

fn listed(names: &[&String]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    match names.as_slice() {
        [] => "no topic".to_owned(),
        names => names.join(", "),
    }
}
