//! `concert models merge`: all networks of a policy in one file.

use std::path::Path;

use anyhow::anyhow;
use concert_models::card::ReadFrom;
use concert_models::onnx::{self, CheckLimits, Checked, Connection, Part};
use concert_models::pair::fit_together;
use concert_models::store::Store;
use concert_models::whole_file::check_place;
use concert_policies::{Input, Policy};

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

/// From which part and output to which part and input.
type Wire = [String; 4];

pub(super) fn run(policy: &str, out: &Path, global: &Global) -> Result<Report, Failure> {
    check_place(out).or_refuse()?;
    let choice = PolicyChoice::of(policy, Path::new(policy)).or_refuse()?;
    let folders = model_folders(&global.models, &[], choice.path.as_deref());
    let (parts, wires) = parts(&choice.policy, &Store::new(folders))?;
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
    written(out, &bytes)
}

fn parts(policy: &Policy, store: &Store) -> Result<(Vec<Named>, Vec<Wire>), Failure> {
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
        let readout = store.readout(&transfer.readout_name()).or_refuse()?;
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
                    let card = policy
                        .transfer(task)
                        .map(|transfer| transfer.readout_name());
                    let card = store.readout(&card.unwrap_or_default()).or_refuse()?.card;
                    (prefix(task.name), card.output.tensor)
                }
                // The frame before comes from outside: it stays an input.
                ReadFrom::Level { .. } | ReadFrom::Input(Input::CameraDepth) => continue,
                other => {
                    let name = &readout.card.name;
                    return Err(Failure::refused(anyhow!("readout {name} reads {other:?}")));
                }
            };
            wires.push([from, output, to.clone(), read.tensor.clone()]);
        }
        named.push(Named {
            prefix: to,
            network: checked(&readout.file.bytes)?,
        });
    }
    Ok((named, wires))
}

fn prefix(name: &str) -> String {
    format!("{name}/")
}

fn checked(bytes: &[u8]) -> Result<Checked, Failure> {
    onnx::check(bytes, &CheckLimits::default()).or_refuse()
}
