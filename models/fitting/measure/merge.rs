//! Merges the measurements of several computers into one folder.

use std::path::{Path, PathBuf};

use super::error::MeasureError;
use super::files;
use super::record::TransferRecord;
use super::settings::Settings;

/// Most files of one folder of a shard.
const MAX_FILES: usize = 100_000;

/// Copies transfers and readouts of shards into one folder; representations
/// stay where they are.
///
/// # Errors
/// Shards of other settings, two results for one transfer, damaged files.
pub fn merge(shards: &[PathBuf], out: &Path) -> Result<(), MeasureError> {
    let mut all: Option<Settings> = None;
    for shard in shards {
        let settings = Settings::read(shard)?.ok_or_else(|| MeasureError::Read {
            path: shard.display().to_string(),
            reason: "nothing was measured there".to_owned(),
        })?;
        match &all {
            Some(first) => first.check_shard(shard, &settings)?,
            None => all = Some(settings),
        }
    }
    let Some(settings) = all else { return Ok(()) };
    if let Some(found) = Settings::read(out)? {
        settings.check(out, &found)?;
    }
    settings.write(out)?;
    for shard in shards {
        for name in names(&shard.join("transfers"), ".json")? {
            transfer(shard, out, &name)?;
        }
    }
    Ok(())
}

fn transfer(shard: &Path, out: &Path, name: &str) -> Result<(), MeasureError> {
    let Some(record) = TransferRecord::read(shard, name)? else {
        return Ok(());
    };
    if let Some(there) = TransferRecord::read(out, name)? {
        let timeless = |record: &TransferRecord| TransferRecord {
            seconds: 0.0,
            ..record.clone()
        };
        if timeless(&there) == timeless(&record) {
            return Ok(());
        }
        return Err(MeasureError::TwoResults {
            transfer: name.to_owned(),
            first: out.display().to_string(),
            second: shard.display().to_string(),
        });
    }
    if !record.has_readout(shard) {
        return Err(MeasureError::Damaged {
            path: format!("{}: readout {name}", shard.display()),
            reason: "it is missing, or was changed after it was measured".to_owned(),
        });
    }
    if record.readout.is_some() {
        let place = Path::new("models").join("readouts");
        for ending in ["onnx", "labels.txt", "toml"] {
            let file = place.join(format!("{name}.{ending}"));
            if let Some(bytes) = files::read(&shard.join(&file))? {
                files::write(&out.join(&file), &bytes)?;
            }
        }
    }
    record.write(out)
}

/// Names of the files in a folder with this ending, without it, sorted.
fn names(folder: &Path, ending: &str) -> Result<Vec<String>, MeasureError> {
    let fail = |reason: String| MeasureError::Read {
        path: folder.display().to_string(),
        reason,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // A shard that was stopped before its first transfer.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error.to_string())),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| fail(error.to_string()))?;
        let name = entry.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(ending)) {
            names.push(name.to_owned());
        }
        if names.len() > MAX_FILES {
            return Err(fail(format!("it has more than {MAX_FILES} files")));
        }
    }
    names.sort();
    Ok(names)
}
