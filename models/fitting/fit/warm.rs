//! A readout whose weights a fit may begin with.

use std::sync::Arc;

use super::FitError;
use super::convolutional::Scaling;
use super::export;
use super::from_onnx::{GraphReadout, Start, readers};
use super::net::{Net, NodeId, Operator, Weights};
use super::objective::Objective;
use super::representations::RepresentationLayout;
use concert_models::card::{FitKind, Read, ReadoutCard};
use concert_models::onnx::Checked;
use concert_models::rng::Rng;

/// A readout whose weights a fit may begin with.
#[derive(Debug)]
pub struct WarmReadout {
    /// Its name.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// SHA-256 of every encoder that it was made for, by name.
    pub encoders: Vec<(String, String)>,
    /// The focal length that its output is metric for.
    pub reference_focal_px: Option<f64>,
    /// Its inputs.
    pub reads: Vec<Read>,
    /// Name and shape of its output.
    pub output: (String, Vec<usize>),
    /// Names of its classes, where it has some.
    pub labels: Option<Arc<[String]>>,
    /// The file.
    pub network: Checked,
}

/// What a fit makes, to which a readout at hand is to be brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) objective: &'a Objective,
    pub(crate) reference_focal_px: Option<f64>,
    /// Names of the classes, of a target that has some.
    pub(crate) classes: Option<&'a [String]>,
}

impl WarmReadout {
    /// The readout of this card and file; `None` for a linear readout of a fit,
    /// which no network goes on from. Whether a net can be made of a readout
    /// that was built elsewhere shows when a fit begins.
    #[must_use]
    pub fn new(card: &ReadoutCard, network: Checked) -> Option<Self> {
        let linear = (card.fit.as_ref()).is_some_and(|fit| fit.kind == FitKind::Ridge);
        (!linear).then(|| Self::of(card, network))
    }

    /// With these names of its classes: a fit of other classes begins each of them with
    /// its own weights, or with those of the class that it is a kind of.
    #[must_use]
    pub fn with_labels(self, labels: Option<Arc<[String]>>) -> Self {
        Self { labels, ..self }
    }

    /// The readout of this card and file, whatever was fitted.
    pub(crate) fn of(card: &ReadoutCard, network: Checked) -> Self {
        let pins = card.encoders.iter();
        Self {
            name: card.name.clone(),
            sha256: card.origin.sha256.clone(),
            encoders: pins
                .map(|pin| (pin.source.clone(), pin.sha256.clone()))
                .collect(),
            reference_focal_px: card.reference_focal_px(),
            reads: card.reads.clone(),
            output: (card.output.tensor.clone(), card.output.shape.clone()),
            labels: None,
            network,
        }
    }

    /// The model that a fit goes on from: this program's own net with its weights, or
    /// where the file is of another form, the net of its graph.
    ///
    /// # Errors
    /// [`FitError::OtherEncoder`]; [`FitError::OtherForm`] for a graph that no
    /// net computes.
    pub(crate) fn start(
        &self,
        layout: &RepresentationLayout,
        own: &Net,
        scaling: &Scaling,
        wanted: Wanted<'_>,
    ) -> Result<Start, FitError> {
        let objective = wanted.objective;
        self.check_encoders(layout)?;
        let first = own.initial_weights(&mut Rng::from_seed(1));
        let classes = matches!(objective, Objective::Classes { .. });
        let last = classes.then_some(first.as_slice());
        let named = export::weights_of(&self.network, &self.name, own, scaling, last);
        let mut start = match named {
            Ok(weights) => Start {
                net: own.clone(),
                weights,
                scaling: scaling.clone(),
            },
            Err(_) => {
                let source = GraphReadout {
                    network: &self.network,
                    reads: &self.reads,
                    layout,
                    objective: *objective,
                    classes: wanted.classes.map(|classes| self.classes_to_begin(classes)),
                    grid: own.nodes[own.output].grid,
                };
                let other = |reason| self.other_form(reason);
                source.start(scaling).map_err(other)?
            }
        };
        // Written down for another focal length, all logarithms move alike.
        match (self.reference_focal_px, wanted.reference_focal_px) {
            (Some(from), Some(to)) => self.shift(&mut start, (to / from).ln() as f32)?,
            (None, Some(_)) if self.reads_focal() => {
                let reason = "its card does not say for which focal length it is metric";
                return Err(self.other_form(reason.to_owned()));
            }
            _ => {}
        }
        Ok(start)
    }

    /// For every class the number of the readout's own that it begins with: the one of
    /// its name, or that of its last word (a red cup begins as a cup does).
    fn classes_to_begin(&self, classes: &[String]) -> Vec<Option<usize>> {
        let Some(labels) = &self.labels else {
            return vec![None; classes.len()];
        };
        let number = |name: &str| labels.iter().position(|label| label == name);
        let begins = |class: &String| {
            let kind = class.rsplit(' ').next();
            number(class).or_else(|| kind.and_then(number))
        };
        classes.iter().map(begins).collect()
    }

    fn reads_focal(&self) -> bool {
        use concert_models::card::{CameraNumber, ReadFrom};
        let focal = ReadFrom::Camera(CameraNumber::FocalPx);
        self.reads.iter().any(|read| read.from == focal)
    }

    fn shift(&self, start: &mut Start, by: f32) -> Result<(), FitError> {
        let bias = last_bias(&start.net, start.net.output);
        let bias = bias.ok_or_else(|| self.other_form("its last layer has no bias".to_owned()))?;
        let bias = &mut start.weights[bias.range()];
        bias.iter_mut().for_each(|bias| *bias += by);
        Ok(())
    }

    fn other_form(&self, reason: String) -> FitError {
        FitError::OtherForm {
            readout: self.name.clone(),
            reason,
        }
    }

    /// Refuses encoders that it was not made for.
    pub(crate) fn check_encoders(&self, layout: &RepresentationLayout) -> Result<(), FitError> {
        for pin in &layout.pins {
            let known = self.encoders.iter().find(|(name, _)| *name == pin.source);
            let found = known.map_or("none", |(_, sha256)| sha256.as_str());
            if found != pin.sha256 {
                return Err(FitError::OtherEncoder {
                    readout: self.name.clone(),
                    source_name: pin.source.clone(),
                    expected: found.to_owned(),
                    found: pin.sha256.clone(),
                });
            }
        }
        Ok(())
    }
}

/// The bias of a convolution that is added to every number of a node, and to
/// nothing else.
pub(super) fn last_bias(net: &Net, node: NodeId) -> Option<&Weights> {
    net.operators.iter().find_map(|operator| match operator {
        Operator::Convolution {
            to,
            bias: Some(bias),
            ..
        } if *to == node => Some(bias),
        Operator::Depthwise { to, bias, .. } if *to == node => Some(bias),
        Operator::Add { from, to } if *to == node && readers(net, *from).count() == 1 => {
            last_bias(net, *from)
        }
        _ => None,
    })
}
