//! Everything that can be seen: objects, their meshes, materials and light.

use std::ops::Range;

use glam::{Vec2, Vec3};

use crate::class::Class;
use crate::light::{Outside, Probe};
use crate::material::{Material, MaterialId};
use crate::pose::CameraPose;
use crate::shape::{Face, LightPoint, Model, Surface, Vertex};
use crate::texture::Texture;

/// One thing in the home: what it is, where it is, how large it is.
#[derive(Clone, Debug)]
pub struct Object {
    /// Number in the instance image, from 1; 0 is nothing.
    pub instance: u16,
    /// Its class.
    pub class: Class,
    /// `world_from_object`.
    pub pose: CameraPose,
    /// Lowest corner of its bounding box, object frame, m.
    pub low: Vec3,
    /// Highest corner of its bounding box, object frame, m.
    pub high: Vec3,
    /// Index of the room that it stands in.
    pub room: usize,
    /// Set if a robot could carry it.
    pub movable: bool,
    pub(crate) vertices: Range<usize>,
    pub(crate) faces: Range<usize>,
    pub(crate) light: Range<usize>,
    /// Seen from more than its own room (doors and their frames).
    pub(crate) shared: bool,
}

impl Object {
    /// Level distance from a place on the floor to its bounding box, m; 0 within.
    pub fn distance_on_floor(&self, [x, y]: [f32; 2]) -> f32 {
        let height = self.pose.translation.z;
        let local = self.pose.inverse().point(Vec3::new(x, y, height));
        let nearest = local.clamp(self.low, self.high);
        (local - nearest).truncate().length()
    }

    /// The eight corners of its bounding box in the world, m.
    pub fn corners(&self) -> [Vec3; 8] {
        std::array::from_fn(|i| {
            let pick = |bit: usize, low: f32, high: f32| if i >> bit & 1 == 0 { low } else { high };
            self.pose.point(Vec3::new(
                pick(0, self.low.x, self.high.x),
                pick(1, self.low.y, self.high.y),
                pick(2, self.low.z, self.high.z),
            ))
        })
    }
}

/// Meshes, materials, textures, light.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub(crate) objects: Vec<Object>,
    pub(crate) vertices: Vec<Vertex>,
    pub(crate) faces: Vec<Face>,
    pub(crate) surfaces: Vec<Surface>,
    pub(crate) light_points: Vec<LightPoint>,
    /// Irradiance at each light point, filled in by the bake.
    pub(crate) light: Vec<Vec3>,
    pub(crate) materials: Vec<Material>,
    pub(crate) textures: Vec<Texture>,
    /// What a glossy surface in each room reflects.
    pub(crate) probes: Vec<Probe>,
    pub(crate) outside: Outside,
}

impl Scene {
    /// Adds a material.
    pub(crate) fn material(&mut self, material: Material) -> MaterialId {
        self.materials.push(material);
        MaterialId(self.materials.len() as u16 - 1)
    }

    /// Adds a texture.
    pub(crate) fn texture(&mut self, texture: Texture) -> u16 {
        self.textures.push(texture);
        self.textures.len() as u16 - 1
    }

    /// Adds an object; returns its index.
    pub(crate) fn add(
        &mut self,
        class: Class,
        model: Model,
        pose: CameraPose,
        room: usize,
    ) -> usize {
        let object = self.objects.len() as u32;
        let (first_vertex, first_surface) =
            (self.vertices.len() as u32, self.surfaces.len() as u32);
        let (first_face, first_light) = (self.faces.len(), self.light_points.len());
        let (mut low, mut high) = (Vec3::INFINITY, Vec3::NEG_INFINITY);
        for vertex in &model.vertices {
            low = low.min(vertex.position);
            high = high.max(vertex.position);
        }
        self.vertices.extend(model.vertices);
        self.faces.extend(model.faces.iter().map(|face| Face {
            vertices: face.vertices.map(|v| v + first_vertex),
            surface: face.surface + first_surface,
            ..*face
        }));
        self.surfaces
            .extend(model.surfaces.iter().map(|surface| Surface {
                object,
                chart: surface.chart + first_light as u32,
                ..*surface
            }));
        self.light_points.extend(model.light_points);
        self.objects.push(Object {
            instance: object as u16 + 1,
            class,
            pose,
            low,
            high,
            room,
            movable: matches!(
                class,
                Class::Can
                    | Class::Cup
                    | Class::Bottle
                    | Class::Bowl
                    | Class::Fruit
                    | Class::Book
                    | Class::Shoe
            ),
            vertices: first_vertex as usize..self.vertices.len(),
            faces: first_face..self.faces.len(),
            light: first_light..self.light_points.len(),
            shared: false,
        });
        object as usize
    }

    /// The object that a face belongs to.
    pub(crate) fn object_of(&self, face: u32) -> &Object {
        let surface = self.surfaces[self.faces[face as usize].surface as usize];
        &self.objects[surface.object as usize]
    }

    /// Whether a face gives way where a robot touches it.
    pub(crate) fn yields(&self, face: u32) -> bool {
        let surface = self.surfaces[self.faces[face as usize].surface as usize];
        self.materials[usize::from(surface.material.0)].yields
    }

    /// The irradiance on a surface at chart coordinates (column, row).
    pub(crate) fn irradiance(&self, surface: &Surface, place: Vec2) -> Vec3 {
        let (columns, rows) = (surface.columns as usize, surface.rows as usize);
        let x = place.x.clamp(0.0, (columns - 1) as f32);
        let y = place.y.clamp(0.0, (rows - 1) as f32);
        let (column, row) = ((x as usize).min(columns - 2), (y as usize).min(rows - 2));
        let (px, py) = (x - column as f32, y - row as f32);
        let first = surface.chart as usize + row * columns + column;
        let light = &self.light;
        let top = light[first].lerp(light[first + 1], px);
        let bottom = light[first + columns].lerp(light[first + columns + 1], px);
        top.lerp(bottom, py)
    }

    /// A face's corners in the world.
    pub(crate) fn triangle(&self, face: u32) -> [Vec3; 3] {
        let pose = self.object_of(face).pose;
        self.faces[face as usize]
            .vertices
            .map(|v| pose.point(self.vertices[v as usize].position))
    }
}
