//! Files that are whole or not there, and known to be what was written.

use std::io::Read as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::MeasureError;
use concert_models::digest::sha256_hex;
use concert_policies::document::{WriteError, write_whole};

/// Largest file that is read, bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), MeasureError> {
    Ok(write_whole(path, bytes)?)
}

/// Reads a file; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, MeasureError> {
    let fail = |error: &dyn ToString| MeasureError::Read {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let length = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(fail(&"it is no regular file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(&error)),
    };
    if length > MAX_FILE_BYTES {
        return Err(fail(&format!(
            "it takes {length} bytes, but at most {MAX_FILE_BYTES} are allowed"
        )));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    let file = std::fs::File::open(path).map_err(|error| fail(&error))?;
    let read = file.take(MAX_FILE_BYTES).read_to_end(&mut bytes);
    read.map_err(|error| fail(&error))?;
    Ok(Some(bytes))
}

/// JSON on one line, and on the next its SHA-256.
pub(super) fn write_sealed(path: &Path, value: &impl Serialize) -> Result<(), MeasureError> {
    let text = serde_json::to_string(value).map_err(|error| WriteError {
        path: path.to_owned(),
        source: error.into(),
    })?;
    let seal = sha256_hex(text.as_bytes());
    write(path, format!("{text}\n{seal}\n").as_bytes())
}

/// Reads what [`write_sealed`] wrote; `None` where there is no such file.
pub(super) fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, MeasureError> {
    let Some(bytes) = read(path)? else {
        return Ok(None);
    };
    let text =
        std::str::from_utf8(&bytes).map_err(|error| MeasureError::damaged_file(path, error))?;
    let mut lines = text.lines();
    let (json, seal) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let found = sha256_hex(json.as_bytes());
    if found != seal || lines.next().is_some() {
        let reason =
            format!("its content has sha256 {found}, but its second line says `{seal:.64}`");
        return Err(MeasureError::damaged_file(path, reason));
    }
    let value =
        serde_json::from_str(json).map_err(|error| MeasureError::damaged_file(path, error))?;
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_file_is_read_back_and_a_changed_one_is_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b.json");
        assert!(read_sealed::<Vec<f64>>(&path).expect("none").is_none());
        write_sealed(&path, &[1.5, 2.5]).expect("written");
        assert_eq!(
            read_sealed::<Vec<f64>>(&path).expect("read"),
            Some(vec![1.5, 2.5])
        );
        let text = std::fs::read_to_string(&path).expect("text");
        for changed in [
            text.replace('5', "6"),
            text.replace('\n', ""),
            format!("{text}x\n"),
        ] {
            std::fs::write(&path, changed).expect("written");
            let error = read_sealed::<Vec<f64>>(&path).expect_err("damaged");
            assert!(error.to_string().contains("is damaged"), "{error}");
        }
        std::fs::remove_file(&path).expect("removed");
        std::fs::create_dir(&path).expect("a folder");
        let error = read_sealed::<Vec<f64>>(&path).expect_err("no file");
        assert!(error.to_string().contains("no regular file"), "{error}");
    }
}
