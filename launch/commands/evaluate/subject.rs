//! What is evaluated: a policy, or one readout as a policy of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use concert_models::card::{ReadFrom, ReadoutCard};
use concert_models::store::Store;
use concert_policies::{Input, Policy};
use serde_json::{Value, json};

use crate::cli::{Evaluate, Global};
use crate::launch_file::LaunchFile;
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::report::{Failure, Refuse};

/// A policy, and where its networks are looked for.
pub(super) struct Subject {
    pub(super) policy: Policy,
    pub(super) store: Store,
    /// How it is called in the report.
    pub(super) json: Value,
    pub(super) text: String,
}

pub(super) fn subject(args: &Evaluate, global: &Global) -> Result<Subject, Failure> {
    match (&args.policy, &args.readout) {
        (Some(policy), _) => of_policy(policy, global),
        (None, Some(readout)) => of_readout(readout, global),
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

fn of_readout(path: &Path, global: &Global) -> Result<Subject, Failure> {
    let store = Store::new(model_folders(&global.models, &beside(path), None));
    let is_name = path.components().count() == 1 && path.extension().is_none();
    let (store, card) = if is_name && !path.exists() {
        let card = store.readout(&path.to_string_lossy()).or_refuse()?.card;
        (store, card)
    } else {
        store.with_readout(path).or_refuse()?
    };
    let policy = policy_of(&card).or_refuse()?;
    Ok(Subject {
        json: json!({ "readout": card.name, "readout_sha256": card.origin.sha256 }),
        text: format!("readout {}", card.name),
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

/// A policy of one transfer.
fn policy_of(card: &ReadoutCard) -> anyhow::Result<Policy> {
    let mut inputs = Vec::new();
    for read in &card.reads {
        match &read.from {
            ReadFrom::Input(Input::CameraDepth) => inputs.push("camera.depth"),
            ReadFrom::Input(input) => {
                return Err(anyhow!(
                    "readout {} reads the target {}: evaluate a policy that has both",
                    card.name,
                    input.name()
                ));
            }
            _ => {}
        }
    }
    let sources: Vec<&str> = card.sources().collect();
    let variant = card.variant.as_ref();
    let variant = variant.map(|variant| format!("readout = {variant:?}\n"));
    let text = format!(
        "name = \"evaluate\"\nsupervision_budget = {}\n[[transfer]]\ntarget = {:?}\nsources = \
         {sources:?}\ninputs = {inputs:?}\n{}",
        sources.len().max(1),
        card.target.name,
        variant.unwrap_or_default()
    );
    Policy::parse(&text, &card.name).context("the readout makes no policy")
}
