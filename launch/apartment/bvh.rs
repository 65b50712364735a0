//! Rays against the scene: a bounding volume hierarchy over world triangles.

use std::time::Duration;

use glam::{Vec3, Vec3A};
use obvhs::BvhBuildParams;
use obvhs::bvh2::{Bvh2, builder::build_bvh2_from_tris};
use obvhs::ray::{Ray, RayHit};
use obvhs::triangle::Triangle;

use crate::material::Kind;
use crate::scene::Scene;

/// Where a ray met a face.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    /// Distance along the ray in lengths of its direction.
    pub(crate) distance: f32,
    pub(crate) face: u32,
    /// Weights of the face's second and third corners.
    pub(crate) weights: (f32, f32),
}

/// The hierarchy, with triangles in traversal order.
pub(crate) struct Bvh {
    tree: Bvh2,
    triangles: Vec<Triangle>,
    faces: Vec<u32>,
    /// Per triangle: lets light through.
    clear: Vec<bool>,
}

impl std::fmt::Debug for Bvh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bvh")
            .field("triangles", &self.triangles.len())
            .finish()
    }
}

impl Bvh {
    /// Over every face of the scene where it stands now.
    pub(crate) fn build(scene: &Scene) -> Self {
        let world: Vec<Triangle> = (0..scene.faces.len() as u32)
            .map(|face| {
                let [a, b, c] = scene.triangle(face).map(Vec3A::from);
                Triangle {
                    v0: a,
                    v1: b,
                    v2: c,
                }
            })
            .collect();
        let mut build_time = Duration::ZERO;
        let tree = build_bvh2_from_tris(&world, BvhBuildParams::fast_build(), &mut build_time);
        let faces: Vec<u32> = tree.primitive_indices.clone();
        let clear = faces
            .iter()
            .map(|&face| {
                let surface = scene.surfaces[scene.faces[face as usize].surface as usize];
                scene.materials[usize::from(surface.material.0)].kind == Kind::Pane
            })
            .collect();
        let triangles = faces.iter().map(|&face| world[face as usize]).collect();
        Self {
            tree,
            triangles,
            faces,
            clear,
        }
    }

    /// The nearest face along the ray, up to `reach` lengths of `direction`.
    pub(crate) fn closest(&self, origin: Vec3, direction: Vec3, reach: f32) -> Option<Hit> {
        let ray = Ray::new(origin.into(), direction.into(), 0.0, reach);
        let mut hit = RayHit::none();
        self.tree
            .ray_traverse(ray, &mut hit, |ray, id| self.triangles[id].intersect(ray));
        if !hit.t.is_finite() || hit.primitive_id == u32::MAX {
            return None;
        }
        let id = hit.primitive_id as usize;
        let corners = [
            self.triangles[id].v0,
            self.triangles[id].v1,
            self.triangles[id].v2,
        ]
        .map(Vec3::from);
        let weights = weights(corners, origin + direction * hit.t);
        Some(Hit {
            distance: hit.t,
            face: self.faces[id],
            weights,
        })
    }

    /// Whether anything but window panes stands between.
    pub(crate) fn blocked(&self, origin: Vec3, direction: Vec3, reach: f32) -> bool {
        let ray = Ray::new(origin.into(), direction.into(), 0.0, reach);
        !self.tree.ray_traverse_miss(ray, |ray, id| {
            if self.clear[id] {
                f32::INFINITY
            } else {
                self.triangles[id].intersect(ray)
            }
        })
    }
}

/// Barycentric weights of the second and third corner at a point of the plane.
pub(crate) fn weights([a, b, c]: [Vec3; 3], point: Vec3) -> (f32, f32) {
    let (e1, e2, p) = (b - a, c - a, point - a);
    let (d11, d12, d22) = (e1.dot(e1), e1.dot(e2), e2.dot(e2));
    let (p1, p2) = (p.dot(e1), p.dot(e2));
    let inverse = 1.0 / (d11 * d22 - d12 * d12).max(1e-20);
    (
        (d22 * p1 - d12 * p2) * inverse,
        (d11 * p2 - d12 * p1) * inverse,
    )
}
