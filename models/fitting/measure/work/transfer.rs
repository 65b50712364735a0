//! One transfer: a readout fitted from a set of sources to a target, and its
//! errors on held-out frames.

use std::time::Duration;

use super::super::cache::Cache;
use super::super::error::MeasureError;
use super::super::labels;
use super::super::record::{TransferRecord, transfer_name};
use super::super::request::MeasureProgress;
use super::{Target, Work, stop_error};
use crate::fit::{
    Augmentation, CachedFrame, Effort, FitError, FitNotes, FitRequest, FittedReadout, MAX_BYTES,
    PIXELS, RANDOM, Representation, RepresentationLayout, fit_cached,
};
use concert_models::card::{EncoderCard, FitData};
use concert_models::contract::InputContract;
use concert_models::digest::sha256_hex;

impl Work<'_> {
    /// Measures one transfer, where it is not measured yet.
    pub(super) fn measure_transfer(
        &mut self,
        target: &Target,
        set: &[usize],
    ) -> Result<TransferRecord, MeasureError> {
        let mut set = set.to_vec();
        set.sort_by(|a, b| self.name(*a).cmp(self.name(*b)));
        let name = transfer_name(target.task.name, &self.names(&set));
        if let Some(record) = self.kept_record(target.task, &set)? {
            self.report_done(&name, true)?;
            return Ok(record);
        }
        let begin = (self.elapsed)();
        let cards: Vec<&EncoderCard> = set
            .iter()
            .map(|at| &self.sources[*at].encoder.card)
            .collect();
        let contract = cards[0].input.clone();
        let layout = RepresentationLayout::of(&cards)?;
        let fitted = self.fit(target, &set, &layout, &name)?;
        fitted.verify(&mut *self.engine)?;
        let record = self.compare(target, &set, &fitted, &contract, begin)?;
        record.write(self.request.out)?;
        self.fresh.0 += 1;
        self.fresh.1 += (self.elapsed)().saturating_sub(begin);
        self.report_done(&name, false)?;
        Ok(record)
    }

    pub(super) fn name(&self, source: usize) -> &str {
        &self.sources[source].encoder.card.name
    }

    fn fit(
        &mut self,
        target: &Target,
        set: &[usize],
        layout: &RepresentationLayout,
        name: &str,
    ) -> Result<FittedReadout, MeasureError> {
        let bytes = layout.bytes() * self.fit.len();
        if bytes > MAX_BYTES {
            return Err(MeasureError::Fit(FitError::TooMuchMemory {
                frames: self.fit.len(),
                bytes: bytes as u64,
                limit: MAX_BYTES as u64,
            }));
        }
        let mut frames = Vec::new();
        for (number, truth) in target.labels.at(layout.output_size()) {
            frames.push(CachedFrame {
                representation: self.read_representation(set, number, false)?,
                label: truth.label.clone(),
                camera: truth.camera,
                size: truth.size,
            });
        }
        let request = FitRequest {
            kind: self.request.kind,
            augmentation: Augmentation {
                views_per_frame: 1,
                ..Augmentation::default()
            },
            effort: Effort {
                steps: self.request.steps,
                ..Effort::default()
            },
            seed: self.request.seed,
            ..FitRequest::new(target.task, self.request.data.0, &self.fit)
        };
        let (done, of) = (self.done, self.of);
        let report = &mut self.report;
        let fitted = fit_cached(layout, &request, frames, &mut |progress| {
            report(MeasureProgress::Fitting {
                transfer: name,
                done,
                of,
                progress,
            })
        });
        fitted.map_err(|error| match error {
            FitError::Stopped => stop_error(done, of),
            error => error.into(),
        })
    }

    /// The representation of a frame by a set of sources.
    fn read_representation(
        &self,
        set: &[usize],
        number: usize,
        held_out: bool,
    ) -> Result<Representation, MeasureError> {
        let mut parts = Vec::new();
        for at in set {
            let source = &self.sources[*at];
            let cache = if held_out {
                &source.held_out
            } else {
                &source.fit
            };
            parts.push(read_cached(cache, number, &source.layout)?);
        }
        Ok(Representation::join(&parts.iter().collect::<Vec<_>>()))
    }

    fn compare(
        &self,
        target: &Target,
        set: &[usize],
        fitted: &FittedReadout,
        contract: &InputContract,
        begin: Duration,
    ) -> Result<TransferRecord, MeasureError> {
        let compared = target.held_out.compare(fitted, contract, &mut |number| {
            self.read_representation(set, number, true)
        })?;
        let seconds = (self.elapsed)().saturating_sub(begin).as_secs_f64();
        let seconds = (seconds * 100.0).round() / 100.0;
        let is_baseline = [RANDOM, PIXELS].contains(&self.name(set[0]));
        let readout = match is_baseline {
            true => None,
            false => Some(self.save(fitted, seconds)?),
        };
        let measures = compared.measures.values.iter();
        let finite = |value: &f64| value.is_finite().then_some(*value);
        Ok(TransferRecord {
            settings: self.settings.hash(),
            target: target.task.name.to_owned(),
            sources: set.iter().map(|at| self.sources[*at].record()).collect(),
            kind: fitted.kind.name().to_owned(),
            frames: fitted.frames,
            estimate: target.estimate(set),
            loss: labels::loss(target.task, &compared.measures).0.to_owned(),
            losses: compared.losses,
            measures: measures
                .map(|(name, value)| ((*name).to_owned(), finite(value)))
                .collect(),
            readout,
            seconds,
        })
    }

    /// Keeps a readout; the hash of its file.
    fn save(&self, fitted: &FittedReadout, seconds: f64) -> Result<String, MeasureError> {
        let fit = &self.settings.fit;
        let data = FitData::new(fit.data.clone(), fit.sha256.clone(), fitted.frames);
        let notes = FitNotes {
            fitted_by: "concert measure".to_owned(),
            ..FitNotes::new(None, seconds, self.request.seed, vec![data])
        };
        fitted.save(&self.request.out.join("models"), &notes)?;
        Ok(sha256_hex(&fitted.onnx))
    }

    pub(super) fn report_done(&mut self, transfer: &str, kept: bool) -> Result<(), MeasureError> {
        self.done += 1;
        let (count, time) = self.fresh;
        let rest = self.of.saturating_sub(self.done) as u32;
        let told = MeasureProgress::Measured {
            transfer,
            done: self.done,
            of: self.of,
            kept,
            remaining: (count > 0).then(|| time / count * rest),
        };
        match (self.report)(told) {
            true => Ok(()),
            false => Err(stop_error(self.done, self.of)),
        }
    }
}

pub(super) fn read_cached(
    cache: &Cache,
    frame: usize,
    layout: &RepresentationLayout,
) -> Result<Representation, MeasureError> {
    cache
        .read(frame, layout)?
        .ok_or_else(|| MeasureError::Read {
            path: format!("representation {frame}"),
            reason: "it was taken away while it was needed".to_owned(),
        })
}
