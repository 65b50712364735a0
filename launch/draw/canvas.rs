//! A picture that is drawn on.

use std::path::Path;

use concert_models::{Image, PixelFormat};
use concert_policies::document::{WriteError, write_whole};
use font8x8::UnicodeFonts;
use image::ImageEncoder as _;
use image::codecs::png::PngEncoder;

use super::colour::Rgb;

/// A picture of red, green and blue bytes, top row first. Pixel centres lie at
/// whole numbers; what is drawn outside is cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    /// A picture of one colour.
    #[must_use]
    pub(crate) fn new(width: usize, height: usize, colour: Rgb) -> Self {
        let pixels = vec![colour; width * height];
        Self {
            width,
            height,
            pixels,
        }
    }

    /// The picture that a camera image shows, of every nth pixel where it is
    /// wider or higher than `side`.
    #[must_use]
    pub(crate) fn of_at_most(image: &Image, side: usize) -> Self {
        let longest = image.width().max(image.height());
        let every = longest.div_ceil(side.max(1)).max(1);
        if every == 1 {
            return Self::of(image);
        }
        let (width, height) = (image.width() / every, image.height() / every);
        let mut small = Self::new(width, height, [0; 3]);
        let bytes = image.format().bytes_per_pixel();
        for v in 0..height {
            let row = image.row(v * every);
            for u in 0..width {
                let at = u * every;
                let pixel = match image.format() {
                    PixelFormat::Grey8 => [row[at]; 3],
                    // Two pixels share their colour.
                    PixelFormat::Yuyv => {
                        let pair = at / 2 * 4;
                        rgb_from_yuyv(&row[pair..pair + 4])[at % 2]
                    }
                    PixelFormat::Bgr8 | PixelFormat::Bgra8 => {
                        let p = &row[at * bytes..];
                        [p[2], p[1], p[0]]
                    }
                    PixelFormat::Rgb8 | PixelFormat::Rgba8 => {
                        let p = &row[at * bytes..];
                        [p[0], p[1], p[2]]
                    }
                };
                small.pixels[v * width + u] = pixel;
            }
        }
        small
    }

    /// The picture that a camera image shows.
    #[must_use]
    pub(crate) fn of(image: &Image) -> Self {
        let (width, height) = (image.width(), image.height());
        let mut pixels = Vec::with_capacity(width * height);
        for v in 0..height {
            let row = image.row(v);
            match image.format() {
                PixelFormat::Grey8 => pixels.extend(row.iter().map(|&y| [y; 3])),
                PixelFormat::Yuyv => pixels.extend(row.chunks_exact(4).flat_map(rgb_from_yuyv)),
                PixelFormat::Bgr8 | PixelFormat::Bgra8 => {
                    let each = row.chunks_exact(image.format().bytes_per_pixel());
                    pixels.extend(each.map(|p| [p[2], p[1], p[0]]));
                }
                PixelFormat::Rgb8 | PixelFormat::Rgba8 => {
                    let each = row.chunks_exact(image.format().bytes_per_pixel());
                    pixels.extend(each.map(|p| [p[0], p[1], p[2]]));
                }
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Width, px.
    #[must_use]
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Height, px.
    #[must_use]
    pub(crate) fn height(&self) -> usize {
        self.height
    }

    /// The pixel at column `u` of row `v`, if there is one.
    #[must_use]
    pub(crate) fn get(&self, u: usize, v: usize) -> Option<Rgb> {
        (u < self.width && v < self.height).then(|| self.pixels[v * self.width + u])
    }

    /// Colours one pixel.
    pub(crate) fn set(&mut self, u: i64, v: i64, colour: Rgb) {
        let inside = (0..self.width as i64).contains(&u) && (0..self.height as i64).contains(&v);
        if inside {
            self.pixels[v as usize * self.width + u as usize] = colour;
        }
    }

    /// A filled disc.
    pub(crate) fn disc(&mut self, [u, v]: [f64; 2], radius: f64, colour: Rgb) {
        if !(u.is_finite() && v.is_finite()) {
            return;
        }
        let reach = radius.ceil() as i64;
        let (cu, cv) = (u.round() as i64, v.round() as i64);
        for dv in -reach..=reach {
            for du in -reach..=reach {
                if (du * du + dv * dv) as f64 <= radius * radius {
                    self.set(cu.saturating_add(du), cv.saturating_add(dv), colour);
                }
            }
        }
    }

    /// A line, two pixels wide.
    pub(crate) fn line(&mut self, from: [f64; 2], to: [f64; 2], colour: Rgb) {
        let finite = from.iter().chain(&to).all(|x| x.is_finite());
        let reach = (to[0] - from[0]).abs().max((to[1] - from[1]).abs());
        // Longer than any picture: not a line that can be meant.
        if !finite || reach > 4.0 * Image::MAX_SIDE as f64 {
            return;
        }
        let steps = reach.ceil().max(1.0);
        for step in 0..=steps as usize {
            let t = step as f64 / steps;
            let [u, v] = [0, 1].map(|axis| from[axis] + t * (to[axis] - from[axis]));
            let (u, v) = (u.round() as i64, v.round() as i64);
            self.set(u, v, colour);
            self.set(u + 1, v, colour);
            self.set(u, v + 1, colour);
        }
    }

    /// The outline of a rectangle, one pixel wide; what lies beyond the picture is left out.
    pub(crate) fn frame(&mut self, from: [f64; 2], to: [f64; 2], colour: Rgb) {
        if !from.iter().chain(&to).all(|px| px.is_finite()) {
            return;
        }
        let (last_u, last_v) = (self.width as f64 - 1.0, self.height as f64 - 1.0);
        let hold = |[u, v]: [f64; 2]| {
            let held = [
                u.round().clamp(-1.0, last_u + 1.0),
                v.round().clamp(-1.0, last_v + 1.0),
            ];
            held.map(|px| px as i64)
        };
        let ([u0, v0], [u1, v1]) = (hold(from), hold(to));
        for u in u0..=u1 {
            self.set(u, v0, colour);
            self.set(u, v1, colour);
        }
        for v in v0..=v1 {
            self.set(u0, v, colour);
            self.set(u1, v, colour);
        }
    }

    /// A rectangle of `size` (width, height) full of one colour, its top left
    /// corner at `from`.
    pub(crate) fn rectangle_filled(
        &mut self,
        [u, v]: [i64; 2],
        [width, height]: [i64; 2],
        colour: Rgb,
    ) {
        for dv in 0..height.clamp(0, self.height as i64) {
            for du in 0..width.clamp(0, self.width as i64) {
                self.set(u + du, v + dv, colour);
            }
        }
    }

    /// Copies a picture into this one, its top left corner at column `u` of row
    /// `v`.
    pub(crate) fn paste(&mut self, from: &Canvas, u: usize, v: usize) {
        for row in 0..from.height {
            for column in 0..from.width {
                let colour = from.pixels[row * from.width + column];
                self.set((u + column) as i64, (v + row) as i64, colour);
            }
        }
    }

    /// Letters of 8 × 8 pixels times `scale`, with their top left corner at
    /// (`u`, `v`); letters that the font lacks are left blank.
    pub(crate) fn text(&mut self, u: i64, v: i64, scale: i64, colour: Rgb, text: &str) {
        for (index, letter) in text.chars().take(1000).enumerate() {
            let Some(rows) = font8x8::BASIC_FONTS.get(letter) else {
                continue;
            };
            let left = u + index as i64 * 8 * scale;
            for bit in 0..64 * scale * scale {
                let (x, y) = (bit % (8 * scale), bit / (8 * scale));
                if rows[(y / scale) as usize] >> (x / scale) & 1 == 1 {
                    self.set(left + x, v + y, colour);
                }
            }
        }
    }

    /// Lines of text in a dark band at the bottom.
    pub(crate) fn caption(&mut self, lines: &[String]) {
        let scale = (self.width / 240).clamp(1, 4) as i64;
        let step = 10 * scale;
        let top = self.height as i64 - step * lines.len() as i64 - 2 * scale;
        for v in top.max(0) as usize..self.height {
            for pixel in &mut self.pixels[v * self.width..(v + 1) * self.width] {
                *pixel = pixel.map(|channel| channel / 4);
            }
        }
        for (index, line) in lines.iter().enumerate() {
            let v = top + 2 * scale + step * index as i64;
            self.text(4 * scale, v, scale, [255, 255, 255], line);
        }
    }

    /// This picture with `right` at its right; the lower one ends in black.
    #[must_use]
    pub(crate) fn beside(&self, right: &Canvas) -> Canvas {
        let width = self.width + right.width;
        let mut both = Canvas::new(width, self.height.max(right.height), [0; 3]);
        for (part, left) in [(self, 0), (right, self.width)] {
            for v in 0..part.height {
                let row = &part.pixels[v * part.width..(v + 1) * part.width];
                let start = v * width + left;
                both.pixels[start..start + part.width].copy_from_slice(row);
            }
        }
        both
    }

    /// The picture in another size; each pixel is the mean of what it covers.
    #[must_use]
    pub(crate) fn resized(&self, width: usize, height: usize) -> Canvas {
        let mut small = Canvas::new(width, height, [0; 3]);
        if self.pixels.is_empty() {
            return small;
        }
        let span = |index: usize, to: usize, from: usize| {
            let start = index * from / to;
            start..((index + 1) * from).div_ceil(to).clamp(start + 1, from)
        };
        for v in 0..height {
            for u in 0..width {
                let (rows, columns) = (span(v, height, self.height), span(u, width, self.width));
                let count = rows.len() * columns.len();
                let mut sums = [0usize; 3];
                for row in rows {
                    for pixel in &self.pixels[row * self.width..][columns.clone()] {
                        (0..3).for_each(|channel| sums[channel] += usize::from(pixel[channel]));
                    }
                }
                small.pixels[v * width + u] = sums.map(|sum| (sum / count) as u8);
            }
        }
        small
    }

    /// Writes a PNG file, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written, or the picture is empty.
    pub(crate) fn write_png(&self, path: &Path) -> Result<(), WriteError> {
        write_png(
            path,
            self.pixels.as_flattened(),
            self.width as u32,
            self.height as u32,
        )
    }
}

/// Writes red, green and blue bytes as a PNG file, whole or not at all.
pub(crate) fn write_png(
    path: &Path,
    bytes: &[u8],
    width: u32,
    height: u32,
) -> Result<(), WriteError> {
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(bytes, width, height, image::ExtendedColorType::Rgb8)
        .map_err(|error| WriteError {
            path: path.to_owned(),
            source: std::io::Error::other(error),
        })?;
    write_whole(path, &png)
}

/// Two pixels of BT.601 limited range.
fn rgb_from_yuyv(quad: &[u8]) -> [Rgb; 2] {
    let [u, v] = [quad[1], quad[3]].map(|c| f32::from(c) - 128.0);
    [quad[0], quad[2]].map(|y| {
        let y = 1.164_383 * (f32::from(y) - 16.0);
        [
            y + 1.596_027 * v,
            y - 0.391_762 * u - 0.812_968 * v,
            y + 2.017_232 * u,
        ]
        .map(|channel| channel.round().clamp(0.0, 255.0) as u8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_format_shows_the_same_colour() {
        let cases: [(PixelFormat, &[u8], Rgb); 6] = [
            (
                PixelFormat::Rgb8,
                &[200, 100, 50, 200, 100, 50],
                [200, 100, 50],
            ),
            (
                PixelFormat::Bgr8,
                &[50, 100, 200, 50, 100, 200],
                [200, 100, 50],
            ),
            (
                PixelFormat::Rgba8,
                &[200, 100, 50, 0, 200, 100, 50, 0],
                [200, 100, 50],
            ),
            (
                PixelFormat::Bgra8,
                &[50, 100, 200, 0, 50, 100, 200, 0],
                [200, 100, 50],
            ),
            (PixelFormat::Grey8, &[77, 77], [77, 77, 77]),
            (PixelFormat::Yuyv, &[235, 128, 235, 128], [255, 255, 255]),
        ];
        for (format, bytes, want) in cases {
            let image = Image::packed(2, 1, format, bytes.to_vec()).expect("an image");
            let canvas = Canvas::of(&image);
            assert_eq!(canvas.pixels, [want; 2], "{format:?}");
            let small = Canvas::of_at_most(&image, 1);
            assert_eq!(
                (small.width, small.height),
                (1, 0),
                "half as high is no row"
            );
            let twice = [bytes, bytes].concat();
            let image = Image::packed(2, 2, format, twice).expect("an image");
            assert_eq!(Canvas::of_at_most(&image, 1).pixels, [want], "{format:?}");
        }
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let mut canvas = Canvas::new(4, 4, [0; 3]);
        canvas.disc([-1.0, 1e18], 3.0, [255; 3]);
        canvas.disc([f64::NAN, 1.0], 3.0, [255; 3]);
        canvas.line([0.0, 0.0], [f64::INFINITY, 0.0], [255; 3]);
        canvas.line([0.0, 0.0], [1e300, 0.0], [255; 3]);
        assert_eq!(canvas, Canvas::new(4, 4, [0; 3]));
        canvas.text(-5, -5, 2, [255; 3], "cut");
        canvas.line([-10.0, 2.0], [10.0, 2.0], [255; 3]);
        assert_eq!(canvas.get(3, 2), Some([255; 3]));
        assert_eq!(canvas.get(4, 2), None);
    }

    #[test]
    fn letters_stand_upright() {
        let mut canvas = Canvas::new(8, 8, [0; 3]);
        canvas.text(0, 0, 1, [1; 3], "L");
        let ink = |v: usize| (0..8).filter(|&u| canvas.get(u, v) == Some([1; 3])).count();
        assert!(ink(6) > ink(0), "the foot of an L is its widest row");
        assert!(canvas.get(1, 1) == Some([1; 3]) && canvas.get(6, 1) == Some([0; 3]));
    }

    #[test]
    fn a_smaller_picture_is_the_mean_of_the_larger() {
        let mut canvas = Canvas::new(2, 2, [0; 3]);
        canvas.set(0, 0, [200, 100, 40]);
        assert_eq!(canvas.resized(1, 1).get(0, 0), Some([50, 25, 10]));
        assert_eq!(canvas.resized(5, 3).get(0, 0), Some([200, 100, 40]));
    }

    #[test]
    fn a_written_picture_reads_back_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        let mut canvas = Canvas::new(5, 3, [1, 2, 3]);
        canvas.set(4, 2, [9, 8, 7]);
        canvas.write_png(&path).expect("written");
        let read = image::open(&path).expect("an image").into_rgb8();
        assert_eq!(read.dimensions(), (5, 3));
        assert_eq!(read.as_raw().as_slice(), canvas.pixels.as_flattened());
        assert!(canvas.write_png(folder.path()).is_err(), "a folder");
        let empty = Canvas::new(0, 0, [0; 3]);
        assert!(empty.write_png(&folder.path().join("b.png")).is_err());
    }
}
