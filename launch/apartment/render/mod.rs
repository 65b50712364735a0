//! From a scene and a camera to a picture and its labels.

mod develop;
mod raster;
mod shade;

use glam::{Mat3, Vec3};

use crate::camera::Pinhole;
use crate::pose::CameraPose;
use crate::scene::Scene;

pub(crate) use develop::develop;
pub(crate) use raster::{NO_FACE, SAMPLES, Visibility, Visible};
pub(crate) use shade::{Shader, background_free_radiance, meet};

/// Linear light per pixel from what is visible.
pub(crate) fn expose(
    scene: &Scene,
    camera: &Pinhole,
    world_from_optical: CameraPose,
    visibility: &Visibility,
    antialias: bool,
) -> Vec<Vec3> {
    let rotation: Mat3 = world_from_optical.matrix();
    let shader = Shader::new(scene, camera, world_from_optical.translation, rotation);
    let (width, height) = (camera.width() as usize, camera.height() as usize);
    let mut light = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            let pixel = row * width + column;
            let face = visibility.face(0, pixel);
            let centre = shader.pixel(visibility, face, column as f32, row as f32);
            if !antialias {
                light.push(centre);
                continue;
            }
            let mut sum = centre;
            let mut known = [(face, centre); SAMPLES];
            for (sample, offset) in raster::OFFSETS.iter().enumerate().skip(1) {
                let other = visibility.face(sample, pixel);
                let before = known[..sample]
                    .iter()
                    .find(|(k, _)| shader.alike(*k, other));
                let value = match before {
                    Some((_, value)) => *value,
                    None => shader.pixel(
                        visibility,
                        other,
                        column as f32 + offset.0,
                        row as f32 + offset.1,
                    ),
                };
                known[sample] = (other, value);
                // Bright light behind an edge must not eat the whole pixel.
                sum += value.min(Vec3::splat(12.0));
            }
            light.push(sum / SAMPLES as f32);
        }
    }
    light
}
