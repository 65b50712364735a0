//! The subject of an evaluation: a policy, or one readout as a policy of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use concert_models::card::{Card, ReadFrom};
use concert_models::store::Store;
use concert_policies::{Input, Policy};
use serde_json::{Value, json};

use super::args::EvaluateArgs;
use crate::cli::Global;
use crate::launch_file::LaunchFile;
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::report::{Failure, Refuse};

/// A policy, and where its networks are looked for.
pub(super) struct Subject {
    pub(super) policy: Policy,
    pub(super) store: Store,
    /// Its name in the report.
    pub(super) json: Value,
    pub(super) text: String,
}

/// `has_depth`: whether the data has depth beside its images.
pub(super) fn subject(
    args: &EvaluateArgs,
    global: &Global,
    has_depth: bool,
) -> Result<Subject, Failure> {
    match (&args.policy, &args.readout) {
        (Some(policy), _) => of_policy(policy, global),
        (None, Some(readout)) => of_readout(readout, global, has_depth),
        (None, None) => Err(Failure::refused(anyhow!("say what to evaluate"))),
    }
}

fn of_policy(name: &str, global: &Global) -> Result<Subject, Failure> {
    let choice = PolicyChoice::of_launch(&LaunchFile::of_policy(name)).or_refuse()?;
    let folders = model_folders(&global.models, &[], choice.path.as_deref());
    let called = choice.policy.name().to_owned();
    Ok(Subject {
        json: json!({ "policy": called, "policy_hash": choice.policy.hash().to_string() }),
        text: format!("policy {called}"),
        store: Store::new(folders),
        policy: choice.policy,
    })
}

fn of_readout(path: &Path, global: &Global, has_depth: bool) -> Result<Subject, Failure> {
    let store = Store::new(model_folders(&global.models, &beside(path), None));
    let is_name = path.components().count() == 1 && path.extension().is_none();
    let (store, card) = if is_name && !path.exists() {
        let card = store.readout_card(&path.to_string_lossy()).or_refuse()?;
        (store, card)
    } else {
        store.with_readout(path).or_refuse()?
    };
    let policy = policy_of(&card, has_depth).or_refuse()?;
    Ok(Subject {
        json: json!({ "readout": card.name(), "readout_sha256": card.origin().sha256 }),
        text: format!("readout {}", card.name()),
        policy,
        store,
    })
}

/// The folder of models that a readout lies in, if it does.
fn beside(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| folder.ends_with("readouts"));
    let root = folder.and_then(Path::parent);
    // `readouts/x.onnx` lies in the folder that we are in.
    let here = |root: &Path| match root.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => root.to_owned(),
    };
    root.map(here).into_iter().collect()
}

/// A policy of one transfer. What a geometric readout may leave out is left out,
/// but for the camera's depth where there is some.
fn policy_of(card: &Card, has_depth: bool) -> anyhow::Result<Policy> {
    let (target, pins, reads): (_, _, Vec<_>) = match card {
        Card::Readout(card) => {
            let reads = card.reads.iter().map(|read| (&read.from, false));
            (card.target, &card.encoders, reads.collect())
        }
        Card::Geometric(card) => {
            let reads = card.reads.iter().map(|read| (&read.from, read.optional));
            (card.target, &card.encoders, reads.collect())
        }
        card => return Err(anyhow!("{} {} is no readout", card.kind(), card.name())),
    };
    let mut inputs = Vec::new();
    for (from, optional) in reads {
        match from {
            ReadFrom::Input(Input::CameraDepth) if has_depth || !optional => {
                inputs.push(Input::CameraDepth.name());
            }
            ReadFrom::Input(input) if !optional => {
                return Err(anyhow!(
                    "readout {} reads the target {}: evaluate a policy that has both",
                    card.name(),
                    input.name()
                ));
            }
            _ => {}
        }
    }
    let sources: Vec<&str> = pins.iter().map(|pin| pin.source.as_str()).collect();
    let variant = card.name().split_once('@');
    let variant = variant.map(|(_, variant)| format!("readout = {variant:?}\n"));
    let text = format!(
        "name = \"evaluate\"\nsupervision_budget = {}\n[[transfer]]\ntarget = {:?}\nsources = \
         {sources:?}\ninputs = {inputs:?}\n{}",
        sources.len().max(1),
        target.name,
        variant.unwrap_or_default()
    );
    Policy::parse(&text, card.name()).context("the readout makes no policy")
}
