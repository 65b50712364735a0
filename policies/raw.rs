//! A policy file as it is written, before any check.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use toml::Spanned;

use crate::policy::{MAX_RATE_HZ, MAX_SUPERVISION_BUDGET, MAX_TRANSFERS};
use crate::task::Task;

/// A transfer policy of Concert: which source encoders run, and which readouts
/// turn their representations into which targets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Concert policy")]
pub(crate) struct RawPolicy {
    /// Name of the policy: letters, digits, `_` and `-`.
    #[schemars(with = "String", regex(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    pub(crate) name: Spanned<String>,
    /// What the policy is for; not part of its hash.
    #[schemars(with = "Option<String>")]
    pub(crate) description: Option<Spanned<String>>,
    /// Most source encoders that may run in all.
    #[schemars(with = "u32", range(min = 1, max = MAX_SUPERVISION_BUDGET))]
    pub(crate) supervision_budget: Spanned<i64>,
    /// Most sources that one readout may read; default: the supervision budget.
    #[schemars(with = "Option<u32>", range(min = 1, max = MAX_SUPERVISION_BUDGET))]
    pub(crate) max_order: Option<Spanned<i64>>,
    /// The transfers, most important first.
    #[schemars(with = "Vec<RawTransfer>", length(min = 1, max = MAX_TRANSFERS))]
    pub(crate) transfer: Vec<Spanned<RawTransfer>>,
}

/// Sources to one target.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Transfer")]
pub(crate) struct RawTransfer {
    /// The task to publish.
    #[schemars(schema_with = "task_schema")]
    pub(crate) target: Spanned<String>,
    /// The encoders that the readout reads, by file name; the target itself
    /// where it is its own full network. Missing or empty for a readout that
    /// reads its inputs alone.
    #[schemars(with = "Vec<String>")]
    pub(crate) sources: Option<Spanned<Vec<Spanned<String>>>>,
    /// Most outputs per second; default: one per frame.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0, "maximum" = MAX_RATE_HZ))]
    pub(crate) rate_hz: Option<Spanned<f64>>,
    /// Variant of the readout: `TARGET_from_SOURCES@VARIANT`.
    #[schemars(with = "Option<String>", regex(pattern = "^[a-z0-9_]{1,64}$"))]
    pub(crate) readout: Option<Spanned<String>>,
    /// Other targets of this policy, or `camera.depth`, that the readout reads
    /// beside the representations.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) inputs: Vec<Spanned<String>>,
}

/// The dictionary for completion in editors; other spellings are left to the
/// parser, because they may be in upper or lower case.
fn task_schema(_: &mut SchemaGenerator) -> Schema {
    let targets = Task::all().iter().filter(|task| task.can_be_target());
    let names: Vec<_> = targets.map(|task| task.name).collect();
    json_schema!({
        "description": "The task to publish.",
        "anyOf": [{ "enum": names }, { "type": "string" }],
    })
}
