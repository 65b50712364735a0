//! A survey of labels: refuses those that can teach nothing.

use concert_policies::Task;

use super::error::LabelError;
use super::label::{Label, LabelKind};

/// Sums over a set of labels of one task, label by label.
#[derive(Debug, Clone)]
pub struct Survey {
    task: &'static Task,
    frames: usize,
    labelled: usize,
    known: u64,
    least: f32,
    most: f32,
    of_boxes: bool,
}

impl Survey {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(task: &'static Task) -> Self {
        Self {
            task,
            frames: 0,
            labelled: 0,
            known: 0,
            least: f32::INFINITY,
            most: f32::NEG_INFINITY,
            of_boxes: false,
        }
    }

    /// Adds the label of one frame, if it has one.
    pub fn add(&mut self, label: Option<&Label>) {
        self.frames += 1;
        let Some(label) = label else {
            return;
        };
        self.labelled += 1;
        let boxes = label.kind == LabelKind::Boxes;
        self.of_boxes |= boxes;
        let classes = label.objects().map(|object| object.class as f32);
        let values = label.values.iter().copied();
        // Of boxes, what can be known is their class.
        let values = values.filter(|value| !boxes && !value.is_nan());
        for value in values.chain(classes) {
            self.known += 1;
            self.least = self.least.min(value);
            self.most = self.most.max(value);
        }
    }

    /// Frames with a label.
    #[must_use]
    pub fn labelled_frames(&self) -> usize {
        self.labelled
    }

    /// Checks that the labels can teach something.
    ///
    /// # Errors
    /// [`LabelError::Useless`]: fewer than two frames with a label, no known
    /// value in any of them, or one value everywhere.
    pub fn check(&self) -> Result<(), LabelError> {
        let frames = self.frames;
        let reason = if self.labelled == 0 {
            format!("none of {frames} frames has a label")
        } else if self.known == 0 && self.of_boxes {
            format!(
                "no object of a class that is looked for is in any of {} labels",
                self.labelled
            )
        } else if self.known == 0 {
            format!("no value is known in any of {} labels", self.labelled)
        } else if self.labelled < 2 {
            format!(
                "only 1 of {frames} frames has a label, but at least 2 are needed: one to learn from, one to test on"
            )
        } else if self.least == self.most && !self.of_boxes {
            format!(
                "every known value of {} labels is {}, so there is nothing to learn",
                self.labelled, self.least
            )
        } else {
            return Ok(());
        };
        let task = self.task.name;
        Err(LabelError::Useless { task, reason })
    }

    /// That no label names a class beyond the `count` that the data set lists.
    ///
    /// # Errors
    /// The greatest number, and how many there are.
    pub fn check_classes(&self, count: usize) -> Result<(), LabelError> {
        if self.known == 0 || (self.most as usize) < count {
            return Ok(());
        }
        let most = self.most;
        Err(LabelError::Useless {
            task: self.task.name,
            reason: format!(
                "a label is class number {most}, but the data set lists {count} classes, from 0"
            ),
        })
    }

    /// Number of classes that a class label needs: the greatest number plus 1.
    #[must_use]
    pub fn classes(&self, kind: LabelKind) -> Option<usize> {
        (kind == LabelKind::Class && self.known > 0).then_some(self.most as usize + 1)
    }
}
