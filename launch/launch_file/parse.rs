//! From text to a checked launch file.

use std::path::Path;
use std::time::Duration;

use concert_policies::document::at;
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::camera::cameras;
use super::fault::{LaunchError, LaunchFault, shown};
use super::raw::{RawImage, RawLaunch, RawPublish, Texts};
use super::ros2::{Ros2Entry, check_publish};
use super::value::{
    MAX_PATH_BYTES, Placed, number, rate_of, ruled, shown_message, text_of, texts_of, unknown,
};
use super::{
    DEFAULT_PREFIX, DegradationEntry, ImageEntry, KIND, LaunchFile, MetricsEntry, Provider,
    Publish, PublishStyle, ZenohEntry,
};
use crate::rules;

const DEFAULT_HANG_LIMIT: Duration = Duration::from_secs(2);

impl LaunchFile {
    /// Checks the text of a launch file that stands at `path`; touches no file.
    ///
    /// # Errors
    /// The first rule that the text breaks, with file, line, column, entry and
    /// the quantities on both sides; see [`LaunchFault`].
    pub fn parse(text: &str, path: &Path) -> Result<LaunchFile, LaunchError> {
        let origin = path.display().to_string();
        parse(text, path).map_err(|located| LaunchError::in_text(&origin, text, located))
    }
}

fn parse(text: &str, path: &Path) -> Placed<LaunchFile> {
    let length = KIND.check_length(text.len() as u64);
    length.map_err(|fault| (None, fault.into()))?;
    let refused = |error: toml::de::Error| {
        let message = shown_message(error.message());
        (error.span(), LaunchFault::Toml(message))
    };
    let mut table = DeTable::parse(text).map_err(refused)?;
    let entries = table.get_mut().remove("camera");
    let raw = RawLaunch::deserialize(Deserializer::from(table)).map_err(refused)?;
    #[cfg(not(feature = "fitting"))]
    if let Some(learn) = &raw.learn {
        return at(learn.targets.span(), LaunchFault::LearnsNothing);
    }
    #[cfg(not(feature = "metrics"))]
    if let Some(metrics) = &raw.metrics {
        return at(metrics.span(), LaunchFault::MeasuresNothing);
    }
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let millis = |key: &str, value: &Option<Spanned<i64>>, least, limit| -> Placed<_> {
        let millis = value.as_ref().map(|value| number(key, value, least, limit));
        Ok(millis
            .transpose()?
            .map(|millis| Duration::from_millis(millis as u64)))
    };
    let threads = raw.threads.as_ref();
    let threads = threads.map(|threads| number("threads", threads, 1, 1024));
    let policy = text_of("policy", &raw.policy, MAX_PATH_BYTES)?;
    let providers = providers(raw.providers.as_ref())?;
    let degradation = raw.degradation.as_ref();
    let degradation = degradation.map(|raw| DegradationEntry::parse(raw, &policy, &providers));
    let cameras = cameras(entries)?;
    let written = (raw.publish.prefix.as_ref(), raw.publish.distro.as_ref());
    let publish = publish(&raw.publish)?;
    check_publish(&publish, &cameras, written)?;
    let mut zenoh = ZenohEntry::parse(&raw.zenoh)?;
    // Nodes of ROS 2 meet through a router: its absence is a fault.
    zenoh.connect_is_named |= publish.ros2.is_some();
    let metrics = raw.metrics.as_ref();
    let metrics = metrics.map(|raw| MetricsEntry::parse(raw.get_ref()));
    Ok(LaunchFile {
        origin: path.display().to_string(),
        folder,
        policy,
        models: texts_of("models", raw.models.as_ref(), 0)?,
        providers,
        threads: threads.transpose()?.map(|threads| threads as usize),
        tuned: raw.tuned.unwrap_or(true),
        time_limit: millis("time_limit_millis", &raw.time_limit_millis, 1, 60_000)?,
        max_age: millis("max_age_millis", &raw.max_age_millis, 1, 60_000)?,
        hang_limit: millis("hang_limit_millis", &raw.hang_limit_millis, 100, 600_000)?
            .unwrap_or(DEFAULT_HANG_LIMIT),
        cameras,
        publish,
        zenoh,
        control: raw.control.enabled,
        degradation: degradation.transpose()?,
        metrics: metrics.transpose()?,
        #[cfg(feature = "fitting")]
        learn: raw
            .learn
            .as_ref()
            .map(super::LearnEntry::parse)
            .transpose()?,
    })
}

pub(super) fn providers(written: Option<&Texts>) -> Placed<Vec<Provider>> {
    let Some(written) = written else {
        return Ok(vec![Provider::Cpu]);
    };
    let count = written.get_ref().len();
    let limit = Provider::ALL.len();
    if count == 0 {
        let what = "providers";
        return at(
            written.span(),
            LaunchFault::Count {
                what,
                count,
                least: 1,
                limit,
            },
        );
    }
    let mut chain = Vec::new();
    for text in written.get_ref() {
        let known = Provider::ALL.map(Provider::name);
        let Some(index) = known.iter().position(|name| name == text.get_ref()) else {
            return unknown("provider".to_owned(), text, &known);
        };
        if chain.contains(&Provider::ALL[index]) {
            let value = shown(text.get_ref());
            return at(
                text.span(),
                LaunchFault::Duplicate {
                    what: "provider",
                    value,
                },
            );
        }
        chain.push(Provider::ALL[index]);
    }
    Ok(chain)
}

fn publish(raw: &RawPublish) -> Placed<Publish> {
    let prefix = match &raw.prefix {
        None => DEFAULT_PREFIX.to_owned(),
        Some(text) => ruled("prefix", text, rules::key_fault(text.get_ref()))?,
    };
    let style = match &raw.style {
        None => PublishStyle::Native,
        Some(text) if text.get_ref() == "native" => PublishStyle::Native,
        Some(text) if text.get_ref() == "ros2" => PublishStyle::Ros2,
        Some(text) => return unknown("style".to_owned(), text, &["native", "ros2"]),
    };
    let image = image(&raw.image)?;
    Ok(Publish {
        prefix,
        style,
        ros2: Ros2Entry::parse(raw)?,
        image,
    })
}

fn image(raw: &RawImage) -> Placed<ImageEntry> {
    let encoding = raw.encoding.as_ref().map(Spanned::get_ref);
    let is_jpeg = match (encoding.map(String::as_str), &raw.encoding) {
        (None | Some("raw"), _) => false,
        (Some("jpeg"), _) => true,
        (Some(_), Some(text)) => {
            return unknown("encoding of image".to_owned(), text, &["raw", "jpeg"]);
        }
        (Some(_), None) => false,
    };
    let quality = match &raw.quality {
        None => 90,
        // At most 100.
        Some(quality) => number("quality of image", quality, 1, 100)? as u8,
    };
    let rate_hz = raw.rate_hz.as_ref();
    let rate_hz = rate_hz.map(|rate| rate_of("rate_hz of image".to_owned(), rate));
    Ok(ImageEntry {
        enabled: raw.enabled,
        jpeg_quality: is_jpeg.then_some(quality),
        rate_hz: rate_hz.transpose()?,
    })
}
