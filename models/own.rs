//! Files and folders that nobody else may exchange: what Concert downloads,
//! verifies and then uses lies in such places alone.
//!
//! Where others may write, they can leave links to files of this user, or folders
//! of their own whose content changes after it was verified. So neither is
//! followed or used.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// Makes a folder and those above it, or finds it. New ones are this user's
/// alone where `private`.
///
/// # Errors
/// Where the path is a link, no folder, belongs to neither this user nor root, or
/// everybody may write into it; and the system's own errors.
pub fn make_folder(path: &Path, private: bool) -> io::Result<()> {
    let mode = if private { 0o700 } else { 0o755 };
    match DirBuilder::new().recursive(true).mode(mode).create(path) {
        // A link is told apart below.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    check_folder(path)
}

/// Holds a folder that is there to the rules of [`make_folder`].
///
/// # Errors
/// As [`make_folder`]; [`io::ErrorKind::NotFound`] where it is not there.
pub fn check_folder(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return refuse("it is a link, and links are not followed here");
    }
    if !metadata.is_dir() {
        return refuse("it is no folder");
    }
    check_owner(&metadata)
}

/// Opens a file to be read, under the same rules as folders.
///
/// # Errors
/// Where it is a link, no regular file, another user's, or everybody's to write;
/// and the system's own errors.
pub fn open(path: &Path) -> io::Result<File> {
    checked(OpenOptions::new().read(true), path)
}

/// Opens a file to be locked, or makes an empty one. What stands in it stays, and
/// a link leads nowhere.
///
/// # Errors
/// As [`open`].
pub fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    checked(options.mode(0o600), path)
}

fn checked(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // Opening a pipe must not wait for its other end.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file =
        options.custom_flags(flags).open(path).map_err(|error| {
            match fs::symlink_metadata(path) {
                Ok(found) if found.is_symlink() => {
                    io::Error::other("it is a link, and links are not followed here")
                }
                _ => error,
            }
        })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return refuse("it is no regular file");
    }
    check_owner(&metadata)?;
    Ok(file)
}

fn check_owner(metadata: &Metadata) -> io::Result<()> {
    let user = rustix::process::geteuid().as_raw();
    let owner = metadata.uid();
    if owner != user && owner != 0 {
        return Err(io::Error::other(format!(
            "it belongs to user {owner}, but must belong to user {user} or to root"
        )));
    }
    if metadata.mode() & 0o002 != 0 {
        return refuse("everybody may write to it, but only its owner and group may");
    }
    Ok(())
}

fn refuse<T>(reason: &str) -> io::Result<T> {
    Err(io::Error::other(reason))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_link_is_neither_followed_nor_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let (precious, link) = (folder.path().join("precious"), folder.path().join("lock"));
        fs::write(&precious, "precious").unwrap();
        symlink(&precious, &link).unwrap();
        for error in [open_lock(&link).unwrap_err(), open(&link).unwrap_err()] {
            assert!(error.to_string().starts_with("it is a link"), "{error}");
        }
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        let (real, linked) = (folder.path().join("real"), folder.path().join("linked"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &linked).unwrap();
        assert!(make_folder(&linked, true).is_err());
        // Not even where nothing is behind it.
        symlink(folder.path().join("nowhere"), folder.path().join("dead")).unwrap();
        assert!(make_folder(&folder.path().join("dead"), true).is_err());
        assert!(open_lock(&folder.path().join("dead")).is_err());
        assert!(!folder.path().join("nowhere").exists());
    }

    #[test]
    fn a_lock_keeps_what_stands_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        open_lock(&path).unwrap();
        fs::write(&path, "kept").unwrap();
        open_lock(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    }

    #[test]
    fn what_everybody_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        make_folder(&own, true).unwrap();
        assert_eq!(fs::metadata(&own).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
        let error = make_folder(&own, true).unwrap_err();
        assert!(error.to_string().starts_with("everybody"), "{error}");
    }

    #[test]
    fn a_pipe_in_a_files_place_does_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if !made.is_ok_and(|status| status.success()) {
            crate::skip::skip(format_args!("there is no mkfifo"));
            return;
        }
        for error in [open_lock(&path).unwrap_err(), open(&path).unwrap_err()] {
            assert_eq!(error.to_string(), "it is no regular file");
        }
    }
}
