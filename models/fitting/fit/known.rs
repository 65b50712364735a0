//! A readout that can be run beside the frames without an engine.

use concert_policies::Task;

use super::FitError;
use super::convolutional::{Scaling, Shape, dense_net, whole_net};
use super::export;
use super::from_onnx::Start;
use super::kernels::Grid;
use super::model::Model;
use super::net::Net;
use super::objective::Objective;
use super::representations::RepresentationLayout;
use super::ridge;
use super::training_set::{objective, reference_focal_px};
use super::warm::{Wanted, WarmReadout};
use concert_models::card::{FitKind, ReadoutCard};
use concert_models::onnx::Checked;

/// A readout whose weights are read out of its file: a linear or a small
/// convolutional one that `concert fit` or learning made, or one of another
/// form whose graph is a small network too.
#[derive(Debug)]
pub struct KnownReadout {
    target: &'static Task,
    kind: FitKind,
    readout: WarmReadout,
}

impl KnownReadout {
    /// The readout of this card and file; [`check`](Self::check) says whether
    /// it can be run.
    #[must_use]
    pub fn new(card: &ReadoutCard, network: Checked) -> Self {
        let record = card.fit.as_ref();
        Self {
            target: card.target,
            kind: record.map_or(FitKind::Convolutional, |record| record.kind),
            readout: WarmReadout::of(card, network),
        }
    }

    /// Its name, `TARGET_from_A+B[@VARIANT]`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.readout.name
    }

    /// SHA-256 of its file.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.readout.sha256
    }

    /// The kind that was fitted.
    #[must_use]
    pub fn kind(&self) -> FitKind {
        self.kind
    }

    /// Refuses what does not read `target` out of these encoders, or is built
    /// otherwise than readouts are now.
    ///
    /// # Errors
    /// What does not fit, with both sides.
    pub fn check(
        &self,
        target: &'static Task,
        layout: &RepresentationLayout,
        classes: Option<&[String]>,
    ) -> Result<(), FitError> {
        let (objective, grid) = objective(target, layout, classes)?;
        self.model(target, layout, &Scaling::none(layout), (objective, grid))?;
        Ok(())
    }

    /// The model that it computes, for levels of this scale; decoded for a focal length
    /// of the reference.
    pub(crate) fn model(
        &self,
        target: &'static Task,
        layout: &RepresentationLayout,
        scaling: &Scaling,
        (objective, grid): (Objective, Grid),
    ) -> Result<Model, FitError> {
        if self.target != target {
            return Err(FitError::OtherTarget {
                readout: self.readout.name.clone(),
                expected: target.name,
                found: self.target.name,
            });
        }
        if self.kind == FitKind::Ridge && !objective.has_closed_form() {
            return Err(FitError::NoClosedForm {
                target: target.name,
            });
        }
        let reference = reference_focal_px(target, layout);
        let net = net_of(self.kind, layout, &objective, grid);
        let start = match self.kind {
            FitKind::Convolutional => {
                let wanted = Wanted {
                    objective: &objective,
                    reference_focal_px: reference,
                    classes: None,
                };
                (self.readout).start(layout, &net, scaling, wanted)?
            }
            FitKind::Ridge => Start {
                weights: self.linear_weights(layout, &net, scaling, reference)?,
                scaling: scaling.clone(),
                net,
            },
        };
        let decoding = match self.kind {
            FitKind::Convolutional => objective.decoding(grid),
            FitKind::Ridge => objective.linear_decoding(grid),
        };
        Ok(Model {
            net: start.net,
            weights: start.weights,
            scaling: start.scaling,
            objective,
            decoding,
        })
    }

    fn linear_weights(
        &self,
        layout: &RepresentationLayout,
        net: &Net,
        scaling: &Scaling,
        reference_focal_px: Option<f64>,
    ) -> Result<Vec<f32>, FitError> {
        self.readout.check_encoders(layout)?;
        if self.readout.reference_focal_px != reference_focal_px {
            return Err(FitError::OtherStructure {
                readout: self.readout.name.clone(),
                tensor: "the reference focal length, px,".to_owned(),
                expected: reference_focal_px
                    .map(|px| px as usize)
                    .into_iter()
                    .collect(),
                found: format!("{:?}", self.readout.reference_focal_px),
            });
        }
        let (network, name) = (&self.readout.network, &self.readout.name);
        export::weights_of(network, name, net, scaling, None)
    }
}

/// The net of a kind of readout.
pub(crate) fn net_of(
    kind: FitKind,
    layout: &RepresentationLayout,
    objective: &Objective,
    grid: Grid,
) -> Net {
    let channels = objective.channels();
    match kind {
        FitKind::Ridge => ridge::linear_net(layout, channels, grid),
        FitKind::Convolutional if grid.cells() == 1 => whole_net(layout, channels),
        FitKind::Convolutional => {
            let shape = match objective {
                Objective::Boxes { .. } => Shape::of_boxes(),
                _ => Shape::default(),
            };
            dense_net(layout, channels, shape)
        }
    }
}
