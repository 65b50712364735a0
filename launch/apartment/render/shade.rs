//! The light that a point of a surface sends to the eye.

use glam::{Mat3, Vec2, Vec3};

use super::{NO_FACE, Visibility};
use crate::bvh::Bvh;
use crate::camera::Pinhole;
use crate::material::{Kind, Material};
use crate::scene::Scene;
use crate::shape::Surface;

/// What shading needs of one picture.
pub(crate) struct Shader<'a> {
    scene: &'a Scene,
    camera: &'a Pinhole,
    eye: Vec3,
    world_from_optical: Mat3,
    /// Angle of a pixel, rad.
    pixel: f32,
}

/// A point seen: everything that its colour depends on.
struct Seen<'a> {
    surface: &'a Surface,
    material: &'a Material,
    point: Vec3,
    /// World, unit, towards the eye.
    normal: Vec3,
    /// From the eye, unit.
    view: Vec3,
    uv: Vec2,
    light: Vec2,
    /// Width of the pixel on the surface, m.
    footprint: f32,
}

impl<'a> Shader<'a> {
    pub(crate) fn new(
        scene: &'a Scene,
        camera: &'a Pinhole,
        eye: Vec3,
        world_from_optical: Mat3,
    ) -> Self {
        Self {
            scene,
            camera,
            eye,
            world_from_optical,
            pixel: 1.0 / camera.fx() as f32,
        }
    }

    /// Whether two faces are one smooth surface, so that one sample serves both.
    pub(crate) fn alike(&self, a: u32, b: u32) -> bool {
        a == b
            || (a != NO_FACE
                && b != NO_FACE
                && self.scene.faces[a as usize].surface == self.scene.faces[b as usize].surface)
    }

    /// The radiance that a face sends through a place of the picture.
    pub(crate) fn pixel(&self, visibility: &Visibility, face: u32, u: f32, v: f32) -> Vec3 {
        let ray = self.camera.ray(u, v);
        let direction = self.world_from_optical * ray;
        if face == NO_FACE {
            return self.scene.outside.view(direction);
        }
        let corners = self.scene.faces[face as usize]
            .vertices
            .map(|v| visibility.positions[v as usize]);
        let (depth, weights) = meet(corners, ray);
        let length = direction.length();
        let at = (self.eye + direction * depth, direction / length);
        radiance(self.scene, face, weights, at, depth * length * self.pixel)
    }
}

/// Where the ray through the eye meets the face's plane: (z, weights of the
/// second and third corner).
pub(crate) fn meet([a, b, c]: [Vec3; 3], ray: Vec3) -> (f32, (f32, f32)) {
    let (e1, e2) = (b - a, c - a);
    let normal = e1.cross(e2);
    let along = normal.dot(ray);
    let inverse = if along.abs() < 1e-20 {
        0.0
    } else {
        1.0 / along
    };
    let depth = normal.dot(a) * inverse;
    let turned = a.cross(ray);
    (depth, (e2.dot(turned) * inverse, -e1.dot(turned) * inverse))
}

/// The radiance that a face sends back along `view` from `point`.
pub(crate) fn radiance(
    scene: &Scene,
    face: u32,
    (w1, w2): (f32, f32),
    (point, view): (Vec3, Vec3),
    footprint: f32,
) -> Vec3 {
    let face = &scene.faces[face as usize];
    let surface = &scene.surfaces[face.surface as usize];
    let material = &scene.materials[usize::from(surface.material.0)];
    if material.kind == Kind::Pane && scene.probes.is_empty() {
        return scene.outside.view(view);
    }
    let [a, b, c] = face.vertices.map(|v| &scene.vertices[v as usize]);
    let w0 = 1.0 - w1 - w2;
    let pose = scene.objects[surface.object as usize].pose;
    let mut normal =
        pose.direction((a.normal * w0 + b.normal * w1 + c.normal * w2).normalize_or(a.normal));
    if normal.dot(view) > 0.0 {
        normal = if material.two_sided || material.kind == Kind::Pane {
            -normal
        } else {
            normal - view * normal.dot(view)
        };
    }
    let seen = Seen {
        surface,
        material,
        point,
        normal,
        view,
        uv: a.uv * w0 + b.uv * w1 + c.uv * w2,
        light: a.light * w0 + b.light * w1 + c.light * w2,
        footprint,
    };
    shine(scene, &seen)
}

fn shine(scene: &Scene, seen: &Seen) -> Vec3 {
    let material = seen.material;
    let facing = (-seen.normal.dot(seen.view)).clamp(0.02, 1.0);
    let probe = scene
        .probes
        .get(scene.objects[seen.surface.object as usize].room);
    let mirrored = |roughness: f32| {
        let direction = seen.view - 2.0 * seen.normal.dot(seen.view) * seen.normal;
        probe.map_or(Vec3::ZERO, |p| p.reflect(seen.point, direction, roughness))
    };
    // Schlick's Fresnel term.
    let grazing = (1.0 - facing).powi(5);
    match material.kind {
        Kind::Pane => {
            return scene.outside.view(seen.view) * 0.92 + mirrored(0.0) * (0.05 + 0.6 * grazing);
        }
        Kind::Mirror => return mirrored(0.0) * material.tint,
        Kind::Opaque => {}
    }
    let mut colour = material.tint;
    if let Some(texture) = material.texture {
        let footprint = seen.footprint / facing.sqrt();
        colour *= scene.textures[usize::from(texture)].sample(seen.uv, footprint);
    }
    let light = scene.irradiance(seen.surface, seen.light);
    let diffuse = colour * light * ((1.0 - material.metallic) / std::f32::consts::PI);
    let smoothness = 1.0 - material.roughness;
    if smoothness < 0.15 && material.metallic == 0.0 {
        return diffuse + material.emission;
    }
    let base = Vec3::splat(0.04).lerp(colour, material.metallic);
    let fresnel = base + (Vec3::splat(smoothness).max(base) - base) * grazing;
    // Where little light arrives there is little to reflect either: the bake's shadows dim the sheen.
    let shadow = (crate::material::luminance(light) * 1.2).clamp(0.35, 1.0);
    diffuse * (1.0 - fresnel.x * 0.5)
        + fresnel * mirrored(material.roughness) * shadow
        + material.emission
}

/// Radiance along a ray traced through the home; used for the probes.
pub(crate) fn background_free_radiance(
    scene: &Scene,
    bvh: &Bvh,
    origin: Vec3,
    direction: Vec3,
) -> Vec3 {
    match bvh.closest(origin, direction, 60.0) {
        Some(hit) => radiance(
            scene,
            hit.face,
            hit.weights,
            (origin + direction * hit.distance, direction),
            0.05,
        ),
        None => scene.outside.glow(direction),
    }
}
