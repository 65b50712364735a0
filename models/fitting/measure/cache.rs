//! Representations of frames, on disk.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::MeasureError;
use super::files;
use crate::fit::{Representation, RepresentationLayout};
use concert_models::digest::sha256_hex;

/// The first bytes of a file.
const MAGIC: &[u8; 8] = b"CNCRREP1";
/// Bytes of the hash that it ends with.
const SEAL: usize = 32;

/// Representations of one encoder of the frames of one data set.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Below `out`, for an encoder of this name and hash and frames of this hash.
    pub(super) fn new(out: &Path, source: &str, encoder: &str, frames: &str) -> Self {
        let key = sha256_hex(format!("{encoder} {frames}").as_bytes());
        let folder = out.join("representations");
        Self {
            folder: folder.join(format!("{source}-{}", &key[..16])),
        }
    }

    fn path(&self, frame: usize) -> PathBuf {
        self.folder.join(format!("{frame:06}.f16"))
    }

    /// The representation of a frame; `None` where there is none yet.
    ///
    /// # Errors
    /// [`MeasureError::Damaged`].
    pub(super) fn read(
        &self,
        frame: usize,
        layout: &RepresentationLayout,
    ) -> Result<Option<Representation>, MeasureError> {
        let path = self.path(frame);
        let Some(bytes) = files::read(&path)? else {
            return Ok(None);
        };
        let damaged = |reason: &str| MeasureError::damaged_file(&path, reason);
        let length = MAGIC.len() + layout.bytes() + SEAL;
        if bytes.len() != length {
            return Err(damaged(&format!(
                "it has {} bytes, but {length} are needed",
                bytes.len()
            )));
        }
        let (content, seal) = bytes.split_at(length - SEAL);
        if Sha256::digest(content)[..] != *seal || !content.starts_with(MAGIC) {
            return Err(damaged("its content is not what its hash says"));
        }
        let read = Representation::from_bytes(&content[MAGIC.len()..], layout);
        read.map(Some)
            .ok_or_else(|| damaged("a number is not finite"))
    }

    /// Keeps the representation of a frame.
    pub(super) fn write(&self, frame: usize, of: &Representation) -> Result<(), MeasureError> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(of.to_bytes());
        let seal = Sha256::digest(&bytes);
        bytes.extend(seal);
        files::write(&self.path(frame), &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::tests::small_layout;

    #[test]
    fn a_kept_representation_is_read_back_and_a_changed_byte_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = small_layout();
        let cache = Cache::new(folder.path(), "tiny", "e", "f");
        assert!(cache.read(3, &layout).expect("none").is_none());
        let bytes: Vec<u8> = (0..layout.bytes()).map(|at| at as u8 & 0x3b).collect();
        let written = Representation::from_bytes(&bytes, &layout).expect("numbers");
        cache.write(3, &written).expect("written");
        assert_eq!(cache.read(3, &layout).expect("read"), Some(written));
        let other = Cache::new(folder.path(), "tiny", "another", "f");
        assert!(other.read(3, &layout).expect("none").is_none());
        let path = cache.path(3);
        let mut bytes = std::fs::read(&path).expect("bytes");
        bytes[20] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        let error = cache.read(3, &layout).expect_err("damaged").to_string();
        assert!(error.contains("not what its hash says"), "{error}");
        std::fs::write(&path, &bytes[..40]).expect("written");
        let error = cache.read(3, &layout).expect_err("damaged").to_string();
        assert!(error.contains("it has 40 bytes"), "{error}");
    }
}
