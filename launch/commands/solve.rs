//! `concert solve`: which sources to transfer from.

pub(crate) mod args;

mod live;
mod text;

use std::path::Path;

use anyhow::Context;
use concert_policies::document::{check_place, write_whole};
use concert_policies::profile::Profile;
use concert_policies::solve::{
    Answer, Device, DeviceBudgets, Front, Problem, SolveStatus, front, solve_on,
};
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use serde_json::json;

use crate::cli::Global;
use crate::draw::front_picture;
use crate::report::{Exit, Failure, Refuse, Report};
use crate::transfers::read_transfers;

pub(crate) use args::SolveArgs;

pub(crate) fn run(args: &SolveArgs, _global: &Global) -> Result<Report, Failure> {
    // The command line has a table, or asks a server with one.
    let Some(table) = &args.transfers else {
        return live(args);
    };
    for path in [&args.out, &args.picture].into_iter().flatten() {
        check_place(path).or_refuse()?;
    }
    let problem = Problem::read(&args.problem).or_refuse()?;
    let table = read_transfers(table, args.partial)?;
    let device = device(args)?;
    let clock = SystemClock::start();
    let begin = clock.monotonic();
    let elapsed = || clock.monotonic().saturating_sub(begin);
    if args.pareto {
        let front =
            front(&problem, &table, device.as_ref(), args.time_limit, &elapsed).or_refuse()?;
        return pareto(&front, args);
    }
    let answer =
        solve_on(&problem, &table, device.as_ref(), args.time_limit, &elapsed).or_refuse()?;
    let mut json = json!(answer);
    let mut lines = text::answer(&answer);
    let exit = exit_of(answer.status);
    if let Some(path) = args.out.as_deref().filter(|_| exit == Exit::Done) {
        let hash = write_policy(&answer, &problem, path)?;
        json["policy"] = json!({ "path": path, "hash": hash });
        lines.push(format!("wrote {}, policy hash {hash}", path.display()));
    }
    Ok(Report {
        json,
        text: lines.join("\n"),
        exit,
    })
}

use live::live;

/// The robot that the policy is to run on, if one is given.
fn device(args: &SolveArgs) -> Result<Option<Device>, Failure> {
    let Some(path) = &args.profile else {
        return Ok(None);
    };
    Ok(Some(Device {
        profile: Profile::read(path).or_refuse()?,
        budgets: DeviceBudgets {
            frame_millis: args.frame_budget.map(|time| time.as_secs_f64() * 1e3),
            memory_bytes: args.memory_budget.map(|bytes| bytes as f64),
            frame_millijoules: args.energy_budget,
        },
    }))
}

fn exit_of(status: SolveStatus) -> Exit {
    match status {
        SolveStatus::Optimal | SolveStatus::Feasible => Exit::Done,
        _ => Exit::Failed,
    }
}

/// The whole front, as a table and a picture.
fn pareto(front: &Front, args: &SolveArgs) -> Result<Report, Failure> {
    let mut json = json!(front);
    let mut lines = text::front(front);
    if let Some(path) = &args.picture {
        let problem = args.problem.file_name().unwrap_or_default();
        let title = format!("{}: what more budget buys", problem.display());
        write_whole(path, front_picture(front, &title).as_bytes())?;
        json["picture"] = json!(path);
        lines.push(format!("wrote {}", path.display()));
    }
    Ok(Report {
        json,
        text: lines.join("\n"),
        exit: match front.points.is_empty() {
            true => Exit::Failed,
            false => Exit::Done,
        },
    })
}

/// Writes the answer as a policy named after its file; returns its hash.
fn write_policy(answer: &Answer, problem: &Problem, path: &Path) -> Result<String, Failure> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    let name: String = stem.chars().map(allowed).take(64).collect();
    let policy = answer
        .to_policy(&name, problem.max_order())
        .context("the answer cannot be written as a policy")
        .or_refuse()?;
    write_whole(path, policy.to_toml().as_bytes())?;
    Ok(policy.hash().to_string())
}
