//! From a table to policies for one, two and three encoders.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use concert_fitting::fit::{PIXELS, RANDOM};
use concert_fitting::measure::Measurement;
use concert_policies::affinity::TransferTable;
use concert_policies::solve::{Answer, Problem, solve};
use serde_json::{Value, json};

use super::write;
use crate::report::{Failure, Refuse};

/// The supervision budgets that are solved for.
const BUDGETS: [usize; 3] = [1, 2, 3];
/// Most time for one of them.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A policy that was chosen.
pub(super) struct Selected {
    pub(super) budget: usize,
    pub(super) answer: Answer,
    pub(super) path: PathBuf,
    hash: String,
    /// The smaller budget that chose the same transfers.
    pub(super) same_as: Option<usize>,
}

impl Selected {
    pub(super) fn json(&self) -> Value {
        json!({
            "k": self.budget,
            "policy": self.path,
            "hash": self.hash,
            "same_as_k": self.same_as,
            "answer": self.answer,
        })
    }
}

/// Writes the problem, solves it for each budget, and writes the policies.
pub(super) fn select(
    measurement: &Measurement,
    table: &TransferTable,
    out: &Path,
    elapsed: &dyn Fn() -> Duration,
) -> Result<Vec<Selected>, Failure> {
    let path = out.join("problem.toml");
    let text = problem(measurement);
    write(&path, &text)?;
    let problem = Problem::parse(&text, &path.display().to_string()).or_refuse()?;
    let mut all: Vec<Selected> = Vec::new();
    for budget in BUDGETS {
        let problem = problem.with_budget(budget as f64).or_refuse()?;
        // The solver's time begins now, not with the fits.
        let begin = elapsed();
        let searching = || elapsed().saturating_sub(begin);
        let answer = solve(&problem, table, TIME_LIMIT, &searching).or_refuse()?;
        if answer.transfers.is_empty() {
            let reason = answer.reason.unwrap_or_default();
            return Err(Failure::failed(anyhow!(
                "no policy with {budget} encoders: {reason}"
            )));
        }
        let name = format!("policy_k{budget}");
        let policy = answer
            .to_policy(&name, problem.max_order())
            .context("the answer cannot be written as a policy")?;
        let path = out.join(format!("{name}.toml"));
        write(&path, &policy.to_toml())?;
        let same = |one: &&Selected| one.answer.transfers == answer.transfers;
        all.push(Selected {
            budget,
            same_as: all.iter().find(same).map(|one| one.budget),
            hash: policy.hash().to_string(),
            path,
            answer,
        });
    }
    Ok(all)
}

/// The problem file: every target wanted, every source but the baselines
/// available.
fn problem(measurement: &Measurement) -> String {
    let settings = &measurement.settings;
    let list = |names: &mut dyn Iterator<Item = &str>| {
        let quoted: Vec<_> = names.map(|name| format!("\"{name}\"")).collect();
        quoted.join(", ")
    };
    let targets = list(&mut settings.targets.iter().map(String::as_str));
    let sources = settings.sources.iter().map(|source| source.name.as_str());
    let mut text = String::from(
        "# What `concert measure` asked `concert solve`; policies are written for budgets of 1, 2\n\
         # and 3. An untrained network and the pixels are measured, but no sources.\n",
    );
    writeln!(
        text,
        "target_only = [{targets}]\nsource_only = [{}]\nbudget = 2\nmax_order = {}\n\
         value = \"affinity\"\nforbidden = [\"{RANDOM}\", \"{PIXELS}\"]",
        list(&mut sources.clone()),
        settings.max_order,
    )
    .expect("writing to a string cannot fail");
    text
}
