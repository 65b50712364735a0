//! The study: a desk with a chair, shelves, drawers.

use glam::{Vec2, Vec3};

use super::ALL_SIDES;
use super::pieces::{carton, drawers, floor_plant, shelf};
use crate::class::Class;
use crate::furniture as f;
use crate::home::furnish::Furnisher;
use crate::pose::CameraPose;

pub(super) fn study(home: &mut Furnisher, room: usize) -> Result<(), String> {
    let (w, d) = (home.dice.range(1.2, 1.6), home.dice.range(0.62, 0.75));
    let spot = home
        .against_wall(room, &ALL_SIDES, Vec2::new(w, d), 0.78, 0.02)
        .ok_or_else(|| format!("no wall for a desk of {w:.2} m"))?;
    let model = f::desk(home.palette, home.dice, w, d);
    home.put(Class::Table, model, room, spot.pose, Vec3::ZERO, 0.0);
    home.put(
        Class::Laptop,
        f::laptop(home.palette),
        room,
        spot.pose,
        Vec3::new(0.0, d * 0.5, 0.74),
        0.0,
    );
    let on = home.dice.chance(home.lamp_share);
    let (shade, light) = home.shade(on);
    let model = f::table_lamp(home.palette, home.palette.black, shade);
    home.put(
        Class::Lamp,
        model,
        room,
        spot.pose,
        Vec3::new(-w / 2.0 + 0.18, 0.18, 0.74),
        0.0,
    );
    home.light(
        spot.pose.point(Vec3::new(-w / 2.0 + 0.18, 0.18, 1.1)),
        0.09,
        light * 1.1,
    );
    let region = (Vec2::new(0.24, 0.05), Vec2::new(w / 2.0, d - 0.05));
    home.scatter(
        room,
        spot.pose,
        region,
        0.74,
        &[
            Class::Book,
            Class::Cup,
            Class::Can,
            Class::Plant,
            Class::Bottle,
        ],
        4,
    );
    let cloth = home.dice.pick(&home.palette.fabrics);
    let model = f::office_chair(home.palette, cloth);
    let seat = CameraPose::upright(
        spot.pose
            .point(Vec3::new(home.dice.range(-0.2, 0.2), d + 0.62, 0.0)),
        0.0,
    );
    let yaw = std::f32::consts::PI + home.dice.range(-0.5, 0.5);
    let seat = CameraPose {
        rotation: spot.pose.rotation,
        ..seat
    };
    home.put(Class::Chair, model, room, seat, Vec3::ZERO, yaw);
    home.keep_clear(spot.pose, w, d, d + 0.85);
    for _ in 0..2 {
        shelf(home, room);
    }
    drawers(home, room);
    floor_plant(home, room);
    carton(home, room);
    let centre = home.room(room).middle();
    home.carpet(room, centre, Vec2::new(1.7, 1.2), 0.0);
    for _ in 0..home.dice.int(1, 4) {
        home.picture(room);
    }
    Ok(())
}
