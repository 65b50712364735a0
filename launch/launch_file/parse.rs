//! From text to a checked launch file.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use concert_policies::Task;
use concert_policies::document::{self, at};
use toml::Spanned;

use super::camera::{CameraEntry, CameraKind};
use super::fault::{LaunchError, LaunchFault, shown};
use super::learn::LearnEntry;
use super::raw::{
    RawCamera, RawImage, RawLaunch, RawLearn, RawPublish, RawTls, RawZenoh, Text, Texts,
};
use super::{
    DEFAULT_ENDPOINT, DEFAULT_PREFIX, DEFAULT_ROUTER, DEFAULT_SEED, ImageEntry, KIND, LaunchFile,
    MAX_CAMERAS, Provider, Publish, PublishStyle, TlsEntry, ZenohEntry,
};
use crate::apartment_camera::ApartmentOptions;
use crate::rules;

const MAX_PATH_BYTES: usize = 4096;
const MAX_LIST: usize = 1000;
const DEFAULT_RATE_HZ: f64 = 30.0;
const MAX_FIELD_OF_VIEW_DEGREES: f64 = 169.0;
const DEFAULT_HANG_LIMIT: Duration = Duration::from_secs(2);

type Placed<T> = document::Placed<T, LaunchFault>;

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
    let raw: RawLaunch = toml::from_str(text).map_err(|error| {
        (
            error.span(),
            LaunchFault::Toml(shown_message(error.message())),
        )
    })?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let millis = |key: &str, value: &Option<Spanned<i64>>, least, limit| -> Placed<_> {
        let millis = value.as_ref().map(|value| number(key, value, least, limit));
        Ok(millis
            .transpose()?
            .map(|millis| Duration::from_millis(millis as u64)))
    };
    let threads = raw.threads.as_ref();
    let threads = threads.map(|threads| number("threads", threads, 1, 1024));
    Ok(LaunchFile {
        origin: path.display().to_string(),
        folder,
        policy: text_of("policy", &raw.policy, MAX_PATH_BYTES)?,
        models: texts_of("models", raw.models.as_ref(), 0)?,
        providers: providers(raw.providers.as_ref())?,
        threads: threads.transpose()?.map(|threads| threads as usize),
        time_limit: millis("time_limit_millis", &raw.time_limit_millis, 1, 60_000)?,
        max_age: millis("max_age_millis", &raw.max_age_millis, 1, 60_000)?,
        hang_limit: millis("hang_limit_millis", &raw.hang_limit_millis, 100, 600_000)?
            .unwrap_or(DEFAULT_HANG_LIMIT),
        cameras: cameras(&raw.camera)?,
        publish: publish(&raw.publish)?,
        zenoh: zenoh(&raw.zenoh)?,
        control: raw.control.enabled,
        learn: raw.learn.as_ref().map(learn).transpose()?,
    })
}

/// The TOML reader's words on one line, at most 400 characters.
fn shown_message(message: &str) -> String {
    let line: String = message.chars().take(400).collect();
    line.replace(['\n', '\r'], " ")
}

fn number(key: &str, value: &Spanned<i64>, least: i64, limit: i64) -> Placed<i64> {
    let (span, value) = (value.span(), *value.get_ref());
    if (least..=limit).contains(&value) {
        return Ok(value);
    }
    let key = key.to_owned();
    let fault = LaunchFault::OutOfRange {
        key,
        value,
        least,
        limit,
    };
    at(span, fault)
}

fn text_of(subject: &str, text: &Text, limit: usize) -> Placed<String> {
    let length = text.get_ref().len();
    if length == 0 || length > limit {
        let subject = subject.to_owned();
        return at(
            text.span(),
            LaunchFault::Length {
                subject,
                length,
                limit,
            },
        );
    }
    if text.get_ref().contains('\0') {
        return ruled(subject, text, Some("may not contain a zero byte"));
    }
    Ok(text.get_ref().clone())
}

fn texts_of(what: &'static str, texts: Option<&Texts>, least: usize) -> Placed<Vec<String>> {
    let Some(texts) = texts else {
        return Ok(Vec::new());
    };
    let count = texts.get_ref().len();
    if count < least || count > MAX_LIST {
        let limit = MAX_LIST;
        let fault = LaunchFault::Count {
            what,
            count,
            least,
            limit,
        };
        return at(texts.span(), fault);
    }
    let texts = texts.get_ref().iter();
    texts
        .map(|text| text_of(what, text, MAX_PATH_BYTES))
        .collect()
}

/// The text, unless a rule says what is wrong with it.
fn ruled(subject: &str, text: &Text, broken: Option<&'static str>) -> Placed<String> {
    match broken {
        None => Ok(text.get_ref().clone()),
        Some(rule) => at(
            text.span(),
            LaunchFault::Text {
                subject: subject.to_owned(),
                value: shown(text.get_ref()),
                rule,
            },
        ),
    }
}

fn unknown<T>(subject: String, text: &Text, known: &[&str]) -> Placed<T> {
    let value = shown(text.get_ref());
    let known = known.join(", ");
    at(
        text.span(),
        LaunchFault::Unknown {
            subject,
            value,
            known,
        },
    )
}

fn providers(written: Option<&Texts>) -> Placed<Vec<Provider>> {
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
        Some(text) if text.get_ref() == "ros2" => {
            return at(text.span(), LaunchFault::StyleComesLater);
        }
        Some(text) => return unknown("style".to_owned(), text, &["native"]),
    };
    let image = image(&raw.image)?;
    Ok(Publish {
        prefix,
        style,
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

fn zenoh(raw: &RawZenoh) -> Placed<ZenohEntry> {
    let endpoints = |what: &'static str, texts: Option<&Texts>| -> Placed<Vec<String>> {
        for text in texts.iter().flat_map(|texts| texts.get_ref()) {
            ruled(
                &format!("{what} endpoint"),
                text,
                rules::endpoint_fault(text.get_ref()),
            )?;
        }
        texts_of(what, texts, 0)
    };
    let config = raw.config.as_ref();
    let config = config.map(|text| text_of("config of zenoh", text, MAX_PATH_BYTES));
    let config = config.transpose()?;
    // What a configuration file says of endpoints is not passed over.
    let otherwise = |endpoint: &str| match config {
        None => vec![endpoint.to_owned()],
        Some(_) => Vec::new(),
    };
    let listen = match &raw.listen {
        None => otherwise(DEFAULT_ENDPOINT),
        texts => endpoints("listen", texts.as_ref())?,
    };
    let connect = match &raw.connect {
        None => otherwise(DEFAULT_ROUTER),
        texts => endpoints("connect", texts.as_ref())?,
    };
    let tls = tls(&raw.tls)?;
    if config.is_none() {
        needs_certificates(raw, &tls)?;
    }
    Ok(ZenohEntry {
        listen,
        connect,
        connect_is_named: raw.connect.is_some(),
        shared_memory: raw.shared_memory.unwrap_or(true),
        config,
        tls,
    })
}

fn tls(raw: &RawTls) -> Placed<TlsEntry> {
    let file = |what: &str, text: &Option<Text>| {
        let subject = format!("{what} of zenoh.tls");
        let text = text
            .as_ref()
            .map(|text| text_of(&subject, text, MAX_PATH_BYTES));
        text.transpose()
    };
    Ok(TlsEntry {
        authority: file("authority", &raw.authority)?,
        certificate: file("certificate", &raw.certificate)?,
        private_key: file("private_key", &raw.private_key)?,
        client_certificate: file("client_certificate", &raw.client_certificate)?,
        client_private_key: file("client_private_key", &raw.client_private_key)?,
        require_client_certificate: raw.require_client_certificate.unwrap_or(false),
        verify_name: raw.verify_name.unwrap_or(true),
    })
}

/// Refuses `tls/` endpoints without the files that they need.
fn needs_certificates(raw: &RawZenoh, tls: &TlsEntry) -> Placed<()> {
    let tls_endpoint = |texts: &Option<Texts>| {
        let texts = texts.iter().flat_map(|texts| texts.get_ref().clone());
        texts
            .into_iter()
            .find(|text| text.get_ref().starts_with("tls/"))
    };
    const LISTENS: &str = "a tls/ endpoint needs `certificate` and `private_key` in [zenoh.tls] \
                           (or `config` in [zenoh])";
    const ASKS: &str = "who connects can only be made to show a certificate with `authority` in \
                        [zenoh.tls]";
    const CONNECTS: &str =
        "a tls/ endpoint needs `authority` in [zenoh.tls] (or `config` in [zenoh])";
    if let Some(endpoint) = tls_endpoint(&raw.listen) {
        let has_both = tls.certificate.is_some() && tls.private_key.is_some();
        ruled("listen endpoint", &endpoint, (!has_both).then_some(LISTENS))?;
        let is_open = tls.require_client_certificate && tls.authority.is_none();
        ruled("listen endpoint", &endpoint, is_open.then_some(ASKS))?;
    }
    if let Some(endpoint) = tls_endpoint(&raw.connect) {
        let missing = tls.authority.is_none();
        ruled("connect endpoint", &endpoint, missing.then_some(CONNECTS))?;
    }
    Ok(())
}

fn rate_of(key: String, rate: &Spanned<f64>) -> Placed<f64> {
    let (value, limit) = (*rate.get_ref(), concert_policies::MAX_RATE_HZ);
    // Less than a frame in a day is a slip, and its period would overflow.
    if value.is_finite() && value >= 1e-5 && value <= limit {
        return Ok(value);
    }
    at(rate.span(), LaunchFault::Rate { key, value, limit })
}

fn learn(raw: &RawLearn) -> Placed<LearnEntry> {
    let mut targets: Vec<&'static Task> = Vec::new();
    texts_of("learn targets", Some(&raw.targets), 1)?;
    for text in raw.targets.get_ref() {
        let task = Task::find(text.get_ref());
        let task = task.filter(|task| LearnEntry::TARGETS.contains(&task.name));
        let Some(task) = task else {
            return unknown("target of learn".to_owned(), text, &LearnEntry::TARGETS);
        };
        if targets.contains(&task) {
            let value = shown(text.get_ref());
            let what = "target of learn";
            return at(text.span(), LaunchFault::Duplicate { what, value });
        }
        targets.push(task);
    }
    let mut entry = LearnEntry::of(&targets);
    let folder = raw.folder.as_ref();
    let folder = folder.map(|text| text_of("folder of learn", text, MAX_PATH_BYTES));
    entry.folder = folder.transpose()?;
    let set = |key: &str, value: &Option<Spanned<i64>>, least, limit, put: &mut dyn FnMut(u64)| {
        let value = value.as_ref().map(|value| number(key, value, least, limit));
        value
            .transpose()
            .map(|value| value.map(|value| put(value as u64)))
    };
    let rules = &mut entry.rules;
    let (refit_every, interval) = (&mut entry.refit_every, &mut entry.interval);
    let millis = Duration::from_millis;
    set(
        "refit_every_millis",
        &raw.refit_every_millis,
        100,
        86_400_000,
        &mut |n| *refit_every = millis(n),
    )?;
    set(
        "interval_millis",
        &raw.interval_millis,
        0,
        60_000,
        &mut |n| *interval = millis(n),
    )?;
    set("block_millis", &raw.block_millis, 0, 600_000, &mut |n| {
        rules.block = millis(n)
    })?;
    set("block_frames", &raw.block_frames, 1, 1000, &mut |n| {
        rules.block_frames = n as usize
    })?;
    set(
        "half_life_frames",
        &raw.half_life_frames,
        10,
        10_000_000,
        &mut |n| rules.half_life_frames = n as f64,
    )?;
    set("margin_percent", &raw.margin_percent, 0, 90, &mut |n| {
        rules.margin = n as f64 / 100.0
    })?;
    set("descent_steps", &raw.descent_steps, 0, 10_000, &mut |n| {
        rules.steps = n as usize
    })?;
    Ok(entry)
}

fn cameras(raw: &[Spanned<RawCamera>]) -> Placed<Vec<CameraEntry>> {
    let count = raw.len();
    if count == 0 || count > MAX_CAMERAS {
        let (what, least, limit) = ("cameras", 1, MAX_CAMERAS);
        return Err((
            None,
            LaunchFault::Count {
                what,
                count,
                least,
                limit,
            },
        ));
    }
    let mut names = BTreeSet::new();
    for camera in raw {
        let name = &camera.get_ref().name;
        ruled(
            "name of a camera",
            name,
            rules::camera_name_fault(name.get_ref()),
        )?;
        if !names.insert(name.get_ref()) {
            let value = shown(name.get_ref());
            return at(
                name.span(),
                LaunchFault::Duplicate {
                    what: "camera",
                    value,
                },
            );
        }
    }
    raw.iter().map(camera).collect()
}

fn camera(raw: &Spanned<RawCamera>) -> Placed<CameraEntry> {
    let keys = Keys::of(raw)?;
    let raw = raw.get_ref();
    let name = raw.name.get_ref().clone();
    let frame_id = match &raw.frame_id {
        None => format!("{name}_optical"),
        Some(text) => {
            let subject = format!("frame_id of camera `{name}`");
            ruled(&subject, text, rules::frame_id_fault(text.get_ref()))?
        }
    };
    let intrinsics = match &raw.intrinsics {
        None => None,
        Some(written) => match written.get_ref().fault() {
            None => Some(*written.get_ref()),
            Some(fault) => {
                return at(
                    written.span(),
                    LaunchFault::Intrinsics {
                        camera: name,
                        fault,
                    },
                );
            }
        },
    };
    let kind = keys.kind(raw)?;
    Ok(CameraEntry {
        name,
        frame_id,
        intrinsics,
        kind,
    })
}

/// The kind of a camera, and which keys it has.
struct Keys {
    camera: String,
    kind: &'static str,
    span: Range<usize>,
}

impl Keys {
    /// Finds the kind, and refuses keys that belong to other kinds.
    fn of(camera: &Spanned<RawCamera>) -> Placed<Keys> {
        let raw = camera.get_ref();
        let name = raw.name.get_ref();
        let written = raw.kind.get_ref().as_str();
        if written == "recording" {
            let (camera, kind) = (name.clone(), written.to_owned());
            return at(
                raw.kind.span(),
                LaunchFault::KindComesLater { camera, kind },
            );
        }
        let Some((kind, own)) = CameraKind::KEYS
            .into_iter()
            .find(|(kind, _)| *kind == written)
        else {
            let known = CameraKind::KEYS.map(|(kind, _)| kind);
            return unknown(format!("kind of camera `{name}`"), &raw.kind, &known);
        };
        for (key, span) in present(raw) {
            if !own.contains(&key) {
                let (camera, own) = (name.clone(), own.join(", "));
                return at(
                    span,
                    LaunchFault::ForeignKey {
                        camera,
                        kind,
                        key,
                        own,
                    },
                );
            }
        }
        let (camera, span) = (name.clone(), raw.kind.span());
        Ok(Keys { camera, kind, span })
    }

    fn kind(&self, raw: &RawCamera) -> Placed<CameraKind> {
        Ok(match self.kind {
            "images" => CameraKind::Images {
                paths: texts_of("paths", Some(self.needed("paths", &raw.paths)?), 1)?,
                rate_hz: self.rate_hz(raw)?,
                repeat: raw.repeat.as_ref().is_some_and(|repeat| *repeat.get_ref()),
                stamps_from_names: self.stamps_from_names(raw)?,
            },
            "pan" => CameraKind::Pan {
                photographs: texts_of("photographs", raw.photographs.as_ref(), 1)?,
                width: self.side("width", &raw.width, 320)?,
                height: self.side("height", &raw.height, 240)?,
                rate_hz: self.rate_hz(raw)?,
            },
            "apartment" => CameraKind::Apartment {
                seed: self.seed(raw)?,
                width: self.side("width", &raw.width, 320)?,
                height: self.side("height", &raw.height, 240)?,
                field_of_view_degrees: self.field_of_view(raw)?,
                rate_hz: self.rate_hz(raw)?,
                antialias: raw.antialias.as_ref().is_some_and(|on| *on.get_ref()),
            },
            "zenoh" => {
                let key = self.needed("key", &raw.key)?;
                let subject = format!("key of camera `{}`", self.camera);
                let key = ruled(&subject, key, rules::heard_key_fault(key.get_ref()))?;
                let beside = |name: &str, key: &Option<Text>| {
                    let key = key.as_ref().map(|key| {
                        let subject = format!("{name} of camera `{}`", self.camera);
                        ruled(&subject, key, rules::heard_key_fault(key.get_ref()))
                    });
                    key.transpose()
                };
                CameraKind::Zenoh {
                    key,
                    depth_key: beside("depth_key", &raw.depth_key)?,
                    camera_info_key: beside("camera_info_key", &raw.camera_info_key)?,
                    message_type: self.message_type(raw)?,
                    rectified: raw.rectified.as_ref().map(|rectified| *rectified.get_ref()),
                }
            }
            "v4l2" => CameraKind::V4l2 {
                device: text_of(
                    "device",
                    self.needed("device", &raw.device)?,
                    MAX_PATH_BYTES,
                )?,
                width: self.side("width", &raw.width, 640)?,
                height: self.side("height", &raw.height, 480)?,
                rate_hz: self.rate_hz(raw)?,
            },
            _ => CameraKind::Command {
                command: texts_of("command", Some(self.needed("command", &raw.command)?), 1)?,
                repeat: raw.repeat.as_ref().is_none_or(|repeat| *repeat.get_ref()),
                paced_hz: None,
            },
        })
    }

    fn needed<'a, T>(&self, key: &'static str, value: &'a Option<T>) -> Placed<&'a T> {
        let (camera, kind) = (self.camera.clone(), self.kind);
        let missing = LaunchFault::MissingKey { camera, kind, key };
        value.as_ref().ok_or((Some(self.span.clone()), missing))
    }

    fn message_type(&self, raw: &RawCamera) -> Placed<Option<String>> {
        let known = ["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"];
        match &raw.message_type {
            Some(written) if !known.contains(&written.get_ref().as_str()) => unknown(
                format!("message_type of camera `{}`", self.camera),
                written,
                &known,
            ),
            written => Ok(written.as_ref().map(|written| written.get_ref().clone())),
        }
    }

    fn stamps_from_names(&self, raw: &RawCamera) -> Placed<bool> {
        let Some(stamps) = &raw.stamps else {
            return Ok(false);
        };
        match stamps.get_ref().as_str() {
            "names" => Ok(true),
            "clock" => Ok(false),
            _ => unknown(
                format!("stamps of camera `{}`", self.camera),
                stamps,
                &["names", "clock"],
            ),
        }
    }

    fn side(&self, key: &str, written: &Option<Spanned<i64>>, default: usize) -> Placed<usize> {
        let Some(written) = written else {
            return Ok(default);
        };
        let key = format!("{key} of camera `{}`", self.camera);
        let limit = match self.kind {
            "apartment" => i64::from(concert_apartment::MAX_SIDE),
            _ => concert_models::Image::MAX_SIDE as i64,
        };
        Ok(number(&key, written, 16, limit)? as usize)
    }

    fn seed(&self, raw: &RawCamera) -> Placed<u64> {
        let Some(seed) = &raw.seed else {
            return Ok(DEFAULT_SEED);
        };
        let key = format!("seed of camera `{}`", self.camera);
        Ok(number(&key, seed, 0, i64::MAX)? as u64)
    }

    fn field_of_view(&self, raw: &RawCamera) -> Placed<f64> {
        let Some(angle) = &raw.field_of_view_degrees else {
            return Ok(ApartmentOptions::FIELD_OF_VIEW_DEGREES);
        };
        let (value, limit) = (*angle.get_ref(), MAX_FIELD_OF_VIEW_DEGREES);
        if value > 0.0 && value <= limit {
            return Ok(value);
        }
        let key = format!("field_of_view_degrees of camera `{}`", self.camera);
        at(angle.span(), LaunchFault::Rate { key, value, limit })
    }

    fn rate_hz(&self, raw: &RawCamera) -> Placed<f64> {
        let Some(rate) = &raw.rate_hz else {
            return Ok(DEFAULT_RATE_HZ);
        };
        rate_of(format!("rate_hz of camera `{}`", self.camera), rate)
    }
}

/// The keys that only some kinds of camera have, as far as they are written.
fn present(raw: &RawCamera) -> impl Iterator<Item = (&'static str, Range<usize>)> {
    fn span<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
        value.as_ref().map(Spanned::span)
    }
    [
        ("intrinsics", span(&raw.intrinsics)),
        ("paths", span(&raw.paths)),
        ("repeat", span(&raw.repeat)),
        ("stamps", span(&raw.stamps)),
        ("photographs", span(&raw.photographs)),
        ("width", span(&raw.width)),
        ("height", span(&raw.height)),
        ("rate_hz", span(&raw.rate_hz)),
        ("seed", span(&raw.seed)),
        ("field_of_view_degrees", span(&raw.field_of_view_degrees)),
        ("antialias", span(&raw.antialias)),
        ("key", span(&raw.key)),
        ("depth_key", span(&raw.depth_key)),
        ("camera_info_key", span(&raw.camera_info_key)),
        ("message_type", span(&raw.message_type)),
        ("rectified", raw.rectified.as_ref().map(Spanned::span)),
        ("device", span(&raw.device)),
        ("command", span(&raw.command)),
    ]
    .into_iter()
    .filter_map(|(key, span)| Some((key, span?)))
}
