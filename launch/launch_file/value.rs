//! Values of a launch file, held to their bounds. Each refusal names the entry,
//! what stands there, and the rule.

use concert_policies::document::{self, at};
use toml::Spanned;

use super::fault::{LaunchFault, shown};

pub(crate) use super::raw::{Text, Texts};

/// Longest path that may stand in a launch file, bytes.
pub(crate) const MAX_PATH_BYTES: usize = 4096;
const MAX_LIST: usize = 1000;

/// A value that is read, or the fault and its place.
pub(crate) type Placed<T> = document::Placed<T, LaunchFault>;

/// The TOML reader's words on one line, at most 400 characters.
pub(crate) fn shown_message(message: &str) -> String {
    let line: String = message.chars().take(400).collect();
    line.replace(['\n', '\r'], " ")
}

pub(crate) fn number(key: &str, value: &Spanned<i64>, least: i64, limit: i64) -> Placed<i64> {
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

pub(crate) fn text_of(subject: &str, text: &Text, limit: usize) -> Placed<String> {
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

pub(crate) fn texts_of(
    what: &'static str,
    texts: Option<&Texts>,
    least: usize,
) -> Placed<Vec<String>> {
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
pub(crate) fn ruled(subject: &str, text: &Text, broken: Option<&'static str>) -> Placed<String> {
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

pub(crate) fn unknown<T>(subject: String, text: &Text, known: &[&str]) -> Placed<T> {
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

pub(crate) fn rate_of(key: String, rate: &Spanned<f64>) -> Placed<f64> {
    let (value, limit) = (*rate.get_ref(), concert_policies::MAX_RATE_HZ);
    // Less than a frame in a day is a slip, and its period would overflow.
    if value.is_finite() && value >= 1e-5 && value <= limit {
        return Ok(value);
    }
    at(rate.span(), LaunchFault::Rate { key, value, limit })
}
