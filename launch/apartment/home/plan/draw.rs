//! A floor plan, drawn: rooms along a hall, doors between them, windows.

use glam::{Vec2, Vec3};

use super::{Door, FloorPlan, OUTER_WALL, Room, RoomKind, WALL, Window};
use crate::dice::Dice;

impl FloorPlan {
    /// Draws a plan: a corridor with rooms on both sides, some with a living
    /// room across its end.
    pub(crate) fn draw(dice: &mut Dice) -> Result<Self, String> {
        let mut plan = FloorPlan::default();
        let strips = Strips::draw(dice);
        let end = dice.range(5.4, 7.6);
        let hall = plan.push(RoomKind::Hall, (0.0, end), strips.hall(), strips.height);
        let living_width = dice.range(3.9, 5.4);
        let full = dice.chance(0.55);
        let open_kitchen = dice.chance(0.4);
        let living_x = (end + WALL, end + WALL + living_width);
        let living_y = if full {
            (0.0, strips.across())
        } else {
            (0.0, strips.south + strips.corridor + WALL)
        };
        let living = plan.push(RoomKind::Living, living_x, living_y, strips.height);
        let bath = dice.range(1.8, 2.4);
        let split = dice.range(0.42, 0.58) * (end - WALL);
        let (kitchen, on_hall) = if full {
            plan.add_rooms_beside_kitchen(dice, &strips, end, bath)
        } else {
            plan.add_rooms_before_kitchen(dice, &strips, (end, living_x), (bath, split))
        };
        for room in on_hall {
            plan.connect(dice, hall, room, DoorStyle::Leaf)?;
        }
        let style = if dice.chance(0.5) {
            DoorStyle::Opening
        } else {
            DoorStyle::Leaf
        };
        plan.connect(dice, hall, living, style)?;
        if open_kitchen || !full {
            plan.connect(dice, living, kitchen, DoorStyle::Wide)?;
        }
        plan.enter(dice, hall);
        plan.add_windows(dice);
        Ok(plan)
    }

    /// Rooms along the hall, of which the kitchen, on the south side next to the
    /// living room, is one; the kitchen and all of them.
    fn add_rooms_beside_kitchen(
        &mut self,
        dice: &mut Dice,
        strips: &Strips,
        end: f32,
        bath: f32,
    ) -> (usize, [usize; 4]) {
        let (upper, lower, height) = (strips.upper(), strips.lower(), strips.height);
        let kitchen_from = end - dice.range(2.6, 3.3);
        let kitchen = self.push(RoomKind::Kitchen, (kitchen_from, end), lower, height);
        let bedroom = self.push(RoomKind::Bedroom, (0.0, kitchen_from - WALL), lower, height);
        let bathroom = self.push(RoomKind::Bathroom, (0.0, bath), upper, height);
        let kind = if dice.chance(0.5) {
            RoomKind::Study
        } else {
            RoomKind::Bedroom
        };
        let last = self.push(kind, (bath + WALL, end), upper, height);
        (kitchen, [bedroom, bathroom, last, kitchen])
    }

    /// Rooms along the hall, and the kitchen across its end, north of the living
    /// room; the kitchen and the rooms on the hall.
    fn add_rooms_before_kitchen(
        &mut self,
        dice: &mut Dice,
        strips: &Strips,
        (end, kitchen_x): (f32, (f32, f32)),
        (bath, split): (f32, f32),
    ) -> (usize, [usize; 4]) {
        let (upper, lower, height) = (strips.upper(), strips.lower(), strips.height);
        let kitchen = self.push(RoomKind::Kitchen, kitchen_x, upper, height);
        let bedroom = self.push(RoomKind::Bedroom, (0.0, split), lower, height);
        let kind = if dice.chance(0.6) {
            RoomKind::Study
        } else {
            RoomKind::Bedroom
        };
        let second = self.push(kind, (split + WALL, end), lower, height);
        let bathroom = self.push(RoomKind::Bathroom, (0.0, bath), upper, height);
        let last = self.push(RoomKind::Bedroom, (bath + WALL, end), upper, height);
        (kitchen, [bedroom, second, bathroom, last])
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

/// The strips that a home is cut into along x: rooms in the south, the hall,
/// rooms in the north; m.
struct Strips {
    height: f32,
    north: f32,
    south: f32,
    corridor: f32,
}

impl Strips {
    fn draw(dice: &mut Dice) -> Self {
        let height = dice.range(2.4, 2.75);
        let (north, south) = (dice.range(3.0, 4.4), dice.range(3.1, 4.6));
        let corridor = dice.range(1.25, 1.75);
        Self {
            height,
            north,
            south,
            corridor,
        }
    }

    /// Depth of the home.
    fn across(&self) -> f32 {
        self.north + self.south + self.corridor + 2.0 * WALL
    }

    fn upper(&self) -> (f32, f32) {
        (self.south + self.corridor + 2.0 * WALL, self.across())
    }

    fn lower(&self) -> (f32, f32) {
        (0.0, self.south)
    }

    fn hall(&self) -> (f32, f32) {
        (self.south + WALL, self.south + WALL + self.corridor)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum DoorStyle {
    Leaf,
    Opening,
    Wide,
}
