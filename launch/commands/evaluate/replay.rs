//! Every chosen frame through the pipeline, in order and without loss.

use std::sync::Arc;
use std::time::Duration;

use concert_fitting::dataset::{DataSet, Example};
use concert_runtime::{
    Clock, Frame, ManualClock, Outcome, Output, OutputSink, Pipeline, Timestamp,
};

use super::args::EvaluateArgs;
use super::name_written_file;
use super::sheet::Sheet;
use super::table::Table;
use super::tally::{Tally, Truth};
use super::verdict::Verdict;
use crate::cli::Global;
use crate::progress::progress;
use crate::report::{Failure, Refuse};

/// Monotonic time between two frames: longer than any rate's period and any
/// pause after a failure, so that every target is due on every frame.
const STEP: Duration = Duration::from_secs(7 * 24 * 3600);
/// Time between frames that have no stamps, as of a camera of 30 Hz.
const USUAL_SECONDS: f64 = 1.0 / 30.0;
/// Coordinate frame of the data set's camera.
const FRAME_ID: &str = "camera_optical";

/// The course of the frames, beside their measures.
pub(super) struct Replay {
    table: Table,
    sheet: Option<Sheet>,
    step_ms: Vec<f64>,
    damaged_poses: usize,
}

impl Replay {
    pub(super) fn new(
        args: &EvaluateArgs,
        tallies: &[Tally],
        total: usize,
    ) -> anyhow::Result<Self> {
        let measured = tallies
            .iter()
            .filter(|tally| matches!(tally.truth, Truth::Labels(_)));
        let tasks: Vec<_> = measured.map(|tally| tally.task).collect();
        Ok(Self {
            table: Table::new(args.table.as_deref(), &tasks, total)?,
            sheet: args
                .sheet
                .is_some()
                .then(|| Sheet::new(total, args.min_pixels)),
            step_ms: Vec::with_capacity(total),
            damaged_poses: 0,
        })
    }

    pub(super) fn run(
        &mut self,
        pipeline: &mut Pipeline,
        tallies: &mut [Tally],
        data: &DataSet,
        frames: &[(usize, usize)],
        (clock, system): (&Arc<ManualClock>, &dyn Clock),
        global: &Global,
    ) -> Result<(), Failure> {
        let bar = progress(frames.len(), "frames", global);
        let mut keep = Keep::default();
        let mut last_sequence = None;
        for (count, (number, index)) in frames.iter().enumerate() {
            if last_sequence.replace(*number) != Some(*number) {
                pipeline.forget(0);
                tallies.iter_mut().for_each(Tally::begin_sequence);
            }
            let example = data.sequences()[*number].read(*index).or_refuse()?;
            self.note_pose(&example, tallies);
            clock.advance(STEP);
            let frame = frame(&example, count as u64, *index, clock.monotonic());
            clock.step_to(frame.stamp);
            keep.buffers = pipeline.buffers(0);
            keep.delivered = vec![None; keep.buffers.len()];
            let begin = system.monotonic();
            let outcomes = pipeline.step(0, &frame, STEP, &mut keep).outcomes.clone();
            let step_ms = system.monotonic().saturating_sub(begin).as_secs_f64() * 1e3;
            self.step_ms.push(step_ms);
            let troubles = pipeline.troubles(0);
            for ((tally, outcome), output) in tallies.iter_mut().zip(&outcomes).zip(&keep.buffers) {
                let (readout, _) = &output.origin.hashes.readout;
                let told = troubles.iter().find(|trouble| trouble.name == *readout);
                let reason = told.map(|trouble| trouble.reason.as_str());
                tally.explain(&example.name, *outcome, reason);
            }
            self.compare(tallies, &example, &outcomes, &keep, step_ms)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Counts a pose that cannot be used, where poses are compared with.
    fn note_pose(&mut self, example: &Example, tallies: &[Tally]) {
        let mut truths = tallies.iter().map(|tally| &tally.truth);
        if let Some(fault) = &example.pose_fault
            && truths.any(|truth| matches!(truth, Truth::Poses(_)))
        {
            self.damaged_poses += 1;
            tracing::warn!("{}: pose is left out: {fault}", example.name);
        }
    }

    fn compare(
        &mut self,
        tallies: &mut [Tally],
        example: &Example,
        outcomes: &[Outcome],
        keep: &Keep,
        step_ms: f64,
    ) -> Result<(), Failure> {
        let shown = self.sheet.as_mut().is_some_and(Sheet::wants_next);
        let mut row = Vec::new();
        for (target, tally) in tallies.iter_mut().enumerate() {
            let output = keep.delivered[target].as_ref();
            let compared = tally.add(example, outcomes[target], output)?;
            if let (true, Some(sheet), Some(one), Some(output)) =
                (shown, &mut self.sheet, &compared, output)
            {
                sheet.add(&example.name, &example.image, one, output);
            }
            if matches!(tally.truth, Truth::Labels(_)) {
                row.push((tally.task, compared.map(|one| one.measures)));
            }
        }
        Ok(self.table.add(&example.name, &row, step_ms)?)
    }

    /// Ends table and sheet, and tells the verdict.
    pub(super) fn finish(
        mut self,
        verdict: &mut Verdict,
        args: &EvaluateArgs,
    ) -> Result<(), Failure> {
        self.step_ms.sort_by(f64::total_cmp);
        verdict.step_ms_median = self.step_ms[self.step_ms.len() / 2];
        verdict.add_damaged_poses(self.damaged_poses);
        verdict.frame_lines = name_written_file(self.table.finish(), "table")?;
        if let (Some(sheet), Some(path)) = (&self.sheet, &args.sheet)
            && !name_written_file(sheet.write(path), "sheet")?
        {
            tracing::warn!(
                "no sheet is written: no room and no target with a value per pixel was compared"
            );
        }
        Ok(())
    }
}

fn frame(example: &Example, sequence: u64, index: usize, arrived: Duration) -> Frame {
    let seconds = example
        .stamp_seconds
        .unwrap_or(index as f64 * USUAL_SECONDS);
    Frame {
        sequence,
        stamp: Timestamp::from_nanos((seconds * 1e9) as i64),
        arrived,
        frame_id: FRAME_ID.into(),
        image: example.image.clone(),
        intrinsics: example.intrinsics,
        distorted: false,
        depth: example.depth.clone(),
    }
}

/// Wants everything, and keeps it.
#[derive(Default)]
struct Keep {
    buffers: Vec<Output>,
    delivered: Vec<Option<Output>>,
}

impl OutputSink for Keep {
    fn wants(&self, _target: usize) -> bool {
        true
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        std::mem::swap(output, &mut self.buffers[target]);
        self.delivered[target] = Some(self.buffers[target].clone());
    }
}
