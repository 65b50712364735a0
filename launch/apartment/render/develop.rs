//! From light to bytes: exposure, film curve, vignette, noise, JPEG.

use std::sync::LazyLock;

use glam::Vec3;

use crate::camera::{Development, Exposure, Pinhole};
use crate::dice::hash;
use crate::material::{encoded, luminance};

/// Turns linear light into sRGB bytes, 3 per pixel. `seed` picks the noise.
pub(crate) fn develop(
    light: &[Vec3],
    camera: &Pinhole,
    development: &Development,
    seed: u64,
) -> Vec<u8> {
    let gain = gain(light, development.exposure);
    let balance = Vec3::new(1.0 + development.warmth, 1.0, 1.0 - development.warmth) * gain;
    let curve = &*CURVE;
    let (width, height) = (camera.width() as usize, camera.height() as usize);
    let (half_x, half_y) = (width as f32 / 2.0, height as f32 / 2.0);
    let reach = 1.0 / (half_x * half_x + half_y * half_y);
    let mut bytes = Vec::with_capacity(light.len() * 3);
    let start = hash(seed as u32 ^ hash((seed >> 32) as u32 ^ 0x5eed));
    for row in 0..height {
        let dy = row as f32 - half_y;
        for column in 0..width {
            let pixel = row * width + column;
            let dx = column as f32 - half_x;
            let corner = (dx * dx + dy * dy) * reach;
            let value =
                light[pixel] * balance * (1.0 - development.vignette * corner * corner.sqrt());
            let mut noise = start.wrapping_add(pixel as u32 * 3);
            for channel in value.to_array() {
                // Reinhard's x/(1+x) spreads the table evenly over the stops.
                let place = channel / (1.0 + channel) * (curve.len() - 1) as f32;
                let mut out = curve[(place as usize).min(curve.len() - 1)];
                noise = noise.wrapping_add(1);
                let bits = hash(noise);
                let sum = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24);
                let normal = (sum as f32 - 510.0) * (1.0 / 147.8);
                out += normal * development.noise * (1.35 - 0.7 * out);
                bytes.push((out.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
            }
        }
    }
    match development.jpeg_quality {
        Some(quality) => through_jpeg(bytes, camera, quality),
        None => bytes,
    }
}

/// The exposure's factor on radiance.
fn gain(light: &[Vec3], exposure: Exposure) -> f32 {
    match exposure {
        Exposure::Fixed { stops } => stops.exp2(),
        Exposure::Auto { stops } => {
            let mut sum = 0.0;
            let mut count = 0.0f32;
            for value in light.iter().step_by(7) {
                sum += (luminance(*value).min(6.0) + 1e-3).log2();
                count += 1.0;
            }
            let mean = (sum / count.max(1.0)).exp2();
            // Dark rooms stay a little dark.
            (0.30 / mean.powf(0.93)).min(60.0) * stops.exp2()
        }
    }
}

static CURVE: LazyLock<Vec<f32>> = LazyLock::new(curve);

/// The film curve (Hable's filmic operator) and sRGB, tabulated over x/(1+x).
fn curve() -> Vec<f32> {
    let hable =
        |x: f32| (x * (0.22 * x + 0.03) + 0.002) / (x * (0.22 * x + 0.3) + 0.06) - 0.033_333;
    let white = hable(5.5);
    (0..4096)
        .map(|i| {
            let t = i as f32 / 4096.0;
            let x = t / (1.0 - t);
            encoded((hable(x * 1.65) / white).clamp(0.0, 1.0))
        })
        .collect()
}

/// What a JPEG of this quality leaves of the picture.
fn through_jpeg(bytes: Vec<u8>, camera: &Pinhole, quality: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, quality);
    let encoded = image::ImageEncoder::write_image(
        encoder,
        &bytes,
        camera.width(),
        camera.height(),
        image::ExtendedColorType::Rgb8,
    );
    match encoded
        .and_then(|()| image::load_from_memory_with_format(&file, image::ImageFormat::Jpeg))
    {
        Ok(picture) => picture.into_rgb8().into_raw(),
        // Encoding into memory fails for no picture that Intrinsics allows.
        Err(_) => bytes,
    }
}
