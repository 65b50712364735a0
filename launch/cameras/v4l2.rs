//! Kind `v4l2`: a camera of the Linux kernel.

use concert_models::{Image, Intrinsics};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::{Opened, Rules, Site, Source, Subject};
use crate::launch_file::LaunchFile;
use crate::launch_file::value::{MAX_PATH_BYTES, Placed, Text, text_of};

/// A camera of the Linux kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct V4l2 {
    /// `/dev/video0`.
    pub device: String,
    /// Width to ask the device for, px.
    pub width: usize,
    /// Height to ask the device for, px.
    pub height: usize,
    /// Rate to ask the device for.
    pub rate_hz: f64,
}

/// A camera of the Linux kernel.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Intrinsics in pixels of the images as they come.
    #[schemars(with = "Option<Intrinsics>")]
    intrinsics: Option<Spanned<Intrinsics>>,
    /// The device file, `/dev/video0`.
    #[schemars(with = "String")]
    device: Option<Text>,
    /// Width of the images, px; default: 640.
    #[schemars(with = "Option<u32>", range(min = 16, max = 16_384))]
    width: Option<Spanned<i64>>,
    /// Height of the images, px; default: 480.
    #[schemars(with = "Option<u32>", range(min = 16, max = 16_384))]
    height: Option<Spanned<i64>>,
    /// Frames per second; default: 30.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0, "maximum" = 1000))]
    rate_hz: Option<Spanned<f64>>,
}

impl Rules for V4l2 {
    const NAME: &'static str = "v4l2";
    const KEYS: &'static [&'static str] = &["intrinsics", "device", "width", "height", "rate_hz"];
    type Entry = Entry;

    fn check(entry: &Entry, subject: &Subject) -> Placed<Self> {
        let device = subject.needed("device", &entry.device)?;
        Ok(Self {
            device: text_of("device", device, MAX_PATH_BYTES)?,
            width: subject.side("width", &entry.width, 640, Image::MAX_SIDE)?,
            height: subject.side("height", &entry.height, 480, Image::MAX_SIDE)?,
            rate_hz: subject.rate_hz(&entry.rate_hz)?,
        })
    }

    fn intrinsics(entry: &Entry) -> Option<&Spanned<Intrinsics>> {
        entry.intrinsics.as_ref()
    }
}

impl Source for V4l2 {
    fn describe(&self, _launch: &LaunchFile) -> String {
        let (width, height, rate_hz) = (self.width, self.height, self.rate_hz);
        format!("{}, {width}x{height} at {rate_hz} Hz", self.device)
    }

    #[cfg(all(feature = "v4l2", target_os = "linux"))]
    fn open(&self, site: &Site<'_>) -> anyhow::Result<Opened> {
        use concert_models::image_file::DecodeLimits;
        use concert_runtime::io::cameras::{V4l2Camera, V4l2Options};

        let options = V4l2Options {
            device: site.launch.resolve(&self.device),
            // At most 16384 by the rules above.
            width: self.width as u32,
            height: self.height as u32,
            rate_hz: self.rate_hz,
            encoding: None,
            frame_id: site.frame_id(),
            intrinsics: site.entry.intrinsics(),
            limits: DecodeLimits::default(),
            silence: super::MAX_SILENCE,
        };
        let camera = V4l2Camera::open(options, site.clock())?;
        Ok(Opened::Ready(Box::new(camera)))
    }

    #[cfg(not(all(feature = "v4l2", target_os = "linux")))]
    fn open(&self, _site: &Site<'_>) -> anyhow::Result<Opened> {
        Err(anyhow::anyhow!(
            "kind {} needs Linux and the feature v4l2, which this build is without",
            Self::NAME
        ))
    }
}
