//! `concert tasks`: what can be a target or a source, and from which sources
//! readouts are at hand.

use std::collections::BTreeMap;

use clap::Args;
use concert_models::store::Store;
use concert_policies::{Role, Task};
use serde_json::{Value, json};

use crate::cli::Global;
use crate::model_folders::model_folders;
use crate::report::{Failure, Report};

/// Arguments of `tasks`: none.
#[derive(Debug, Args)]
pub struct TasksArgs {}

pub(crate) fn run(_args: &TasksArgs, global: &Global) -> Result<Report, Failure> {
    let readouts = readouts(&Store::new(model_folders(&global.models, &[], None)));
    let none = Vec::new();
    let each = Task::all()
        .iter()
        .map(|task| (task, readouts.get(task.name).unwrap_or(&none)));
    let objects: Vec<_> = each
        .clone()
        .map(|(task, from)| object(task, from))
        .collect();
    let lines: Vec<_> = each.flat_map(|(task, from)| lines(task, from)).collect();
    Ok(Report::done(json!({ "tasks": objects }), lines.join("\n")))
}

/// Of each target the readouts that are found, as `A+B` or `A@VARIANT`.
fn readouts(store: &Store) -> BTreeMap<String, Vec<String>> {
    let mut by_target: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for listed in store.list() {
        if let (Ok(_), Some((target, from))) = (&listed.card, listed.name.split_once("_from_")) {
            let from = from.replace("camera_depth", "camera.depth");
            by_target.entry(target.to_owned()).or_default().push(from);
        }
    }
    by_target
}

fn object(task: &Task, from: &[String]) -> Value {
    json!({
        "name": task.name, "description": task.description, "unit": task.unit,
        "range": task.range, "message": task.message_type(), "role": task.role,
        "frames": task.frames, "spellings": task.aliases, "readouts_from": from,
    })
}

fn lines(task: &Task, from: &[String]) -> Vec<String> {
    let role = match task.role {
        Role::SourceOnly => " (a source, no target)",
        _ => "",
    };
    let head = format!(
        "{:<16}  {:<7}  {}{role}",
        task.name, task.unit, task.description
    );
    let readouts = (!from.is_empty()).then(|| format!("{:27}from {}", "", from.join(", ")));
    std::iter::once(head).chain(readouts).collect()
}
