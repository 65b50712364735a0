//! `concert explain`: what a policy computes, what that costs, and why.

pub(crate) mod args;
mod text;

use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use concert_policies::document::{check_place, write_whole};
use concert_policies::explain::{Evidence, explain};
use concert_policies::profile::Profile;
use concert_policies::solve::Problem;
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use serde_json::json;

use crate::cli::Global;
use crate::draw::policy_picture;
use crate::policy_choice::PolicyChoice;
use crate::report::{Failure, Refuse, Report};
use crate::transfers::read_transfers;

pub(crate) use args::ExplainArgs;

/// Most time for the optimum and for what one more source would buy, together.
const SOLVE_LIMIT: Duration = Duration::from_secs(60);
/// Runs of each network with `--measure`.
#[cfg(feature = "apartment")]
const MEASURED_RUNS: u32 = 40;

pub(crate) fn run(args: &ExplainArgs, global: &Global) -> Result<Report, Failure> {
    let choice = PolicyChoice::of(&args.policy, Path::new(&args.policy)).or_refuse()?;
    if let Some(picture) = &args.picture {
        refuse_other_pictures(picture).or_refuse()?;
        check_place(picture).or_refuse()?;
    }
    let table = args.transfers.as_ref();
    let table = table.map(|file| read_transfers(file, args.partial));
    let table = table.transpose()?;
    let problem = args.problem.as_ref().map(Problem::read);
    let problem = problem.transpose().or_refuse()?;
    let profile = profile(args, global)?;
    let clock = SystemClock::start();
    let begin = clock.monotonic();
    let elapsed = || clock.monotonic().saturating_sub(begin);
    let evidence = Evidence {
        table: table.as_ref(),
        problem: problem.as_ref(),
        profile: profile.as_ref(),
        camera_hz: Some(args.camera_hz),
    };
    let explanation = explain(&choice.policy, &evidence, SOLVE_LIMIT, &elapsed);
    let explanation = explanation.or_refuse()?;
    let mut json = json!(explanation);
    json["policy"] = json!(choice.policy.name());
    json["policy_hash"] = json!(choice.policy.hash().to_string());
    json["device"] = json!(profile.as_ref().map(Profile::device));
    let mut lines = text::lines(&choice.policy, &explanation, profile.as_ref());
    if let Some(path) = &args.picture {
        write_whole(
            path,
            policy_picture(&choice.policy, &explanation).as_bytes(),
        )?;
        json["picture"] = json!(path);
        lines.push(format!("wrote {}", path.display()));
    }
    Ok(Report::done(json, lines.join("\n")))
}

fn refuse_other_pictures(path: &Path) -> anyhow::Result<()> {
    let is_svg = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("svg"));
    match is_svg {
        true => Ok(()),
        false => Err(anyhow!(
            "the picture is an SVG file, but {} does not end in .svg",
            path.display()
        )),
    }
}

fn profile(args: &ExplainArgs, global: &Global) -> Result<Option<Profile>, Failure> {
    if let Some(path) = &args.profile {
        return Ok(Some(Profile::read(path).or_refuse()?));
    }
    if !args.measure {
        return Ok(None);
    }
    measured(args, global).map(Some)
}

#[cfg(not(feature = "apartment"))]
fn measured(_args: &ExplainArgs, _global: &Global) -> Result<Profile, Failure> {
    Err(Failure::refused(anyhow!(
        "--measure runs networks on frames of the simulated home, which this build is without: \
         give a --profile"
    )))
}

#[cfg(feature = "apartment")]
fn measured(args: &ExplainArgs, global: &Global) -> Result<Profile, Failure> {
    use super::profile::{ProfileArgs, measure};
    use crate::stop::Stop;

    let measuring = ProfileArgs {
        policies: vec![args.policy.clone()],
        encoders: Vec::new(),
        readouts: Vec::new(),
        runs: MEASURED_RUNS,
        size: (640, 480),
        out: None,
    };
    let stop = Stop::on_signals()?;
    Ok(measure(&measuring, global, &stop)?.profile)
}
