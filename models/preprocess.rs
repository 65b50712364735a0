//! From a camera image to a network's input tensor.
//!
//! One pass down the columns on the stored bytes, one along several rows at once,
//! with normalisation folded in: values stay f32 between, so nothing is rounded to
//! eight bits on the way. Compiled for each width of vectors, with the same bits. Scaling is linear in the stored values (gamma is left
//! as it is, as in training). After the first image of a size, nothing is
//! allocated.

use pulp::{Arch, Simd, WithSimd};

use crate::contract::{Channels, InputContract, Layout, Placed};
use crate::geometry::Affine2;
use crate::image::{Image, PixelFormat};
use crate::resample::Taps;

/// Turns images of any size and format into the tensor of one input contract.
#[derive(Debug)]
pub struct Preprocessor {
    contract: InputContract,
    /// Per normalised channel: x · gain + bias = (x − mean) / std.
    gains: Vec<[f32; 2]>,
    elements: usize,
    ready: Option<Ready>,
}

/// Memory that depends on the size and format of the images.
#[derive(Debug)]
struct Ready {
    width: usize,
    height: usize,
    format: PixelFormat,
    channels: Channels,
    placed: Placed,
    across: Taps,
    down: Taps,
    /// One scaled row of stored bytes.
    stored: Vec<f32>,
    /// The same row, one line per channel, in the tensor's order.
    lines: Vec<Vec<f32>>,
    /// `ROWS` such rows side by side, pixel by pixel.
    beside: Vec<Vec<[f32; ROWS]>>,
    /// One channel of them, as wide as it is placed.
    scaled: Vec<[f32; ROWS]>,
}

/// Rows that are scaled along at once.
const ROWS: usize = 8;

/// Reason why an image could not be made into an input tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PreprocessError {
    /// The tensor's memory has another size than the contract's tensor.
    #[error("input tensor {tensor} takes {needed} bytes, but {got} bytes were given")]
    Length {
        /// The tensor.
        tensor: String,
        /// Bytes of the contract's tensor.
        needed: usize,
        /// Bytes given.
        got: usize,
    },
    /// The tensor's memory cannot hold f32 values.
    #[error("input tensor {tensor} lies at an address that is no multiple of 4")]
    Unaligned {
        /// The tensor.
        tensor: String,
    },
}

impl Preprocessor {
    /// A preprocessor for one contract; it is set up by its first image.
    pub fn new(contract: &InputContract) -> Self {
        let gains = (contract.mean().iter().zip(contract.std()))
            .map(|(mean, std)| [(1.0 / std) as f32, (-mean / std) as f32])
            .collect();
        Preprocessor {
            elements: contract.width() * contract.height() * contract.channels().count(),
            contract: contract.clone(),
            gains,
            ready: None,
        }
    }

    /// The contract that is fulfilled.
    pub fn contract(&self) -> &InputContract {
        &self.contract
    }

    /// Map from a pixel of the tensor to the image, for an image of this size.
    pub fn image_from_input(&self, image: &Image) -> Affine2 {
        self.contract
            .image_from_input(image.width(), image.height())
    }

    /// Writes the whole tensor (f32, native endian) of one image.
    ///
    /// # Errors
    /// Memory that is not the contract's tensor; nothing is written then.
    pub fn run(&mut self, image: &Image, out: &mut [u8]) -> Result<(), PreprocessError> {
        let (needed, got) = (self.elements * size_of::<f32>(), out.len());
        let tensor = || self.contract.tensor().to_owned();
        if needed != got {
            let tensor = tensor();
            return Err(PreprocessError::Length {
                tensor,
                needed,
                got,
            });
        }
        let out: &mut [f32] = bytemuck::try_cast_slice_mut(out)
            .map_err(|_| PreprocessError::Unaligned { tensor: tensor() })?;
        let fits = |ready: &Ready| ready.fits(image);
        let ready = match self.ready.take().filter(fits) {
            Some(ready) => ready,
            None => Ready::new(&self.contract, image),
        };
        let ready = self.ready.insert(ready);
        let tensor = Tensor::new(&self.contract, out);
        Arch::new().dispatch(Run {
            ready,
            image,
            gains: &self.gains,
            tensor,
        });
        Ok(())
    }
}

/// One image into one tensor.
struct Run<'a> {
    ready: &'a mut Ready,
    image: &'a Image,
    gains: &'a [[f32; 2]],
    tensor: Tensor<'a>,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        self.ready.run(self.image, self.gains, &mut self.tensor);
    }
}

/// Values of a tensor, and how they are laid out.
struct Tensor<'a> {
    values: &'a mut [f32],
    width: usize,
    /// From one channel, row, column to the next.
    strides: [usize; 3],
}

impl<'a> Tensor<'a> {
    /// The contract's tensor, with bars and alpha in place.
    fn new(contract: &InputContract, values: &'a mut [f32]) -> Self {
        let (width, height) = (contract.width(), contract.height());
        let channels = contract.channels().count();
        let strides = match contract.layout() {
            Layout::Nchw => [width * height, width, 1],
            Layout::Nhwc => [1, width * channels, channels],
        };
        if contract.fit() == crate::contract::Fit::Letterbox {
            values.fill(0.0);
        }
        if contract.channels() == Channels::Rgba1 {
            let [channel, _, column] = strides;
            let alpha = values[3 * channel..].iter_mut().step_by(column);
            alpha.take(width * height).for_each(|alpha| *alpha = 1.0);
        }
        Tensor {
            values,
            width,
            strides,
        }
    }

    fn row(&mut self, channel: usize, v: usize, u: usize) -> impl Iterator<Item = &mut f32> {
        let [per_channel, per_row, per_column] = self.strides;
        let start = channel * per_channel + v * per_row + u * per_column;
        let row = self.values[start..].iter_mut().step_by(per_column);
        row.take(self.width - u)
    }
}

impl Ready {
    fn new(contract: &InputContract, image: &Image) -> Self {
        let (width, height, format) = (image.width(), image.height(), image.format());
        let placed = contract.placement(width, height);
        let lines = match (format, contract.channels()) {
            // A grey image shows the same in each colour channel.
            (PixelFormat::Grey8, _) => 1,
            (_, channels) => channels.normalised(),
        };
        Ready {
            width,
            height,
            format,
            channels: contract.channels(),
            placed,
            across: Taps::new(placed.x, width),
            down: Taps::new(placed.y, height),
            stored: vec![0.0; width * format.bytes_per_pixel()],
            lines: vec![vec![0.0; width]; lines],
            beside: vec![vec![[0.0; ROWS]; width]; lines],
            scaled: vec![[0.0; ROWS]; placed.x.count],
        }
    }

    fn fits(&self, image: &Image) -> bool {
        (self.width, self.height, self.format) == (image.width(), image.height(), image.format())
    }

    #[inline(always)]
    fn run(&mut self, image: &Image, gains: &[[f32; 2]], tensor: &mut Tensor<'_>) {
        let rows = self.placed.y.count;
        for first in (0..rows).step_by(ROWS) {
            let count = ROWS.min(rows - first);
            let windows = self.down.iter().skip(first).take(count);
            for (lane, (start, weights)) in windows.enumerate() {
                scale_rows(image, start, weights, &mut self.stored);
                split(self.format, self.channels, &self.stored, &mut self.lines);
                for (line, beside) in self.lines.iter().zip(&mut self.beside) {
                    for (x, lanes) in line.iter().zip(beside) {
                        lanes[lane] = *x;
                    }
                }
            }
            for (channel, [gain, bias]) in gains.iter().enumerate() {
                let line = &self.beside[channel.min(self.beside.len() - 1)];
                for (scaled, sums) in self.scaled.iter_mut().zip(self.across.apply(line)) {
                    *scaled = sums.map(|x| x * gain + bias);
                }
                for lane in 0..count {
                    let v = self.placed.y.start + first + lane;
                    let row = tensor.row(channel, v, self.placed.x.start);
                    for (out, lanes) in row.zip(&self.scaled) {
                        *out = lanes[lane];
                    }
                }
            }
        }
    }
}

/// The weighted sum of a window of stored rows, byte by byte.
#[inline(always)]
fn scale_rows(image: &Image, start: usize, weights: &[f32], sum: &mut [f32]) {
    sum.fill(0.0);
    let rows = |tap: usize| image.row(start + tap);
    let mut tap = 0;
    // Two rows at a time halve the traffic of the sum.
    while tap + 1 < weights.len() {
        let (w0, w1) = (weights[tap], weights[tap + 1]);
        for ((sum, a), b) in sum.iter_mut().zip(rows(tap)).zip(rows(tap + 1)) {
            *sum += f32::from(*a) * w0 + f32::from(*b) * w1;
        }
        tap += 2;
    }
    if tap < weights.len() && weights[tap] != 0.0 {
        for (sum, a) in sum.iter_mut().zip(rows(tap)) {
            *sum += f32::from(*a) * weights[tap];
        }
    }
}

/// Stored values of one row into one line per channel, in the tensor's order.
#[inline(always)]
fn split(format: PixelFormat, channels: Channels, stored: &[f32], lines: &mut [Vec<f32>]) {
    let offsets = match format {
        PixelFormat::Grey8 => return lines[0].copy_from_slice(stored),
        PixelFormat::Yuyv => return split_yuyv(channels, stored, lines),
        PixelFormat::Rgb8 | PixelFormat::Rgba8 => [0, 1, 2],
        PixelFormat::Bgr8 | PixelFormat::Bgra8 => [2, 1, 0],
    };
    let pixels = stored.chunks_exact(format.bytes_per_pixel());
    let [r, g, b] = offsets;
    match (channels, lines) {
        (Channels::Grey, [luma, ..]) => {
            for (luma, pixel) in luma.iter_mut().zip(pixels) {
                *luma = 0.299 * pixel[r] + 0.587 * pixel[g] + 0.114 * pixel[b];
            }
        }
        (_, [first, second, third]) => {
            let bgr = channels == Channels::Bgr;
            let (x, z) = if bgr { (b, r) } else { (r, b) };
            let lines = first.iter_mut().zip(second).zip(third);
            for (((first, second), third), pixel) in lines.zip(pixels) {
                (*first, *second, *third) = (pixel[x], pixel[g], pixel[z]);
            }
        }
        (_, lines) => unreachable!("{} lines for {channels:?}", lines.len()),
    }
}

/// BT.601, limited range (Y 16..=235, U and V 16..=240), to 0..=255; each U and
/// V serves the two pixels that share it.
#[inline(always)]
fn split_yuyv(channels: Channels, stored: &[f32], lines: &mut [Vec<f32>]) {
    let pairs = stored.as_chunks::<4>().0;
    let level = |y: f32| (y - 16.0) * (255.0 / 219.0);
    match (channels, lines) {
        (Channels::Grey, [luma, ..]) => {
            for (luma, [y0, _, y1, _]) in luma.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
                *luma = [y0, y1].map(|y| level(*y).clamp(0.0, 255.0));
            }
        }
        (_, [first, green, third]) => {
            let bgr = channels == Channels::Bgr;
            let (red, blue) = if bgr { (third, first) } else { (first, third) };
            let lines = (red.as_chunks_mut::<2>().0.iter_mut())
                .zip(green.as_chunks_mut::<2>().0)
                .zip(blue.as_chunks_mut::<2>().0);
            for (((red, green), blue), [y0, u, y1, v]) in lines.zip(pairs) {
                let (u, v) = ((u - 128.0) * (255.0 / 224.0), (v - 128.0) * (255.0 / 224.0));
                let add = |chroma: f32| [y0, y1].map(|y| (level(*y) + chroma).clamp(0.0, 255.0));
                *red = add(1.402 * v);
                *green = add(-0.344_136 * u - 0.714_136 * v);
                *blue = add(1.772 * u);
            }
        }
        (_, lines) => unreachable!("{} lines for {channels:?}", lines.len()),
    }
}

#[cfg(test)]
#[path = "preprocess_tests.rs"]
mod tests;
