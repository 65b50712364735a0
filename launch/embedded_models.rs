//! The networks that ship, inside the program (release builds; see build.rs):
//! an installed `concert` finds them without the checkout that it was built in.

use std::path::{Path, PathBuf};

use concert_models::store::Store;
use concert_policies::document::{WriteError, write_whole};

mod files {
    include!(concat!(env!("OUT_DIR"), "/embedded_models.rs"));
}

/// What says that all files lie in the folder.
const COMPLETE: &str = "complete";

/// The folder of the networks inside the program, in the user's data folder,
/// where they are laid once; `None`, said where it is a fault, if there are none
/// or they cannot be laid there.
pub(crate) fn folder() -> Option<PathBuf> {
    if files::FILES.is_empty() {
        return None;
    }
    let name = format!("shipped-{}", files::ID);
    let folder = Store::user_folder()?.with_file_name(name);
    match lay(files::FILES, &folder) {
        Ok(false) => Some(folder),
        Ok(true) => {
            tracing::info!("laid the networks that ship into {}", folder.display());
            Some(folder)
        }
        Err(error) => {
            tracing::warn!("the networks inside this program are not at hand: {error}");
            None
        }
    }
}

/// Writes files below a folder, unless they lie there; whether it did.
fn lay(files: &[(&str, &[u8])], folder: &Path) -> Result<bool, WriteError> {
    let complete = folder.join(COMPLETE);
    if complete.is_file() {
        return Ok(false);
    }
    for (name, bytes) in files {
        write_whole(&folder.join(name), bytes)?;
    }
    // Last: a process that was ended meanwhile lays them anew.
    write_whole(&complete, b"")?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_laid_once_and_laid_anew_where_that_was_cut_short() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("shipped-1");
        let files: &[(&str, &[u8])] = &[("encoders/a.onnx", b"a"), ("readouts/b.toml", b"b")];
        assert!(lay(files, &folder).expect("laid"));
        assert!(!lay(files, &folder).expect("there"));
        std::fs::remove_file(folder.join(COMPLETE)).expect("removed");
        std::fs::write(folder.join("encoders/a.onnx"), b"hal").expect("written");
        assert!(lay(files, &folder).expect("laid"));
        let read = |name: &str| std::fs::read(folder.join(name)).expect("a file");
        assert_eq!(
            (read("encoders/a.onnx"), read("readouts/b.toml")),
            (b"a".to_vec(), b"b".to_vec())
        );
        let file = root.path().join("file");
        std::fs::write(&file, b"").expect("written");
        assert!(lay(files, &file.join("below")).is_err());
    }
}
