//! The floor plan: rooms as boxes, doors and windows in their walls.

mod draw;

use glam::{Vec2, Vec3};
use serde::{Deserialize, Serialize};

/// Thickness of walls between rooms, m.
pub(crate) const WALL: f32 = 0.12;
/// Thickness of outer walls, m.
pub(crate) const OUTER_WALL: f32 = 0.3;

/// Use of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RoomKind {
    Living,
    Kitchen,
    Bedroom,
    Bathroom,
    Hall,
    Study,
}

impl RoomKind {
    /// All kinds, in the order of their names as scenes; a kind's place is its
    /// number as a class of scenes.
    pub const ALL: [Self; 6] = [
        Self::Bathroom,
        Self::Bedroom,
        Self::Hall,
        Self::Study,
        Self::Kitchen,
        Self::Living,
    ];

    /// Name that MIT Places gives such a room: the label of `class_scene`.
    #[must_use]
    pub fn scene(self) -> &'static str {
        match self {
            Self::Living => "living_room",
            Self::Kitchen => "kitchen",
            Self::Bedroom => "bedroom",
            Self::Bathroom => "bathroom",
            Self::Hall => "corridor",
            Self::Study => "home_office",
        }
    }
}

/// A room: an upright box.
#[derive(Clone, Debug, Serialize)]
pub struct Room {
    /// Its use.
    pub kind: RoomKind,
    /// Lowest corner, world, m; the floor is z = 0.
    pub low: Vec3,
    /// Highest corner, world, m.
    pub high: Vec3,
}

impl Room {
    /// Tells whether a point of the floor plan lies in it.
    pub fn contains(&self, point: Vec2) -> bool {
        point.cmpge(self.low.truncate()).all() && point.cmple(self.high.truncate()).all()
    }

    /// Middle of the floor.
    pub fn middle(&self) -> Vec2 {
        (self.low.truncate() + self.high.truncate()) * 0.5
    }

    pub(crate) fn size(&self) -> Vec2 {
        (self.high - self.low).truncate()
    }
}

/// A door or a doorless opening between two rooms, or the entrance.
#[derive(Clone, Debug, Serialize)]
pub struct Door {
    /// The rooms on its two sides (equal for the entrance).
    pub rooms: [usize; 2],
    /// Middle of the opening in the floor plan, in the middle of the wall, m.
    pub centre: Vec2,
    /// Clear width, m.
    pub width: f32,
    /// Clear height, m.
    pub height: f32,
    /// The wall runs along x (the door is passed along y).
    pub along_x: bool,
    /// Thickness of the wall, m.
    pub depth: f32,
    /// Angle of the leaf, rad; none where there is no leaf.
    pub open: Option<f32>,
}

/// A window in an outer wall.
#[derive(Clone, Debug, Serialize)]
pub struct Window {
    /// Its room.
    pub room: usize,
    /// 0 west, 1 east, 2 south, 3 north wall.
    pub side: usize,
    /// From the wall's low end to the window's low end, m.
    pub from: f32,
    /// m.
    pub width: f32,
    /// Height of the sill, m.
    pub sill: f32,
    /// Height of the upper edge, m.
    pub top: f32,
}

/// Rooms, doors and windows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FloorPlan {
    /// Rooms.
    pub rooms: Vec<Room>,
    /// Doors between them, and the entrance.
    pub doors: Vec<Door>,
    /// Windows to the outside.
    pub windows: Vec<Window>,
}

impl FloorPlan {
    /// The room at a point, or the nearest one.
    pub fn room_at(&self, point: Vec2) -> usize {
        let away = |room: &Room| {
            let nearest = point.clamp(room.low.truncate(), room.high.truncate());
            (point - nearest).length_squared()
        };
        (0..self.rooms.len())
            .min_by(|&a, &b| away(&self.rooms[a]).total_cmp(&away(&self.rooms[b])))
            .unwrap_or(0)
    }
}
