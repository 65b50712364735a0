//! The bathroom: a tub, a toilet, a basin under a mirror, towels.

use glam::{Vec2, Vec3};

use super::ALL_SIDES;
use crate::class::Class;
use crate::furniture as f;
use crate::home::furnish::Furnisher;

pub(super) fn bathroom(home: &mut Furnisher, room: usize) -> Result<(), String> {
    let size = home.room(room).size();
    let refuse = |what: &str| {
        format!(
            "no place for a {what} in a bathroom of {:.2} x {:.2} m",
            size.x, size.y
        )
    };
    let length = home.dice.range(1.55, 1.75);
    let spot = home
        .against_wall(room, &ALL_SIDES, Vec2::new(length, 0.72), 0.6, 0.0)
        .ok_or_else(|| refuse("bathtub"))?;
    let model = f::bathtub(home.palette, length);
    home.put(Class::Bathtub, model, room, spot.pose, Vec3::ZERO, 0.0);
    let spot = home
        .against_wall(room, &ALL_SIDES, Vec2::new(0.42, 0.68), 0.9, 0.0)
        .ok_or_else(|| refuse("toilet"))?;
    let model = f::toilet(home.palette);
    home.put(Class::Toilet, model, room, spot.pose, Vec3::ZERO, 0.0);
    home.keep_clear(spot.pose, 0.42, 0.68, 1.0);
    let width = home.dice.range(0.56, 0.8);
    if let Some(spot) = home.against_wall(room, &ALL_SIDES, Vec2::new(width, 0.48), 1.2, 0.0) {
        let model = f::basin(home.palette, width);
        home.put(Class::Sink, model, room, spot.pose, Vec3::ZERO, 0.0);
        let model = f::bath_mirror(home.palette, width, home.dice.range(0.6, 0.85));
        home.put(Class::Mirror, model, room, spot.pose, Vec3::ZERO, 0.0);
        let region = (
            Vec2::new(width / 2.0 - 0.1, 0.02),
            Vec2::new(width / 2.0, 0.4),
        );
        home.scatter(
            room,
            spot.pose,
            region,
            0.86,
            &[Class::Cup, Class::Bottle],
            3,
        );
        home.keep_clear(spot.pose, width, 0.48, 0.9);
    }
    for _ in 0..6 {
        let side = home.dice.int(0, 3) as usize;
        let wall = home.wall_length(room, side);
        let along = home.dice.range(0.4, wall - 0.4);
        if home.hang(room, side, along, 0.6).is_some() {
            let cloth = home.dice.pick(&home.palette.cloths);
            let model = f::towel_rail(home.palette, cloth, home.dice.range(0.4, 0.8));
            let pose = home.wall_pose(room, side, along, 0.0);
            home.put(Class::Towel, model, room, pose, Vec3::ZERO, 0.0);
            break;
        }
    }
    let centre = home.room(room).middle();
    let yaw = home.dice.range(-0.1, 0.1);
    home.carpet(room, centre, Vec2::new(0.75, 0.5), yaw);
    Ok(())
}
