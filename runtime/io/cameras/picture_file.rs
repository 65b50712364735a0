//! An image file, decoded, with what lies beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use concert_models::image_file::{self, DecodeLimits, DepthImage, decode_depth_png};
use concert_models::{Image, Intrinsics};

use super::intrinsics_file::IntrinsicsFile;
use super::{decode, read_bounded};

/// Companions of an image file of the layout that `NAME.color.*`,
/// `NAME.depth.png` and `camera-intrinsics.txt` make: the depth of that image,
/// and its camera's intrinsics; `None` for each that is missing or cannot be
/// the image's.
#[must_use]
pub fn companions(
    file: &Path,
    image: &Image,
    limits: &DecodeLimits,
) -> (Option<Arc<DepthImage>>, Option<Intrinsics>) {
    let depth = depth_path(file).and_then(|path| read_depth(&path, image, limits).ok());
    let folder = file.parent().unwrap_or(Path::new(""));
    let matrix = IntrinsicsFile::beside(folder).ok().flatten();
    let intrinsics = matrix.and_then(|file| file.of(image).ok());
    (depth.map(Arc::new), intrinsics)
}

/// One file, decoded, with the depth image beside it.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) image: Image,
    pub(super) depth: Depth,
    /// True where its EXIF orientation was followed.
    pub(super) is_turned: bool,
}

/// Depth beside an image file.
#[derive(Debug, Clone)]
pub(super) enum Depth {
    /// No file beside the image, or none asked for.
    None,
    /// Depth of the image's size.
    Image(Arc<DepthImage>),
    /// A file that is no depth of this image, and why.
    Unusable(Arc<str>),
}

impl Picture {
    /// Reads a file; the depth image beside it, where `with_depth` says so.
    pub(super) fn read(
        file: &Path,
        with_depth: bool,
        limits: &DecodeLimits,
    ) -> Result<Self, String> {
        let bytes = read_bounded(file, limits.max_bytes as u64)?;
        let image = decode(&bytes, limits)?;
        let is_turned = image_file::is_turned(&bytes, limits);
        let depth = match depth_path(file).filter(|path| with_depth && path.exists()) {
            None => Depth::None,
            Some(path) => match read_depth(&path, &image, limits) {
                Ok(depth) => Depth::Image(Arc::new(depth)),
                Err(reason) => Depth::Unusable(format!("{}: {reason}", path.display()).into()),
            },
        };
        Ok(Self {
            image,
            depth,
            is_turned,
        })
    }

    /// Size of its pixels and depth in memory.
    pub(super) fn size_bytes(&self) -> usize {
        let depth = match &self.depth {
            Depth::Image(depth) => size_of_val(depth.metres.as_slice()),
            Depth::None | Depth::Unusable(_) => 0,
        };
        self.image.bytes().len() + depth
    }
}

/// `NAME.depth.png` beside `NAME.color.png` or `NAME.color.jpg`.
fn depth_path(file: &Path) -> Option<PathBuf> {
    let stem = file.file_stem()?.to_str()?.strip_suffix(".color")?;
    Some(file.with_file_name(format!("{stem}.depth.png")))
}

fn read_depth(path: &Path, image: &Image, limits: &DecodeLimits) -> Result<DepthImage, String> {
    let bytes = read_bounded(path, limits.max_bytes as u64)?;
    let depth = decode_depth_png(&bytes, limits).map_err(|error| error.to_string())?;
    let (got, needed) = ((depth.width, depth.height), (image.width(), image.height()));
    if got != needed {
        return Err(format!(
            "depth is {}x{}, but its image is {}x{}: depth must be registered to the image",
            got.0, got.1, needed.0, needed.1
        ));
    }
    Ok(depth)
}
