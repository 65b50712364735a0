//! The files of a data set, counted; in tests on a disk that fills.

use std::path::{Path, PathBuf};

use crate::error::ApartmentError;

/// The file system.
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) bytes: u64,
    /// Bytes after which the disk counts as full; for tests.
    #[cfg(test)]
    pub(super) room: Option<u64>,
}

impl Disk {
    #[cfg(test)]
    fn fits(&mut self, bytes: u64) -> std::io::Result<()> {
        if let Some(room) = &mut self.room {
            match room.checked_sub(bytes) {
                Some(rest) => *room = rest,
                None => return Err(std::io::Error::from(std::io::ErrorKind::StorageFull)),
            }
        }
        Ok(())
    }

    #[cfg(not(test))]
    fn fits(&mut self, _bytes: u64) -> std::io::Result<()> {
        Ok(())
    }

    /// Makes a folder and those above it.
    pub(super) fn folder(&mut self, path: &Path) -> Result<(), ApartmentError> {
        std::fs::create_dir_all(path).map_err(|source| ApartmentError::Write {
            path: path.to_owned(),
            frames: 0,
            source,
        })
    }

    /// Writes a whole file; `frames` are complete so far.
    pub(super) fn write(
        &mut self,
        path: &Path,
        bytes: &[u8],
        frames: u64,
    ) -> Result<(), ApartmentError> {
        self.fits(bytes.len() as u64)
            .and_then(|()| std::fs::write(path, bytes))
            .map_err(|source| ApartmentError::Write {
                path: path.to_owned(),
                frames,
                source,
            })?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&mut self, path: &Path) {
        #[cfg(test)]
        if let (Some(room), Ok(metadata)) = (&mut self.room, std::fs::metadata(path)) {
            *room += metadata.len();
        }
        // A file that cannot be removed was reported when it could not be written.
        let _ = std::fs::remove_file(path);
    }

    /// Bytes of all files written whole so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The files of one frame.
pub(super) struct Frame<'a> {
    files: &'a mut Disk,
    stem: PathBuf,
    frames: u64,
    begun: Vec<PathBuf>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(files: &'a mut Disk, folder: &Path, number: u64, frames: u64) -> Self {
        Self {
            files,
            stem: folder.join(format!("frame-{number:06}")),
            frames,
            begun: Vec::new(),
        }
    }

    /// The path of a file of this frame.
    pub(super) fn path(&self, ending: &str) -> PathBuf {
        let mut name = self.stem.clone().into_os_string();
        name.push(".");
        name.push(ending);
        PathBuf::from(name)
    }

    /// Writes one file of this frame.
    pub(super) fn write(&mut self, ending: &str, bytes: &[u8]) -> Result<(), ApartmentError> {
        let path = self.path(ending);
        self.begun.push(path.clone());
        self.files.write(&path, bytes, self.frames)
    }

    /// Removes what was written of this frame.
    pub(super) fn discard(&mut self) {
        for path in std::mem::take(&mut self.begun) {
            self.files.remove(&path);
        }
    }
}
