//! The identity of a data set as one number.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::DataSetError;
use super::example::LabelFiles;
use super::files::open_regular;
use super::open::DataSet;
use super::sequence::{FrameFiles, FramePose, Sequence};

impl DataSet {
    /// SHA-256 over names and contents of every file that reading all frames
    /// may open; independent of where the data set stands.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn hash(&self) -> Result<String, DataSetError> {
        let frames = |(number, sequence): (usize, &Sequence)| {
            (0..sequence.len()).map(move |index| (number, index))
        };
        let all = self.sequences.iter().enumerate().flat_map(frames);
        self.hash_of(all)
    }

    /// As [`hash`](Self::hash), over these frames only: number of the sequence
    /// and of the frame in it. Frames that do not exist are left out.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn hash_of(
        &self,
        frames: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<String, DataSetError> {
        let mut state = Sha256::new();
        for sequence in &self.sequences {
            for list in &sequence.lists {
                let name = list.file_name().unwrap_or_default().to_string_lossy();
                add(&mut state, &name, list)?;
            }
        }
        for (number, index) in frames {
            let Some(sequence) = self.sequences.get(number) else {
                continue;
            };
            if let Some(entry) = sequence.entries.get(index) {
                add_entry(&mut state, sequence, entry)?;
            }
        }
        let digest = state.finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn add_entry(
    state: &mut Sha256,
    sequence: &Sequence,
    entry: &FrameFiles,
) -> Result<(), DataSetError> {
    let mut add_file = |name: &str| {
        let called = format!("{}/{name}", sequence.name);
        add(state, &called, &sequence.folder.join(name))
    };
    add_file(&entry.image)?;
    if let Some(depth) = &entry.depth {
        add_file(depth)?;
    }
    if matches!(entry.pose, FramePose::File) {
        add_file(&format!("{}.pose.txt", entry.name))?;
    }
    for (bit, ending) in LabelFiles::ENDINGS.iter().enumerate() {
        if entry.labels >> bit & 1 == 1 {
            add_file(&format!("{}.{ending}", entry.name))?;
        }
    }
    Ok(())
}

/// Adds length and bytes of name and contents, so that nothing can move from
/// one to the other.
fn add(state: &mut Sha256, name: &str, path: &Path) -> Result<(), DataSetError> {
    state.update((name.len() as u64).to_le_bytes());
    state.update(name.as_bytes());
    let mut file = open_regular(path)?;
    let mut contents = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut buffer).map_err(DataSetError::read(path))?;
        if length == 0 {
            break;
        }
        contents.update(&buffer[..length]);
    }
    state.update(contents.finalize());
    Ok(())
}
