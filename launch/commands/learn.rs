//! `concert learn`: asks a running server how learning goes, and puts the first
//! readout back.

pub(crate) mod args;

use anyhow::Context as _;
use concert_runtime::io::zenoh::{ControlRequest, request};
use serde_json::{Value, json};

use crate::cli::Global;
use crate::commands::visit::{reason, to_ask, visit};
use crate::report::{Exit, Failure, Report};

pub(crate) use args::LearnArgs;
pub(crate) use args::LearnFlags;

pub(crate) fn run(args: &LearnArgs, _global: &Global) -> Result<Report, Failure> {
    let (word, to) = args.ask.parts();
    let ask = json!({ "ask": word, "target": to.target.map(|task| task.name) });
    let answer = visit(&to_ask(&to.connect, &to.access), |session| {
        let answer = request(session, &to.prefix, ControlRequest::Learn, &ask.to_string());
        Ok(answer.context("does the server learn (`serve --learn TARGET`)?")?)
    })?;
    Ok(report(answer))
}

fn report(answer: Value) -> Report {
    let status = answer["status"].as_str().unwrap_or_default();
    let done = ["learning", "restored", "resumed"].contains(&status);
    let text = match done {
        true => lines(&answer),
        false => reason(&answer),
    };
    Report {
        exit: if done { Exit::Done } else { Exit::Failed },
        json: answer,
        text,
    }
}

fn lines(answer: &Value) -> String {
    let text = |of: &Value, key: &str| of[key].as_str().unwrap_or_default().to_owned();
    let count = |of: &Value, key: &str| of[key].as_u64().unwrap_or_default();
    let mut lines = Vec::new();
    for one in answer["learning"].as_array().into_iter().flatten() {
        let paused = match one["paused"].as_bool() {
            Some(true) => ", paused: `concert learn resume` goes on",
            _ => "",
        };
        lines.push(format!("{}{paused}", text(one, "target")));
        lines.push(format!(
            "  serves: {} (first: {})",
            text(one, "serving"),
            text(one, "first")
        ));
        lines.push(format!(
            "  {} frames learnt, {} held out, in {} blocks; {} without depth, {} unusable",
            count(one, "learnt"),
            count(one, "held_out"),
            count(one, "blocks"),
            count(one, "without_depth"),
            count(one, "unusable"),
        ));
        lines.push(format!(
            "  {} refits, {} exchanges ({} refused), {} failed writes",
            count(one, "refits"),
            count(one, "exchanges"),
            count(one, "refused_exchanges"),
            count(one, "failed_writes"),
        ));
        lines.push(format!("  last: {}", text(one, "verdict")));
        let fault = text(one, "last_fault");
        if !fault.is_empty() {
            lines.push(format!("  fault: {fault}"));
        }
    }
    lines.push(format!("kept in {}", text(answer, "folder")));
    lines.join("\n")
}
