//! A fitted readout becomes two files of the store (three with classes), all or
//! none of them, after the file was held to what was fitted.

mod difference;

use std::path::{Path, PathBuf};

use concert_policies::{OutputKind, Task};
use difference::{difference, different_boxes};

use super::FitError;
use super::convolutional::Scaling;
use super::export::{FOCAL, OUTPUT};
use super::fitting::FittedReadout;
use super::from_onnx::classes_of_boxes;
use super::known::net_of;
use super::model::Model;
use super::objective::Decoding;
use super::representations::{Representation, RepresentationLayout};
use super::training_set::{objective, reference_focal_px};
use super::warm::{Wanted, WarmReadout};
use concert_models::card::{
    CameraNumber, Card, FitData, FitKind, FitRecord, Origin, Provenance, Quality, Read, ReadFrom,
    ReadoutCard, ReadoutOutput,
};
use concert_models::digest::sha256_hex;
use concert_models::engine::{Engine, NetworkFile, Slot, Wiring};
use concert_models::onnx::build::bytes_of;
use concert_models::onnx::{CheckLimits, check};
use concert_models::tensor::TensorSpec;
use concert_policies::document::{WholeFile, WriteError};

/// The part of a card that the fit does not know.
#[derive(Debug, Clone, PartialEq)]
pub struct FitNotes {
    /// The part of the name after `@`.
    pub variant: Option<String>,
    /// Time that it all took, s.
    pub seconds: f64,
    /// The seed.
    pub seed: u32,
    /// The data sets.
    pub data: Vec<FitData>,
    /// Licence of the weights (SPDX); the encoders' is no part of it.
    pub licence: String,
    /// The command that fitted it.
    pub fitted_by: String,
    /// The way in which the measures on held-out frames came about.
    pub held_out: String,
}

impl FitNotes {
    /// Notes of a fit of the user's own.
    #[must_use]
    pub fn new(variant: Option<String>, seconds: f64, seed: u32, data: Vec<FitData>) -> Self {
        Self {
            variant,
            seconds,
            seed,
            data,
            licence: "LicenseRef-user".to_owned(),
            fitted_by: "concert fit".to_owned(),
            held_out: "fitted on the rest with all steps".to_owned(),
        }
    }
}

/// The files of a readout that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedReadout {
    /// `TARGET_from_A+B[@VARIANT]`.
    pub name: String,
    /// The ONNX file.
    pub network: PathBuf,
    /// The card.
    pub card: PathBuf,
}

impl FittedReadout {
    /// Runs the file in an engine and compares with what was fitted.
    ///
    /// # Errors
    /// [`FitError::Export`] where they differ by more than 10⁻⁴, and what the
    /// engine refuses.
    pub fn verify(&self, engine: &mut dyn Engine) -> Result<(), FitError> {
        check(&self.onnx, &CheckLimits::default())
            .map_err(|error| FitError::Export(error.to_string()))?;
        let file = ReadoutFile {
            name: self.name(None),
            bytes: &self.onnx,
            reads: &self.reads(),
            output: (OUTPUT, &self.output_shape),
        };
        let (layout, reference) = (&self.layout, self.reference_focal_px);
        let different = file.differs(
            engine,
            (layout, &self.model, reference),
            &self.reference_samples,
        )?;
        match different {
            Some(reason) => Err(FitError::Export(reason)),
            None => Ok(()),
        }
    }

    fn reads(&self) -> Vec<Read> {
        let mut reads: Vec<Read> = (self.layout.reads.iter())
            .map(|(read, _)| read.clone())
            .collect();
        if self.reference_focal_px.is_some() {
            reads.push(Read {
                tensor: FOCAL.to_owned(),
                from: ReadFrom::Camera(CameraNumber::FocalPx),
            });
        }
        reads
    }

    /// The task's numbers for one frame, as the file gives them: planes of
    /// [`output_shape`](Self::output_shape). `focal_px` is the camera's, in
    /// pixels of the first encoder's input ([`focal_px`](super::focal_px)); the
    /// reference where it is `None`.
    #[must_use]
    pub fn predict(&self, frame: &super::Representation, focal_px: Option<f64>) -> Vec<f32> {
        let share = match (focal_px, self.reference_focal_px) {
            (Some(focal), Some(reference)) => focal / reference,
            _ => 1.0,
        };
        let mut space = self.model.workspace();
        self.model
            .run(&self.layout, frame, share as f32, &mut space)
    }

    /// `TARGET_from_A+B[@VARIANT]`.
    #[must_use]
    pub fn name(&self, variant: Option<&str>) -> String {
        let sources: Vec<_> = self
            .layout
            .pins
            .iter()
            .map(|pin| pin.source.as_str())
            .collect();
        let stem = format!("{}_from_{}", self.target.name, sources.join("+"));
        match variant {
            Some(variant) => format!("{stem}@{variant}"),
            None => stem,
        }
    }

    /// The card of the file.
    #[must_use]
    pub fn card(&self, notes: &FitNotes) -> ReadoutCard {
        let name = self.name(notes.variant.as_deref());
        let mut record = FitRecord::new(
            self.kind,
            self.frames,
            notes.seconds,
            notes.seed,
            notes.data.clone(),
        );
        record.lambda = self.lambda;
        record.reference_focal_px = self.reference_focal_px;
        record.warm_start = self.warm_start.clone();
        record.held_out = self.held_out.clone();
        let names: Vec<_> = notes.data.iter().map(|data| data.name.as_str()).collect();
        let data = names.join(", ");
        ReadoutCard {
            target: self.target,
            variant: notes.variant.clone(),
            origin: Origin {
                sha256: sha256_hex(&self.onnx),
                size_bytes: self.onnx.len(),
                provenance: Provenance {
                    weights: format!("fitted by `{}`", notes.fitted_by),
                    licence: notes.licence.clone(),
                    licence_file: None,
                    trained_on: format!("{} labelled frames of {data}", self.frames),
                    export: Some(notes.fitted_by.clone()),
                },
                quality: self.quality(&data, &notes.held_out),
            },
            encoders: self.layout.pins.clone(),
            reads: self.reads(),
            output: ReadoutOutput {
                tensor: OUTPUT.to_owned(),
                shape: self.output_shape.clone(),
                labels: self.classes.as_ref().map(|_| format!("{name}.labels.txt")),
            },
            fit: Some(record),
            name,
        }
    }

    fn quality(&self, data: &str, how: &str) -> Vec<Quality> {
        let Some(held_out) = &self.held_out else {
            return Vec::new();
        };
        let frames = held_out.frames;
        let entry = |measure: String, value: f64, what: &str| Quality {
            measure,
            value,
            data: format!("{frames} held-out frames of {data}{what}"),
        };
        let constant = format!("constant_{}", held_out.measure);
        vec![
            entry(
                held_out.measure.clone(),
                held_out.value,
                &format!(", {how}"),
            ),
            entry(constant, held_out.constant, ", the best constant"),
        ]
    }

    /// Writes the files below `folder`, in `readouts/`: first beside their
    /// places, then, when all are complete, into them.
    ///
    /// # Errors
    /// [`FitError::Write`], with nothing half written.
    pub fn save(&self, folder: &Path, notes: &FitNotes) -> Result<SavedReadout, FitError> {
        let folder = folder.join("readouts");
        let card = self.card(notes);
        let text = card.to_toml();
        Card::parse(&text, "the new card").map_err(|error| FitError::Export(error.to_string()))?;
        let place = |ending: &str| folder.join(format!("{}{ending}", card.name));
        let (network, card_path) = (place(".onnx"), place(".toml"));
        let labels = self
            .classes
            .as_ref()
            .map(|classes| classes.join("\n") + "\n");
        let mut files = vec![complete(&network, &self.onnx)?];
        if let Some(labels) = labels {
            files.push(complete(&place(".labels.txt"), labels.as_bytes())?);
        }
        // The card last: without it, nothing finds the others.
        files.push(complete(&card_path, text.as_bytes())?);
        for file in files {
            file.place()?;
        }
        Ok(SavedReadout {
            name: card.name,
            network,
            card: card_path,
        })
    }
}

/// A readout as an engine sees it.
struct ReadoutFile<'a> {
    name: String,
    bytes: &'a [u8],
    reads: &'a [Read],
    /// Name and shape.
    output: (&'a str, &'a [usize]),
}

impl ReadoutFile<'_> {
    /// The first difference between what an engine makes of it and what a model computes on these
    /// frames, to 10⁻⁴ of the greatest number; in words.
    fn differs(
        &self,
        engine: &mut dyn Engine,
        (layout, model, reference): (&RepresentationLayout, &Model, Option<f64>),
        reference_samples: &[Representation],
    ) -> Result<Option<String>, FitError> {
        let focal = 1.25;
        let mut wiring = Wiring::default();
        let mut levels: Vec<(usize, Slot)> = Vec::new();
        for read in self.reads {
            let own = layout
                .reads
                .iter()
                .position(|(own, _)| own.from == read.from);
            let slot = match own {
                Some(own) => {
                    let slot = engine.slot(&TensorSpec::f32(&layout.reads[own].1))?;
                    levels.push((own, slot));
                    slot
                }
                None => {
                    let slot = engine.slot(&TensorSpec::f32(&[1, 1]))?;
                    let given = (reference.unwrap_or(1.0) * focal) as f32;
                    engine.fill(slot, &mut |bytes| {
                        bytes.copy_from_slice(&given.to_ne_bytes());
                    })?;
                    slot
                }
            };
            wiring.inputs.push((read.tensor.clone(), slot));
        }
        let output = engine.slot(&TensorSpec::f32(self.output.1))?;
        wiring.outputs.push((self.output.0.to_owned(), output));
        let file = NetworkFile {
            name: self.name.clone(),
            path: PathBuf::from("(fitted)"),
            sha256: sha256_hex(self.bytes),
            bytes: self.bytes.into(),
        };
        let mut network = engine.load(&file, &[wiring])?;
        let mut space = model.workspace();
        for sample in reference_samples {
            for (own, slot) in &levels {
                let values = layout.level(sample, *own);
                engine.fill(*slot, &mut |bytes| {
                    bytes.copy_from_slice(bytemuck::cast_slice(&values));
                })?;
            }
            network.run(0)?;
            let wanted = model.run(layout, sample, focal as f32, &mut space);
            let found: Vec<f32> = bytemuck::pod_collect_to_vec(&engine.view(output)?);
            let different = match model.decoding {
                Decoding::Boxes(_) => different_boxes(&wanted, &found),
                _ => difference(&wanted, &found),
            };
            if let Some(reason) = different {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }
}

impl WarmReadout {
    /// Holds the net that a fit would begin with to what the file computes on
    /// these frames. Maps of classes are not compared: their last layer may begin anew.
    ///
    /// # Errors
    /// [`FitError::OtherForm`] for a file that no net computes, or that computes
    /// something else by more than 10⁻⁴ of its greatest number;
    /// [`FitError::OtherEncoder`]; what the engine refuses.
    pub fn verify(
        &self,
        target: &'static Task,
        layout: &RepresentationLayout,
        engine: &mut dyn Engine,
        frames: &[Representation],
    ) -> Result<(), FitError> {
        let classes = match target.output {
            OutputKind::Classes | OutputKind::ClassMap => return Ok(()),
            // As many as the file has, so that no layer of it begins anew.
            OutputKind::Boxes2d => match classes_of_boxes(self.network.graph()) {
                Some(classes) => Some(vec![String::new(); classes]),
                None => return Ok(()),
            },
            OutputKind::Dense { .. }
            | OutputKind::Points { .. }
            | OutputKind::RoomLayout
            | OutputKind::Vector { .. }
            | OutputKind::Odometry => None,
        };
        let (objective, grid) = objective(target, layout, classes.as_deref())?;
        let own = net_of(FitKind::Convolutional, layout, &objective, grid);
        let reference = reference_focal_px(target, layout);
        let wanted = Wanted {
            objective: &objective,
            reference_focal_px: reference,
            classes: None,
        };
        let start = self.start(layout, &own, &Scaling::none(layout), wanted)?;
        let model = Model {
            net: start.net,
            weights: start.weights,
            scaling: start.scaling,
            objective,
            decoding: objective.decoding(grid),
        };
        let bytes = bytes_of(&self.network.clone().into_model());
        let file = ReadoutFile {
            name: self.name.clone(),
            bytes: &bytes,
            reads: &self.reads,
            output: (&self.output.0, &self.output.1),
        };
        match file.differs(engine, (layout, &model, reference), frames)? {
            Some(reason) => Err(FitError::OtherForm {
                readout: self.name.clone(),
                reason,
            }),
            None => Ok(()),
        }
    }
}

/// A file that is complete, but not yet where it belongs.
fn complete(path: &Path, bytes: &[u8]) -> Result<WholeFile, WriteError> {
    let mut file = WholeFile::begin(path)?;
    file.write_bytes(bytes)?;
    file.complete()?;
    Ok(file)
}
