//! Pictures for pages: encoded once, however many pages look.

use concert_models::image_file::{DecodeLimits, decode};
use concert_models::{Image as Pixels, PixelFormat};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _, ImageError};

/// Longest side of a picture, px; larger ones are brought down.
const MAX_SIDE: usize = 640;
/// Longest JPEG of a camera that is passed on as it came, bytes.
const MAX_PASSED_BYTES: usize = 200 << 10;
/// Quality of our own JPEGs.
const QUALITY: u8 = 82;

/// A picture file, and the size of what is in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Pixels of the original along a side that one pixel stands for.
    pub(super) reduced: usize,
}

/// A grid of cells of so many bytes, as a message has it: rows of `step` bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) step: usize,
    pub(super) bytes_per_cell: usize,
    pub(super) data: &'a [u8],
}

impl<'a> Cells<'a> {
    /// Most cells of a grid that is drawn.
    const MAX_CELLS: usize = 1 << 25;

    /// A grid that is as large as it says; `None` for others.
    pub(super) fn new(
        (width, height, step): (u32, u32, u32),
        bytes_per_cell: usize,
        data: &'a [u8],
    ) -> Option<Self> {
        let (width, height, step) = (width as usize, height as usize, step as usize);
        let cells = width.checked_mul(height)?;
        let sound = (1..=Self::MAX_CELLS).contains(&cells)
            && step >= width.checked_mul(bytes_per_cell)?
            && data.len() >= step.checked_mul(height)?;
        sound.then_some(Self {
            width,
            height,
            step,
            bytes_per_cell,
            data,
        })
    }

    fn cell(&self, u: usize, v: usize) -> &'a [u8] {
        &self.data[v * self.step + u * self.bytes_per_cell..][..self.bytes_per_cell]
    }

    /// Every nth cell along a side that would be too long, left to right, top to
    /// bottom; and its width, height and n.
    pub(super) fn reduced(self) -> (impl Iterator<Item = &'a [u8]>, [usize; 3]) {
        let every = self.width.max(self.height).div_ceil(MAX_SIDE).max(1);
        let (width, height) = (self.width.div_ceil(every), self.height.div_ceil(every));
        let cells = (0..width * height)
            .map(move |index| self.cell(index % width * every, index / width * every));
        (cells, [width, height, every])
    }
}

/// A PNG of one byte per pixel (grey, or the number of a class).
pub(super) fn grey_png(
    pixels: &[u8],
    [width, height, reduced]: [usize; 3],
) -> Result<Encoded, ImageError> {
    png(pixels, [width, height, reduced], ExtendedColorType::L8)
}

/// A PNG of red, green and blue.
pub(super) fn colour_png(
    pixels: &[u8],
    [width, height, reduced]: [usize; 3],
) -> Result<Encoded, ImageError> {
    png(pixels, [width, height, reduced], ExtendedColorType::Rgb8)
}

fn png(
    pixels: &[u8],
    [width, height, reduced]: [usize; 3],
    colour: ExtendedColorType,
) -> Result<Encoded, ImageError> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub);
    // Sides are at most `MAX_SIDE`.
    encoder.write_image(pixels, width as u32, height as u32, colour)?;
    Ok(Encoded {
        bytes,
        width,
        height,
        reduced,
    })
}

/// A JPEG of a camera's pixels, the mean of each block where it is brought down.
/// `order` says which of a cell's bytes are red, green and blue.
pub(super) fn jpeg(cells: Cells<'_>, order: [usize; 3]) -> Result<Encoded, ImageError> {
    let every = cells.width.max(cells.height).div_ceil(MAX_SIDE).max(1);
    let (width, height) = ((cells.width / every).max(1), (cells.height / every).max(1));
    let mut pixels = Vec::with_capacity(width * height * 3);
    for v in 0..height {
        for u in 0..width {
            pixels.extend(mean(cells, [u * every, v * every], every, order));
        }
    }
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    encoder.write_image(
        &pixels,
        width as u32,
        height as u32,
        ExtendedColorType::Rgb8,
    )?;
    Ok(Encoded {
        bytes,
        width,
        height,
        reduced: every,
    })
}

fn mean(cells: Cells<'_>, [u, v]: [usize; 2], every: usize, order: [usize; 3]) -> [u8; 3] {
    if every == 1 {
        let cell = cells.cell(u, v);
        return order.map(|at| cell[at]);
    }
    let (right, below) = ((u + every).min(cells.width), (v + every).min(cells.height));
    let mut sums = [0_u32; 3];
    for v in v..below {
        for u in u..right {
            let cell = cells.cell(u, v);
            for (sum, at) in sums.iter_mut().zip(order) {
                *sum += u32::from(cell[at]);
            }
        }
    }
    let count = ((right - u) * (below - v)).max(1) as u32;
    sums.map(|sum| (sum / count) as u8)
}

/// A camera's own JPEG or PNG: passed on where it is a small JPEG, else made
/// anew. Gives the size of the original, too.
///
/// # Errors
/// Words on what cannot be decoded.
pub(super) fn compressed(data: &[u8]) -> Result<(Encoded, [usize; 2]), String> {
    let limits = DecodeLimits {
        max_bytes: 8 << 20,
        ..DecodeLimits::default()
    };
    // Decoded also where it is passed on: a browser would show half of a picture
    // that ends early.
    let pixels = decode(data, &limits).map_err(|error| error.to_string())?;
    let (width, height) = (pixels.width(), pixels.height());
    let is_jpeg = data.starts_with(&[0xff, 0xd8]);
    if is_jpeg && data.len() <= MAX_PASSED_BYTES && width.max(height) <= MAX_SIDE {
        let passed = Encoded {
            bytes: data.to_vec(),
            width,
            height,
            reduced: 1,
        };
        return Ok((passed, [width, height]));
    }
    let encoded = of_pixels(&pixels).ok_or("its pixels are none that can be shown")?;
    let encoded = encoded.map_err(|error| error.to_string())?;
    Ok((encoded, [width, height]))
}

fn of_pixels(pixels: &Pixels) -> Option<Result<Encoded, ImageError>> {
    let order = match pixels.format() {
        PixelFormat::Rgb8 | PixelFormat::Rgba8 => [0, 1, 2],
        PixelFormat::Bgr8 | PixelFormat::Bgra8 => [2, 1, 0],
        PixelFormat::Grey8 => [0, 0, 0],
        PixelFormat::Yuyv => return None,
    };
    // Sides are at most 16384.
    let size = (
        pixels.width() as u32,
        pixels.height() as u32,
        pixels.stride_bytes() as u32,
    );
    let cells = Cells::new(size, pixels.format().bytes_per_pixel(), pixels.bytes())?;
    Some(jpeg(cells, order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_picture_is_brought_down_and_a_small_one_is_not() {
        let data = vec![200_u8; 1300 * 20 * 3];
        let cells = Cells::new((1300, 20, 3900), 3, &data).expect("cells");
        let large = jpeg(cells, [0, 1, 2]).expect("a JPEG");
        assert_eq!((large.width, large.height, large.reduced), (433, 6, 3));
        let (cells, size) = cells.reduced();
        assert_eq!((cells.count(), size), (434 * 7, [434, 7, 3]));
        let small = Cells::new((20, 10, 60), 3, &data).expect("cells");
        let small = jpeg(small, [2, 1, 0]).expect("a JPEG");
        assert_eq!((small.width, small.height, small.reduced), (20, 10, 1));
        // A JPEG that is small enough is passed on.
        let (passed, size) = compressed(&small.bytes).expect("a picture");
        assert_eq!((passed.bytes, size), (small.bytes.clone(), [20, 10]));
        assert!(compressed(&small.bytes[..small.bytes.len() / 2]).is_err());
        assert!(compressed(b"nonsense").is_err());
    }

    #[test]
    fn cells_that_lie_about_their_size_are_none() {
        let data = [0_u8; 100];
        for (size, bytes) in [
            ((10, 10, 10), 2),
            ((10, 11, 10), 1),
            ((0, 10, 10), 1),
            ((u32::MAX, u32::MAX, u32::MAX), 1),
            ((10, 10, 9), 1),
        ] {
            assert!(Cells::new(size, bytes, &data).is_none(), "{size:?}");
        }
        assert!(Cells::new((10, 10, 10), 1, &data).is_some());
    }

    #[test]
    fn the_mean_of_a_block_stands_for_it() {
        let data = [0, 0, 0, 100, 100, 100, 50, 50, 50, 250, 250, 250];
        let cells = Cells::new((2, 2, 6), 3, &data).expect("cells");
        assert_eq!(mean(cells, [0, 0], 2, [0, 1, 2]), [100; 3]);
        assert_eq!(mean(cells, [1, 1], 2, [0, 1, 2]), [250; 3]);
    }
}
