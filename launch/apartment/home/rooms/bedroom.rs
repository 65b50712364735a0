//! The bedroom: a bed between night tables, a wardrobe, drawers.

use glam::{Vec2, Vec3};

use super::ALL_SIDES;
use super::pieces::{carton, drawers, floor_plant, shelf};
use crate::class::Class;
use crate::furniture as f;
use crate::home::furnish::Furnisher;
use crate::pose::CameraPose;

pub(super) fn bedroom(home: &mut Furnisher, room: usize) -> Result<(), String> {
    let size = home.room(room).size();
    let mut width = home.dice.pick(&[0.95, 1.4, 1.6, 1.8]);
    let spot = loop {
        if let Some(spot) =
            home.against_wall(room, &ALL_SIDES, Vec2::new(width + 0.06, 2.14), 0.9, 0.01)
        {
            break spot;
        }
        width -= 0.25;
        if width < 0.85 {
            return Err(format!(
                "no place for a bed in a bedroom of {:.2} x {:.2} m",
                size.x, size.y
            ));
        }
    };
    let model = f::bed(home.palette, home.dice, width);
    home.put(Class::Bed, model, room, spot.pose, Vec3::ZERO, 0.0);
    let wood = home.dice.pick(&home.palette.woods);
    for side in [-1.0, 1.0] {
        let turn = if spot.side == 0 || spot.side == 3 {
            -side
        } else {
            side
        };
        let along = spot.along + turn * (width / 2.0 + 0.28);
        if let Some(place) = home.at_wall(room, spot.side, along, Vec2::new(0.45, 0.4), 0.55, 0.01)
        {
            let model = f::night_table(home.palette, wood);
            home.put(Class::Table, model, room, place.pose, Vec3::ZERO, 0.0);
            bedside(home, room, place.pose);
        }
    }
    let along = if spot.side < 2 {
        std::f32::consts::FRAC_PI_2
    } else {
        0.0
    };
    let foot = spot.pose.point(Vec3::new(0.0, 1.7, 0.0)).truncate();
    if home.dice.chance(0.7) {
        home.carpet(room, foot, Vec2::new(width + 1.0, 1.4), along);
    }
    let wide = home.dice.range(1.0, 2.0);
    let tall = home.dice.range(1.95, 2.25);
    if let Some(place) = home.against_wall(room, &ALL_SIDES, Vec2::new(wide, 0.62), tall, 0.0) {
        let model = f::wardrobe(home.palette, home.dice, wide, tall);
        home.put(Class::Wardrobe, model, room, place.pose, Vec3::ZERO, 0.0);
        home.keep_clear(place.pose, wide, 0.62, 1.0);
    }
    drawers(home, room);
    if home.dice.chance(0.4) {
        shelf(home, room);
    }
    floor_plant(home, room);
    carton(home, room);
    for _ in 0..home.dice.int(1, 3) {
        home.picture(room);
    }
    Ok(())
}

fn bedside(home: &mut Furnisher, room: usize, pose: CameraPose) {
    let on = home.dice.chance(home.lamp_share);
    let (shade, light) = home.shade(on);
    let base = home.dice.pick(&home.palette.clay);
    let model = f::table_lamp(home.palette, base, shade);
    home.put(
        Class::Lamp,
        model,
        room,
        pose,
        Vec3::new(-0.07, 0.15, 0.5),
        0.0,
    );
    home.light(pose.point(Vec3::new(-0.07, 0.15, 0.86)), 0.09, light * 1.0);
    let region = (Vec2::new(0.04, 0.05), Vec2::new(0.21, 0.34));
    home.scatter(
        room,
        pose,
        region,
        0.5,
        &[Class::Cup, Class::Bottle, Class::Can],
        2,
    );
}
