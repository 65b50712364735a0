//! Places for furniture: along walls and in the middle of rooms.

mod things;

use glam::{Vec2, Vec3};

use super::palette::Palette;
use super::plan::{FloorPlan, Room};
use crate::class::Class;
use crate::dice::Dice;
use crate::light::Lamp;
use crate::pose::CameraPose;
use crate::scene::Scene;
use crate::shape::Model;

/// A rectangle of floor that is no longer free.
#[derive(Clone, Copy, Debug)]
struct Taken {
    low: Vec2,
    high: Vec2,
}

/// A piece of wall, for pictures: which, from, to, up to which height it is taken.
#[derive(Clone, Copy, Debug)]
struct WallTaken {
    room: usize,
    side: usize,
    from: f32,
    to: f32,
}

/// The furnishing of one home in progress.
pub(crate) struct Furnisher<'a> {
    pub(crate) scene: &'a mut Scene,
    pub(crate) plan: &'a FloorPlan,
    pub(crate) palette: &'a Palette,
    pub(crate) dice: &'a mut Dice,
    pub(crate) clutter: f32,
    pub(crate) lamp_share: f32,
    pub(crate) lamps: Vec<Lamp>,
    /// Classes of small things that are left out.
    pub(crate) without: &'a [Class],
    taken: Vec<Taken>,
    walls: Vec<WallTaken>,
}

/// A place against a wall that is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) pose: CameraPose,
    pub(crate) side: usize,
    /// Middle along the wall, m.
    pub(crate) along: f32,
}

impl<'a> Furnisher<'a> {
    pub(crate) fn new(
        scene: &'a mut Scene,
        plan: &'a FloorPlan,
        palette: &'a Palette,
        dice: &'a mut Dice,
        (clutter, lamp_share): (f32, f32),
    ) -> Self {
        let mut this = Self {
            scene,
            plan,
            palette,
            dice,
            clutter,
            lamp_share,
            lamps: Vec::new(),
            without: &[],
            taken: Vec::new(),
            walls: Vec::new(),
        };
        for door in &plan.doors {
            let (half, reach) = (door.width / 2.0 + 0.08, door.depth / 2.0 + 0.95);
            let size = if door.along_x {
                Vec2::new(half, reach)
            } else {
                Vec2::new(reach, half)
            };
            this.taken.push(Taken {
                low: door.centre - size,
                high: door.centre + size,
            });
        }
        this
    }

    pub(crate) fn room(&self, room: usize) -> &'a Room {
        &self.plan.rooms[room]
    }

    /// Length of a wall, m.
    pub(crate) fn wall_length(&self, room: usize, side: usize) -> f32 {
        let size = self.room(room).size();
        if side < 2 { size.y } else { size.x }
    }

    /// A pose with its back to a wall, `along` from the wall's low end.
    pub(crate) fn wall_pose(&self, room: usize, side: usize, along: f32, gap: f32) -> CameraPose {
        let (low, high) = (self.room(room).low, self.room(room).high);
        let quarter = std::f32::consts::FRAC_PI_2;
        match side {
            0 => CameraPose::upright(Vec3::new(low.x + gap, low.y + along, 0.0), -quarter),
            1 => CameraPose::upright(Vec3::new(high.x - gap, low.y + along, 0.0), quarter),
            2 => CameraPose::upright(Vec3::new(low.x + along, low.y + gap, 0.0), 0.0),
            _ => CameraPose::upright(Vec3::new(low.x + along, high.y - gap, 0.0), 2.0 * quarter),
        }
    }

    fn footprint(pose: CameraPose, size: Vec2) -> Taken {
        let a = pose.point(Vec3::new(-size.x / 2.0, 0.0, 0.0)).truncate();
        let b = pose.point(Vec3::new(size.x / 2.0, size.y, 0.0)).truncate();
        Taken {
            low: a.min(b),
            high: a.max(b),
        }
    }

    fn free(&self, room: usize, rect: Taken) -> bool {
        let (low, high) = (
            self.room(room).low.truncate(),
            self.room(room).high.truncate(),
        );
        let inside = rect.low.cmpge(low - 0.001).all() && rect.high.cmple(high + 0.001).all();
        inside
            && !self
                .taken
                .iter()
                .any(|t| t.low.cmplt(rect.high).all() && rect.low.cmplt(t.high).all())
    }

    fn windowed(&self, room: usize, side: usize, from: f32, to: f32, height: f32) -> bool {
        self.plan.windows.iter().any(|w| {
            w.room == room
                && w.side == side
                && w.sill < height
                && from < w.from + w.width + 0.05
                && w.from - 0.05 < to
        })
    }

    fn doored(&self, room: usize, side: usize, from: f32, to: f32) -> bool {
        let pose = self.wall_pose(room, side, (from + to) / 2.0, 0.0);
        let rect = Self::footprint(pose, Vec2::new(to - from, 0.05));
        self.plan.doors.iter().any(|d| {
            let half = d.width / 2.0 + 0.1;
            let size = if d.along_x {
                Vec2::new(half, 0.2)
            } else {
                Vec2::new(0.2, half)
            };
            d.rooms.contains(&room)
                && (d.centre - size).cmplt(rect.high).all()
                && rect.low.cmplt(d.centre + size).all()
        })
    }

    /// A free spot against one of `sides` for `size` (width, depth) and `height`.
    pub(crate) fn against_wall(
        &mut self,
        room: usize,
        sides: &[usize],
        size: Vec2,
        height: f32,
        gap: f32,
    ) -> Option<Spot> {
        for _ in 0..40 {
            let side = self.dice.pick(sides);
            let length = self.wall_length(room, side);
            let room_left = length - size.x;
            if room_left < 0.02 {
                continue;
            }
            let along = match self.dice.int(0, 3) {
                0 => 0.02,
                1 => room_left - 0.02,
                _ => self.dice.range(0.0, room_left),
            } + size.x / 2.0;
            if let Some(spot) = self.at_wall(room, side, along, size, height, gap) {
                return Some(spot);
            }
        }
        None
    }

    /// The spot at exactly this place, if it is free; takes it.
    pub(crate) fn at_wall(
        &mut self,
        room: usize,
        side: usize,
        along: f32,
        size: Vec2,
        height: f32,
        gap: f32,
    ) -> Option<Spot> {
        let pose = self.wall_pose(room, side, along, gap);
        let rect = Self::footprint(pose, size);
        let (from, to) = (along - size.x / 2.0, along + size.x / 2.0);
        if !self.free(room, rect) || self.windowed(room, side, from, to, height) {
            return None;
        }
        self.taken.push(rect);
        if height > 1.1 {
            self.walls.push(WallTaken {
                room,
                side,
                from,
                to,
            });
        }
        Some(Spot { pose, side, along })
    }

    /// Takes the floor in front of something, so that it stays usable.
    pub(crate) fn keep_clear(&mut self, pose: CameraPose, width: f32, from: f32, to: f32) {
        let start = CameraPose {
            translation: pose.point(Vec3::new(0.0, from, 0.0)),
            ..pose
        };
        self.taken
            .push(Self::footprint(start, Vec2::new(width, to - from)));
    }

    /// Takes the floor (width, depth) in front of `pose`, if it is free.
    pub(crate) fn take(&mut self, room: usize, pose: CameraPose, size: Vec2) -> bool {
        let rect = Self::footprint(pose, size);
        let free = self.free(room, rect);
        if free {
            self.taken.push(rect);
        }
        free
    }

    /// A free rectangle anywhere in the room; its middle. Takes it.
    pub(crate) fn anywhere(&mut self, room: usize, size: Vec2, margin: f32) -> Option<Vec2> {
        let (low, high) = (
            self.room(room).low.truncate(),
            self.room(room).high.truncate(),
        );
        let half = size / 2.0 + margin;
        for _ in 0..60 {
            let x = self.dice.range(low.x + half.x, high.x - half.x);
            let y = self.dice.range(low.y + half.y, high.y - half.y);
            let centre = Vec2::new(x, y);
            let rect = Taken {
                low: centre - half,
                high: centre + half,
            };
            if half.x * 2.0 < high.x - low.x
                && half.y * 2.0 < high.y - low.y
                && self.free(room, rect)
            {
                self.taken.push(Taken {
                    low: centre - size / 2.0,
                    high: centre + size / 2.0,
                });
                return Some(centre);
            }
        }
        None
    }

    /// Adds an object standing at `local` on something at `pose`, turned by `yaw`.
    pub(crate) fn put(
        &mut self,
        class: Class,
        model: Model,
        room: usize,
        pose: CameraPose,
        local: Vec3,
        yaw: f32,
    ) -> usize {
        let pose = pose.then(CameraPose::upright(local, yaw));
        self.scene.add(class, model, pose, room)
    }

    /// Takes a piece of wall for something hung up.
    pub(crate) fn hang(&mut self, room: usize, side: usize, along: f32, width: f32) -> Option<()> {
        let (from, to) = (along - width / 2.0 - 0.06, along + width / 2.0 + 0.06);
        let clash = self.windowed(room, side, from - 0.3, to + 0.3, 2.5)
            || self.doored(room, side, from, to)
            || self
                .walls
                .iter()
                .any(|w| w.room == room && w.side == side && from < w.to && w.from < to);
        (!clash).then(|| {
            self.walls.push(WallTaken {
                room,
                side,
                from,
                to,
            })
        })
    }
}
