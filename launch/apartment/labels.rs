//! Exact labels of one picture, from the same rasterised faces.

use glam::Vec3;

use crate::camera::Pinhole;
use crate::home::Home;
use crate::layout::{RoomBox, VanishingPoints};
use crate::pose::CameraPose;
use crate::render::{NO_FACE, Visibility, meet};

/// A camera so far before a way out that it looks through stands in it, m: the
/// thickness of a wall and some.
const THRESHOLD: f32 = 0.2;

/// Ground truth at pixel centres, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// px.
    pub width: u32,
    /// px.
    pub height: u32,
    /// Depth along the optical axis, m. Window panes count as surfaces.
    pub depth: Vec<f32>,
    /// Unit normals in the optical frame (x right, y down, z forward), towards
    /// the camera: those of the smooth surface that the mesh stands for.
    pub normals: Vec<[f32; 3]>,
    /// [`crate::Class`] numbers.
    pub semantic: Vec<u8>,
    /// [`crate::Object::instance`] numbers.
    pub instance: Vec<u16>,
    /// 255 where a nearer surface hides a farther one beside it, else 0.
    ///
    /// A pixel p is such an edge if for one of its four neighbours q the depth
    /// at q is larger than p's tangent plane predicts there, and p's smaller
    /// than q's plane predicts, both by more than 4 cm plus 2 % of p's depth.
    pub occlusion_edges: Vec<u8>,
    /// Principal curvatures, 1/m, the larger first; positive where the surface is convex.
    pub curvature: Vec<[f32; 2]>,
    /// Taskonomy's reshading: a single point light at the camera on a surface of
    /// constant albedo, without falloff: max(0, n · −r) with r the unit ray.
    pub reshading: Vec<f32>,
    /// Room of the plan that it shows: the one in which the camera stands, or,
    /// where it stands in a door and looks out of it, the one it looks into.
    pub room: usize,
    /// That room's box.
    pub layout: RoomBox,
    /// Vanishing points of the world's axes.
    pub vanishing_points: VanishingPoints,
    /// The camera's pose.
    pub world_from_optical: CameraPose,
}

impl Labels {
    /// Reads the labels off what was drawn.
    pub(crate) fn read(
        home: &Home,
        camera: &Pinhole,
        world_from_optical: CameraPose,
        visibility: &Visibility,
    ) -> Self {
        let count = camera.pixels();
        let standing = home
            .plan()
            .room_at(world_from_optical.translation.truncate());
        let mut labels = Self {
            width: camera.width(),
            height: camera.height(),
            depth: Vec::with_capacity(count),
            normals: Vec::with_capacity(count),
            semantic: Vec::with_capacity(count),
            instance: Vec::with_capacity(count),
            occlusion_edges: Vec::new(),
            curvature: Vec::with_capacity(count),
            reshading: Vec::with_capacity(count),
            room: standing,
            layout: RoomBox::of(&home.plan().rooms[standing], world_from_optical),
            vanishing_points: VanishingPoints::of(camera, world_from_optical),
            world_from_optical,
        };
        let optical_from_world = world_from_optical.inverse();
        let width = camera.width() as usize;
        for pixel in 0..count {
            let ray = camera.ray((pixel % width) as f32, (pixel / width) as f32);
            labels.read_pixel(home, visibility, optical_from_world, pixel, ray);
        }
        labels.occlusion_edges = labels.find_occlusion_edges(camera);
        labels.room = labels.room_shown(home);
        labels.layout = RoomBox::of(&home.plan().rooms[labels.room], world_from_optical);
        labels
    }

    /// The room a step before the camera, where nothing is in the way; else the
    /// one around it. Of the room behind a camera in a door, no pixel would show
    /// anything.
    fn room_shown(&self, home: &Home) -> usize {
        let eye = self.world_from_optical.translation;
        let ahead = self.world_from_optical.direction(Vec3::Z);
        let level = ahead.truncate().normalize_or_zero() * THRESHOLD;
        let middle = (self.height / 2 * self.width + self.width / 2) as usize;
        let free = self
            .depth
            .get(middle)
            .is_some_and(|depth| *depth > 2.0 * THRESHOLD);
        let step = if free { level } else { glam::Vec2::ZERO };
        home.plan().room_at(eye.truncate() + step)
    }

    fn read_pixel(
        &mut self,
        home: &Home,
        visibility: &Visibility,
        optical_from_world: CameraPose,
        pixel: usize,
        ray: Vec3,
    ) {
        let face_index = visibility.face(0, pixel);
        if face_index == NO_FACE {
            self.depth.push(f32::NAN);
            self.normals.push([0.0, 0.0, -1.0]);
            self.semantic.push(0);
            self.instance.push(0);
            self.curvature.push([0.0; 2]);
            self.reshading.push(0.0);
            return;
        }
        let scene = &home.scene;
        let face = &scene.faces[face_index as usize];
        let object = scene.object_of(face_index);
        let (depth, (w1, w2)) = meet(face.vertices.map(|v| visibility.positions[v as usize]), ray);
        let [a, b, c] = face.vertices.map(|v| scene.vertices[v as usize].normal);
        let smooth = (a * (1.0 - w1 - w2) + b * w1 + c * w2).normalize_or(a);
        let mut normal = optical_from_world.direction(object.pose.direction(smooth));
        let view = ray.normalize();
        let mut curvature = face.curvature;
        if normal.dot(view) > 0.0 {
            let corners = face.vertices.map(|v| visibility.positions[v as usize]);
            let flat = (corners[1] - corners[0]).cross(corners[2] - corners[0]);
            if flat.dot(view) > 0.0 {
                // The back of a sheet: what is convex in front is concave here.
                normal = -normal;
                curvature = [-curvature[1], -curvature[0]];
            } else {
                // A silhouette of a round thing: its smooth normal just turns away.
                normal = (normal - view * normal.dot(view)).normalize_or(-view);
            }
        }
        self.depth.push(depth);
        self.normals.push(normal.to_array());
        self.semantic.push(object.class.id());
        self.instance.push(object.instance);
        self.curvature.push(curvature);
        self.reshading.push((-normal.dot(view)).clamp(0.0, 1.0));
    }

    fn find_occlusion_edges(&self, camera: &Pinhole) -> Vec<u8> {
        let (width, height) = (self.width as usize, self.height as usize);
        // Depth of p's tangent plane along q's ray.
        let predicted = |p: usize, ray_p: Vec3, ray_q: Vec3| {
            let normal = Vec3::from(self.normals[p]);
            let along = normal.dot(ray_q);
            if along > -0.02 {
                self.depth[p]
            } else {
                self.depth[p] * normal.dot(ray_p) / along
            }
        };
        let ray = |i: usize| camera.ray((i % width) as f32, (i / width) as f32);
        (0..width * height)
            .map(|p| {
                let (column, row) = (p % width, p / width);
                let neighbours = [
                    (column > 0).then(|| p - 1),
                    (column + 1 < width).then(|| p + 1),
                    (row > 0).then(|| p - width),
                    (row + 1 < height).then(|| p + width),
                ];
                let tolerance = 0.04 + 0.02 * self.depth[p];
                let edge = neighbours.into_iter().flatten().any(|q| {
                    self.depth[q] > self.depth[p] + tolerance
                        && self.depth[q] > predicted(p, ray(p), ray(q)) + tolerance
                        && self.depth[p] < predicted(q, ray(q), ray(p)) - tolerance
                });
                if edge { 255 } else { 0 }
            })
            .collect()
    }

    /// `previous_from_this`: the camera's motion since the picture before.
    pub fn ego_motion(&self, previous: &Labels) -> CameraPose {
        previous
            .world_from_optical
            .inverse()
            .then(self.world_from_optical)
    }
}
