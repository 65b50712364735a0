//! Costs of networks on one device: the file that `concert profile` writes.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Task;
use crate::document::{Kind, Position, ReadFault, Refused, shown};
use crate::policy::MAX_NAME_BYTES;

/// Greatest size of a profile, in bytes (4 MiB).
pub const MAX_PROFILE_BYTES: u64 = 4 << 20;
pub(crate) const KIND: Kind = Kind {
    name: "profile",
    max_bytes: MAX_PROFILE_BYTES,
};
/// Most characters of a message of the TOML reader that are passed on.
const MAX_MESSAGE_CHARS: usize = 400;

/// Cost of one network, measured alone with warm caches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    /// Median time of one run, ms.
    pub millis: f64,
    /// Time that 99 of 100 runs do not exceed, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_millis: Option<f64>,
    /// Time to load the network, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_millis: Option<f64>,
    /// Memory that the loaded network holds, in bytes.
    #[serde(default)]
    pub memory_bytes: u64,
    /// Energy of one run, mJ, where the board reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millijoules: Option<f64>,
}

/// Cost of one encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EncoderLoad {
    /// The source.
    pub source: String,
    /// Part of `millis` that is preprocessing, ms. It runs once per distinct
    /// input contract, so encoders that share one take less together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocess_millis: Option<f64>,
    /// Its cost, its preprocessing included.
    #[serde(flatten)]
    pub load: Load,
}

/// Cost of one readout, its encoders not counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadoutLoad {
    /// The target.
    pub target: String,
    /// The sources that it reads; none where it reads its inputs alone.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Inputs that it read beside representations when it was measured, as in a
    /// policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// The variant, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Its cost.
    #[serde(flatten)]
    pub load: Load,
}

/// What networks cost on one device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Concert profile")]
struct RawProfile {
    /// The device: processor, power mode, provider.
    device: String,
    /// How it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// What a readout costs that was not measured; without it, transfers
    /// without a measured readout cannot be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typical_readout: Option<Load>,
    /// The encoders.
    #[serde(default)]
    encoder: Vec<EncoderLoad>,
    /// The readouts.
    #[serde(default)]
    readout: Vec<ReadoutLoad>,
}

/// Costs of networks on one device, checked: numbers are finite and not
/// negative, names are distinct.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    raw: RawProfile,
    encoders: BTreeMap<String, usize>,
    readouts: BTreeMap<Key, usize>,
}

/// A target and what its readout reads: sources, or inputs where it has none.
type Key = (String, Vec<String>);

/// A refused profile: the file, the place in it where one is known, and why.
pub type ProfileError = Refused<ProfileFault>;

/// The rule that a refused profile breaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's text says what its fields are
pub enum ProfileFault {
    #[error(transparent)]
    File(#[from] ReadFault),
    /// Words of the TOML reader: syntax, unknown keys, missing keys, types.
    #[error("{0}")]
    Toml(String),
    #[error("{key} of {subject} is {value}, but must be a finite number of at least 0")]
    Number {
        key: &'static str,
        subject: String,
        value: f64,
    },
    #[error("{subject} stands twice")]
    Twice { subject: String },
    #[error("name `{name}` has {length} bytes, but must have from 1 to {limit}")]
    Name {
        name: String,
        length: usize,
        limit: usize,
    },
    #[error("readout of `{target}` has neither sources nor inputs")]
    NoSources { target: String },
}

impl Profile {
    /// A profile of these measurements.
    ///
    /// # Errors
    /// Numbers that are not finite or negative, names that are empty, too long
    /// or stand twice.
    pub fn new(
        device: &str,
        method: Option<&str>,
        encoders: Vec<EncoderLoad>,
        readouts: Vec<ReadoutLoad>,
    ) -> Result<Profile, ProfileFault> {
        // Those that read inputs alone are geometry: no new readout is like them.
        let fitted = readouts
            .iter()
            .filter(|readout| !readout.sources.is_empty());
        let typical_readout = typical(&fitted.collect::<Vec<_>>());
        checked(RawProfile {
            device: device.to_owned(),
            method: method.map(str::to_owned),
            typical_readout,
            encoder: encoders,
            readout: readouts,
        })
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// As [`Profile::parse`], and for anything but a readable regular file of at
    /// most [`MAX_PROFILE_BYTES`] of UTF-8, of which no more is read.
    pub fn read(path: impl AsRef<Path>) -> Result<Profile, ProfileError> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let text = KIND.read(path);
        let text = text.map_err(|fault| ProfileError::new(&origin, None, fault.into()))?;
        Profile::parse(&text, &origin)
    }

    /// Checks the text of a profile; `origin` names the file in errors.
    ///
    /// # Errors
    /// The first rule that the text breaks; see [`ProfileFault`].
    pub fn parse(text: &str, origin: &str) -> Result<Profile, ProfileError> {
        let refuse = |position, fault| ProfileError::new(origin, position, fault);
        let length = KIND.check_length(text.len() as u64);
        length.map_err(|fault| refuse(None, fault.into()))?;
        let raw: RawProfile = toml::from_str(text).map_err(|error| {
            let position = error.span().map(|span| Position::of(text, &span));
            let message = shown(error.message(), MAX_MESSAGE_CHARS);
            refuse(position, ProfileFault::Toml(message))
        })?;
        checked(raw).map_err(|fault| refuse(None, fault))
    }

    /// The profile as [`Profile::parse`] reads it.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.raw).expect("names and finite numbers are TOML")
    }

    /// The JSON Schema of a profile, for editors and other tools.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(RawProfile).to_value()
    }

    /// The device: processor, power mode, provider.
    pub fn device(&self) -> &str {
        &self.raw.device
    }

    /// Method by which it was measured.
    pub fn method(&self) -> Option<&str> {
        self.raw.method.as_deref()
    }

    /// The measured encoders, in the order of the file.
    pub fn encoders(&self) -> &[EncoderLoad] {
        &self.raw.encoder
    }

    /// The measured readouts, in the order of the file.
    pub fn readouts(&self) -> &[ReadoutLoad] {
        &self.raw.readout
    }

    /// Cost of a source's encoder, under any published spelling of its name.
    pub fn encoder(&self, source: &str) -> Option<Load> {
        let place = self.encoders.get(&canonical(source))?;
        Some(self.raw.encoder[*place].load)
    }

    /// Cost of the readout of a transfer: as measured, its variant aside, or
    /// else as a typical one.
    pub fn readout<S: AsRef<str>>(&self, target: &str, sources: &[S]) -> Option<Load> {
        self.measured_readout(target, sources)
            .or(self.raw.typical_readout)
    }

    /// Cost of the readout of a transfer as measured, its variant aside.
    /// Inputs stand for the sources of one that has none.
    pub fn measured_readout<S: AsRef<str>>(&self, target: &str, sources: &[S]) -> Option<Load> {
        let place = self.readouts.get(&key(target, sources))?;
        Some(self.raw.readout[*place].load)
    }

    /// Cost of a readout that was not measured, if the profile says so.
    pub fn typical_readout(&self) -> Option<Load> {
        self.raw.typical_readout
    }
}

/// The dictionary's name of a published spelling, any other name as it is.
fn canonical(name: &str) -> String {
    let task = Task::find(name).filter(|task| task.spellings().any(|known| known == name));
    task.map_or(name, |task| task.name).to_owned()
}

fn key<S: AsRef<str>>(target: &str, sources: &[S]) -> Key {
    let mut sources: Vec<_> = sources
        .iter()
        .map(|name| canonical(name.as_ref()))
        .collect();
    sources.sort_unstable();
    (canonical(target), sources)
}

/// The median of each number over these readouts.
fn typical(readouts: &[&ReadoutLoad]) -> Option<Load> {
    let median = |of: &dyn Fn(&Load) -> Option<f64>| {
        let numbers = readouts.iter().filter_map(|readout| of(&readout.load));
        let mut numbers: Vec<_> = numbers.collect();
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied()
    };
    Some(Load {
        millis: median(&|load| Some(load.millis))?,
        p99_millis: median(&|load| load.p99_millis),
        load_millis: median(&|load| load.load_millis),
        memory_bytes: median(&|load| Some(load.memory_bytes as f64))? as u64,
        millijoules: median(&|load| load.millijoules),
    })
}

fn checked(raw: RawProfile) -> Result<Profile, ProfileFault> {
    let mut encoders = BTreeMap::new();
    for (place, encoder) in raw.encoder.iter().enumerate() {
        check_name(&encoder.source)?;
        let subject = || format!("encoder `{}`", encoder.source);
        check_load(&encoder.load, subject)?;
        check_number("preprocess_millis", encoder.preprocess_millis, &subject)?;
        if encoders.insert(canonical(&encoder.source), place).is_some() {
            return Err(ProfileFault::Twice { subject: subject() });
        }
    }
    let mut readouts = BTreeMap::new();
    let mut seen = BTreeMap::new();
    for (place, readout) in raw.readout.iter().enumerate() {
        check_name(&readout.target)?;
        let mut names = readout.sources.iter().chain(&readout.inputs);
        names.try_for_each(|name| check_name(name))?;
        let from = match readout.sources.is_empty() {
            true => &readout.inputs,
            false => &readout.sources,
        };
        if from.is_empty() {
            let target = readout.target.clone();
            return Err(ProfileFault::NoSources { target });
        }
        let subject = || format!("readout of `{}` from {}", readout.target, from.join("+"));
        check_load(&readout.load, subject)?;
        let key = key(&readout.target, from);
        if seen
            .insert((key.clone(), &readout.variant), place)
            .is_some()
        {
            return Err(ProfileFault::Twice { subject: subject() });
        }
        // Variants differ in their weights, hardly in their cost.
        if readout.variant.is_none() || !readouts.contains_key(&key) {
            readouts.insert(key, place);
        }
    }
    if let Some(load) = &raw.typical_readout {
        check_load(load, || "typical_readout".to_owned())?;
    }
    drop(seen);
    Ok(Profile {
        raw,
        encoders,
        readouts,
    })
}

fn check_name(name: &str) -> Result<(), ProfileFault> {
    let (length, limit) = (name.len(), MAX_NAME_BYTES);
    if (1..=limit).contains(&length) {
        return Ok(());
    }
    let name = shown(name, limit);
    Err(ProfileFault::Name {
        name,
        length,
        limit,
    })
}

fn check_load(load: &Load, subject: impl Fn() -> String) -> Result<(), ProfileFault> {
    let numbers = [
        ("millis", Some(load.millis)),
        ("p99_millis", load.p99_millis),
        ("load_millis", load.load_millis),
        ("millijoules", load.millijoules),
    ];
    let mut numbers = numbers.into_iter();
    numbers.try_for_each(|(key, value)| check_number(key, value, &subject))
}

fn check_number(
    key: &'static str,
    value: Option<f64>,
    subject: &impl Fn() -> String,
) -> Result<(), ProfileFault> {
    match value {
        Some(value) if !(value.is_finite() && value >= 0.0) => Err(ProfileFault::Number {
            key,
            subject: subject(),
            value,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
device = 'a board'

[[encoder]]
source = 'rgb2sfnorm'
millis = 10
memory_bytes = 1000

[[readout]]
target = 'normal'
sources = ['edge_texture', 'denoise']
millis = 0.5
p99_millis = 0.75
";

    #[test]
    fn a_profile_is_asked_in_any_published_spelling() {
        let profile = Profile::parse(TEXT, "p.toml").expect("a profile");
        assert_eq!(
            profile.encoder("normal").map(|load| load.millis),
            Some(10.0)
        );
        assert_eq!(profile.encoder("denoise"), None);
        let load = profile.readout("rgb2sfnorm", &["denoising", "edge2d"]);
        assert_eq!(load.and_then(|load| load.p99_millis), Some(0.75));
        assert_eq!(profile.readout("normal", &["edge2d"]), None);
        let again = Profile::parse(&profile.to_toml(), "p.toml").expect("its own text");
        assert_eq!(again, profile);
    }

    #[test]
    fn a_readout_without_sources_is_known_by_its_inputs() {
        let text = format!(
            "{TEXT}[[readout]]\ntarget = 'room_layout'\ninputs = ['normal', 'depth_zbuffer']\nmillis = 2\n"
        );
        let profile = Profile::parse(&text, "p.toml").expect("a profile");
        let load = profile.measured_readout("room_layout", &["depth_zbuffer", "normal"]);
        assert_eq!(load.map(|load| load.millis), Some(2.0));
        assert_eq!(profile.measured_readout("room_layout", &["normal"]), None);
    }

    #[test]
    fn a_readout_that_was_not_measured_costs_as_the_median_of_the_others() {
        let readout = |source: &str, millis| ReadoutLoad {
            target: "normal".to_owned(),
            sources: vec![source.to_owned()],
            inputs: Vec::new(),
            variant: None,
            load: Load {
                millis,
                p99_millis: None,
                load_millis: None,
                memory_bytes: 0,
                millijoules: None,
            },
        };
        let readouts = vec![readout("a", 1.0), readout("b", 9.0), readout("c", 2.0)];
        let profile = Profile::new("here", None, Vec::new(), readouts).expect("a profile");
        assert_eq!(
            profile.readout("normal", &["d"]).map(|load| load.millis),
            Some(2.0)
        );
    }

    #[test]
    fn bad_numbers_names_and_keys_are_refused() {
        for (from, to, error) in [
            (
                "millis = 10",
                "millis = -1",
                "p.toml: millis of encoder `rgb2sfnorm` is -1, but must be a finite number of at least 0",
            ),
            (
                "millis = 10",
                "millis = nan",
                "p.toml: millis of encoder `rgb2sfnorm` is NaN, but must be a finite number of at least 0",
            ),
            (
                "'rgb2sfnorm'",
                "''",
                "p.toml: name `` has 0 bytes, but must have from 1 to 64",
            ),
            (
                "['edge_texture', 'denoise']",
                "[]",
                "p.toml: readout of `normal` has neither sources nor inputs",
            ),
            (
                "memory_bytes = 1000",
                "preprocess_millis = -0.5",
                "p.toml: preprocess_millis of encoder `rgb2sfnorm` is -0.5, but must be a finite number of at least 0",
            ),
            (
                "[[readout]]",
                "[[encoder]]\nsource = 'normal'\nmillis = 1\n[[readout]]",
                "p.toml: encoder `normal` stands twice",
            ),
        ] {
            let refused = Profile::parse(&TEXT.replace(from, to), "p.toml").unwrap_err();
            assert_eq!(refused.to_string(), error);
        }
        let refused = Profile::parse("device = 'a'\nspeed = 1", "p.toml").unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("p.toml:2:1: unknown field `speed`"),
            "{refused}"
        );
    }
}
