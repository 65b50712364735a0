//! Meshes, and the primitives that furniture is made of.
//!
//! Every primitive is one or more *sheets*: a grid over (s, t) with exact
//! normals and principal curvatures of the surface it stands for, and a chart
//! of light points that the bake fills in. Depth is the depth of the mesh.

mod primitives;
mod round;

use glam::{Affine3A, Vec2, Vec3};

use crate::material::MaterialId;

/// One vertex, in the object's frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vertex {
    /// Metres.
    pub(crate) position: Vec3,
    /// Unit, outwards.
    pub(crate) normal: Vec3,
    /// Texture coordinates, in metres or in texture widths.
    pub(crate) uv: Vec2,
    /// Column and row in the surface's chart of light.
    pub(crate) light: Vec2,
}

/// One triangle; counter-clockwise seen from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Face {
    pub(crate) vertices: [u32; 3],
    pub(crate) surface: u32,
    /// Principal curvatures, 1/m, the larger first; positive where convex.
    pub(crate) curvature: [f32; 2],
}

/// A connected smooth piece of one material.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surface {
    pub(crate) material: MaterialId,
    /// Index of the object in the scene.
    pub(crate) object: u32,
    /// First light texel.
    pub(crate) chart: u32,
    /// Columns and rows of light texels, each at least 2.
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// Where light is baked: a point on a surface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LightPoint {
    pub(crate) position: Vec3,
    pub(crate) normal: Vec3,
}

/// A point of a parametric surface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) position: Vec3,
    pub(crate) normal: Vec3,
    pub(crate) uv: Vec2,
    /// Principal curvatures, 1/m, in any order.
    pub(crate) curvature: [f32; 2],
}

/// A mesh under construction, in the frame of its object. The primitives'
/// methods stand in this folder's other files.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) vertices: Vec<Vertex>,
    pub(crate) faces: Vec<Face>,
    pub(crate) surfaces: Vec<Surface>,
    pub(crate) light_points: Vec<LightPoint>,
    placed: Vec<Affine3A>,
    /// Metres between light texels on large sheets.
    pub(crate) light_spacing: f32,
    /// Offsets textures so that no two boards show the same grain.
    grain: u32,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// An empty mesh.
    pub(crate) fn new() -> Self {
        Self {
            vertices: Vec::new(),
            faces: Vec::new(),
            surfaces: Vec::new(),
            light_points: Vec::new(),
            placed: vec![Affine3A::IDENTITY],
            light_spacing: 0.14,
            grain: 0,
        }
    }

    /// Runs `build` with everything it makes moved by `model_from_part`.
    pub(crate) fn at(&mut self, model_from_part: Affine3A, build: impl FnOnce(&mut Self)) {
        let outer = self.transform();
        self.placed.push(outer * model_from_part);
        build(self);
        self.placed.pop();
    }

    fn transform(&self) -> Affine3A {
        self.placed.last().copied().unwrap_or(Affine3A::IDENTITY)
    }

    /// Shifts textures from one board to the next.
    fn next_grain(&mut self) -> Vec2 {
        self.grain = crate::dice::hash(self.grain.wrapping_add(0x9e37_79b9));
        Vec2::new((self.grain & 0xff) as f32, (self.grain >> 8 & 0xff) as f32) / 83.0
    }

    /// Light texels along `length` metres.
    fn texels(&self, length: f32) -> usize {
        ((length / self.light_spacing).ceil() as usize + 1).clamp(2, 160)
    }

    /// Adds the sheet `point(s, t)`, cut at the given knots (rising, from 0 to 1).
    pub(crate) fn sheet(
        &mut self,
        material: MaterialId,
        knots: (&[f32], &[f32]),
        chart: (usize, usize),
        point: impl Fn(f32, f32) -> Sample,
    ) {
        let surface = self.open_surface(material, chart, &point);
        let base = self.vertices.len() as u32;
        let transform = self.transform();
        for &t in knots.1 {
            for &s in knots.0 {
                let sample = point(s, t);
                self.vertices.push(Vertex {
                    position: transform.transform_point3(sample.position),
                    normal: transform
                        .transform_vector3(sample.normal)
                        .normalize_or(Vec3::Z),
                    uv: sample.uv,
                    light: Vec2::new(s * (chart.0 - 1) as f32, t * (chart.1 - 1) as f32),
                });
            }
        }
        let width = knots.0.len() as u32;
        for row in 0..knots.1.len() - 1 {
            for column in 0..knots.0.len() - 1 {
                let middle = point(
                    0.5 * (knots.0[column] + knots.0[column + 1]),
                    0.5 * (knots.1[row] + knots.1[row + 1]),
                );
                let corner = base + row as u32 * width + column as u32;
                let quad = [corner, corner + 1, corner + width + 1, corner + width];
                self.quad(quad, surface, middle.curvature);
            }
        }
    }

    /// A surface of this material with light points over its chart.
    pub(crate) fn open_surface(
        &mut self,
        material: MaterialId,
        chart: (usize, usize),
        point: &impl Fn(f32, f32) -> Sample,
    ) -> u32 {
        let (columns, rows) = (chart.0.max(2), chart.1.max(2));
        let transform = self.transform();
        let first = self.light_points.len() as u32;
        let inset = |index: usize, count: usize| {
            let margin = 0.12 / count as f32;
            (index as f32 / (count - 1) as f32).clamp(margin, 1.0 - margin)
        };
        for row in 0..rows {
            for column in 0..columns {
                let sample = point(inset(column, columns), inset(row, rows));
                self.light_points.push(LightPoint {
                    position: transform.transform_point3(sample.position),
                    normal: transform
                        .transform_vector3(sample.normal)
                        .normalize_or(Vec3::Z),
                });
            }
        }
        self.surfaces.push(Surface {
            material,
            object: 0,
            chart: first,
            columns: columns as u16,
            rows: rows as u16,
        });
        self.surfaces.len() as u32 - 1
    }

    /// Adds two triangles, wound so that they face along their normals.
    fn quad(&mut self, corners: [u32; 4], surface: u32, curvature: [f32; 2]) {
        let curvature = [
            curvature[0].max(curvature[1]),
            curvature[0].min(curvature[1]),
        ];
        for [a, b, c] in [
            [corners[0], corners[1], corners[2]],
            [corners[0], corners[2], corners[3]],
        ] {
            let [pa, pb, pc] = [a, b, c].map(|i| self.vertices[i as usize]);
            let normal = (pb.position - pa.position).cross(pc.position - pa.position);
            if normal.length_squared() < 1e-14 {
                continue;
            }
            let outwards = normal.dot(pa.normal + pb.normal + pc.normal) >= 0.0;
            self.faces.push(Face {
                vertices: if outwards { [a, b, c] } else { [a, c, b] },
                surface,
                curvature,
            });
        }
    }
}

/// `count` equal steps from 0 to 1.
pub(crate) fn steps(count: usize) -> Vec<f32> {
    (0..=count).map(|i| i as f32 / count as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Volume by the divergence theorem: negative if turned inside out.
    pub(super) fn volume(model: &Model) -> f32 {
        model
            .faces
            .iter()
            .map(|face| {
                let [a, b, c] = face.vertices.map(|i| model.vertices[i as usize].position);
                a.dot(b.cross(c)) / 6.0
            })
            .sum()
    }

    #[test]
    fn solids_are_closed_and_face_outwards() {
        let material = MaterialId(0);
        let mut block = Model::new();
        block.block(material, Vec3::new(1.0, 2.0, 3.0), Vec3::new(2.0, 4.0, 6.0));
        assert!((volume(&block) - 6.0).abs() < 1e-4);
        let mut cushion = Model::new();
        cushion.cushion(material, Vec3::ZERO, Vec3::new(0.6, 0.5, 0.2), 0.06);
        assert!(
            (0.05..0.06).contains(&volume(&cushion)),
            "{}",
            volume(&cushion)
        );
        let mut can = Model::new();
        can.cylinder(material, Vec3::ZERO, 0.5, 1.0, 64);
        assert!((volume(&can) - std::f32::consts::FRAC_PI_4).abs() < 0.01);
        let mut ball = Model::new();
        ball.ball(material, Vec3::ZERO, 1.0, 32);
        assert!((volume(&ball) - 4.18879).abs() < 0.1, "{}", volume(&ball));
        let curvature = ball.faces[ball.faces.len() / 2].curvature;
        assert!(
            (curvature[0] - 1.0).abs() < 0.02 && (curvature[1] - 1.0).abs() < 0.02,
            "{curvature:?}"
        );
    }
}
