//! From text to a checked policy.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;

use crate::document::{self, Position, at, shown};
use crate::fault::{PolicyError, PolicyFault};
use crate::hash::PolicyHash;
use crate::order;
use crate::policy::{
    KIND, MAX_NAME_BYTES, MAX_RATE_HZ, MAX_READOUT_NAME_BYTES, MAX_SUPERVISION_BUDGET,
    MAX_TRANSFERS, Policy,
};
use crate::raw::{RawPolicy, RawTransfer};
use crate::task::Task;
use crate::transfer::{Input, Transfer};

/// Longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 2000;
/// Most characters of a message of the TOML reader that are passed on.
const MAX_MESSAGE_CHARS: usize = 400;

type Placed<T> = document::Placed<T, PolicyFault>;

impl Policy {
    /// Checks the text of a policy file; `origin` names the file in errors.
    ///
    /// Takes time and memory proportional to the text, and refuses a text of
    /// more than [`MAX_POLICY_BYTES`](crate::MAX_POLICY_BYTES) without looking at it.
    ///
    /// # Errors
    /// The first rule that the text breaks, with file, line, column, entry and
    /// the quantities on both sides; see [`PolicyFault`].
    pub fn parse(text: &str, origin: &str) -> Result<Policy, PolicyError> {
        parse(text).map_err(|located| PolicyError::in_text(origin, text, located))
    }
}

fn parse(text: &str) -> Placed<Policy> {
    check_bounds(text)?;
    let raw: RawPolicy = toml::from_str(text).map_err(|error| {
        let message = shown(error.message(), MAX_MESSAGE_CHARS);
        let span = error.span().unwrap_or_else(|| most_dotted_line(text));
        (Some(span), PolicyFault::Toml(message))
    })?;
    check(text, raw)
}

/// Refuses, by one look at each byte, what would cost too much to read.
fn check_bounds(text: &str) -> Placed<()> {
    let length = KIND.check_length(text.len() as u64);
    length.map_err(|fault| (None, fault.into()))?;
    let headers = text
        .lines()
        .filter(|line| line.trim_start().starts_with("[[transfer]]"))
        .count();
    check_transfer_count(headers)
}

/// Line on which the reader meets its limit of nesting outside brackets, which is the
/// one fault that it gives no place for: in a dotted key.
fn most_dotted_line(text: &str) -> Range<usize> {
    let mut start = 0;
    let lines = text.split('\n').map(|line| {
        let span = start..start + line.len();
        start = span.end + 1;
        (line.matches('.').count(), span)
    });
    let deepest = lines.max_by_key(|(dots, _)| *dots);
    deepest.map_or(0..0, |(_, span)| span)
}

fn check_transfer_count(transfers: usize) -> Placed<()> {
    if transfers > MAX_TRANSFERS {
        let limit = MAX_TRANSFERS;
        return Err((None, PolicyFault::TooManyTransfers { transfers, limit }));
    }
    Ok(())
}

fn check(text: &str, raw: RawPolicy) -> Placed<Policy> {
    check_transfer_count(raw.transfer.len())?;
    if raw.transfer.is_empty() {
        return Err((None, PolicyFault::NoTransfers));
    }
    let name = policy_name(&raw.name)?;
    let description = raw.description.map(description).transpose()?;
    let supervision_budget = count("supervision_budget", &raw.supervision_budget)?;
    let max_order = match &raw.max_order {
        Some(written) => count("max_order", written)?,
        None => supervision_budget,
    };
    let targets = targets(text, &raw.transfer)?;
    let transfers = (raw.transfer.iter().zip(&targets))
        .map(|(raw, target)| transfer(raw.get_ref(), target, &targets, max_order))
        .collect::<Placed<Vec<_>>>()?;
    let encoders: Vec<_> = transfers
        .iter()
        .flat_map(|transfer| transfer.sources.iter().cloned())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if encoders.len() > supervision_budget {
        let budget = supervision_budget;
        let span = raw.supervision_budget.span();
        return at(span, PolicyFault::OverBudget { encoders, budget });
    }
    let evaluation_order = evaluation_order(&raw.transfer, &transfers)?;
    let mut policy = Policy {
        name,
        description,
        supervision_budget,
        max_order,
        transfers,
        encoders,
        evaluation_order,
        hash: PolicyHash::of(""),
    };
    policy.hash = PolicyHash::of(&policy.hashed_text());
    Ok(policy)
}

fn policy_name(name: &Spanned<String>) -> Placed<String> {
    let subject = || "name of the policy".to_owned();
    check_length(name, subject)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.get_ref().bytes().all(allowed) {
        let fault = PolicyFault::UnsafeName {
            subject: subject(),
            name: shown(name.get_ref(), MAX_NAME_BYTES),
            allowed: "letters, digits, _ and -",
        };
        return at(name.span(), fault);
    }
    Ok(name.get_ref().clone())
}

fn description(description: Spanned<String>) -> Placed<String> {
    let length = description.get_ref().chars().count();
    if length > MAX_DESCRIPTION_CHARS {
        let limit = MAX_DESCRIPTION_CHARS;
        let fault = PolicyFault::DescriptionLength { length, limit };
        return at(description.span(), fault);
    }
    Ok(description.into_inner())
}

fn count(key: &'static str, written: &Spanned<i64>) -> Placed<usize> {
    let value = *written.get_ref();
    let limit = MAX_SUPERVISION_BUDGET;
    match usize::try_from(value) {
        Ok(count) if (1..=limit).contains(&count) => Ok(count),
        _ => at(
            written.span(),
            PolicyFault::CountOutOfRange { key, value, limit },
        ),
    }
}

/// The targets of all transfers: known and distinct.
fn targets(text: &str, raw: &[Spanned<RawTransfer>]) -> Placed<Vec<&'static Task>> {
    let mut targets: Vec<&'static Task> = Vec::with_capacity(raw.len());
    for transfer in raw {
        let written = &transfer.get_ref().target;
        let spelling = written.get_ref();
        let Some(task) = Task::find(spelling) else {
            let fault = PolicyFault::UnknownTask {
                name: shown(spelling, MAX_NAME_BYTES),
                suggestion: Task::suggest(spelling).map(|task| task.name),
            };
            return at(written.span(), fault);
        };
        if !task.can_be_target() {
            return at(written.span(), PolicyFault::NotATarget { name: task.name });
        }
        if let Some(first) = targets.iter().position(|known| *known == task) {
            let first = raw[first].get_ref().target.span();
            let fault = PolicyFault::DuplicateTarget {
                target: task.name,
                first_line: Position::of(text, &first).line,
            };
            return at(written.span(), fault);
        }
        targets.push(task);
    }
    Ok(targets)
}

fn transfer(
    raw: &RawTransfer,
    target: &'static Task,
    targets: &[&'static Task],
    max_order: usize,
) -> Placed<Transfer> {
    let transfer = Transfer {
        target,
        sources: sources(raw, target, max_order)?,
        rate_hz: raw
            .rate_hz
            .as_ref()
            .map(|rate| rate_hz(rate, target))
            .transpose()?,
        readout: raw
            .readout
            .as_ref()
            .map(|name| variant(name, target))
            .transpose()?,
        inputs: inputs(&raw.inputs, target, targets)?,
    };
    let length = transfer.readout_name().len();
    if length > MAX_READOUT_NAME_BYTES {
        let fault = PolicyFault::ReadoutNameLength {
            target: target.name,
            length,
            limit: MAX_READOUT_NAME_BYTES,
        };
        let span = raw
            .sources
            .as_ref()
            .map_or(raw.target.span(), Spanned::span);
        return at(span, fault);
    }
    Ok(transfer)
}

fn sources(raw: &RawTransfer, target: &'static Task, max_order: usize) -> Placed<Vec<String>> {
    let target = target.name;
    let mut sources = BTreeSet::new();
    let span = raw
        .sources
        .as_ref()
        .map_or(raw.target.span(), Spanned::span);
    for source in raw.sources.iter().flat_map(|written| written.get_ref()) {
        // In upper and lower case as published: an encoder may be called `normals`.
        let published = Task::find(source.get_ref())
            .filter(|task| task.spellings().any(|known| known == source.get_ref()));
        let name = match published {
            Some(task) => task.name.to_owned(),
            None => safe_name(source, || format!("source of transfer `{target}`"))?,
        };
        if !sources.insert(name.clone()) {
            return at(source.span(), PolicyFault::DuplicateSource { target, name });
        }
    }
    let sources: Vec<_> = sources.into_iter().collect();
    let order = sources.len();
    if order == 0 && raw.inputs.is_empty() {
        return at(span, PolicyFault::NoSources { target });
    }
    if order > max_order {
        let fault = PolicyFault::OrderAboveMax {
            target,
            order,
            sources,
            max_order,
        };
        return at(span, fault);
    }
    Ok(sources)
}

fn rate_hz(written: &Spanned<f64>, target: &'static Task) -> Placed<f64> {
    let rate_hz = *written.get_ref();
    if rate_hz > 0.0 && rate_hz <= MAX_RATE_HZ {
        return Ok(rate_hz);
    }
    let fault = PolicyFault::RateOutOfRange {
        target: target.name,
        rate_hz,
        limit: MAX_RATE_HZ,
    };
    at(written.span(), fault)
}

fn variant(written: &Spanned<String>, target: &'static Task) -> Placed<String> {
    safe_name(written, || format!("readout of transfer `{target}`"))
}

fn inputs(
    written: &[Spanned<String>],
    target: &'static Task,
    targets: &[&'static Task],
) -> Placed<Vec<Input>> {
    let mut inputs = BTreeSet::new();
    for input in written {
        let spelling = input.get_ref();
        let found = match Task::find(spelling) {
            _ if spelling == Input::CameraDepth.name() => Some(Input::CameraDepth),
            Some(task) if targets.contains(&task) => Some(Input::Target(task)),
            _ => None,
        };
        let target = target.name;
        let Some(found) = found else {
            let fault = unknown_input(spelling, target, targets);
            return at(input.span(), fault);
        };
        if found.name() == target {
            return at(input.span(), PolicyFault::SelfInput { target });
        }
        if !inputs.insert(found) {
            let name = found.name().to_owned();
            return at(input.span(), PolicyFault::DuplicateInput { target, name });
        }
    }
    Ok(inputs.into_iter().collect())
}

fn unknown_input(spelling: &str, target: &'static str, targets: &[&'static Task]) -> PolicyFault {
    let suggestion = Task::suggest(spelling).filter(|task| {
        targets.contains(task) && task.name != target && Task::find(spelling).is_none()
    });
    PolicyFault::UnknownInput {
        target,
        name: shown(spelling, MAX_NAME_BYTES),
        targets: targets.iter().map(|task| task.name).collect(),
        suggestion: suggestion.map(|task| task.name),
    }
}

fn evaluation_order(raw: &[Spanned<RawTransfer>], transfers: &[Transfer]) -> Placed<Vec<usize>> {
    order::evaluation_order(transfers).map_err(|cycle| {
        let span = cycle
            .first()
            .map(|&place| raw[place].get_ref().target.span());
        let names = cycle.iter().map(|&place| transfers[place].target.name);
        let cycle = names.collect();
        (span, PolicyFault::CyclicInputs { cycle })
    })
}

/// A name that becomes part of a file name.
fn safe_name(written: &Spanned<String>, subject: impl Fn() -> String) -> Placed<String> {
    check_length(written, &subject)?;
    let name = written.get_ref();
    let safe = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !name.bytes().all(safe) {
        let fault = PolicyFault::UnsafeName {
            subject: subject(),
            name: shown(name, MAX_NAME_BYTES),
            allowed: "a-z, 0-9 and _",
        };
        return at(written.span(), fault);
    }
    Ok(name.clone())
}

fn check_length(written: &Spanned<String>, subject: impl Fn() -> String) -> Placed<()> {
    let length = written.get_ref().len();
    if length == 0 || length > MAX_NAME_BYTES {
        let fault = PolicyFault::NameLength {
            subject: subject(),
            length,
            limit: MAX_NAME_BYTES,
        };
        return at(written.span(), fault);
    }
    Ok(())
}
