//! The frames of a data set that can be read.

use concert_policies::Task;
use rayon::prelude::*;

use super::error::{DataSetError, LabelError};
use super::label::Label;
use super::open::DataSet;

/// Damaged frames that may be left out of a data set: one of so many...
const ONE_OF: usize = 10;
/// ... and this many of a small one.
const MAX_OF_FEW: usize = 2;

/// The frames that can be read, and the others.
#[derive(Debug, Default)]
pub struct SoundFrames {
    /// Sequence and frame in it, in the order that was asked for.
    pub frames: Vec<(usize, usize)>,
    /// The others.
    pub left_out: Vec<LeftOut>,
}

/// A frame that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// `SEQUENCE/FRAME`.
    pub name: String,
    /// The file of it that cannot be read, and the fault.
    pub reason: String,
}

impl DataSet {
    /// Reads each of `frames` once, with the label files of `targets`, and
    /// leaves out those of which a file is damaged or missing.
    ///
    /// # Errors
    /// More than a tenth of them (and more than two) are damaged; what concerns
    /// the whole set: depth in another unit, intrinsics of another camera.
    pub fn sound_frames(
        &self,
        frames: &[(usize, usize)],
        targets: &[&'static Task],
    ) -> Result<SoundFrames, DataSetError> {
        let read = |place: &(usize, usize)| (*place, self.check_frame(*place, targets));
        let read: Vec<_> = frames.par_iter().map(read).collect();
        let mut sound = SoundFrames::default();
        let mut first = None;
        for (place, result) in read {
            match result {
                Ok(()) => sound.frames.push(place),
                Err(error) if !error.is_of_one_frame() => return Err(error),
                Err(error) => {
                    let (name, reason) = (self.frame_name(place), error.to_string());
                    sound.left_out.push(LeftOut { name, reason });
                    first.get_or_insert(error);
                }
            }
        }
        let (damaged, limit) = (sound.left_out.len(), MAX_OF_FEW.max(frames.len() / ONE_OF));
        match first {
            Some(first) if sound.frames.is_empty() => Err(first),
            Some(first) if damaged > limit => Err(DataSetError::TooManyDamaged {
                damaged,
                frames: frames.len(),
                limit,
                first: Box::new(first),
            }),
            _ => Ok(sound),
        }
    }

    /// The same without the frames that `sound` left out.
    #[must_use]
    pub fn exclude(mut self, sound: &SoundFrames) -> Self {
        let out: std::collections::HashSet<&str> =
            sound.left_out.iter().map(|frame| &*frame.name).collect();
        for sequence in &mut self.sequences {
            let name = &sequence.name;
            let named = |frame: &str| format!("{name}/{frame}");
            sequence
                .entries
                .retain(|entry| !out.contains(&*named(&entry.name)));
        }
        self.sequences.retain(|sequence| !sequence.is_empty());
        self
    }

    fn frame_name(&self, (sequence, frame): (usize, usize)) -> String {
        let sequence = &self.sequences[sequence];
        let frame = sequence.frame_name(frame).unwrap_or_default();
        format!("{}/{frame}", sequence.name)
    }

    fn check_frame(
        &self,
        (sequence, frame): (usize, usize),
        targets: &[&'static Task],
    ) -> Result<(), DataSetError> {
        let example = self.sequences[sequence].read(frame)?;
        for target in targets {
            let is_file = Label::file(target, &example.files).is_some();
            if is_file && let Err(LabelError::File(error)) = Label::of(target, &example) {
                return Err(error);
            }
        }
        Ok(())
    }
}
