//! Data sets as `fit`, `measure` and `evaluate` open them.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use concert_fitting::dataset::{DataSet, SoundFrames};
use concert_models::Intrinsics;
use concert_policies::Task;

use crate::report::{Failure, Refuse};

/// Damaged frames that are named; the rest are counted.
const MAX_NAMED: usize = 20;

/// Opens folders as one data set.
///
/// # Errors
/// Refuses what is no data set.
pub(super) fn open(
    paths: &[PathBuf],
    intrinsics: Option<Intrinsics>,
    depth_units: Option<f32>,
) -> Result<DataSet, Failure> {
    let mut data = DataSet::open_all(paths).or_refuse()?;
    if let Some(intrinsics) = intrinsics {
        data = data.with_intrinsics(intrinsics);
    }
    if let Some(units) = depth_units {
        data = data.with_depth_units_per_metre(units);
    }
    Ok(data)
}

/// Opens the photographs of one folder, with boxes in COCO's format.
///
/// # Errors
/// Refuses several folders, and what is no such file.
pub(super) fn photographs(
    coco: &Path,
    folders: &[PathBuf],
    intrinsics: Option<Intrinsics>,
) -> Result<DataSet, Failure> {
    let [folder] = folders else {
        return Err(Failure::refused(anyhow!(
            "--coco names the pictures of one folder, but --data is given {} times",
            folders.len()
        )));
    };
    let data = DataSet::open_coco(coco, folder).or_refuse()?;
    Ok(match intrinsics {
        Some(intrinsics) => data.with_intrinsics(intrinsics),
        None => data,
    })
}

/// The frames that can be read; names the others in the log.
///
/// # Errors
/// Refuses a data set of which too many cannot.
pub(super) fn sound(
    data: &DataSet,
    frames: &[(usize, usize)],
    targets: &[&'static Task],
) -> Result<SoundFrames, Failure> {
    let sound = data.sound_frames(frames, targets).or_refuse()?;
    for frame in sound.left_out.iter().take(MAX_NAMED) {
        tracing::warn!("{} is left out: {}", frame.name, frame.reason);
    }
    let unnamed = sound.left_out.len().saturating_sub(MAX_NAMED);
    if unnamed > 0 {
        tracing::warn!("{unnamed} more frames are left out");
    }
    Ok(sound)
}

/// What is said of the frames that were left out, if there are some.
pub(super) fn left_out_line(damaged: usize, frames: usize) -> Option<String> {
    (damaged > 0).then(|| {
        format!(
            "{damaged} of {} frames are left out: their files are damaged or missing",
            frames + damaged
        )
    })
}
