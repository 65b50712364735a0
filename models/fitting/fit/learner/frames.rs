//! Frames taken in: learnt from, or held out, block by block.

use std::time::Duration;

use super::super::FitError;
use super::super::known::KnownReadout;
use super::super::linear::LinearFit;
use super::super::model::Model;
use super::super::representations::Representation;
use super::super::statistics::Statistics;
use super::{
    Block, CYCLE, FOLDS, FrameUse, Gathered, Kept, Learner, Learning, MAX_GATHERED, MIN_HELD_OUT,
    Stage,
};
use crate::dataset::Label;
use concert_models::card::FitKind;
use concert_models::digest::sha256_hex;

impl Learner {
    /// Takes a frame that arrived at `now` (monotonic) with its label of the
    /// whole picture; `focal_px` as in [`LinearFit::add`].
    ///
    /// # Errors
    /// A first readout that does not fit what is learnt.
    pub fn add(
        &mut self,
        frame: Representation,
        label: &Label,
        focal_px: Option<f64>,
        now: Duration,
    ) -> Result<FrameUse, FitError> {
        if label.known_share() == 0.0 {
            return Ok(FrameUse::Unlabelled);
        }
        self.end_block_if_due(now);
        let fold = (self.block.number % CYCLE) as usize;
        if fold == FOLDS {
            self.start_learning()?;
            return Ok(self.hold_out(frame, label, focal_px));
        }
        self.update_digest(&frame, label);
        match &mut self.stage {
            Stage::Gathering(gathered) => gathered.push(Gathered {
                frame,
                label: label.clone(),
                focal_px,
                fold,
            }),
            Stage::Learning(_) => self.learn(frame, label, focal_px, fold),
        }
        self.learnt += 1;
        self.block.frames += 1;
        if matches!(&self.stage, Stage::Gathering(gathered) if gathered.len() >= MAX_GATHERED) {
            self.start_learning()?;
        }
        Ok(FrameUse::Learnt)
    }

    /// Ends the block where it lasted long enough and has frames enough.
    fn end_block_if_due(&mut self, now: Duration) {
        let began = *self.block.began.get_or_insert(now);
        let old = now.saturating_sub(began) >= self.rules.block;
        if !old || self.block.frames < self.rules.block_frames {
            return;
        }
        let learnt_from = self.block.number % CYCLE < FOLDS as u64;
        if let (Stage::Learning(learning), true) = (&mut self.stage, learnt_from) {
            let halvings = self.block.frames as f64 / self.rules.half_life_frames.max(1.0);
            let share = 0.5_f64.powf(halvings);
            learning.folds.iter_mut().for_each(|fold| fold.fade(share));
        }
        self.block = Block {
            number: self.block.number + 1,
            frames: 0,
            began: Some(now),
        };
    }

    fn hold_out(
        &mut self,
        frame: Representation,
        label: &Label,
        focal_px: Option<f64>,
    ) -> FrameUse {
        let Stage::Learning(learning) = &self.stage else {
            return FrameUse::Unlabelled;
        };
        let label = learning.linear.encode_label(label, focal_px);
        if label.iter().all(|value| value.is_nan()) {
            return FrameUse::Unlabelled;
        }
        self.held.push_back(Kept {
            representation: frame,
            label,
            block: self.block.number,
        });
        while self.held.len() > self.rules.held_out.max(MIN_HELD_OUT) {
            self.held.pop_front();
        }
        self.held_out += 1;
        self.block.frames += 1;
        FrameUse::HeldOut
    }

    fn learn(&mut self, frame: Representation, label: &Label, focal_px: Option<f64>, fold: usize) {
        let Stage::Learning(learning) = &mut self.stage else {
            return;
        };
        let Learning { linear, folds, .. } = &mut **learning;
        linear.add(&mut folds[fold], &frame, label, focal_px, 1.0);
        let kept = Kept {
            representation: frame,
            label: linear.encode_label(label, focal_px),
            block: self.block.number,
        };
        // A full reservoir forgets one at random: old frames fade away.
        if self.reservoir.len() < self.rules.reservoir {
            self.reservoir.push(kept);
        } else if !self.reservoir.is_empty() {
            let at = self.rng.below(self.reservoir.len());
            self.reservoir[at] = kept;
        }
    }

    /// Adds a learnt frame to the digest.
    fn update_digest(&mut self, frame: &Representation, label: &Label) {
        let mut bytes = std::mem::take(&mut self.digest).into_bytes();
        bytes.extend(frame.to_bytes());
        let values: &[u8] = bytemuck::cast_slice(&label.values);
        bytes.extend(values);
        self.digest = sha256_hex(&bytes);
    }

    /// Measures the scale, if that was not done, and learns what was gathered.
    fn start_learning(&mut self) -> Result<(), FitError> {
        let Stage::Gathering(gathered) = &mut self.stage else {
            return Ok(());
        };
        let gathered = std::mem::take(gathered);
        let frames: Vec<Representation> =
            (gathered.iter()).map(|entry| entry.frame.clone()).collect();
        let linear = LinearFit::new(self.target, &self.layout, None, &frames)?;
        let folds = [linear.statistics()?, linear.statistics()?];
        self.stage = Stage::Learning(Box::new(self.new_learning(linear, folds)?));
        for entry in gathered {
            self.learn(entry.frame, &entry.label, entry.focal_px, entry.fold);
        }
        Ok(())
    }

    pub(super) fn new_learning(
        &self,
        linear: LinearFit,
        folds: [Statistics; FOLDS],
    ) -> Result<Learning, FitError> {
        let model = |readout: &KnownReadout| {
            let form = (linear.objective, linear.grid);
            readout.model(self.target, &self.layout, &linear.scaling, form)
        };
        let first = model(&self.first)?;
        let served = match &self.serving {
            Some(serving) => model(serving)?,
            None => first.clone(),
        };
        // What served before a restart had walked already.
        let walked =
            (self.serving.as_ref()).is_some_and(|serving| serving.kind() == FitKind::Convolutional);
        let shapes = |model: &Model| -> Vec<[usize; 4]> {
            model.net.blocks().map(|block| block.shape).collect()
        };
        let same = shapes(&served) == shapes(&first);
        let begin = if walked && same { &served } else { &first };
        let current_weights =
            (self.first.kind() == FitKind::Convolutional).then(|| begin.weights.clone());
        Ok(Learning {
            served,
            first_serves: self.serving.is_none(),
            current_weights,
            descents: 0,
            lambda: None,
            first,
            folds,
            linear,
        })
    }
}
