//! Rules of a problem file, and the problem that keeps them.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use super::{MAX_PROBLEM_TASKS, Name, Problem, RawProblem};
use crate::document::{Position, shown};
use crate::solve::fault::{ProblemError, ProblemFault};

/// The text of a problem file, for the errors that point into it.
struct Written<'a> {
    text: &'a str,
    origin: &'a str,
}

impl Written<'_> {
    fn position(&self, span: &Range<usize>) -> Position {
        Position::of(self.text, span)
    }

    fn error(&self, position: Option<Position>, fault: ProblemFault) -> ProblemError {
        ProblemError::new(self.origin, position, fault)
    }

    fn error_at(&self, span: &Range<usize>, fault: ProblemFault) -> ProblemError {
        self.error(Some(self.position(span)), fault)
    }

    fn budget(&self, written: &Spanned<f64>) -> Result<f64, ProblemError> {
        let budget = *written.get_ref();
        if budget.is_finite() && budget > 0.0 {
            return Ok(budget);
        }
        Err(self.error_at(&written.span(), ProblemFault::Budget { budget }))
    }

    fn max_order(&self, written: &Option<Spanned<i64>>) -> Result<Option<usize>, ProblemError> {
        let Some(written) = written else {
            return Ok(None);
        };
        let max_order = *written.get_ref();
        match usize::try_from(max_order) {
            Ok(order) if order > 0 => Ok(Some(order)),
            _ => Err(self.error_at(&written.span(), ProblemFault::MaxOrder { max_order })),
        }
    }

    fn name(&self, name: &Spanned<String>) -> Name {
        Name {
            text: name.get_ref().clone(),
            position: self.position(&name.span()),
        }
    }

    fn names(&self, list: &[Spanned<String>]) -> Vec<Name> {
        list.iter().map(|name| self.name(name)).collect()
    }

    fn numbers(
        &self,
        table: &'static str,
        entries: &BTreeMap<Spanned<String>, f64>,
    ) -> Result<Vec<(Name, f64)>, ProblemError> {
        let checked = entries.iter().map(|(key, &value)| {
            if value.is_finite() && value >= 0.0 {
                return Ok((self.name(key), value));
            }
            let fault = ProblemFault::Negative {
                table,
                name: shown(key.get_ref(), crate::MAX_NAME_BYTES),
                value,
            };
            Err(self.error_at(&key.span(), fault))
        });
        checked.collect()
    }

    /// Holds the camera's rate and the device's budgets to be above 0.
    fn check_positive(&self, raw: &RawProblem) -> Result<(), ProblemError> {
        if let Some(hz) = &raw.camera_hz
            && !(hz.get_ref().is_finite() && *hz.get_ref() > 0.0)
        {
            let (key, value) = ("camera_hz".to_owned(), *hz.get_ref());
            return Err(self.error_at(&hz.span(), ProblemFault::NotPositive { key, value }));
        }
        if let Some(device) = &raw.device
            && let Some((name, value)) = device.get_ref().not_positive()
        {
            let key = format!("device.{name}");
            return Err(self.error_at(&device.span(), ProblemFault::NotPositive { key, value }));
        }
        Ok(())
    }

    /// Holds rates to be above 0, and the number of tasks to its limits.
    fn check_tasks(&self, problem: &Problem) -> Result<(), ProblemError> {
        if let Some((name, value)) = problem.rate_hz.iter().find(|(_, rate)| *rate == 0.0) {
            let key = format!("rate_hz of `{}`", shown(&name.text, crate::MAX_NAME_BYTES));
            let fault = ProblemFault::NotPositive { key, value: *value };
            return Err(self.error(Some(name.position), fault));
        }
        let wanted = problem.targets.len() + problem.target_only.len();
        let tasks = wanted + problem.source_only.len();
        if wanted == 0 {
            return Err(self.error(None, ProblemFault::NoTargets));
        }
        if tasks > MAX_PROBLEM_TASKS {
            let limit = MAX_PROBLEM_TASKS;
            return Err(self.error(None, ProblemFault::TooManyTasks { tasks, limit }));
        }
        Ok(())
    }
}

pub(super) fn check(text: &str, origin: &str, raw: RawProblem) -> Result<Problem, ProblemError> {
    let written = Written { text, origin };
    let budget = written.budget(&raw.budget)?;
    let max_order = written.max_order(&raw.max_order)?;
    written.check_positive(&raw)?;
    let problem = Problem {
        origin: origin.to_owned(),
        targets: written.names(&raw.targets),
        target_only: written.names(&raw.target_only),
        source_only: written.names(&raw.source_only),
        budget,
        max_order,
        value: raw.value,
        transform: raw.transform,
        convention: raw.convention,
        cost: written.numbers("cost", &raw.cost)?,
        transfer_cost: written.numbers("transfer_cost", &raw.transfer_cost)?,
        importance: written.numbers("importance", &raw.importance)?,
        rate_hz: written.numbers("rate_hz", &raw.rate_hz)?,
        camera_hz: raw.camera_hz.as_ref().map(|hz| *hz.get_ref()),
        device: raw.device.map(Spanned::into_inner).unwrap_or_default(),
        forbidden: written.names(&raw.forbidden),
        required: written.names(&raw.required),
    };
    written.check_tasks(&problem)?;
    Ok(problem)
}
