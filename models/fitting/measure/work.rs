//! The loop itself.

mod transfer;

use std::time::Duration;

use concert_policies::Task;

use super::beam::higher_order;
use super::cache::Cache;
use super::dissimilarity::Dissimilarities;
use super::error::MeasureError;
use super::frames::{Frames, split_frames};
use super::labels::{FitLabels, HeldOutLabels};
use super::preparation::{check, settings, with_baselines};
use super::record::{SourceRecord, TransferRecord, transfer_name};
use super::request::{MeasureProgress, MeasureRequest};
use super::settings::{FramesRecord, Settings};
use super::table::{current_record, rank_sources};
use crate::dataset::DataSet;
use crate::fit::{Encoders, RepresentationLayout};
use concert_models::engine::Engine;
use concert_models::store::Encoder;
use transfer::read_cached;

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
    held_out: HeldOutLabels,
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

    /// Reports the transfers of a target where nothing of it is left to do, and returns true.
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
            held_out: HeldOutLabels::read(task, self.held_data(), &self.held_out)?,
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
