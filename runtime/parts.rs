//! Gathers, from the store, the files that a policy needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use concert_models::card::{EncoderCard, Origin, ReadFrom as CardRead, ReadoutCard};
use concert_models::pair::{PairError, fit_together};
use concert_models::store::{Encoder, Readout, Store, StoreError};
use concert_policies::{Input, Policy};

use crate::plan::{EncoderPart, Plan, PlanError, ReadFrom, ReadPart, ReadoutPart};

/// Why the files of a policy do not make a plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// A file is missing or is not what its card says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A readout was made for other encoders than these.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// The parts do not make this policy.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A readout reads the camera's depth.
    #[error("readout {readout} reads camera.depth, but cameras deliver colour only as yet")]
    CameraDepth {
        /// The readout.
        readout: String,
    },
}

/// A plan, and where its networks come from.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Name and origin of every network: encoders first, then readouts.
    pub origins: Vec<(String, Origin)>,
}

/// Takes every network of `policy` from `store`, each verified against its
/// card, checks that they were made for each other, and plans.
///
/// # Errors
/// The first part that is missing or does not fit, with both quantities.
pub fn plan_from_store(policy: &Policy, store: &Store) -> Result<Planned, PartsError> {
    let mut origins = Vec::new();
    let mut encoders = BTreeMap::new();
    let mut cards = Vec::new();
    for source in policy.encoders() {
        let Encoder { card, file, .. } = store.encoder(source)?;
        origins.push((card.name.clone(), card.origin.clone()));
        encoders.insert(source.clone(), encoder_part(&card, file));
        cards.push(card);
    }
    let mut readouts = BTreeMap::new();
    for transfer in policy.transfers() {
        let name = transfer.readout_name();
        let readout = store.readout(&name)?;
        let reads = |card: &&EncoderCard| transfer.sources().contains(&card.name);
        let its_encoders: Vec<EncoderCard> = cards.iter().filter(reads).cloned().collect();
        fit_together(&readout.card, &its_encoders)?;
        origins.push((name.clone(), readout.card.origin.clone()));
        readouts.insert(name, readout_part(readout)?);
    }
    let plan = Plan::make(policy, &encoders, &readouts)?;
    Ok(Planned { plan, origins })
}

fn encoder_part(card: &EncoderCard, file: concert_models::NetworkFile) -> EncoderPart {
    let level = |level: &concert_models::card::Level| {
        (level.name.clone(), (level.tensor.clone(), level.spec()))
    };
    EncoderPart {
        source: card.name.clone(),
        file,
        contract: card.input.clone(),
        levels: card.levels.iter().map(level).collect(),
    }
}

fn readout_part(readout: Readout) -> Result<ReadoutPart, PartsError> {
    let Readout {
        card, file, labels, ..
    } = readout;
    let reads = card.reads.iter().map(|read| {
        let from = read_from(&card, &read.from)?;
        Ok(ReadPart {
            tensor: read.tensor.clone(),
            from,
        })
    });
    Ok(ReadoutPart {
        reads: reads.collect::<Result<_, PartsError>>()?,
        output: (card.output.tensor.clone(), card.output.spec()),
        labels: labels.unwrap_or_else(|| Arc::from(Vec::new())),
        file,
    })
}

fn read_from(card: &ReadoutCard, from: &CardRead) -> Result<ReadFrom, PartsError> {
    match from {
        CardRead::Level {
            source,
            level,
            frames_back,
        } => Ok(ReadFrom::Level {
            source: source.clone(),
            level: level.clone(),
            frames_back: *frames_back,
        }),
        CardRead::Input(Input::Target(task)) => Ok(ReadFrom::Target(task)),
        _ => Err(PartsError::CameraDepth {
            readout: card.name.clone(),
        }),
    }
}
