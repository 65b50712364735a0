//! What is true in the end: how near things are, which doors are open.

use std::collections::BTreeMap;

use concert_apartment::{Home, RoomKind};
use serde_json::{Value, json};

/// A leaf that is turned by more is an open door, rad.
const OPEN: f32 = 0.5;

/// Distance from a place on the floor to the nearest thing of each class, level,
/// from bounds to bounds, m.
pub(super) fn metres_to(home: &Home, position: [f32; 2]) -> Value {
    let mut nearest: BTreeMap<&str, f32> = BTreeMap::new();
    for object in home.objects() {
        // The place in the object's own frame, against its bounds there.
        let away = object.distance_on_floor(position);
        let entry = nearest.entry(object.class.name()).or_insert(f32::INFINITY);
        *entry = entry.min(away);
    }
    json!(nearest)
}

/// Of each kind of room, whether any way into it is open.
pub(super) fn open_doors(home: &Home) -> Value {
    let mut open: BTreeMap<&str, bool> = BTreeMap::new();
    for door in &home.plan().doors {
        let is_open = door.open.is_none_or(|angle| angle > OPEN);
        for room in door.rooms {
            let name = name(home.plan().rooms[room].kind);
            *open.entry(name).or_default() |= is_open && door.rooms[0] != door.rooms[1];
        }
    }
    json!(open)
}

/// As people call it.
fn name(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Living => "living room",
        RoomKind::Kitchen => "kitchen",
        RoomKind::Bedroom => "bedroom",
        RoomKind::Bathroom => "bathroom",
        RoomKind::Hall => "hall",
        RoomKind::Study => "study",
    }
}
