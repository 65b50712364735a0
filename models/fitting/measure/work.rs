//! The loop itself.

use std::time::Duration;

use concert_policies::Task;

use super::beam::higher_order;
use super::cache::Cache;
use super::dissimilarity::Dissimilarities;
use super::error::MeasureError;
use super::frames::{Frames, split_frames};
use super::labels::{self, FitLabels, HeldOut};
use super::preparation::{check, settings, with_baselines};
use super::record::{SourceRecord, TransferRecord, transfer_name};
use super::request::{MeasureProgress, MeasureRequest};
use super::settings::{FramesRecord, Settings};
use super::table::{current_record, rank_sources};
use crate::dataset::DataSet;
use crate::fit::{
    Augmentation, CachedFrame, Effort, Encoders, FitError, FitNotes, FitRequest, FittedReadout,
    MAX_BYTES, PIXELS, RANDOM, Representation, RepresentationLayout, fit_cached,
};
use concert_models::card::{EncoderCard, FitData};
use concert_models::contract::InputContract;
use concert_models::digest::sha256_hex;
use concert_models::engine::Engine;
use concert_models::store::Encoder;

/// Frames that representations are compared on.
const MAX_COMPARED_FRAMES: usize = 48;

/// Measures every transfer of the request that is not measured yet; `elapsed`
/// is the time since some beginning, and `report` ends it all by returning
/// false. The results are files: read them with [`tables`](super::tables()).
///
/// # Errors
/// See [`MeasureError`]; what was measured before an error is kept.
pub fn measure(
    engine: &mut dyn Engine,
    request: &MeasureRequest<'_>,
    elapsed: &dyn Fn() -> Duration,
    report: &mut dyn FnMut(MeasureProgress<'_>) -> bool,
) -> Result<(), MeasureError> {
    let mut work = Work::prepare(engine, request, elapsed, report)?;
    for source in 0..work.sources.len() {
        work.encode(source)?;
    }
    for target in work.own_targets() {
        work.measure_target(target)?;
    }
    Ok(())
}

/// A source, and where its representations are.
struct Source {
    encoder: Encoder,
    layout: RepresentationLayout,
    fit: Cache,
    held_out: Cache,
}

struct Work<'a> {
    engine: &'a mut dyn Engine,
    request: &'a MeasureRequest<'a>,
    elapsed: &'a dyn Fn() -> Duration,
    report: &'a mut dyn FnMut(MeasureProgress<'_>) -> bool,
    settings: Settings,
    sources: Vec<Source>,
    fit: Frames,
    held_out: Frames,
    done: usize,
    of: usize,
    /// Transfers that were fitted now, and how long they took.
    fresh: (u32, Duration),
}

/// One target's truth, and how like its labels each source is.
struct Target {
    task: &'static Task,
    labels: FitLabels,
    held_out: HeldOut,
    likeness: Dissimilarities,
    sources: Vec<Dissimilarities>,
}

impl<'a> Work<'a> {
    fn prepare(
        engine: &'a mut dyn Engine,
        request: &'a MeasureRequest<'a>,
        elapsed: &'a dyn Fn() -> Duration,
        report: &'a mut dyn FnMut(MeasureProgress<'_>) -> bool,
    ) -> Result<Self, MeasureError> {
        let held_data = request.held_out.map(|(data, _)| data);
        let (fit, held_out) = split_frames(request.data.0, held_data, request.frames)?;
        check(request, &fit, &held_out)?;
        let encoders = with_baselines(request)?;
        let settings = settings(request, &encoders, &fit, &held_out)?;
        if let Some(found) = Settings::read(request.out)? {
            settings.check(request.out, &found)?;
        }
        settings.write(request.out)?;
        let mut sources = Vec::new();
        for encoder in encoders {
            let card = &encoder.card;
            let cache = |frames: &FramesRecord| {
                let hash = &card.origin.sha256;
                Cache::new(request.out, &card.name, hash, &frames.sha256)
            };
            sources.push(Source {
                layout: RepresentationLayout::of(&[card])?,
                fit: cache(&settings.fit),
                held_out: cache(&settings.held_out),
                encoder,
            });
        }
        let mut work = Self {
            engine,
            request,
            elapsed,
            report,
            settings,
            sources,
            fit,
            held_out,
            done: 0,
            of: 0,
            fresh: (0, Duration::ZERO),
        };
        let real: Vec<usize> = (0..work.sources.len().saturating_sub(2)).collect();
        let sets = higher_order(&real, request.max_order).len();
        work.of = work.own_targets().len() * (work.sources.len() + sets);
        Ok(work)
    }

    fn own_targets(&self) -> Vec<&'static Task> {
        let targets = self.request.targets.iter().copied().enumerate();
        let own = targets.filter(|(at, _)| match self.request.shard {
            Some(shard) => at % shard.of == shard.number - 1,
            None => true,
        });
        own.map(|(_, task)| task).collect()
    }

    fn held_data(&self) -> &'a DataSet {
        let (data, _) = self.request.held_out.unwrap_or(self.request.data);
        data
    }

    /// Runs an encoder on the frames that it has not seen, or whose
    /// representations are damaged.
    fn encode(&mut self, source: usize) -> Result<(), MeasureError> {
        let source = &self.sources[source];
        let of = self.fit.len() + self.held_out.len();
        let parts = [
            (&source.fit, &self.fit, self.request.data.0),
            (&source.held_out, &self.held_out, self.held_data()),
        ];
        let mut loaded: Option<Encoders<'_>> = None;
        let mut engine = Some(&mut *self.engine);
        let mut done = 0;
        for (cache, frames, data) in parts {
            for (number, (sequence, index)) in frames.iter().enumerate() {
                let there = match cache.read(number, &source.layout) {
                    Ok(there) => there.is_some(),
                    Err(error) => {
                        tracing::warn!("{error}: it is computed anew");
                        false
                    }
                };
                if !there {
                    if let Some(engine) = engine.take() {
                        let encoders = std::slice::from_ref(&source.encoder);
                        loaded = Some(Encoders::load(engine, encoders)?);
                    }
                    if let Some(encoders) = &mut loaded {
                        let example = data.sequences()[*sequence].read(*index)?;
                        cache.write(number, &encoders.encode(&example.image)?)?;
                    }
                }
                done += 1;
                let source = &source.encoder.card.name;
                if !(self.report)(MeasureProgress::Encoding { source, done, of }) {
                    return Err(stop_error(self.done, self.of));
                }
            }
        }
        Ok(())
    }

    /// All transfers to one target: each source alone, the most promising
    /// first; then sets of the best.
    fn measure_target(&mut self, task: &'static Task) -> Result<(), MeasureError> {
        let singles: Vec<_> = (0..self.sources.len()).map(|at| vec![at]).collect();
        if self.report_if_kept(task, &singles)? {
            return Ok(());
        }
        let target = self.truth(task)?;
        let mut order = singles;
        order.sort_by(|a, b| {
            let estimate = |set: &[usize]| target.estimate(set).unwrap_or(-2.0);
            estimate(b).total_cmp(&estimate(a))
        });
        let mut records = Vec::new();
        for set in &order {
            records.push((set[0], self.measure_transfer(&target, set)?));
        }
        records.sort_by_key(|(source, _)| *source);
        let records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
        for set in self.sets(&records)? {
            self.measure_transfer(&target, &set)?;
        }
        Ok(())
    }

    /// The sets of sources that are tried together, by their places.
    fn sets(&self, first_orders: &[TransferRecord]) -> Result<Vec<Vec<usize>>, MeasureError> {
        let place = |name: &String| {
            let is = |source: &Source| source.encoder.card.name == *name;
            self.sources.iter().position(is)
        };
        let sets = higher_order(&rank_sources(first_orders)?, self.request.max_order);
        let places = sets
            .iter()
            .map(|set| set.iter().filter_map(place).collect());
        Ok(places.collect())
    }

    /// Whether nothing of a target is left to do; then says so.
    fn report_if_kept(
        &mut self,
        task: &Task,
        singles: &[Vec<usize>],
    ) -> Result<bool, MeasureError> {
        let mut records = Vec::new();
        for set in singles {
            match self.kept_record(task, set)? {
                Some(record) => records.push(record),
                None => return Ok(false),
            }
        }
        for set in self.sets(&records)? {
            match self.kept_record(task, &set)? {
                Some(record) => records.push(record),
                None => return Ok(false),
            }
        }
        for record in &records {
            self.report_done(&record.name(), true)?;
        }
        Ok(true)
    }

    /// The record of a transfer that need not be measured again.
    fn kept_record(
        &self,
        task: &Task,
        set: &[usize],
    ) -> Result<Option<TransferRecord>, MeasureError> {
        let name = transfer_name(task.name, &self.names(set));
        let record = match current_record(self.request.out, &self.settings, &name) {
            Err(error @ MeasureError::Damaged { .. }) => {
                tracing::warn!("{error}: it is measured anew");
                return Ok(None);
            }
            record => record?,
        };
        Ok(record.filter(|record| {
            let whole = record.has_readout(self.request.out);
            if !whole {
                tracing::warn!("readout {name} is missing or was changed: it is fitted anew");
            }
            whole
        }))
    }

    fn truth(&self, task: &'static Task) -> Result<Target, MeasureError> {
        let sizes = self
            .sources
            .iter()
            .map(|source| source.layout.output_size());
        let mut sizes: Vec<_> = sizes.collect();
        sizes.sort_unstable();
        sizes.dedup();
        let data = self.request.data.0;
        let mut labels = FitLabels::read(task, data, &self.fit, sizes, MAX_COMPARED_FRAMES)?;
        let (numbers, values) = std::mem::take(&mut labels.numbers).into_iter().unzip();
        let mut sources = Vec::new();
        for source in &self.sources {
            sources.push(self.dissimilarities(source, &numbers)?);
        }
        Ok(Target {
            task,
            labels,
            held_out: HeldOut::read(task, self.held_data(), &self.held_out)?,
            likeness: Dissimilarities::of(values),
            sources,
        })
    }

    fn dissimilarities(
        &self,
        source: &Source,
        frames: &Vec<usize>,
    ) -> Result<Dissimilarities, MeasureError> {
        let mut levels: Vec<Vec<Vec<f32>>> = Vec::new();
        for frame in frames {
            let seen = read_cached(&source.fit, *frame, &source.layout)?;
            let of_frame = source.layout.values(&seen);
            levels.resize(of_frame.len(), Vec::new());
            for (all, one) in levels.iter_mut().zip(of_frame) {
                all.push(one);
            }
        }
        let levels: Vec<_> = levels.into_iter().map(Dissimilarities::of).collect();
        Ok(Dissimilarities::mean(&levels.iter().collect::<Vec<_>>()))
    }

    fn names(&self, set: &[usize]) -> Vec<&str> {
        let name = |at: &usize| self.sources[*at].encoder.card.name.as_str();
        let mut names: Vec<_> = set.iter().map(name).collect();
        names.sort_unstable();
        names
    }

    /// Measures one transfer, where it is not measured yet.
    fn measure_transfer(
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

    fn name(&self, source: usize) -> &str {
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

    /// What the sources made of a frame.
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

    fn report_done(&mut self, transfer: &str, kept: bool) -> Result<(), MeasureError> {
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

impl Source {
    fn record(&self) -> SourceRecord {
        SourceRecord::of(&self.encoder)
    }
}

impl Target {
    fn estimate(&self, set: &[usize]) -> Option<f64> {
        let sources: Vec<_> = set.iter().map(|at| &self.sources[*at]).collect();
        Dissimilarities::mean(&sources).similarity(&self.likeness)
    }
}

fn stop_error(done: usize, of: usize) -> MeasureError {
    MeasureError::Stopped { done, of }
}

fn read_cached(
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
