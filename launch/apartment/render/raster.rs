//! Faces that the samples of each pixel see: a depth-buffered rasteriser.

use glam::{Mat3, Vec3};

use crate::camera::Pinhole;
use crate::material::Kind;
use crate::pose::CameraPose;
use crate::scene::{Object, Scene};

/// No face here.
pub(crate) const NO_FACE: u32 = u32::MAX;
/// Samples per pixel with antialiasing.
pub(crate) const SAMPLES: usize = 5;
/// Where they lie, px from the centre; the first is the centre itself.
pub(crate) const OFFSETS: [(f32, f32); SAMPLES] = [
    (0.0, 0.0),
    (0.125, -0.375),
    (0.375, 0.125),
    (-0.125, 0.375),
    (-0.375, -0.125),
];
/// Nothing nearer than this is drawn, m.
const NEAR: f32 = 0.03;

/// Which rooms are drawn.
pub(crate) struct Visible<'a> {
    /// Per room.
    pub(crate) rooms: &'a [bool],
}

/// Buffers, kept from frame to frame.
#[derive(Debug, Default)]
pub(crate) struct Visibility {
    /// Nearness 1/z per sample layer.
    nearness: Vec<Vec<f32>>,
    faces: Vec<Vec<u32>>,
    /// Positions in the optical frame of the vertices of drawn objects.
    pub(crate) positions: Vec<Vec3>,
    screen: Vec<[f32; 3]>,
}

/// A triangle's corner on the screen: px, px, 1/z.
type Corner = [f32; 3];

impl Visibility {
    /// The face seen by a sample of a pixel.
    pub(crate) fn face(&self, sample: usize, pixel: usize) -> u32 {
        self.faces[sample][pixel]
    }

    /// Draws the scene with one or all samples per pixel.
    pub(crate) fn draw(
        &mut self,
        scene: &Scene,
        camera: &Pinhole,
        world_from_optical: CameraPose,
        visible: &Visible,
        antialias: bool,
    ) {
        let layers = if antialias { SAMPLES } else { 1 };
        self.nearness.resize(SAMPLES, Vec::new());
        self.faces.resize(SAMPLES, Vec::new());
        for layer in 0..layers {
            self.nearness[layer].clear();
            self.nearness[layer].resize(camera.pixels(), 0.0);
            self.faces[layer].clear();
            self.faces[layer].resize(camera.pixels(), NO_FACE);
        }
        self.positions.resize(scene.vertices.len(), Vec3::ZERO);
        self.screen.resize(scene.vertices.len(), [0.0; 3]);
        let optical_from_world = world_from_optical.inverse();
        for index in drawing_order(scene, camera, optical_from_world, visible) {
            self.draw_object(scene, index, camera, optical_from_world, layers);
        }
        for layer in 0..layers {
            fill_cracks(&mut self.faces[layer], camera.width() as usize);
        }
    }

    fn draw_object(
        &mut self,
        scene: &Scene,
        index: usize,
        camera: &Pinhole,
        optical_from_world: CameraPose,
        layers: usize,
    ) {
        let object = &scene.objects[index];
        let pose = optical_from_world.then(object.pose);
        let matrix: Mat3 = pose.matrix();
        let (fx, fy, cx, cy) = (
            camera.fx() as f32,
            camera.fy() as f32,
            camera.cx() as f32,
            camera.cy() as f32,
        );
        for v in object.vertices.clone() {
            let p = matrix * scene.vertices[v].position + pose.translation;
            self.positions[v] = p;
            let inverse = 1.0 / p.z;
            self.screen[v] = [p.x * inverse * fx + cx, p.y * inverse * fy + cy, inverse];
        }
        let size = (camera.width() as i32, camera.height() as i32);
        for f in object.faces.clone() {
            let face = &scene.faces[f];
            let [a, b, c] = face.vertices.map(|v| v as usize);
            let (pa, pb, pc) = (self.positions[a], self.positions[b], self.positions[c]);
            if pa.z < NEAR && pb.z < NEAR && pc.z < NEAR {
                continue;
            }
            if pa.z >= NEAR && pb.z >= NEAR && pc.z >= NEAR {
                let corners = [self.screen[a], self.screen[b], self.screen[c]];
                self.fill(corners, f as u32, two_sided(scene, f), size, layers);
            } else {
                let both = two_sided(scene, f);
                if !both && (pb - pa).cross(pc - pa).dot(pa) >= 0.0 {
                    continue;
                }
                let project = |p: Vec3| [p.x / p.z * fx + cx, p.y / p.z * fy + cy, 1.0 / p.z];
                let clipped = clip_near([pa, pb, pc]);
                for i in 1..clipped.1.saturating_sub(1) {
                    let corners = [
                        project(clipped.0[0]),
                        project(clipped.0[i]),
                        project(clipped.0[i + 1]),
                    ];
                    self.fill(corners, f as u32, true, size, layers);
                }
            }
        }
    }

    /// Fills one triangle on the screen, if it faces the camera.
    fn fill(
        &mut self,
        corners: [Corner; 3],
        face: u32,
        both_sides: bool,
        (width, height): (i32, i32),
        layers: usize,
    ) {
        let [a, mut b, mut c] = corners;
        let mut area = (b[0] - a[0]) as f64 * (c[1] - a[1]) as f64
            - (b[1] - a[1]) as f64 * (c[0] - a[0]) as f64;
        // Counter-clockwise in the world is clockwise on a screen whose y points down.
        if area > 0.0 {
            if !both_sides {
                return;
            }
        } else {
            std::mem::swap(&mut b, &mut c);
            area = -area;
        }
        let bound = |i: usize| (a[i].min(b[i]).min(c[i]), a[i].max(b[i]).max(c[i]));
        let ((x0, x1), (y0, y1)) = (bound(0), bound(1));
        let low_y = (y0 - 0.4).ceil().max(0.0) as i32;
        let high_y = (y1 + 0.4).floor().min((height - 1) as f32) as i32;
        let low_x = (x0 - 0.4).ceil().max(0.0) as i32;
        let high_x = (x1 + 0.4).floor().min((width - 1) as f32) as i32;
        if low_y > high_y || low_x > high_x || area.is_nan() || area < 1e-9 {
            return;
        }
        let edges = [edge(a, b), edge(b, c), edge(c, a)];
        let (slope_x, slope_y) = slopes([a, b, c], area);
        for y in low_y..=high_y {
            for (layer, offset) in OFFSETS.iter().enumerate().take(layers) {
                let py = f64::from(y) + f64::from(offset.1);
                let Some((from, to)) = span(&edges, py, f64::from(offset.0), low_x, high_x) else {
                    continue;
                };
                let start = (y * width) as usize;
                let shift = f64::from(from) + f64::from(offset.0) - f64::from(a[0]);
                let mut near =
                    (f64::from(a[2]) + slope_x * shift + slope_y * (py - f64::from(a[1]))) as f32;
                let step = slope_x as f32;
                let range = start + from as usize..start + to as usize + 1;
                let nearness = &mut self.nearness[layer][range.clone()];
                let faces = &mut self.faces[layer][range];
                for (n, f) in nearness.iter_mut().zip(faces) {
                    if near > *n {
                        *n = near;
                        *f = face;
                    }
                    near += step;
                }
            }
        }
    }
}

fn two_sided(scene: &Scene, face: usize) -> bool {
    let surface = scene.surfaces[scene.faces[face].surface as usize];
    let material = &scene.materials[usize::from(surface.material.0)];
    material.two_sided || material.kind == Kind::Pane
}

/// a x + b y + c ≥ 0 inside.
fn edge(from: Corner, to: Corner) -> [f64; 3] {
    let (x0, y0, x1, y1) = (
        f64::from(from[0]),
        f64::from(from[1]),
        f64::from(to[0]),
        f64::from(to[1]),
    );
    let (a, b) = (y0 - y1, x1 - x0);
    [a, b, -(a * x0 + b * y0)]
}

/// The change of 1/z per px along x and y.
fn slopes([a, b, c]: [Corner; 3], area: f64) -> (f64, f64) {
    let d = |p: Corner, i: usize| f64::from(p[i]) - f64::from(a[i]);
    let x = (d(b, 2) * d(c, 1) - d(c, 2) * d(b, 1)) / area;
    let y = (d(c, 2) * d(b, 0) - d(b, 2) * d(c, 0)) / area;
    (x, y)
}

/// The columns of one row that lie inside all three edges.
fn span(edges: &[[f64; 3]; 3], y: f64, offset: f64, low: i32, high: i32) -> Option<(i32, i32)> {
    let (mut from, mut to) = (f64::from(low), f64::from(high));
    for [a, b, c] in edges {
        let rest = b * y + c;
        if *a > 0.0 {
            from = from.max((-rest / a - offset).ceil());
        } else if *a < 0.0 {
            to = to.min((-rest / a - offset).floor());
        } else if rest < 0.0 {
            return None;
        }
    }
    (from <= to).then_some((from as i32, to as i32))
}

/// Cuts away what is nearer than [`NEAR`]; up to four corners and their number.
fn clip_near(corners: [Vec3; 3]) -> ([Vec3; 4], usize) {
    let (mut out, mut count) = ([Vec3::ZERO; 4], 0);
    for i in 0..3 {
        let (p, q) = (corners[i], corners[(i + 1) % 3]);
        if p.z >= NEAR {
            out[count] = p;
            count += 1;
        }
        if (p.z >= NEAR) != (q.z >= NEAR) {
            out[count] = p.lerp(q, (NEAR - p.z) / (q.z - p.z));
            count += 1;
        }
    }
    (out, count)
}

/// Objects in the picture, nearest first, so that far ones are hidden early.
fn drawing_order(
    scene: &Scene,
    camera: &Pinhole,
    optical_from_world: CameraPose,
    visible: &Visible,
) -> Vec<usize> {
    let (w, h) = (camera.width() as f32, camera.height() as f32);
    let (left, right) = (camera.ray(-1.0, 0.0).x, camera.ray(w, 0.0).x);
    let (top, bottom) = (camera.ray(0.0, -1.0).y, camera.ray(0.0, h).y);
    let mut order: Vec<(f32, usize)> = Vec::with_capacity(scene.objects.len());
    for (index, object) in scene.objects.iter().enumerate() {
        if !object.shared && !visible.rooms.get(object.room).copied().unwrap_or(true) {
            continue;
        }
        if let Some(distance) = in_view(object, optical_from_world, (left, right, top, bottom)) {
            order.push((distance, index));
        }
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|(_, index)| index).collect()
}

/// The object's least depth if its box may be in the picture.
fn in_view(
    object: &Object,
    optical_from_world: CameraPose,
    (left, right, top, bottom): (f32, f32, f32, f32),
) -> Option<f32> {
    let mut outside = [true; 5];
    let mut nearest = f32::INFINITY;
    for corner in object.corners() {
        let p = optical_from_world.point(corner);
        nearest = nearest.min(p.z);
        outside[0] &= p.z < NEAR;
        outside[1] &= p.x < left * p.z;
        outside[2] &= p.x > right * p.z;
        outside[3] &= p.y < top * p.z;
        outside[4] &= p.y > bottom * p.z;
    }
    (!outside.contains(&true)).then_some(nearest)
}

/// A closed home leaves no pixel empty but for cracks of rounding where faces
/// meet; they take their neighbour's face.
fn fill_cracks(faces: &mut [u32], width: usize) {
    for pixel in 1..faces.len() {
        if faces[pixel] == NO_FACE && pixel % width != 0 {
            faces[pixel] = faces[pixel - 1];
        }
    }
    for pixel in (0..faces.len().saturating_sub(1)).rev() {
        if faces[pixel] == NO_FACE {
            faces[pixel] = faces[pixel + 1];
        }
    }
}
