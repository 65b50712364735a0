//! Demands on a policy: the problem file.

mod check;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::document::{Kind, Position, shown};
use crate::solve::device::DeviceBudgets;
use crate::solve::fault::{ProblemError, ProblemFault};

use check::check;

/// Greatest size of a problem file, in bytes (256 KiB).
pub const MAX_PROBLEM_BYTES: u64 = 256 << 10;
pub(crate) const KIND: Kind = Kind {
    name: "problem",
    max_bytes: MAX_PROBLEM_BYTES,
};

/// Most tasks that a problem may list as targets, target-only and source-only.
pub const MAX_PROBLEM_TASKS: usize = 256;
/// Most characters of a message of the TOML reader that are passed on.
const MAX_MESSAGE_CHARS: usize = 400;

/// Number of a transfer that is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferValue {
    /// The affinity, transformed as [`Transform`] says.
    #[default]
    Affinity,
    /// The win rate against the fully supervised network, as it is.
    WinVsTask,
    /// The win rate against training from pixels, as it is.
    WinVsPixels,
}

impl TransferValue {
    /// Name of the table's column.
    pub fn column(self) -> &'static str {
        match self {
            TransferValue::Affinity => "affinity",
            TransferValue::WinVsTask => "win_vs_task",
            TransferValue::WinVsPixels => "win_vs_pixels",
        }
    }
}

/// Transform of an affinity p into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// p, as printed in the paper.
    Identity,
    /// √p, as in the authors' own service.
    #[default]
    Sqrt,
}

/// Convention on what else counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Convention {
    /// Nothing: the sum over the targets, as the paper has it.
    #[default]
    Paper,
    /// As the authors' own service: every coefficient is clipped to
    /// [1e-5, 1] before it is multiplied by its importance. So each source-only
    /// root earns 1e-5, needed or not, and each target-only task a constant 1e-5.
    Service,
}

/// A problem for the solver of transfer policies.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Concert problem")]
struct RawProblem {
    /// Wanted tasks whose own networks may serve as sources.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    targets: Vec<Spanned<String>>,
    /// Wanted tasks that cannot be sources.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    target_only: Vec<Spanned<String>>,
    /// Sources that are available and not wanted.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    source_only: Vec<Spanned<String>>,
    /// Most that roots and transfers may cost together; with default costs, the
    /// supervision budget k.
    #[schemars(with = "f64", extend("exclusiveMinimum" = 0))]
    budget: Spanned<f64>,
    /// Most sources of one transfer; default: no limit.
    #[schemars(with = "Option<u32>", range(min = 1))]
    max_order: Option<Spanned<i64>>,
    /// Number of a transfer that is summed.
    #[serde(default)]
    value: TransferValue,
    /// Transform of affinities into values; win rates are taken as they are.
    transform: Option<Transform>,
    /// Convention on what else counts.
    #[serde(default)]
    convention: Convention,
    /// Cost of a root, by task; default 1.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, f64>")]
    cost: BTreeMap<Spanned<String>, f64>,
    /// Cost of solving a target by a transfer, by task; default 0.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, f64>")]
    transfer_cost: BTreeMap<Spanned<String>, f64>,
    /// Importance of a target, by task; default 1.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, f64>")]
    importance: BTreeMap<Spanned<String>, f64>,
    /// Most outputs per second, by target; default: one per camera frame. Counts
    /// only where a device's time or energy is limited.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, f64>")]
    rate_hz: BTreeMap<Spanned<String>, f64>,
    /// Frames per second of the camera; default 30. Counts only with `rate_hz`.
    #[schemars(with = "Option<f64>", extend("exclusiveMinimum" = 0))]
    camera_hz: Option<Spanned<f64>>,
    /// Budgets of the device for networks; count only with its profile.
    #[schemars(with = "Option<DeviceBudgets>")]
    device: Option<Spanned<DeviceBudgets>>,
    /// Sources that must not be roots.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    forbidden: Vec<Spanned<String>>,
    /// Sources that must be roots.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    required: Vec<Spanned<String>>,
}

/// A name and where it stands in the problem file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) position: Position,
}

/// Demands on a policy: tasks and their roles, costs, importance, budget.
///
/// Numbers are checked; names are resolved against a table of transfers when
/// the problem is solved, in any published spelling.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub(crate) origin: String,
    pub(crate) targets: Vec<Name>,
    pub(crate) target_only: Vec<Name>,
    pub(crate) source_only: Vec<Name>,
    pub(crate) budget: f64,
    pub(crate) max_order: Option<usize>,
    pub(crate) value: TransferValue,
    pub(crate) transform: Option<Transform>,
    pub(crate) convention: Convention,
    pub(crate) cost: Vec<(Name, f64)>,
    pub(crate) transfer_cost: Vec<(Name, f64)>,
    pub(crate) importance: Vec<(Name, f64)>,
    pub(crate) rate_hz: Vec<(Name, f64)>,
    pub(crate) camera_hz: Option<f64>,
    pub(crate) device: DeviceBudgets,
    pub(crate) forbidden: Vec<Name>,
    pub(crate) required: Vec<Name>,
}

impl Problem {
    /// Reads a problem file.
    ///
    /// # Errors
    /// As [`Problem::parse`], and for anything but a readable regular file of at
    /// most [`MAX_PROBLEM_BYTES`] of UTF-8, of which no more is read.
    pub fn read(path: impl AsRef<Path>) -> Result<Problem, ProblemError> {
        Problem::read_with_text(path).map(|(problem, _)| problem)
    }

    /// Reads a problem file, and gives its text, too, for whoever hands it on.
    ///
    /// # Errors
    /// As [`Problem::read`].
    pub fn read_with_text(path: impl AsRef<Path>) -> Result<(Problem, String), ProblemError> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let text = KIND.read(path);
        let text = text.map_err(|fault| ProblemError::new(&origin, None, fault.into()))?;
        Ok((Problem::parse(&text, &origin)?, text))
    }

    /// Checks the text of a problem file: TOML, or one JSON object of the same
    /// keys; `origin` names the file in errors.
    ///
    /// # Errors
    /// The first rule that the text breaks, with file, line, column and the
    /// quantities on both sides; see [`ProblemFault`].
    pub fn parse(text: &str, origin: &str) -> Result<Problem, ProblemError> {
        let fail = |position, fault| Err(ProblemError::new(origin, position, fault));
        if let Err(fault) = KIND.check_length(text.len() as u64) {
            return fail(None, fault.into());
        }
        if text.trim_start().starts_with('{') {
            return parse_json(text, origin);
        }
        let raw: RawProblem = match toml::from_str(text) {
            Ok(raw) => raw,
            Err(error) => {
                let position = error.span().map(|span| Position::of(text, &span));
                let message = shown(error.message(), MAX_MESSAGE_CHARS);
                return fail(position, ProblemFault::Toml(message));
            }
        };
        check(text, origin, raw)
    }

    /// The same problem with another budget.
    ///
    /// # Errors
    /// A budget that is not finite and above 0.
    pub fn with_budget(&self, budget: f64) -> Result<Problem, ProblemError> {
        if !(budget.is_finite() && budget > 0.0) {
            let fault = ProblemFault::Budget { budget };
            return Err(ProblemError::new(&self.origin, None, fault));
        }
        let problem = self.clone();
        Ok(Problem { budget, ..problem })
    }

    /// The JSON Schema of a problem file, for editors and other tools. It says
    /// less than [`Problem::parse`] checks: not the rules between entries.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(RawProblem).to_value()
    }

    /// The file it was read from, or what the caller gave in its place.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Most that roots and transfers may cost together.
    pub fn budget(&self) -> f64 {
        self.budget
    }

    /// Most sources of one transfer, if that is limited.
    pub fn max_order(&self) -> Option<usize> {
        self.max_order
    }

    /// Budgets that networks may take of the device that the policy is for.
    pub fn device_budgets(&self) -> DeviceBudgets {
        self.device
    }

    /// Frames per second of the camera, where the problem says them.
    pub fn camera_hz(&self) -> Option<f64> {
        self.camera_hz
    }

    /// Number of a transfer that is summed.
    pub fn value(&self) -> TransferValue {
        self.value
    }

    /// Transform of the number into a value: win rates are taken as they are.
    pub fn transform(&self) -> Transform {
        match self.value {
            TransferValue::Affinity => self.transform.unwrap_or_default(),
            TransferValue::WinVsTask | TransferValue::WinVsPixels => Transform::Identity,
        }
    }

    /// Convention on what else counts.
    pub fn convention(&self) -> Convention {
        self.convention
    }

    /// Tells whether the file asks for a root of a win rate, which is not taken.
    pub(crate) fn ignores_transform(&self) -> bool {
        self.value != TransferValue::Affinity && self.transform == Some(Transform::Sqrt)
    }
}

/// JSON is rewritten as TOML, so that there is one reader; places in that text
/// are nobody's, and are left out.
fn parse_json(text: &str, origin: &str) -> Result<Problem, ProblemError> {
    let table: toml::Table = serde_json::from_str(text).map_err(|error| {
        let position = Position {
            line: error.line(),
            column: Some(error.column()),
        };
        let message = shown(&error.to_string(), MAX_MESSAGE_CHARS);
        ProblemError::new(origin, Some(position), ProblemFault::Toml(message))
    })?;
    Problem::parse(&table.to_string(), origin).map_err(ProblemError::without_position)
}
