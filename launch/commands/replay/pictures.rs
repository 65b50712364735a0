//! The images of a recording as a data set for `fit`, `evaluate` and `measure`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use concert_models::image_file::DepthImage;
use concert_policies::document::write_whole;
use concert_runtime::Frame;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

use crate::draw::Canvas;

/// Largest distance that a depth file holds, mm.
const MAX_MILLIMETRES: f32 = 65534.0;

/// A folder for each camera: `NAME.color.png`, `NAME.depth.png` in millimetres, and
/// `camera-intrinsics.txt`.
pub(super) struct Pictures {
    folder: PathBuf,
    /// Cameras that have their folder.
    begun: HashSet<String>,
}

impl Pictures {
    /// Into this folder, which is made.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn begin(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            begun: HashSet::new(),
        })
    }

    /// Writes a frame of a camera, under its stamp.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn write(&mut self, camera: &str, frame: &Frame) -> anyhow::Result<()> {
        // Whoever wrote the recording named it.
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        let name = camera.chars().map(|c| if is_plain(c) { c } else { '_' });
        let folder = self.folder.join(name.collect::<String>());
        if self.begun.insert(camera.to_owned()) {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            if let Some(k) = &frame.intrinsics {
                let matrix = format!("{} 0 {}\n0 {} {}\n0 0 1\n", k.fx, k.cx, k.fy, k.cy);
                write_whole(&folder.join("camera-intrinsics.txt"), matrix.as_bytes())?;
            }
        }
        // All of one length, so that their order by name is that of time.
        let name = format!("{:020}", frame.stamp.nanos());
        let picture = Canvas::of(&frame.image);
        picture.write_png(&folder.join(format!("{name}.color.png")))?;
        if let Some(depth) = &frame.depth {
            let png = millimetres(depth)?;
            write_whole(&folder.join(format!("{name}.depth.png")), &png)?;
        }
        Ok(())
    }
}

/// 16-bit grey, mm; 0 where nothing is known.
fn millimetres(depth: &DepthImage) -> anyhow::Result<Vec<u8>> {
    let of = |metres: &f32| match metres.is_finite() {
        true => (metres * 1000.0).round().clamp(0.0, MAX_MILLIMETRES) as u16,
        false => 0,
    };
    let bytes: Vec<u8> = depth
        .metres
        .iter()
        .flat_map(|metres| of(metres).to_ne_bytes())
        .collect();
    let (width, height) = (u32::try_from(depth.width)?, u32::try_from(depth.height)?);
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&bytes, width, height, ExtendedColorType::L16)?;
    Ok(png)
}
