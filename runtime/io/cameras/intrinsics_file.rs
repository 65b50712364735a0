//! The intrinsics of a folder of images, from a file among them.

use std::path::{Path, PathBuf};

use concert_models::{Image, Intrinsics};

use super::{CameraError, read_bounded};

/// File with the intrinsics of a folder of images: three rows of three
/// numbers, in pixels.
pub(super) const INTRINSICS_FILE: &str = "camera-intrinsics.txt";
const MAX_INTRINSICS_BYTES: u64 = 4096;

/// A 3×3 camera matrix from a file, whose image size is not known yet.
#[derive(Debug)]
pub(super) struct IntrinsicsFile {
    path: PathBuf,
    /// Row by row.
    matrix: [f64; 9],
}

impl IntrinsicsFile {
    /// Reads the file of a folder; `None` where there is none.
    pub(super) fn beside(folder: &Path) -> Result<Option<Self>, CameraError> {
        let path = folder.join(INTRINSICS_FILE);
        if !path.exists() {
            return Ok(None);
        }
        let unusable = |rule| CameraError::Unusable {
            subject: path.display().to_string(),
            rule,
        };
        let bytes = read_bounded(&path, MAX_INTRINSICS_BYTES).map_err(unusable)?;
        let matrix = camera_matrix(&String::from_utf8_lossy(&bytes)).map_err(unusable)?;
        Ok(Some(Self { path, matrix }))
    }

    /// Intrinsics for an image of this size.
    pub(super) fn of(&self, image: &Image) -> Result<Intrinsics, String> {
        let [fx, _, cx, _, fy, cy, ..] = self.matrix;
        let intrinsics = Intrinsics {
            fx,
            fy,
            cx,
            cy,
            width: image.width(),
            height: image.height(),
        };
        match intrinsics.fault() {
            None => Ok(intrinsics),
            Some(rule) => Err(format!("{}: {rule}", self.path.display())),
        }
    }
}

fn camera_matrix(text: &str) -> Result<[f64; 9], String> {
    let mut numbers = Vec::new();
    for word in text.split_whitespace() {
        let number = word.parse::<f64>().ok().filter(|number| number.is_finite());
        numbers.push(number.ok_or_else(|| format!("{word:?} is not a finite number"))?);
    }
    let count = numbers.len();
    let matrix: [f64; 9] = numbers
        .try_into()
        .map_err(|_| format!("has {count} numbers, but a camera matrix has 9"))?;
    let [fx, _, _, below, fy, _, last @ ..] = matrix;
    if fx <= 0.0 || fy <= 0.0 || below != 0.0 || last != [0.0, 0.0, 1.0] {
        return Err(format!(
            "rows {matrix:?} are not a camera matrix: [fx s cx] [0 fy cy] [0 0 1], fx and fy above 0"
        ));
    }
    Ok(matrix)
}
