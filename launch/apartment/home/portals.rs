//! Rooms that can be seen from a place, through the doors.

use glam::Vec2;

use super::plan::FloorPlan;

/// Marks every room that may be seen from `eye` in the floor plan.
pub(crate) fn visible_rooms(plan: &FloorPlan, eye: Vec2) -> Vec<bool> {
    let mut seen = vec![false; plan.rooms.len()];
    let start = plan.room_at(eye);
    visit(plan, eye, start, None, 0, &mut seen);
    for door in &plan.doors {
        if door.centre.distance(eye) < door.width / 2.0 + 0.5 {
            for room in door.rooms {
                visit(plan, eye, room, None, 0, &mut seen);
            }
        }
    }
    seen
}

/// `cone`: the right and left edge of what is seen, if limited.
fn visit(
    plan: &FloorPlan,
    eye: Vec2,
    room: usize,
    cone: Option<(Vec2, Vec2)>,
    depth: u32,
    seen: &mut [bool],
) {
    seen[room] = true;
    if depth > 6 {
        return;
    }
    for door in plan
        .doors
        .iter()
        .filter(|d| d.rooms[0] != d.rooms[1] && d.rooms.contains(&room))
    {
        let next = if door.rooms[0] == room {
            door.rooms[1]
        } else {
            door.rooms[0]
        };
        let half = door.width / 2.0 + door.depth + 0.05;
        let along = if door.along_x { Vec2::X } else { Vec2::Y } * half;
        let (mut right, mut left) = (door.centre - along - eye, door.centre + along - eye);
        if right.perp_dot(left) < 0.0 {
            std::mem::swap(&mut right, &mut left);
        }
        if let Some((cone_right, cone_left)) = cone {
            right = if cone_right.perp_dot(right) > 0.0 {
                right
            } else {
                cone_right
            };
            left = if left.perp_dot(cone_left) > 0.0 {
                left
            } else {
                cone_left
            };
            if right.perp_dot(left) <= 0.0 {
                continue;
            }
        }
        visit(plan, eye, next, Some((right, left)), depth + 1, seen);
    }
}
