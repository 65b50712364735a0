//! The furniture of a room, by the kind of the room.

mod bathroom;
mod bedroom;
mod dining;
mod hall;
mod kitchen;
mod living;
mod pieces;
mod study;

use glam::{Vec2, Vec3};

use super::furnish::Furnisher;
use super::plan::RoomKind;
use crate::class::Class;
use crate::furniture as f;

/// The walls of a room by number: west, east, south, north.
const ALL_SIDES: [usize; 4] = [0, 1, 2, 3];

/// Furnishes a room, or says why it cannot be one of its kind.
pub(crate) fn furnish(home: &mut Furnisher, room: usize) -> Result<(), String> {
    match home.room(room).kind {
        RoomKind::Living => living::living(home, room)?,
        RoomKind::Kitchen => kitchen::kitchen(home, room)?,
        RoomKind::Bedroom => bedroom::bedroom(home, room)?,
        RoomKind::Bathroom => bathroom::bathroom(home, room)?,
        RoomKind::Hall => hall::hall(home, room),
        RoomKind::Study => study::study(home, room)?,
    }
    radiators(home, room);
    home.ceiling_light(room);
    Ok(())
}

fn radiators(home: &mut Furnisher, room: usize) {
    let windows: Vec<_> = home
        .plan
        .windows
        .iter()
        .filter(|w| w.room == room && w.sill > 0.7)
        .cloned()
        .collect();
    for window in windows {
        let size = Vec2::new(window.width.min(1.1), 0.12);
        let along = window.from + window.width / 2.0;
        if let Some(spot) = home.at_wall(room, window.side, along, size, 0.6, 0.0) {
            let model = f::radiator(home.palette, size.x - 0.12, 0.5);
            home.put(Class::Radiator, model, room, spot.pose, Vec3::ZERO, 0.0);
        }
    }
}
