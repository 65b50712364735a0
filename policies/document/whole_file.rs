//! Files that are written whole or not at all: beside their place first, then
//! into it, so that a full disk, a crash or a stop leaves what stood there
//! before.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file could not be written; what stood in its place before stands there
/// still.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {source}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Error of the system.
    pub source: io::Error,
}

/// Writes a file whole or not at all, and the folders above it where they are
/// missing. A file that stood there keeps its permissions; a link is followed;
/// a device or a pipe (`/dev/stdout`) is written to as it is.
///
/// # Errors
/// What the system says; what stood there before stands there still.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut file = WholeFile::begin(path)?;
    file.write_bytes(bytes)?;
    file.place()
}

/// Refuses a place where nothing can be written, before anything is computed
/// for it: a folder, a file in a folder that is not there, or that may not be
/// written to.
///
/// # Errors
/// The rule that it breaks, or what the system says.
pub fn check_place(path: &Path) -> Result<(), WriteError> {
    let fail = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    if path.is_dir() {
        return Err(fail(io::Error::other("it is a folder: name a file")));
    }
    if path.file_name().is_none() {
        return Err(fail(io::Error::other("it names no file")));
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        let reason = format!("there is no folder {}", folder.display());
        return Err(fail(io::Error::other(reason)));
    }
    // Begun and given up: what may be written is found out by writing.
    WholeFile::begin(path).map(drop)
}

/// A file that is being written beside its place. Dropped, it leaves nothing;
/// [`place`](Self::place) puts it where it belongs.
#[derive(Debug)]
pub struct WholeFile {
    to: To,
    path: PathBuf,
}

#[derive(Debug)]
enum To {
    /// Beside the place that it goes to.
    Beside(NamedTempFile, PathBuf),
    /// A device or a pipe: nothing stands there that could be kept.
    Straight(File),
}

impl WholeFile {
    /// Begins a file, and makes the folders above it.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(path: &Path) -> Result<Self, WriteError> {
        let to = To::begin(path).map_err(|source| WriteError {
            path: path.to_owned(),
            source,
        })?;
        let path = path.to_owned();
        Ok(Self { to, path })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let written = self.write_all(bytes);
        written.map_err(|source| self.error(source))
    }

    /// Waits until the disk has what was written: of several files that belong
    /// together all are completed before the first is placed.
    ///
    /// # Errors
    /// What the system says.
    pub fn complete(&mut self) -> Result<(), WriteError> {
        let completed = match &mut self.to {
            To::Beside(file, _) => file.as_file().sync_all(),
            To::Straight(file) => file.flush(),
        };
        completed.map_err(|source| self.error(source))
    }

    /// Completes the file and puts it into its place.
    ///
    /// # Errors
    /// What the system says; what stood there before stands there still.
    pub fn place(mut self) -> Result<(), WriteError> {
        self.complete()?;
        let path = self.path;
        match self.to {
            To::Straight(_) => Ok(()),
            To::Beside(file, place) => match file.persist(&place) {
                Ok(_) => Ok(()),
                Err(error) => Err(WriteError {
                    path,
                    source: error.error,
                }),
            },
        }
    }

    fn error(&self, source: io::Error) -> WriteError {
        WriteError {
            path: self.path.clone(),
            source,
        }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Beside(file, _) => file.as_file_mut().write(bytes),
            To::Straight(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Beside(file, _) => file.as_file_mut().flush(),
            To::Straight(file) => file.flush(),
        }
    }
}

impl To {
    fn begin(path: &Path) -> io::Result<Self> {
        let stands = std::fs::metadata(path).ok();
        if stands.as_ref().is_some_and(Metadata::is_dir) {
            return Err(io::Error::other("it is a folder: name a file"));
        }
        if is_stream(path) || stands.as_ref().is_some_and(|stands| !stands.is_file()) {
            return Ok(To::Straight(File::options().write(true).open(path)?));
        }
        std::fs::create_dir_all(folder_of(path))?;
        // Through links, so that a link stays one.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut builder = tempfile::Builder::new();
        builder.prefix(".concert-").suffix(".part");
        // Temporary files are the owner's alone, results are for everybody whom
        // the user's mask allows.
        #[cfg(unix)]
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        #[cfg(unix)]
        builder.permissions(everybody);
        let file = builder.tempfile_in(folder_of(&place))?;
        if let Some(stands) = stands {
            if stands.permissions().readonly() {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            file.as_file().set_permissions(stands.permissions())?;
        }
        Ok(To::Beside(file, place))
    }
}

/// Names of what a process has open: never replaced by a file.
fn is_stream(path: &Path) -> bool {
    let names = ["/dev/stdout", "/dev/stderr"];
    names.iter().any(|name| path == Path::new(name))
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc")
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent();
    let named = folder.filter(|folder| !folder.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b.txt");
        write_whole(&path, b"old").expect("written");
        let mut begun = WholeFile::begin(&path).expect("begun");
        begun.write_bytes(b"half of the new").expect("written");
        assert_eq!(std::fs::read(&path).expect("read"), b"old");
        drop(begun);
        assert_eq!(std::fs::read(&path).expect("read"), b"old");
        let mut begun = WholeFile::begin(&path).expect("begun");
        begun.write_bytes(b"new").expect("written");
        begun.place().expect("placed");
        assert_eq!(std::fs::read(&path).expect("read"), b"new");
        let left = std::fs::read_dir(path.parent().expect("a folder")).expect("a folder");
        assert_eq!(left.count(), 1, "nothing lies beside it");
    }

    #[cfg(unix)]
    #[test]
    fn links_permissions_and_devices_stay_what_they_are() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        write_whole(&file, b"old").expect("written");
        let mode = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(&file, mode).expect("permissions");
        symlink(&file, &link).expect("a link");
        write_whole(&link, b"new").expect("written");
        assert!(link.is_symlink());
        let metadata = std::fs::metadata(&file).expect("a file");
        assert_eq!(std::fs::read(&file).expect("read"), b"new");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
        write_whole(Path::new("/dev/null"), b"anything").expect("written");
        assert!(!std::fs::metadata("/dev/null").expect("a device").is_file());
        let full = write_whole(Path::new("/dev/full"), b"anything").expect_err("full");
        assert!(
            full.to_string()
                .starts_with("/dev/full cannot be written: ")
        );
    }

    #[test]
    fn a_place_where_nothing_can_be_written_is_refused_before() {
        let folder = tempfile::tempdir().expect("a folder");
        check_place(&folder.path().join("a.png")).expect("a good place");
        let left = std::fs::read_dir(folder.path()).expect("a folder");
        assert_eq!(left.count(), 0, "asking leaves nothing");
        let error = check_place(folder.path()).expect_err("a folder");
        assert!(error.to_string().contains("it is a folder"), "{error}");
        let error = check_place(&folder.path().join("no/a.png")).expect_err("no folder");
        assert!(error.to_string().contains("there is no folder"), "{error}");
    }
}
