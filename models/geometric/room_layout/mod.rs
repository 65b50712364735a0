//! The room as a box: its directions from the normals of the surfaces in view,
//! its floor, walls and ceiling from where these lie.
//!
//! 1. `surface`: a thin cloud of points with normals. `manhattan`: the three
//!    directions that they are built along.
//! 2. `layers`: flat layers of surface across each direction, as thick as the
//!    depth is noisy.
//! 3. `walls`: which layer is the room's own wall. Not simply the outermost: many
//!    views pass through a door into the next room. Not simply the
//!    nearest: cupboards have fronts.
//! 4. `sides`: the box. A side that nothing shows gets the likeliest place, and
//!    a confidence of 0.
//!
//! What comes out of a frame: Taskonomy's nine numbers ([`RoomLayout::cuboid`]) in
//! the optical frame (x right, y down, z forward), published as the one box of a
//! `vision_msgs/msg/BoundingBox3DArray`, whose pose is `optical_from_room`. Their
//! room's x is ahead (the horizontal axis nearest to straight ahead), y left, z
//! up. How sure each side is stands in [`OutputFlags::face_percent`], which travels in
//! the output's attachment; what of a side was seen, in [`Face::extent`], only
//! within this process. `vanishing_point` is the columns of `optical_from_room`.

mod layers;
mod manhattan;
mod sides;
mod surface;
mod walls;

use nalgebra::{Matrix3, Point3, Rotation3, Vector3};
use serde::Deserialize;

use self::layers::Blur;
use self::manhattan::axes;
use self::sides::faces;
use self::surface::{patches, placed};
use super::scene::{Geometric, OutputFlags, Scene, Unable};

/// Parameters of room layouts, in the card's `[parameters]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoomLayoutParameters {
    /// Share of the surfaces that must lie along three directions.
    pub least_aligned: f64,
    /// m² of surface that make a floor, wall or ceiling.
    pub least_area: f64,
    /// Share of the largest surface's area, in one direction, from which on the
    /// outermost one counts as the room's end, where none is known to be a wall.
    pub outermost: f64,
    /// m of openings, all together, through which a wall may be seen through.
    pub widest_opening: f64,
    /// Height of a room whose floor or ceiling is not in view, m.
    pub usual_height: f64,
    /// Length of a room whose end behind the camera is not in view, m.
    pub usual_length: f64,
    /// Distance of a side that is not in view beyond what is seen of the room, m.
    pub usual_margin: f64,
}

impl Default for RoomLayoutParameters {
    fn default() -> Self {
        Self {
            least_aligned: 0.35,
            least_area: 0.2,
            outermost: 0.35,
            widest_opening: 2.4,
            usual_height: 2.5,
            usual_length: 3.7,
            usual_margin: 0.6,
        }
    }
}

impl RoomLayoutParameters {
    /// Words for what is wrong with the numbers, if anything.
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
                (0.0..=100.0).contains(&self.widest_opening),
                "widest_opening",
                "0 to 100",
            ),
            (
                (1.0..=100.0).contains(&self.usual_height),
                "usual_height",
                "1 to 100",
            ),
            (
                (1.0..=100.0).contains(&self.usual_length),
                "usual_length",
                "1 to 100",
            ),
            (
                (0.0..=100.0).contains(&self.usual_margin),
                "usual_margin",
                "0 to 100",
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
        if patches.len() < MIN_PATCHES {
            let got = patches.len();
            return Err(Unable::Lost(format!(
                "{got} points of known depth, but {MIN_PATCHES} are needed"
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
            faces: faces(
                &placed(&patches, &axes.optical_from_room),
                Blur::of(scene.dense("depth", 1)?.relative_error),
                parameters,
            ),
            optical_from_room: Rotation3::from_matrix_unchecked(axes.optical_from_room),
            aligned: axes.share,
        })
    }
}

const MIN_PATCHES: usize = 100;

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
    fn estimate(&mut self, scene: &Scene<'_>, out: &mut [f32]) -> Result<OutputFlags, Unable> {
        let layout = RoomLayout::estimate(scene, &self.0)?;
        out.copy_from_slice(&layout.cuboid());
        Ok(OutputFlags {
            face_percent: Some(layout.faces.map(|face| (100.0 * face.confidence) as u8)),
            ..OutputFlags::default()
        })
    }

    fn forget(&mut self) {}
}

/// The directions of a room's axes, from the nine numbers of its layout.
#[derive(Debug, Clone)]
pub struct VanishingPointReadout;

impl Geometric for VanishingPointReadout {
    fn estimate(&mut self, scene: &Scene<'_>, out: &mut [f32]) -> Result<OutputFlags, Unable> {
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
        Ok(OutputFlags::default())
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
