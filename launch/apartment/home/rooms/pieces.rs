//! Single pieces of furniture that stand in more than one kind of room.

use glam::{Vec2, Vec3};

use super::ALL_SIDES;
use crate::class::Class;
use crate::furniture as f;
use crate::home::furnish::Furnisher;

/// A bookcase with books.
pub(super) fn shelf(home: &mut Furnisher, room: usize) {
    let (w, h, d) = (
        home.dice.range(0.6, 1.2),
        home.dice.range(1.1, 2.1),
        home.dice.range(0.27, 0.34),
    );
    let Some(spot) = home.against_wall(room, &ALL_SIDES, Vec2::new(w, d), h, 0.01) else {
        return;
    };
    let wood = if home.dice.chance(0.35) {
        home.palette.white
    } else {
        home.dice.pick(&home.palette.woods)
    };
    let boards = (h / home.dice.range(0.33, 0.42)).round() as usize;
    let (model, tops) = f::bookcase(wood, w, h, d, boards, home.dice.chance(0.7));
    home.put(Class::Shelf, model, room, spot.pose, Vec3::ZERO, 0.0);
    home.fill_shelf(room, spot.pose, w, d, &tops);
    let region = (Vec2::new(-w / 2.0, 0.02), Vec2::new(w / 2.0, d));
    let things: &[Class] = if h < 1.5 {
        &[
            Class::Plant,
            Class::Box,
            Class::Book,
            Class::Bowl,
            Class::Can,
        ]
    } else {
        &[Class::Box, Class::Plant]
    };
    home.scatter(room, spot.pose, region, h, things, 3);
    home.keep_clear(spot.pose, w, d, d + 0.45);
}

pub(super) fn drawers(home: &mut Furnisher, room: usize) {
    let (w, h) = (home.dice.range(0.7, 1.3), home.dice.range(0.75, 1.0));
    let Some(spot) = home.against_wall(room, &ALL_SIDES, Vec2::new(w + 0.02, 0.48), h, 0.01) else {
        return;
    };
    let wood = if home.dice.chance(0.3) {
        home.palette.white
    } else {
        home.dice.pick(&home.palette.woods)
    };
    let model = f::chest(home.palette, wood, w, h, home.dice.int(3, 4) as usize);
    home.put(Class::Cabinet, model, room, spot.pose, Vec3::ZERO, 0.0);
    let region = (Vec2::new(-w / 2.0, 0.02), Vec2::new(w / 2.0, 0.43));
    home.scatter(
        room,
        spot.pose,
        region,
        h,
        &[
            Class::Book,
            Class::Plant,
            Class::Box,
            Class::Bowl,
            Class::Bottle,
            Class::Can,
        ],
        5,
    );
    home.keep_clear(spot.pose, w, 0.48, 0.9);
}

pub(super) fn standing_lamp(home: &mut Furnisher, room: usize) {
    let Some(spot) = home.against_wall(room, &ALL_SIDES, Vec2::splat(0.42), 1.7, 0.03) else {
        return;
    };
    let on = home.dice.chance(home.lamp_share);
    let (shade, light) = home.shade(on);
    let model = f::floor_lamp(home.palette, shade);
    home.put(
        Class::Lamp,
        model,
        room,
        spot.pose,
        Vec3::new(0.0, 0.21, 0.0),
        0.0,
    );
    home.light(
        spot.pose.point(Vec3::new(0.0, 0.21, 1.52)),
        0.14,
        light * 2.6,
    );
}

pub(super) fn floor_plant(home: &mut Furnisher, room: usize) {
    if home.dice.chance(0.35) {
        return;
    }
    let height = home.dice.range(0.6, 1.5);
    let Some(spot) = home.against_wall(room, &ALL_SIDES, Vec2::splat(0.5), 0.7, 0.02) else {
        return;
    };
    let model = f::plant(home.palette, home.dice, height);
    home.put(
        Class::Plant,
        model,
        room,
        spot.pose,
        Vec3::new(0.0, 0.25, 0.0),
        0.0,
    );
}

pub(super) fn carton(home: &mut Furnisher, room: usize) {
    if home.dice.chance(home.clutter * 0.6)
        && let Some(spot) = home.against_wall(room, &ALL_SIDES, Vec2::new(0.5, 0.4), 0.35, 0.03)
    {
        let model = f::carton(home.palette, home.dice);
        let yaw = home.dice.range(-0.3, 0.3);
        home.put(
            Class::Box,
            model,
            room,
            spot.pose,
            Vec3::new(0.0, 0.2, 0.0),
            yaw,
        );
    }
}
