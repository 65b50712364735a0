//! The networks of a policy, from their cards and files to a plan.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use concert_models::card::{Origin, ReadFrom as CardReadFrom, ReadoutCard};
use concert_models::pair::fit_together;
use concert_models::store::{Encoder, Readout, Store};
use concert_policies::{Input, Policy};
use concert_runtime::Plan;
use concert_runtime::plan::{EncoderPart, ReadFrom, ReadPart, ReadoutPart};
use serde_json::{Value, json};

use crate::report::{Failure, Refuse};

/// A plan, and where its networks come from.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// Name, hash, weights, licence and training data of every network.
    pub(crate) provenance: Value,
}

/// Reads and checks every network that a policy needs, and brings them into
/// running order.
///
/// # Errors
/// The first network that is missing, is not what its card says, or was not
/// made for the others.
pub(crate) fn plan(policy: &Policy, folders: Vec<PathBuf>) -> Result<Planned, Failure> {
    let store = Store::new(folders);
    let encoders = policy.encoders().iter().map(|source| store.encoder(source));
    let encoders = encoders.collect::<Result<Vec<_>, _>>().or_refuse()?;
    let cards: Vec<_> = encoders
        .iter()
        .map(|encoder| encoder.card.clone())
        .collect();
    let mut readouts = Vec::new();
    for transfer in policy.evaluation_order() {
        let readout = store.readout(&transfer.readout_name()).or_refuse()?;
        fit_together(&readout.card, &cards).or_refuse()?;
        readouts.push(readout);
    }
    let encoder_origins = encoders
        .iter()
        .map(|encoder| (&encoder.card.name, &encoder.card.origin));
    let readout_origins = readouts
        .iter()
        .map(|readout| (&readout.card.name, &readout.card.origin));
    let provenance = encoder_origins
        .chain(readout_origins)
        .map(origin_json)
        .collect();
    let encoder_parts = encoders
        .into_iter()
        .map(|encoder| (encoder.card.name.clone(), encoder_part(encoder)));
    let encoder_parts: BTreeMap<_, _> = encoder_parts.collect();
    let readout_parts = readouts
        .into_iter()
        .map(|readout| Ok((readout.card.name.clone(), readout_part(readout)?)));
    let readout_parts = readout_parts.collect::<Result<BTreeMap<_, _>, Failure>>()?;
    let plan = Plan::make(policy, &encoder_parts, &readout_parts).or_refuse()?;
    Ok(Planned { plan, provenance })
}

fn encoder_part(encoder: Encoder) -> EncoderPart {
    let levels = encoder.card.levels.iter();
    EncoderPart {
        source: encoder.card.name.clone(),
        file: encoder.file,
        levels: levels
            .map(|level| (level.name.clone(), (level.tensor.clone(), level.spec())))
            .collect(),
        contract: encoder.card.input,
    }
}

fn readout_part(readout: Readout) -> Result<ReadoutPart, Failure> {
    Ok(ReadoutPart {
        file: readout.file,
        reads: reads(&readout.card)?,
        output: (
            readout.card.output.tensor.clone(),
            readout.card.output.spec(),
        ),
        labels: readout.labels.unwrap_or_else(|| Arc::from(Vec::new())),
    })
}

fn reads(card: &ReadoutCard) -> Result<Vec<ReadPart>, Failure> {
    let each = card.reads.iter().map(|read| {
        let from = match &read.from {
            CardReadFrom::Level {
                source,
                level,
                frames_back,
            } => ReadFrom::Level {
                source: source.clone(),
                level: level.clone(),
                frames_back: *frames_back,
            },
            CardReadFrom::Input(Input::Target(task)) => ReadFrom::Target(task),
            // New kinds of input come with a pipeline that knows them.
            other => {
                return Err(Failure::refused(anyhow!(
                    "readout {} reads {other:?} with its input {}, which this version has not",
                    card.name,
                    read.tensor
                )));
            }
        };
        Ok(ReadPart {
            tensor: read.tensor.clone(),
            from,
        })
    });
    each.collect()
}

fn origin_json((name, origin): (&String, &Origin)) -> Value {
    let provenance = &origin.provenance;
    json!({
        "name": name, "sha256": origin.sha256, "weights": provenance.weights,
        "licence": provenance.licence, "trained_on": provenance.trained_on,
    })
}
