//! `concert solve --live`: the same question, answered by a running server.

use anyhow::{Context, anyhow};
use concert_policies::solve::{Answer, Problem};
use concert_runtime::io::zenoh::{ControlRequest, MAX_ASKED_PROBLEM_BYTES, Session, request};
use serde_json::{Value, json};

use super::args::SolveArgs;
use super::{exit_of, text, write_policy};
use crate::commands::swap::report as swap_report;
use crate::commands::visit::{reason, to_ask, visit};
use crate::report::{Exit, Failure, Refuse, Report};

pub(super) fn live(args: &SolveArgs) -> Result<Report, Failure> {
    // What is refused here need not be sent.
    let (problem, text) = Problem::read_with_text(&args.problem).or_refuse()?;
    let (bytes, limit) = (text.len() as u64, MAX_ASKED_PROBLEM_BYTES);
    if bytes > limit {
        return Err(Failure::refused(anyhow!(
            "{} has {bytes} bytes, but a server reads at most {limit}",
            args.problem.display()
        )));
    }
    visit(&to_ask(&args.connect, &args.access), |session| {
        ask(session, args, &problem, &text)
    })
}

fn ask(
    session: &Session,
    args: &SolveArgs,
    problem: &Problem,
    text: &str,
) -> Result<Report, Failure> {
    let mut json = request(session, &args.prefix, ControlRequest::Solve, text)?;
    if matches!(json["status"].as_str(), Some("refused" | "busy")) {
        return Ok(Report {
            text: reason(&json),
            json,
            exit: Exit::Failed,
        });
    }
    let answer: Answer = serde_json::from_value(json.clone())
        .with_context(|| format!("{} answered what is not understood", args.prefix))?;
    let mut lines = text::answer(&answer);
    let mut exit = exit_of(answer.status);
    if let Some(path) = args.out.as_deref().filter(|_| exit == Exit::Done) {
        let hash = write_policy(&answer, problem, path)?;
        json["policy"]["path"] = json!(path);
        lines.push(format!("wrote {}, policy hash {hash}", path.display()));
    }
    if args.swap && exit == Exit::Done {
        let swapped = swap(session, args, &json)?;
        json["swap"] = swapped.json;
        lines.push(swapped.text);
        exit = swapped.exit;
    }
    Ok(Report {
        json,
        text: lines.join("\n"),
        exit,
    })
}

/// Has the server run what it answered.
fn swap(session: &Session, args: &SolveArgs, json: &Value) -> Result<Report, Failure> {
    let policy = json["policy"]["toml"].as_str();
    let policy =
        policy.ok_or_else(|| anyhow!("the answer makes no policy: nothing was swapped"))?;
    let answer = request(session, &args.prefix, ControlRequest::Swap, policy)?;
    Ok(swap_report(&args.prefix, answer))
}
