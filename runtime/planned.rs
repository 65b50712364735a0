//! Gathers, from the store, the files that a policy needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use concert_models::card::{
    CameraNumber, EncoderCard, GeometricCard, Origin, ReadFrom as CardRead, ReadoutCard,
};
use concert_models::contract::MAX_INPUT_SIDE as MAX_DEPTH_SIDE;
use concert_models::onnx::{Dim, describe};
use concert_models::pair::{PairError, fit_together, geometry_fits};
use concert_models::store::{Encoder, Readout, Realisation, Store, StoreError};
use concert_models::{NetworkFile, TensorSpec};
use concert_policies::{Input, Policy};

use crate::io::thread;
use crate::parts::{EncoderPart, Maker, NamedTensor, PartInput, ReadPart, ReadoutPart};
use crate::plan::{Plan, PlanError};

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
    /// A readout reads the camera's depth at a size that it does not state.
    #[error(
        "readout {readout} reads camera.depth as {tensor}, which its file states as {found}, \
         but it must be f32 [1, 1, h, w] of fixed h and w"
    )]
    CameraDepth {
        /// The readout.
        readout: String,
        /// The ONNX input.
        tensor: String,
        /// As the file states it.
        found: String,
    },
    /// A readout reads the camera's focal length, but its card does not say for
    /// which one it is metric.
    #[error(
        "readout {readout} reads the camera's focal length as {tensor}, but its card has no fit.reference_focal_px"
    )]
    NoReferenceFocal {
        /// The readout.
        readout: String,
        /// The ONNX input.
        tensor: String,
    },
    /// A geometric readout reads the focal length, which it is given anyway.
    #[error(
        "readout {readout} reads the camera's focal length as {role}, but geometry reads levels, outputs and camera.depth"
    )]
    GeometryReadsFocal {
        /// The readout.
        readout: String,
        /// Its role.
        role: String,
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
/// card, checks that they were made for each other, and plans. On this thread
/// alone, so that it can be done beside frames; unlike [`plan_at_start`].
///
/// # Errors
/// The first part that is missing or does not fit, with both quantities.
pub fn plan_from_store(policy: &Policy, store: &Store) -> Result<Planned, PartsError> {
    let wanted = Wanted::of(policy);
    let stored = wanted.iter().map(|wanted| wanted.read(store)).collect();
    plan(policy, stored)
}

/// As [`plan_from_store`], on every core: for when nothing else runs yet.
///
/// # Errors
/// As [`plan_from_store`].
pub fn plan_at_start(policy: &Policy, store: &Store) -> Result<Planned, PartsError> {
    let stored = thread::map("read-models", &Wanted::of(policy), |wanted| {
        wanted.read(store)
    });
    plan(policy, stored)
}

/// A network, or a card of geometry, that a policy needs.
enum Wanted<'a> {
    Encoder(&'a str),
    /// Of the readout of this name.
    Realisation(String),
}

/// What a store has for a [`Wanted`], verified.
enum Stored {
    Encoder(Box<Encoder>),
    Realisation(Realisation),
}

impl<'a> Wanted<'a> {
    /// Encoders first, then readouts in the order of the transfers.
    fn of(policy: &'a Policy) -> Vec<Self> {
        let encoders = policy.encoders().iter();
        let encoders = encoders.map(|source| Self::Encoder(source));
        let transfers = policy.transfers().iter();
        let readouts = transfers.map(|transfer| Self::Realisation(transfer.readout_name()));
        encoders.chain(readouts).collect()
    }

    fn read(&self, store: &Store) -> Result<Stored, StoreError> {
        match self {
            Self::Encoder(name) => Ok(Stored::Encoder(Box::new(store.encoder(name)?))),
            Self::Realisation(name) => Ok(Stored::Realisation(store.realisation(name)?)),
        }
    }
}

/// Plans with what the store has for each [`Wanted::of`] the policy, in that order.
fn plan(policy: &Policy, stored: Vec<Result<Stored, StoreError>>) -> Result<Planned, PartsError> {
    let mut origins = Vec::new();
    let mut encoders = BTreeMap::new();
    let mut readouts = BTreeMap::new();
    let mut cards = Vec::new();
    let mut transfers = policy.transfers().iter();
    for stored in stored {
        match stored? {
            Stored::Encoder(encoder) => {
                let Encoder { card, file, .. } = *encoder;
                origins.push((card.name.clone(), card.origin.clone()));
                encoders.insert(card.name.clone(), encoder_part(&card, file));
                cards.push(card);
            }
            Stored::Realisation(realisation) => {
                // One for each transfer.
                let Some(transfer) = transfers.next() else {
                    continue;
                };
                let name = transfer.readout_name();
                let reads = |card: &&EncoderCard| transfer.sources().contains(&card.name);
                let its_encoders: Vec<EncoderCard> = cards.iter().filter(reads).cloned().collect();
                let (origin, part) = readout(realisation, &its_encoders)?;
                origins.push((name.clone(), origin));
                readouts.insert(name, part);
            }
        }
    }
    let plan = Plan::make(policy, &encoders, &readouts)?;
    Ok(Planned { plan, origins })
}

/// A readout that fits its encoders.
fn readout(
    realisation: Realisation,
    encoders: &[EncoderCard],
) -> Result<(Origin, ReadoutPart), PartsError> {
    match realisation {
        Realisation::Network(readout) => {
            fit_together(&readout.card, encoders)?;
            Ok((readout.card.origin.clone(), readout_part(*readout)?))
        }
        Realisation::Geometric(card) => {
            geometry_fits(&card, encoders)?;
            Ok((card.origin.clone(), geometric_part(&card)?))
        }
    }
}

fn encoder_part(card: &EncoderCard, file: NetworkFile) -> EncoderPart {
    EncoderPart {
        source: card.name.clone(),
        file,
        contract: card.input.clone(),
        levels: card.levels.clone(),
    }
}

fn readout_part(readout: Readout) -> Result<ReadoutPart, PartsError> {
    let Readout {
        card, file, labels, ..
    } = readout;
    let reads = card.reads.iter().map(|read| {
        Ok(ReadPart {
            tensor: read.tensor.clone(),
            from: read_from(&card, &read.tensor, &read.from, &file)?,
            optional: false,
        })
    });
    Ok(ReadoutPart {
        relative_error: relative_error(&card),
        maker: Maker::Network,
        reads: reads.collect::<Result<_, PartsError>>()?,
        output: NamedTensor {
            tensor: card.output.tensor.clone(),
            spec: card.output.spec(),
        },
        labels: labels.unwrap_or_else(|| Arc::from(Vec::new())),
        file,
    })
}

/// The median of the relative errors that a card gives of data held out from
/// the fit: a robot does not know which of them its rooms are like.
fn relative_error(card: &ReadoutCard) -> Option<f64> {
    let figures = card.origin.quality.iter();
    let mut errors: Vec<f64> = figures
        .filter(|figure| figure.measure == "abs_rel" && figure.value > 0.0)
        .map(|figure| figure.value)
        .collect();
    errors.sort_by(f64::total_cmp);
    errors.get(errors.len() / 2).copied()
}

fn geometric_part(card: &GeometricCard) -> Result<ReadoutPart, PartsError> {
    let reads = card.reads.iter().map(|read| {
        let from = match &read.from {
            CardRead::Level {
                source,
                level,
                frames_back,
            } => PartInput::Level {
                source: source.clone(),
                level: level.clone(),
                frames_back: *frames_back,
            },
            CardRead::Input(Input::Target(task)) => PartInput::Target(task),
            CardRead::Input(Input::CameraDepth) => PartInput::FrameDepth,
            CardRead::Camera(CameraNumber::FocalPx) => {
                return Err(PartsError::GeometryReadsFocal {
                    readout: card.name.clone(),
                    role: read.role.clone(),
                });
            }
        };
        Ok(ReadPart {
            tensor: read.role.clone(),
            from,
            optional: read.optional,
        })
    });
    Ok(ReadoutPart {
        relative_error: None,
        reads: reads.collect::<Result<_, PartsError>>()?,
        output: NamedTensor {
            tensor: card.target.name.to_owned(),
            spec: TensorSpec::f32(&card.method.output_shape()),
        },
        labels: Arc::from(Vec::new()),
        file: NetworkFile {
            name: card.name.clone(),
            path: card.name.clone().into(),
            sha256: card.origin.sha256.clone(),
            bytes: Arc::from(Vec::new()),
        },
        maker: Maker::Geometric(card.method.clone()),
    })
}

fn read_from(
    card: &ReadoutCard,
    tensor: &str,
    from: &CardRead,
    file: &NetworkFile,
) -> Result<PartInput, PartsError> {
    match from {
        CardRead::Level {
            source,
            level,
            frames_back,
        } => Ok(PartInput::Level {
            source: source.clone(),
            level: level.clone(),
            frames_back: *frames_back,
        }),
        CardRead::Input(Input::Target(task)) => Ok(PartInput::Target(task)),
        CardRead::Input(Input::CameraDepth) => camera_depth(card, tensor, file),
        CardRead::Camera(CameraNumber::FocalPx) => match card.reference_focal_px() {
            Some(reference_px) => Ok(PartInput::CameraFocal { reference_px }),
            None => Err(PartsError::NoReferenceFocal {
                readout: card.name.clone(),
                tensor: tensor.to_owned(),
            }),
        },
    }
}

/// The network's own file says at which size it wants the depth.
fn camera_depth(
    card: &ReadoutCard,
    tensor: &str,
    file: &NetworkFile,
) -> Result<PartInput, PartsError> {
    let inputs = describe(&file.bytes).map(|model| model.inputs);
    let stated = inputs
        .unwrap_or_default()
        .into_iter()
        .find(|input| input.name == tensor);
    if let Some(input) = &stated
        && let (Some("f32"), Some([Dim::Fixed(1), Dim::Fixed(1), Dim::Fixed(h), Dim::Fixed(w)])) =
            (input.dtype, input.shape.as_deref())
        && let (Ok(height @ 1..=MAX_DEPTH_SIDE), Ok(width @ 1..=MAX_DEPTH_SIDE)) =
            (usize::try_from(*h), usize::try_from(*w))
    {
        return Ok(PartInput::CameraDepth { width, height });
    }
    Err(PartsError::CameraDepth {
        readout: card.name.clone(),
        tensor: tensor.to_owned(),
        found: stated.map_or_else(|| "nothing".to_owned(), |input| input.to_string()),
    })
}
