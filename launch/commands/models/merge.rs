//! `concert models merge`: all networks of a policy in one file.

use std::path::Path;

use concert_models::card::{Card, ReadFrom};
use concert_models::onnx::{self, CheckLimits, Checked, Connection, Part};
use concert_models::pair::fit_together;
use concert_models::store::{Realisation, Store};
use concert_policies::document::check_place;
use concert_policies::{Input, Policy};
use serde_json::json;

use super::written;
use crate::cli::Global;
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::report::{Failure, Refuse, Report};

/// A network under the prefix that its names get.
struct Named {
    prefix: String,
    network: Checked,
}

/// What a policy gives to be merged.
struct Merged {
    parts: Vec<Named>,
    wires: Vec<Wire>,
    /// Targets without a network.
    left_out: Vec<&'static str>,
}

/// From which part and output to which part and input.
type Wire = [String; 4];

pub(super) fn run(policy: &str, out: &Path, global: &Global) -> Result<Report, Failure> {
    check_place(out).or_refuse()?;
    let choice = PolicyChoice::of(policy, Path::new(policy)).or_refuse()?;
    let folders = model_folders(&global.models, &[], choice.path.as_deref());
    let Merged {
        parts,
        wires,
        left_out,
    } = parts(&choice.policy, &Store::new(folders))?;
    let connections: Vec<_> = wires
        .iter()
        .map(|[from, output, to, input]| Connection {
            from,
            output,
            to,
            input,
        })
        .collect();
    let parts: Vec<_> = parts
        .iter()
        .map(|part| Part {
            prefix: &part.prefix,
            model: &part.network,
        })
        .collect();
    let bytes = onnx::merge(&parts, &connections).or_refuse()?;
    let mut report = written(out, &bytes)?;
    report.json["left_out"] = json!(left_out);
    if !left_out.is_empty() {
        let list = left_out.join(", ");
        report.text = format!(
            "{}\nleft out, as they are geometry and no networks: {list}",
            report.text
        );
    }
    Ok(report)
}

fn parts(policy: &Policy, store: &Store) -> Result<Merged, Failure> {
    let mut left_out = Vec::new();
    let mut named = Vec::new();
    let mut cards = Vec::new();
    for source in policy.encoders() {
        let encoder = store.encoder(source).or_refuse()?;
        named.push(Named {
            prefix: prefix(source),
            network: checked(&encoder.file.bytes)?,
        });
        cards.push(encoder.card);
    }
    let mut wires = Vec::new();
    for transfer in policy.evaluation_order() {
        let realised = store.realisation(&transfer.readout_name()).or_refuse()?;
        let Realisation::Network(readout) = realised else {
            left_out.push(transfer.target().name);
            continue;
        };
        fit_together(&readout.card, &cards).or_refuse()?;
        let to = prefix(transfer.target().name);
        for read in &readout.card.reads {
            let (from, output) = match &read.from {
                ReadFrom::Level {
                    source,
                    level,
                    frames_back: 0,
                } => {
                    let card = cards.iter().find(|card| card.name == *source);
                    let level = card.and_then(|card| card.level(level));
                    let tensor = level.map(|level| level.tensor.clone());
                    // That the level exists was checked when they were fitted.
                    (prefix(source), tensor.unwrap_or_default())
                }
                ReadFrom::Input(Input::Target(task)) => {
                    let name = policy
                        .transfer(task)
                        .map(|transfer| transfer.readout_name());
                    match store.readout_card(&name.unwrap_or_default()).or_refuse()? {
                        Card::Readout(card) => (prefix(task.name), card.output.tensor),
                        // What geometry computes comes from outside.
                        _ => continue,
                    }
                }
                // So do the frame before, and what belongs to the camera (its
                // depth, its focal length): they stay inputs.
                ReadFrom::Level { .. }
                | ReadFrom::Input(Input::CameraDepth)
                | ReadFrom::Camera(_) => continue,
            };
            wires.push([from, output, to.clone(), read.tensor.clone()]);
        }
        named.push(Named {
            prefix: to,
            network: checked(&readout.file.bytes)?,
        });
    }
    Ok(Merged {
        parts: named,
        wires,
        left_out,
    })
}

fn prefix(name: &str) -> String {
    format!("{name}/")
}

fn checked(bytes: &[u8]) -> Result<Checked, Failure> {
    onnx::check(bytes, &CheckLimits::default()).or_refuse()
}
