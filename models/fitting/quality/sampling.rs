//! Outputs at the resolution of a label.

use concert_models::Affine2;

/// The rule for values between the pixels of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Between the four nearest pixels; the nearest alone where one of them is
    /// unknown.
    Bilinear,
    /// The nearest pixel's: for numbers of classes.
    Nearest,
}

/// Brings a dense output of `channels` × `from` (width, height) to the size of
/// a picture: NaN where the picture's pixel lies outside what the output shows.
///
/// `image_from_output` maps a pixel of the output to one of the picture, as
/// outputs carry it.
#[must_use]
pub fn resample(
    values: &[f32],
    channels: usize,
    from: (usize, usize),
    image_from_output: &Affine2,
    (width, height): (usize, usize),
    filter: Filter,
) -> Vec<f32> {
    let mut out = vec![f32::NAN; channels * width * height];
    let Some(output_from_image) = image_from_output.inverse() else {
        return out;
    };
    let plane = from.0 * from.1;
    if plane == 0 || values.len() < channels * plane {
        return out;
    }
    for v in 0..height {
        for u in 0..width {
            let [x, y] = output_from_image.apply([u as f64, v as f64]);
            let (Some(x), Some(y)) = (inside(x, from.0), inside(y, from.1)) else {
                continue;
            };
            for channel in 0..channels {
                let plane = &values[channel * plane..(channel + 1) * plane];
                out[(channel * height + v) * width + u] = match filter {
                    Filter::Nearest => nearest(plane, from.0, x, y),
                    Filter::Bilinear => bilinear(plane, from.0, x, y),
                };
            }
        }
    }
    out
}

/// Clamps to the pixels' centres, within half a pixel and a little for rounding.
fn inside(at: f64, size: usize) -> Option<f32> {
    let last = size as f64 - 1.0;
    let slack = 0.5 + 1e-6;
    (at >= -slack && at <= last + slack).then(|| at.clamp(0.0, last) as f32)
}

fn nearest(plane: &[f32], width: usize, x: f32, y: f32) -> f32 {
    plane[y.round() as usize * width + x.round() as usize]
}

fn bilinear(plane: &[f32], width: usize, x: f32, y: f32) -> f32 {
    let (u, v) = (x as usize, y as usize);
    let (s, t) = (x - u as f32, y - v as f32);
    let right = usize::from(s > 0.0);
    let below = width * usize::from(t > 0.0);
    let at = v * width + u;
    let (a, b) = (plane[at], plane[at + right]);
    let (c, d) = (plane[at + below], plane[at + below + right]);
    let top = a + s * (b - a);
    let value = top + t * ((c + s * (d - c)) - top);
    if value.is_nan() {
        nearest(plane, width, x, y)
    } else {
        value
    }
}

/// Class numbers of a class map's output: the place of the greatest score of
/// each pixel, or the rounded label where there is one channel.
#[must_use]
pub fn class_numbers(values: &[f32], channels: usize, plane: usize) -> Vec<f32> {
    if channels == 1 {
        return values.iter().map(|value| value.round()).collect();
    }
    let greatest = |pixel: usize| {
        let score = |channel: usize| values[channel * plane + pixel];
        let best = (0..channels).reduce(|best, next| match score(next) > score(best) {
            true => next,
            false => best,
        });
        best.map_or(f32::NAN, |best| best as f32)
    };
    (0..plane).map(greatest).collect()
}
