//! Parameters of a node: the requests and answers of the services by which ROS 2 reads
//! and sets them (`rcl_interfaces`).

use crate::wire::cdr::{CdrError, CdrReader, CdrWriter};

/// Value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterValue {
    /// None.
    NotSet,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Double(f64),
    /// A text.
    Text(String),
    /// An array, of which only the kind is looked at (5 to 9).
    Array(u8),
}

/// A parameter and the value that it is to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// `rate_hz.normal`.
    pub name: String,
    /// Its value.
    pub value: ParameterValue,
}

/// A parameter that a node has.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterState {
    /// `rate_hz.normal`.
    pub name: String,
    /// Its value now.
    pub value: ParameterValue,
    /// Its meaning, for people.
    pub description: String,
}

/// One of the services of a node's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterService {
    /// Values.
    Get,
    /// Kinds of values.
    GetTypes,
    /// What they are for.
    Describe,
    /// Names.
    List,
    /// Sets each that can be set.
    Set,
    /// Sets all or none.
    SetAtomically,
}

/// A request to one of the services.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterRequest {
    /// Of the parameters of these names.
    Names(Vec<String>),
    /// Of the names below these prefixes (all, where there is none), at most so many parts
    /// deep (0: any).
    List {
        /// `rate_hz`.
        prefixes: Vec<String>,
        /// Parts.
        depth: u64,
    },
    /// To set these.
    Set(Vec<Parameter>),
}

/// What became of a parameter that was to be set: the reason where it was not.
pub type ParameterResult = Result<(), String>;

impl ParameterValue {
    /// Number of its kind in ROS 2.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::NotSet => 0,
            Self::Bool(_) => 1,
            Self::Integer(_) => 2,
            Self::Double(_) => 3,
            Self::Text(_) => 4,
            Self::Array(kind) => *kind,
        }
    }

    fn write(&self, writer: &mut CdrWriter<'_>) {
        let (mut truth, mut whole, mut number, mut text) = (false, 0, 0.0, "");
        match self {
            Self::NotSet | Self::Array(_) => {}
            Self::Bool(value) => truth = *value,
            Self::Integer(value) => whole = *value,
            Self::Double(value) => number = *value,
            Self::Text(value) => text = value,
        }
        writer.u8(self.kind());
        writer.bool(truth);
        writer.i64(whole);
        writer.f64(number);
        writer.string(text);
        // Bytes, truth values, whole numbers, numbers, texts.
        (0..5).for_each(|_| writer.count(0));
    }

    fn read(reader: &mut CdrReader<'_>) -> Result<Self, CdrError> {
        let kind = reader.u8("value.type")?;
        let truth = reader.bool("value.bool_value")?;
        let whole = reader.i64("value.integer_value")?;
        let number = reader.f64("value.double_value")?;
        let text = reader.string("value.string_value")?;
        reader.bytes("value.byte_array_value")?;
        reader.bytes("value.bool_array_value")?;
        reader.sequence("value.integer_array_value", 8, |reader| {
            reader.i64("value.integer_array_value")
        })?;
        reader.f64s("value.double_array_value")?;
        let what = "value.string_array_value";
        reader.sequence(what, 4, |reader| reader.string(what).map(drop))?;
        Ok(match kind {
            0 => Self::NotSet,
            1 => Self::Bool(truth),
            2 => Self::Integer(whole),
            3 => Self::Double(number),
            4 => Self::Text(text.to_owned()),
            other => Self::Array(other),
        })
    }
}

impl ParameterService {
    /// All of them: a client waits until it sees each.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::GetTypes,
        Self::Describe,
        Self::List,
        Self::Set,
        Self::SetAtomically,
    ];

    /// Name below that of its node, and name of its type.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Get => ("get_parameters", "rcl_interfaces/srv/GetParameters"),
            Self::GetTypes => (
                "get_parameter_types",
                "rcl_interfaces/srv/GetParameterTypes",
            ),
            Self::Describe => (
                "describe_parameters",
                "rcl_interfaces/srv/DescribeParameters",
            ),
            Self::List => ("list_parameters", "rcl_interfaces/srv/ListParameters"),
            Self::Set => ("set_parameters", "rcl_interfaces/srv/SetParameters"),
            Self::SetAtomically => (
                "set_parameters_atomically",
                "rcl_interfaces/srv/SetParametersAtomically",
            ),
        }
    }

    /// Reads a request to this service.
    ///
    /// # Errors
    /// The first field that cannot be read.
    pub fn read(self, request: &[u8]) -> Result<ParameterRequest, CdrError> {
        let mut reader = CdrReader::begin(request)?;
        Ok(match self {
            Self::Get | Self::GetTypes | Self::Describe => {
                ParameterRequest::Names(texts(&mut reader, "names")?)
            }
            Self::List => ParameterRequest::List {
                prefixes: texts(&mut reader, "prefixes")?,
                depth: reader.u64("depth")?,
            },
            Self::Set | Self::SetAtomically => {
                let least = 5 + 28;
                let parameters = reader.sequence("parameters", least, |reader| {
                    Ok(Parameter {
                        name: reader.string("name")?.to_owned(),
                        value: ParameterValue::read(reader)?,
                    })
                });
                ParameterRequest::Set(parameters?)
            }
        })
    }

    /// Writes the answer to what was asked of the parameters that a node has; what stood
    /// in `to` is lost. Nothing to a request to set.
    pub fn answer(self, known: &[ParameterState], asked: &ParameterRequest, to: &mut Vec<u8>) {
        let mut writer = CdrWriter::begin(to);
        let find = |name: &String| known.iter().find(|state| state.name == *name);
        match (self, asked) {
            (Self::Get, ParameterRequest::Names(names)) => {
                writer.count(names.len());
                for name in names {
                    let value = find(name).map_or(&ParameterValue::NotSet, |state| &state.value);
                    value.write(&mut writer);
                }
            }
            (Self::GetTypes, ParameterRequest::Names(names)) => {
                let kinds = names.iter().map(find);
                let kinds = kinds.map(|state| state.map_or(0, |state| state.value.kind()));
                writer.bytes(&kinds.collect::<Vec<_>>());
            }
            (Self::Describe, ParameterRequest::Names(names)) => {
                writer.count(names.len());
                for name in names {
                    describe(name, find(name), &mut writer);
                }
            }
            (Self::List, ParameterRequest::List { prefixes, depth }) => {
                let listed = known.iter().map(|state| state.name.as_str());
                let listed = listed.filter(|name| is_listed(name, prefixes, *depth));
                let names: Vec<_> = listed.collect();
                let mut parents: Vec<_> = names.iter().filter_map(|n| n.rsplit_once('.')).collect();
                parents.dedup_by_key(|(parent, _)| *parent);
                write_texts(&mut writer, names.into_iter());
                write_texts(&mut writer, parents.into_iter().map(|(parent, _)| parent));
            }
            _ => {}
        }
    }

    /// Writes what became of each parameter that was to be set; what stood in `to` is
    /// lost. Of all or none, the first reason counts.
    pub fn answer_set(self, results: &[ParameterResult], to: &mut Vec<u8>) {
        let mut writer = CdrWriter::begin(to);
        let refused = results.iter().find(|result| result.is_err());
        let first = [refused.cloned().unwrap_or(Ok(()))];
        let results = match self {
            Self::SetAtomically => &first[..],
            _ => {
                writer.count(results.len());
                results
            }
        };
        for result in results {
            writer.bool(result.is_ok());
            writer.string(result.as_ref().err().map_or("", String::as_str));
        }
    }
}

fn texts(reader: &mut CdrReader<'_>, what: &'static str) -> Result<Vec<String>, CdrError> {
    reader.sequence(what, 4, |reader| Ok(reader.string(what)?.to_owned()))
}

fn write_texts<'a>(writer: &mut CdrWriter<'_>, texts: impl ExactSizeIterator<Item = &'a str>) {
    writer.count(texts.len());
    texts.for_each(|text| writer.string(text));
}

/// Writes a `ParameterDescriptor`.
fn describe(name: &str, state: Option<&ParameterState>, writer: &mut CdrWriter<'_>) {
    writer.string(name);
    writer.u8(state.map_or(0, |state| state.value.kind()));
    writer.string(state.map_or("", |state| &state.description));
    // Neither further constraints, nor read-only, nor of changing kind, nor with ranges.
    writer.string("");
    writer.bool(false);
    writer.bool(false);
    (0..2).for_each(|_| writer.count(0));
}

/// Tells whether a name is asked for, as ROS 2 counts its parts.
fn is_listed(name: &str, prefixes: &[String], depth: u64) -> bool {
    let is_near = |rest: &str| depth == 0 || (rest.matches('.').count() as u64) < depth;
    let mut prefixes_of = prefixes.iter().map(|prefix| {
        let rest = name.strip_prefix(prefix.as_str())?;
        let is_itself = rest.is_empty();
        let below = rest.strip_prefix('.');
        (is_itself || below.is_some_and(is_near)).then_some(())
    });
    match prefixes {
        [] => is_near(name),
        _ => prefixes_of.any(|found| found.is_some()),
    }
}
