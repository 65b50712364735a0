//! Names of a problem, resolved against a table of transfers.

use std::collections::HashMap;

use crate::Task;
use crate::affinity::{SELF, TransferTable};
use crate::document::shown;
use crate::policy::MAX_NAME_BYTES;
use crate::solve::fault::{ProblemError, ProblemFault};
use crate::solve::instance::State;
use crate::solve::problem::{Name, Problem};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Target,
    TargetOnly,
    SourceOnly,
}

impl Role {
    pub(super) fn list(self) -> &'static str {
        match self {
            Role::Target => "targets",
            Role::TargetOnly => "target_only",
            Role::SourceOnly => "source_only",
        }
    }
}

/// Resolves the names of a problem.
pub(super) struct Names<'a> {
    pub(super) problem: &'a Problem,
    pub(super) table: &'a TransferTable,
}

impl Names<'_> {
    pub(super) fn fail<T>(
        &self,
        name: Option<&Name>,
        fault: ProblemFault,
    ) -> Result<T, ProblemError> {
        let position = name.map(|name| name.position);
        Err(ProblemError::new(&self.problem.origin, position, fault))
    }

    /// Spelling of a task in the table; one that it does not name keeps the
    /// dictionary's name.
    pub(super) fn resolve(&self, list: &'static str, name: &Name) -> Result<String, ProblemError> {
        let text = &name.text;
        if text == SELF {
            let name_text = text.clone();
            let fault = ProblemFault::SelfTask {
                list,
                name: name_text,
            };
            return self.fail(Some(name), fault);
        }
        if let Some(spelling) = self.table.spelling(text) {
            return Ok(spelling.to_owned());
        }
        if let Some(task) = Task::find(text) {
            return Ok(task.name.to_owned());
        }
        let fault = ProblemFault::UnknownTask {
            list,
            name: shown(text, MAX_NAME_BYTES),
            table: self.table.origin().to_owned(),
            suggestion: self.suggest(text),
        };
        self.fail(Some(name), fault)
    }

    /// The name of the table that comes closest, if any comes close enough to
    /// be meant: at most a third of its letters differ.
    pub(super) fn suggest(&self, text: &str) -> Option<String> {
        let length = text.chars().count();
        if length > MAX_NAME_BYTES {
            return None;
        }
        let distance = |name: &str| strsim::osa_distance(name, text);
        let names = self.table.names().filter(|name| *name != SELF);
        let nearest = names.map(|name| (distance(name), name)).min()?;
        if nearest.0 <= (length / 3).max(1) {
            return Some(nearest.1.to_owned());
        }
        let task = Task::suggest(text)?;
        Some(
            self.table
                .spelling(task.name)
                .unwrap_or(task.name)
                .to_owned(),
        )
    }

    /// Every task of the problem and its role, in the order of the file.
    pub(super) fn roles(&self) -> Result<Vec<(String, Role)>, ProblemError> {
        let lists = [
            (Role::Target, &self.problem.targets),
            (Role::TargetOnly, &self.problem.target_only),
            (Role::SourceOnly, &self.problem.source_only),
        ];
        let mut roles: Vec<(String, Role)> = Vec::new();
        for (role, names) in lists {
            for name in names {
                let task = self.resolve(role.list(), name)?;
                let known = roles.iter().find(|(known, _)| *known == task);
                let list = role.list();
                match known {
                    Some((_, first)) if *first == role => {
                        let fault = ProblemFault::DuplicateTask { list, name: task };
                        return self.fail(Some(name), fault);
                    }
                    Some((_, first)) => {
                        let fault = ProblemFault::TwoRoles {
                            name: task,
                            first: first.list(),
                            second: list,
                        };
                        return self.fail(Some(name), fault);
                    }
                    None => roles.push((task, role)),
                }
            }
        }
        Ok(roles)
    }

    pub(super) fn numbers(
        &self,
        list: &'static str,
        entries: &[(Name, f64)],
    ) -> Result<HashMap<String, f64>, ProblemError> {
        let mut numbers = HashMap::new();
        for (name, number) in entries {
            let task = self.resolve(list, name)?;
            if numbers.insert(task.clone(), *number).is_some() {
                let fault = ProblemFault::DuplicateTask { list, name: task };
                return self.fail(Some(name), fault);
            }
        }
        Ok(numbers)
    }

    /// Decisions of `forbidden` and `required` about the sources.
    pub(super) fn states(&self, sources: &[&(String, Role)]) -> Result<Vec<State>, ProblemError> {
        let mut states = vec![State::Free; sources.len()];
        let place = |task: &str| sources.iter().position(|(source, _)| source == task);
        for name in &self.problem.forbidden {
            // What is no source need not be forbidden, but may be.
            if let Some(place) = place(&self.resolve("forbidden", name)?) {
                states[place] = State::Out;
            }
        }
        for name in &self.problem.required {
            let list = "required";
            let task = self.resolve(list, name)?;
            let Some(place) = place(&task) else {
                let fault = ProblemFault::NotASource { list, name: task };
                return self.fail(Some(name), fault);
            };
            if states[place] == State::Out {
                let fault = ProblemFault::ForbiddenAndRequired { name: task };
                return self.fail(Some(name), fault);
            }
            states[place] = State::In;
        }
        Ok(states)
    }
}
