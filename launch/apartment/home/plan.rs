//! The floor plan: rooms as boxes, doors and windows in their walls.

use glam::{Vec2, Vec3};
use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// Thickness of walls between rooms, m.
pub(crate) const WALL: f32 = 0.12;
/// Thickness of outer walls, m.
pub(crate) const OUTER_WALL: f32 = 0.3;

/// What a room is for.
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

    /// What MIT Places calls such a room: the label of `class_scene`.
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
    /// What it is for.
    pub kind: RoomKind,
    /// Lowest corner, world, m; the floor is z = 0.
    pub low: Vec3,
    /// Highest corner, world, m.
    pub high: Vec3,
}

impl Room {
    /// Whether a point of the floor plan lies in it.
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
pub struct Plan {
    /// Rooms.
    pub rooms: Vec<Room>,
    /// Doors between them, and the entrance.
    pub doors: Vec<Door>,
    /// Windows to the outside.
    pub windows: Vec<Window>,
}

impl Plan {
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

    /// Draws a plan: a corridor with rooms on both sides, some with a living
    /// room across its end.
    pub(crate) fn draw(dice: &mut Dice) -> Result<Self, String> {
        let mut plan = Plan::default();
        let height = dice.range(2.4, 2.75);
        let (north, south) = (dice.range(3.0, 4.4), dice.range(3.1, 4.6));
        let corridor = dice.range(1.25, 1.75);
        let across = north + south + corridor + 2.0 * WALL;
        let mut add = |kind, x: (f32, f32), y: (f32, f32)| {
            plan.rooms.push(Room {
                kind,
                low: Vec3::new(x.0, y.0, 0.0),
                high: Vec3::new(x.1, y.1, height),
            });
            plan.rooms.len() - 1
        };
        let (upper, lower) = ((south + corridor + 2.0 * WALL, across), (0.0, south));
        let end = dice.range(5.4, 7.6);
        let hall = add(
            RoomKind::Hall,
            (0.0, end),
            (south + WALL, south + WALL + corridor),
        );
        let living_width = dice.range(3.9, 5.4);
        let full = dice.chance(0.55);
        let open_kitchen = dice.chance(0.4);
        let living_from = end + WALL;
        let living = if full {
            add(
                RoomKind::Living,
                (living_from, living_from + living_width),
                (0.0, across),
            )
        } else {
            add(
                RoomKind::Living,
                (living_from, living_from + living_width),
                (0.0, south + corridor + WALL),
            )
        };
        let bath = dice.range(1.8, 2.4);
        let split = dice.range(0.42, 0.58) * (end - WALL);
        let (kitchen, kitchen_y) = if full {
            // Next to the living room, on the south side.
            let kitchen_from = end - dice.range(2.6, 3.3);
            (add(RoomKind::Kitchen, (kitchen_from, end), lower), lower)
        } else {
            (
                add(
                    RoomKind::Kitchen,
                    (living_from, living_from + living_width),
                    upper,
                ),
                upper,
            )
        };
        let mut on_hall = Vec::new();
        if full {
            let kitchen_low = plan_low(&plan, kitchen).x;
            on_hall.push(plan.push(RoomKind::Bedroom, (0.0, kitchen_low - WALL), lower, height));
            on_hall.push(plan.push(RoomKind::Bathroom, (0.0, bath), upper, height));
            let kind = if dice.chance(0.5) {
                RoomKind::Study
            } else {
                RoomKind::Bedroom
            };
            on_hall.push(plan.push(kind, (bath + WALL, end), upper, height));
            on_hall.push(kitchen);
        } else {
            on_hall.push(plan.push(RoomKind::Bedroom, (0.0, split), lower, height));
            let kind = if dice.chance(0.6) {
                RoomKind::Study
            } else {
                RoomKind::Bedroom
            };
            on_hall.push(plan.push(kind, (split + WALL, end), lower, height));
            on_hall.push(plan.push(RoomKind::Bathroom, (0.0, bath), upper, height));
            on_hall.push(plan.push(RoomKind::Bedroom, (bath + WALL, end), upper, height));
        }
        for room in on_hall {
            plan.connect(dice, hall, room, DoorStyle::Leaf)?;
        }
        let style = if dice.chance(0.5) {
            DoorStyle::Opening
        } else {
            DoorStyle::Leaf
        };
        plan.connect(dice, hall, living, style)?;
        if open_kitchen || kitchen_y == upper {
            plan.connect(dice, living, kitchen, DoorStyle::Wide)?;
        }
        plan.enter(dice, hall);
        plan.add_windows(dice);
        Ok(plan)
    }

    fn push(&mut self, kind: RoomKind, x: (f32, f32), y: (f32, f32), height: f32) -> usize {
        self.rooms.push(Room {
            kind,
            low: Vec3::new(x.0, y.0, 0.0),
            high: Vec3::new(x.1, y.1, height),
        });
        self.rooms.len() - 1
    }

    /// Makes a door in the wall that two rooms share.
    fn connect(
        &mut self,
        dice: &mut Dice,
        a: usize,
        b: usize,
        style: DoorStyle,
    ) -> Result<(), String> {
        let (ra, rb) = (&self.rooms[a], &self.rooms[b]);
        let touch = |axis: usize| {
            (ra.high[axis] - rb.low[axis])
                .abs()
                .min((rb.high[axis] - ra.low[axis]).abs())
                < WALL * 1.1
        };
        let along_x = match (touch(1), touch(0)) {
            (true, _) => true,
            (false, true) => false,
            _ => return Err(format!("rooms {a} and {b} share no wall")),
        };
        let (along, across) = if along_x { (0, 1) } else { (1, 0) };
        let (low, high) = (
            ra.low[along].max(rb.low[along]),
            ra.high[along].min(rb.high[along]),
        );
        let width = match style {
            DoorStyle::Leaf => dice.range(0.8, 0.9),
            DoorStyle::Opening => dice.range(0.95, 1.15),
            DoorStyle::Wide => dice.range(1.3, 1.9),
        };
        let margin = width / 2.0 + 0.16;
        if high - low < 2.0 * margin {
            return Err(format!(
                "a wall of {:.2} m is too short for a door of {width:.2} m",
                high - low
            ));
        }
        // Doors stand near a corner more often than in the middle.
        let place = match dice.int(0, 2) {
            0 => low + margin + dice.range(0.0, 0.15),
            1 => high - margin - dice.range(0.0, 0.15),
            _ => dice.range(low + margin, high - margin),
        }
        .clamp(low + margin, high - margin);
        let wall = if ra.high[across] < rb.low[across] + 0.01 {
            (ra.high[across] + rb.low[across]) / 2.0
        } else {
            (rb.high[across] + ra.low[across]) / 2.0
        };
        let centre = if along_x {
            Vec2::new(place, wall)
        } else {
            Vec2::new(wall, place)
        };
        let open = (style == DoorStyle::Leaf).then(|| dice.range(1.2, 1.65));
        let height = if style == DoorStyle::Wide {
            dice.range(2.05, 2.25)
        } else {
            dice.range(1.99, 2.08)
        };
        self.doors.push(Door {
            rooms: [a, b],
            centre,
            width,
            height,
            along_x,
            depth: WALL,
            open,
        });
        Ok(())
    }

    /// The entrance, at the hall's west end, shut.
    fn enter(&mut self, dice: &mut Dice, hall: usize) {
        let room = &self.rooms[hall];
        let width = dice.range(0.88, 0.95);
        let centre = Vec2::new(room.low.x - OUTER_WALL / 2.0, room.middle().y);
        self.doors.push(Door {
            rooms: [hall, hall],
            centre,
            width,
            height: 2.05,
            along_x: false,
            depth: OUTER_WALL,
            open: Some(0.0),
        });
    }

    fn add_windows(&mut self, dice: &mut Dice) {
        let (mut low, mut high) = (Vec3::INFINITY, Vec3::NEG_INFINITY);
        for room in &self.rooms {
            low = low.min(room.low);
            high = high.max(room.high);
        }
        for index in 0..self.rooms.len() {
            let room = self.rooms[index].clone();
            if room.kind == RoomKind::Hall {
                continue;
            }
            let outer = [
                room.low.x <= low.x,
                room.high.x >= high.x,
                room.low.y <= low.y,
                room.high.y >= high.y,
            ];
            for (side, outer) in outer.into_iter().enumerate() {
                // One window wall is enough for small rooms.
                let first = !self.windows.iter().any(|w| w.room == index);
                if !outer || !(first || (room.kind == RoomKind::Living && dice.chance(0.6))) {
                    continue;
                }
                self.window_wall(dice, index, side);
            }
        }
    }

    fn window_wall(&mut self, dice: &mut Dice, room: usize, side: usize) {
        let kind = self.rooms[room].kind;
        let length = if side < 2 {
            self.rooms[room].size().y
        } else {
            self.rooms[room].size().x
        };
        let top = (self.rooms[room].high.z - 0.22).min(dice.range(2.1, 2.3));
        let (width, sill) = match kind {
            RoomKind::Bathroom => (dice.range(0.5, 0.7), dice.range(1.3, 1.5)),
            RoomKind::Kitchen => (dice.range(0.9, 1.3), dice.range(1.12, 1.25)),
            RoomKind::Living if dice.chance(0.5) => (dice.range(1.6, 2.4), 0.12),
            _ => (dice.range(1.0, 1.7), dice.range(0.8, 0.95)),
        };
        let width = width.min(length - 0.8);
        let count = if length > 4.6 && width < 2.0 { 2 } else { 1 };
        for i in 0..count {
            let share = length / count as f32;
            let slack = (share - width - 0.5).max(0.0);
            let from =
                share * i as f32 + (share - width) / 2.0 + dice.range(-0.5, 0.5) * slack * 0.5;
            self.windows.push(Window {
                room,
                side,
                from,
                width,
                sill,
                top,
            });
        }
    }
}

fn plan_low(plan: &Plan, room: usize) -> Vec3 {
    plan.rooms[room].low
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum DoorStyle {
    Leaf,
    Opening,
    Wide,
}
