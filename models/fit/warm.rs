//! A readout whose weights a fit may begin with.

use super::FitError;
use super::convolutional::Scaling;
use super::dice::Dice;
use super::export;
use super::material::Material;
use super::net::Net;
use super::objective::Objective;
use super::representations::Layout;
use crate::card::{FitKind, ReadoutCard};
use crate::onnx::Checked;

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
    /// The file.
    pub network: Checked,
}

impl WarmReadout {
    /// The readout of this card and file; `None` where it was not fitted as a
    /// small network, so that there are no weights to begin with.
    #[must_use]
    pub fn new(card: &ReadoutCard, network: Checked) -> Option<Self> {
        let kind = card.fit.as_ref()?.kind;
        if kind != FitKind::Convolutional {
            return None;
        }
        Some(Self::of(card, network))
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
            network,
        }
    }

    /// Its weights, for inputs of this scale.
    pub(super) fn weights(
        &self,
        layout: &Layout,
        net: &Net,
        scaling: &Scaling,
        material: &Material,
    ) -> Result<Vec<f32>, FitError> {
        let reference = material.reference_focal_px;
        self.weights_for(layout, net, scaling, (&material.objective, reference))
    }

    /// The same, for a target whose numbers are written down for this focal
    /// length.
    pub(crate) fn weights_for(
        &self,
        layout: &Layout,
        net: &Net,
        scaling: &Scaling,
        (objective, reference_focal_px): (&Objective, Option<f64>),
    ) -> Result<Vec<f32>, FitError> {
        self.check_encoders(layout)?;
        let first = net.first_weights(&mut Dice::new(1));
        let classes = matches!(objective, Objective::Classes { .. });
        let last = classes.then_some(first.as_slice());
        let mut weights = export::weights_of(&self.network, &self.name, net, scaling, last)?;
        // Written down for another focal length, all logarithms move alike.
        if let (Some(from), Some(to)) = (self.reference_focal_px, reference_focal_px) {
            let bias = net.blocks().find(|block| block.name == "output.bias");
            if let Some(bias) = bias.map(super::net::Weights::range) {
                weights[bias]
                    .iter_mut()
                    .for_each(|bias| *bias += (to / from).ln() as f32);
            }
        }
        Ok(weights)
    }

    /// Refuses encoders that it was not made for.
    pub(crate) fn check_encoders(&self, layout: &Layout) -> Result<(), FitError> {
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
