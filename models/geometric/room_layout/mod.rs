//! The room as a box: its directions from the normals of the surfaces in view,
//! its floor, walls and ceiling from where these lie.

mod manhattan;
mod surface;

use nalgebra::{Matrix3, Point3, Rotation3, Vector3};
use serde::Deserialize;

use self::manhattan::{Axes, axes};
use self::surface::{Patch, patches};
use super::scene::{Geometric, Remarks, Scene, Unable};

/// What can be set about room layouts, in the card's `[parameters]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoomLayoutParameters {
    /// Share of the surfaces that must lie along three directions.
    pub least_aligned: f64,
    /// m² of surface that make a floor, wall or ceiling.
    pub least_area: f64,
    /// Share of the largest surface's area, in one direction, from which on the
    /// outermost one counts as the room's end.
    pub outermost: f64,
    /// Height of a room whose floor or ceiling is not in view, m.
    pub usual_height: f64,
}

impl Default for RoomLayoutParameters {
    fn default() -> Self {
        Self {
            least_aligned: 0.35,
            least_area: 0.2,
            outermost: 0.35,
            usual_height: 2.5,
        }
    }
}

impl RoomLayoutParameters {
    /// What is wrong with the numbers, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let rules = [
            (
                (0.0..=1.0).contains(&self.least_aligned),
                "least_aligned",
                "0 to 1",
            ),
            (
                (0.0..=100.0).contains(&self.least_area),
                "least_area",
                "0 to 100",
            ),
            ((0.0..=1.0).contains(&self.outermost), "outermost", "0 to 1"),
            (
                (1.0..=100.0).contains(&self.usual_height),
                "usual_height",
                "1 to 100",
            ),
        ];
        let (_, name, rule) = rules.into_iter().find(|(holds, ..)| !holds)?;
        Some(format!("{name} must be {rule}"))
    }
}

/// Numbers of a room layout output.
pub const ROOM_LAYOUT_LENGTH: usize = 9;

/// One side of the room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// Distance from the camera, m; above 0.
    pub offset: f64,
    /// From 0, where it was not seen and the box only holds what was, to 1.
    pub confidence: f64,
    /// m² of it that were seen.
    pub area: f64,
    /// From and to, m from the camera, of what of it was seen, along the two
    /// other axes in the order ahead, left, up.
    pub extent: [[f64; 2]; 2],
}

/// The room around the camera, as a box.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomLayout {
    /// Rotation of the room's axes; its columns are ahead (whichever wall is
    /// nearest to straight ahead), left and up in the optical frame.
    pub optical_from_room: Rotation3<f64>,
    /// Ahead, behind, left, right, ceiling, floor.
    pub faces: [Face; 6],
    /// Share of the surfaces in view that lie along the room's axes.
    pub aligned: f64,
}

impl RoomLayout {
    /// Taskonomy's nine numbers, as the dictionary of tasks has them: centre
    /// (optical frame, m), Euler angles about the static axes x, y, z of
    /// `room_from_optical` (rad), size along the room's axes (m).
    #[must_use]
    pub fn cuboid(&self) -> [f32; ROOM_LAYOUT_LENGTH] {
        let offset = |face: usize| self.faces[face].offset;
        let middle = |axis: usize| 0.5 * (offset(2 * axis) - offset(2 * axis + 1));
        let size = |axis: usize| offset(2 * axis) + offset(2 * axis + 1);
        let centre = self.optical_from_room * Vector3::new(middle(0), middle(1), middle(2));
        let (a, b, c) = self.optical_from_room.inverse().euler_angles();
        [
            centre.x,
            centre.y,
            centre.z,
            a,
            b,
            c,
            size(0),
            size(1),
            size(2),
        ]
        .map(|number| number as f32)
    }

    /// The box that nine numbers stand for: its eight corners in the optical
    /// frame, m. Bit 0 of the index picks the far end along the room's x, bit 1
    /// y, bit 2 z.
    #[must_use]
    pub fn corners(cuboid: &[f32; ROOM_LAYOUT_LENGTH]) -> [Point3<f64>; 8] {
        let [x, y, z, a, b, c, sx, sy, sz] = cuboid.map(f64::from);
        let room_from_optical = Rotation3::from_euler_angles(a, b, c);
        std::array::from_fn(|index| {
            let sign = |bit: usize| if index >> bit & 1 == 0 { -0.5 } else { 0.5 };
            let corner = Vector3::new(sign(0) * sx, sign(1) * sy, sign(2) * sz);
            Point3::new(x, y, z) + room_from_optical.inverse() * corner
        })
    }

    /// Estimates the room from what is in view. Takes `depth` (m) and, where it
    /// is there, `normal`.
    ///
    /// # Errors
    /// Too little in view, or nothing that stands at right angles.
    pub fn estimate(scene: &Scene<'_>, parameters: &RoomLayoutParameters) -> Result<Self, Unable> {
        let patches = patches(scene)?;
        if patches.len() < LEAST_PATCHES {
            let got = patches.len();
            return Err(Unable::Lost(format!(
                "{got} points of known depth, but {LEAST_PATCHES} are needed"
            )));
        }
        let found = axes(&patches).filter(|axes| axes.share >= parameters.least_aligned);
        let Some(axes) = found else {
            let share = 100.0 * parameters.least_aligned;
            return Err(Unable::Lost(format!(
                "less than {share:.0} % of the surfaces lie along three directions"
            )));
        };
        Ok(Self {
            faces: faces(&patches, &axes, parameters),
            optical_from_room: Rotation3::from_matrix_unchecked(axes.optical_from_room),
            aligned: axes.share,
        })
    }
}

const LEAST_PATCHES: usize = 100;
/// Angle within which a surface may be part of a side, rad.
const FACING: f64 = 0.45;
/// Thickness of a side, m and share of its distance.
const THICKNESS: f64 = 0.04;
const THICKNESS_SHARE: f64 = 0.02;
/// A camera is at least so far from every side of its room, m.
const LEAST_OFFSET: f64 = 0.05;
/// Area whose being seen makes a side fairly sure, m².
const SURE_AREA: f64 = 1.0;

/// Ahead, behind, left, right, up, down.
fn faces(patches: &[Patch], axes: &Axes, parameters: &RoomLayoutParameters) -> [Face; 6] {
    let room_from_optical = axes.optical_from_room.transpose();
    let placed: Vec<(Vector3<f64>, Vector3<f64>, f64)> = (patches.iter())
        .map(|patch| {
            let point = room_from_optical * patch.point.coords;
            (point, room_from_optical * patch.normal, patch.area)
        })
        .collect();
    let mut faces: [Face; 6] = std::array::from_fn(|face| {
        let (axis, sign) = (face / 2, if face % 2 == 0 { 1.0 } else { -1.0 });
        let mut side = Side::default();
        for (point, normal, area) in &placed {
            if -sign * normal[axis] > FACING.cos() && sign * point[axis] > LEAST_OFFSET {
                side.points.push((sign * point[axis], *point, *area));
            }
        }
        side.face(axis, parameters)
            .unwrap_or_else(|| unseen(&placed, axis, sign))
    });
    // What is seen of one of the two tells most about the other.
    for (this, other) in [(4, 5), (5, 4)] {
        if faces[this].confidence == 0.0 && faces[other].confidence > 0.0 {
            let usual = parameters.usual_height - faces[other].offset;
            faces[this].offset = faces[this].offset.max(usual);
        }
    }
    faces
}

/// What of the surfaces looks the right way to be one side.
#[derive(Default)]
struct Side {
    /// Offset along the outward direction, point, area.
    points: Vec<(f64, Vector3<f64>, f64)>,
}

impl Side {
    /// The outermost layer of enough area.
    fn face(&mut self, axis: usize, parameters: &RoomLayoutParameters) -> Option<Face> {
        self.points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let layers = self.layers();
        let largest = layers.iter().map(|layer| layer.2).fold(0.0, f64::max);
        if largest < parameters.least_area {
            return None;
        }
        let enough = (parameters.outermost * largest).max(parameters.least_area);
        let outermost = layers.iter().rposition(|layer| layer.2 >= enough)?;
        // Of the windows around it, the one that holds most.
        let reach = layers[outermost].0 - 2.0 * thickness(layers[outermost].0);
        let near = layers[..=outermost].iter().filter(|layer| layer.0 >= reach);
        let (_, range, area) = near.max_by(|a, b| a.2.total_cmp(&b.2))?;
        let members = &self.points[range.0..range.1];
        let total: f64 = self.points[range.0..].iter().map(|point| point.2).sum();
        let confidence = (1.0 - (-area / SURE_AREA).exp()) * (area / total).min(1.0);
        Some(Face {
            offset: weighted_median(members),
            confidence,
            area: *area,
            extent: extent(members, axis),
        })
    }

    /// For every point, the layer that ends with it: offset, members, area.
    fn layers(&self) -> Vec<(f64, (usize, usize), f64)> {
        let (mut first, mut area) = (0, 0.0);
        let mut layers = Vec::with_capacity(self.points.len());
        for (last, point) in self.points.iter().enumerate() {
            area += point.2;
            while point.0 - self.points[first].0 > 2.0 * thickness(point.0) {
                area -= self.points[first].2;
                first += 1;
            }
            layers.push((point.0, (first, last + 1), area));
        }
        layers
    }
}

fn thickness(offset: f64) -> f64 {
    THICKNESS.max(THICKNESS_SHARE * offset)
}

/// Of points sorted by offset.
fn weighted_median(points: &[(f64, Vector3<f64>, f64)]) -> f64 {
    let half = 0.5 * points.iter().map(|point| point.2).sum::<f64>();
    let mut sum = 0.0;
    let middle = points.iter().find(|point| {
        sum += point.2;
        sum >= half
    });
    middle.map_or(LEAST_OFFSET, |point| point.0)
}

/// All but the outermost twentieths, along the two other axes.
fn extent(members: &[(f64, Vector3<f64>, f64)], axis: usize) -> [[f64; 2]; 2] {
    let others = [[1, 2], [0, 2], [0, 1]][axis];
    others.map(|other| {
        let mut along: Vec<f64> = members.iter().map(|point| point.1[other]).collect();
        along.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| along[(share * (along.len() - 1) as f64) as usize];
        [at(0.05), at(0.95)]
    })
}

/// A side that is not in view: the box holds what is, and the camera.
fn unseen(placed: &[(Vector3<f64>, Vector3<f64>, f64)], axis: usize, sign: f64) -> Face {
    let mut along: Vec<f64> = placed
        .iter()
        .map(|(point, ..)| sign * point[axis])
        .collect();
    along.sort_unstable_by(f64::total_cmp);
    let reach = along[(0.98 * (along.len() - 1) as f64) as usize];
    Face {
        offset: reach.max(LEAST_OFFSET),
        confidence: 0.0,
        area: 0.0,
        extent: [[0.0; 2]; 2],
    }
}

/// The room of every frame by itself.
#[derive(Debug, Clone)]
pub struct RoomLayoutReadout(RoomLayoutParameters);

impl RoomLayoutReadout {
    /// With these parameters.
    #[must_use]
    pub fn new(parameters: RoomLayoutParameters) -> Self {
        Self(parameters)
    }
}

impl Geometric for RoomLayoutReadout {
    fn estimate(&mut self, scene: &Scene<'_>, out: &mut [f32]) -> Result<Remarks, Unable> {
        let layout = RoomLayout::estimate(scene, &self.0)?;
        out.copy_from_slice(&layout.cuboid());
        Ok(Remarks {
            face_percent: Some(layout.faces.map(|face| (100.0 * face.confidence) as u8)),
            ..Remarks::default()
        })
    }

    fn forget(&mut self) {}
}

/// The directions of a room's axes, from the nine numbers of its layout.
#[derive(Debug, Clone)]
pub struct VanishingPointReadout;

impl Geometric for VanishingPointReadout {
    fn estimate(&mut self, scene: &Scene<'_>, out: &mut [f32]) -> Result<Remarks, Unable> {
        let view = scene.view("room_layout", 2);
        let cuboid = view.and_then(|view| <[f32; ROOM_LAYOUT_LENGTH]>::try_from(view.values).ok());
        let Some([_, _, _, a, b, c, ..]) = cuboid else {
            let text = format!("room_layout is not there as f32 [1, {ROOM_LAYOUT_LENGTH}]");
            return Err(Unable::Unusable(text));
        };
        let room_from_optical =
            Rotation3::from_euler_angles(f64::from(a), f64::from(b), f64::from(c));
        let directions = directions(room_from_optical.inverse().matrix());
        for (out, direction) in out.chunks_exact_mut(3).zip(directions) {
            for (out, part) in out.iter_mut().zip(direction.iter()) {
                *out = *part as f32;
            }
        }
        Ok(Remarks::default())
    }

    fn forget(&mut self) {}
}

/// Ahead (the axis across that is nearest to straight ahead), to the side
/// (right of it), up; whichever of the room's axes these are.
fn directions(optical_from_room: &Matrix3<f64>) -> [Vector3<f64>; 3] {
    let axes: [Vector3<f64>; 3] = [0, 1, 2].map(|axis| optical_from_room.column(axis).into_owned());
    let upright = (0..3).max_by(|&a, &b| axes[a].y.abs().total_cmp(&axes[b].y.abs()));
    let upright = upright.unwrap_or(2);
    let up = if axes[upright].y > 0.0 {
        -axes[upright]
    } else {
        axes[upright]
    };
    let (a, b) = (axes[(upright + 1) % 3], axes[(upright + 2) % 3]);
    let ahead = [a, -a, b, -b]
        .into_iter()
        .max_by(|a, b| a.z.total_cmp(&b.z))
        .unwrap_or(a);
    [ahead, ahead.cross(&up), up]
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
