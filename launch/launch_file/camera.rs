//! One `[[camera]]` of a launch file, checked.

use std::borrow::Cow;
use std::collections::BTreeSet;

use concert_models::Intrinsics;
use concert_policies::document::at;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{LaunchFault, shown};
use super::raw::Text;
use super::value::{Placed, ruled};
use super::{CameraKind, MAX_CAMERAS};
use crate::cameras::take_text;
use crate::rules;

/// One camera of a launch file.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraEntry {
    pub(super) name: String,
    pub(super) frame_id: String,
    pub(super) intrinsics: Option<Intrinsics>,
    pub(super) kind: CameraKind,
}

impl CameraEntry {
    /// A camera of this kind, with the coordinate frame that its name gives it.
    #[must_use]
    pub(super) fn new(name: &str, kind: CameraKind) -> Self {
        Self {
            name: name.to_owned(),
            frame_id: format!("{name}_optical"),
            intrinsics: None,
            kind,
        }
    }

    /// Its name, distinct within the file; part of keys where there are several.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Coordinate frame of the images; ends in `_optical`.
    #[must_use]
    pub fn frame_id(&self) -> &str {
        &self.frame_id
    }

    /// The camera's intrinsics, if they are known.
    #[must_use]
    pub fn intrinsics(&self) -> Option<Intrinsics> {
        self.intrinsics
    }

    /// The kind of camera, which delivers the frames.
    #[must_use]
    pub fn kind(&self) -> &CameraKind {
        &self.kind
    }

    /// Reads an entry: what every camera has, and then what its kind has.
    fn of(entry: Spanned<DeTable<'_>>) -> Placed<Self> {
        let span = entry.span();
        let mut table = entry.into_inner();
        let mut take = |key: &str| take_text(&mut table, key);
        let needed = |text: Option<Text>, key: &str| {
            let missing = LaunchFault::Toml(format!("missing field `{key}`"));
            text.ok_or((Some(span.clone()), missing))
        };
        let placed = |fault| (Some(span.clone()), fault);
        let name = needed(take("name").map_err(placed)?, "name")?;
        let kind = needed(take("kind").map_err(placed)?, "kind")?;
        let frame_id = take("frame_id").map_err(placed)?;
        let text = name.get_ref();
        let subject = format!("frame_id of camera `{text}`");
        let frame_id = frame_id.map(|written| {
            let broken = rules::frame_id_fault(written.get_ref());
            ruled(&subject, &written, broken)
        });
        let frame_id = frame_id.transpose()?;
        let table = Spanned::new(span, table);
        let (kind, intrinsics) = CameraKind::of_entry(text, &kind, table)?;
        let usual = Self::new(text, kind);
        Ok(Self {
            frame_id: frame_id.unwrap_or(usual.frame_id.clone()),
            intrinsics,
            ..usual
        })
    }
}

/// Reads all entries.
pub(super) fn cameras(written: Option<Spanned<DeValue<'_>>>) -> Placed<Vec<CameraEntry>> {
    let no_tables = |span| {
        let message = "camera must be written as [[camera]], one for each";
        (Some(span), LaunchFault::Toml(message.to_owned()))
    };
    let mut entries = Vec::new();
    if let Some(written) = written {
        let span = written.span();
        let DeValue::Array(array) = written.into_inner() else {
            return Err(no_tables(span));
        };
        for entry in array {
            let span = entry.span();
            match entry.into_inner() {
                DeValue::Table(table) => entries.push(Spanned::new(span, table)),
                _ => return Err(no_tables(span)),
            }
        }
    }
    let (count, limit) = (entries.len(), MAX_CAMERAS);
    if count == 0 || count > limit {
        let (what, least) = ("cameras", 1);
        let fault = LaunchFault::Count {
            what,
            count,
            least,
            limit,
        };
        return Err((None, fault));
    }
    check_names(&entries)?;
    entries.into_iter().map(CameraEntry::of).collect()
}

/// Refuses names that are none, and the same name twice.
fn check_names(entries: &[Spanned<DeTable<'_>>]) -> Placed<()> {
    let mut names = BTreeSet::new();
    for entry in entries {
        // What is no text is refused with its entry.
        let name = entry.get_ref().get("name");
        let text = name.and_then(|name| Some((name.span(), name.get_ref().as_str()?)));
        let Some((span, text)) = text else {
            continue;
        };
        let name = Spanned::new(span.clone(), text.to_owned());
        ruled("name of a camera", &name, rules::camera_name_fault(text))?;
        if !names.insert(text) {
            let (what, value) = ("camera", shown(text));
            return at(span, LaunchFault::Duplicate { what, value });
        }
    }
    Ok(())
}

/// The schema of an entry: one alternative for each kind.
pub(super) struct CameraSchema;

impl JsonSchema for CameraSchema {
    fn schema_name() -> Cow<'static, str> {
        "Camera".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let alternative = |(kind, own): (&str, Schema)| {
            let mut schema = own.to_value();
            schema["properties"]["kind"] = serde_json::json!({ "const": kind });
            schema["properties"]["name"] = serde_json::json!({
                "description": "Name, distinct within the file.",
                "type": "string",
                "pattern": "^[a-z0-9_]{1,64}$"
            });
            schema["properties"]["frame_id"] = serde_json::json!({
                "description": "Coordinate frame of the images; default: `NAME_optical`.",
                "type": ["string", "null"],
                "pattern": "_optical$"
            });
            let mut required = schema["required"].as_array().cloned().unwrap_or_default();
            required.extend(["name".into(), "kind".into()]);
            schema["required"] = required.into();
            schema
        };
        let kinds = CameraKind::schemas(generator).into_iter();
        let kinds: Vec<_> = kinds.map(alternative).collect();
        json_schema!({
            "description": "One camera; its kind says which keys it may have.",
            "oneOf": kinds
        })
    }
}
