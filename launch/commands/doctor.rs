//! `concert doctor`: looks whether everything is there.

mod engine;
mod machine;
mod metrics;
mod models;
mod session;
mod tuned;

use std::fmt;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::cli::Global;
use crate::report::{Exit, Failure, Report};

/// How well one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Health {
    Ok,
    Warn,
    Fail,
}

/// What was found of one thing, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) health: Health,
    pub(super) found: String,
    /// Empty where there is nothing to do.
    pub(super) to_do: String,
}

impl Row {
    pub(super) fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            health: Health::Ok,
            found: found.into(),
            to_do: String::new(),
        }
    }

    pub(super) fn warn(what: &'static str, found: impl Into<String>, to_do: &str) -> Self {
        Self {
            what,
            health: Health::Warn,
            found: found.into(),
            to_do: to_do.to_owned(),
        }
    }

    pub(super) fn fail(what: &'static str, found: impl Into<String>, to_do: &str) -> Self {
        Self {
            what,
            health: Health::Fail,
            found: found.into(),
            to_do: to_do.to_owned(),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let health = match self.health {
            Health::Ok => "ok",
            Health::Warn => "warn",
            Health::Fail => "fail",
        };
        write!(f, "{health:<5} {:<14} {}", self.what, self.found)?;
        if !self.to_do.is_empty() {
            write!(f, "\n{:21}to do: {}", "", self.to_do)?;
        }
        Ok(())
    }
}

/// Arguments of `doctor`: none.
#[derive(Debug, Args)]
pub struct DoctorArgs {}

pub(crate) fn run(_args: &DoctorArgs, global: &Global) -> Result<Report, Failure> {
    let mut rows = machine::rows();
    rows.extend(models::rows(global));
    rows.extend(engine::rows(global));
    rows.push(tuned::row());
    rows.push(session::row());
    rows.push(session::strangers());
    rows.push(metrics::row());
    Ok(report(&rows))
}

fn report(rows: &[Row]) -> Report {
    let worst = rows
        .iter()
        .map(|row| row.health)
        .max()
        .unwrap_or(Health::Ok);
    let mut text: Vec<_> = rows.iter().map(Row::to_string).collect();
    text.push(match worst {
        Health::Ok => "all well".to_owned(),
        Health::Warn => "ready, with what is said above".to_owned(),
        Health::Fail => "not ready: see what fails above".to_owned(),
    });
    Report {
        json: json!({ "health": worst, "rows": rows }),
        text: text.join("\n"),
        exit: if worst == Health::Fail {
            Exit::Failed
        } else {
            Exit::Done
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_row_decides_and_tells_what_to_do() {
        let rows = [
            Row::ok("clock", "2026-01-01"),
            Row::fail(
                "onnxruntime",
                "nowhere",
                "run `concert demo` once with a network",
            ),
        ];
        let report = report(&rows);
        assert_eq!(report.exit, Exit::Failed);
        assert_eq!(
            report.text,
            "\
ok    clock          2026-01-01
fail  onnxruntime    nowhere
                     to do: run `concert demo` once with a network
not ready: see what fails above"
        );
        assert_eq!(report.json["health"], "fail");
    }

    #[test]
    fn a_warning_alone_is_no_failure() {
        assert_eq!(
            report(&[Row::warn("cameras", "none", "connect one")]).exit,
            Exit::Done
        );
    }
}
