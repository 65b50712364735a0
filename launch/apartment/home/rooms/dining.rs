//! A dining table with its chairs, in a kitchen or a living room.

use glam::{Vec2, Vec3};

use crate::class::Class;
use crate::furniture as f;
use crate::home::furnish::Furnisher;
use crate::material::MaterialId;
use crate::pose::CameraPose;

/// A dining table with chairs, somewhere free.
pub(super) fn dining(home: &mut Furnisher, room: usize, large: bool) {
    let round = home.dice.chance(0.3);
    let (w, d) = match (round, large) {
        (true, _) => (1.05, 1.05),
        (false, true) => (home.dice.range(1.3, 1.7), home.dice.range(0.8, 0.92)),
        (false, false) => (home.dice.range(0.75, 1.0), home.dice.range(0.65, 0.75)),
    };
    let turned = home.dice.chance(0.5);
    let chairs_deep = 0.75;
    let outer = if turned {
        Vec2::new(d + 2.0 * chairs_deep, w)
    } else {
        Vec2::new(w, d + 2.0 * chairs_deep)
    };
    let Some(centre) = home.anywhere(room, outer, 0.1) else {
        return;
    };
    let yaw = if turned {
        std::f32::consts::FRAC_PI_2
    } else {
        0.0
    };
    let middle = CameraPose::upright(centre.extend(0.0), yaw);
    let pose = middle.then(CameraPose::upright(Vec3::new(0.0, -d / 2.0, 0.0), 0.0));
    let wood = home.dice.pick(&home.palette.woods);
    let model = f::dining_table(home.palette, w, d, round, wood);
    home.put(Class::Table, model, room, pose, Vec3::ZERO, 0.0);
    let inset = if round { 0.28 } else { 0.04 };
    let region = (
        Vec2::new(-w / 2.0 + inset, inset),
        Vec2::new(w / 2.0 - inset, d - inset),
    );
    home.scatter(
        room,
        pose,
        region,
        0.75,
        &[
            Class::Cup,
            Class::Bowl,
            Class::Bottle,
            Class::Can,
            Class::Fruit,
            Class::Plant,
            Class::Book,
            Class::Cup,
        ],
        8,
    );
    chairs(home, room, middle, (w, d, round), wood);
    if home.dice.chance(0.4) {
        home.carpet(room, centre, Vec2::new(w + 0.9, d + 1.1), yaw);
    }
}

/// The chairs on both sides of a table of width and depth, m, round or not.
fn chairs(
    home: &mut Furnisher,
    room: usize,
    middle: CameraPose,
    (w, d, round): (f32, f32, bool),
    wood: MaterialId,
) {
    let style = home.dice.int(0, 2);
    let seat = home.dice.pick(&home.palette.fabrics);
    let seats = if w > 1.25 && !round { 2 } else { 1 };
    for side in 0..2 {
        for place in 0..seats {
            let x = if seats == 2 {
                (place as f32 - 0.5) * w * 0.5
            } else {
                0.0
            };
            let away = d / 2.0 + home.dice.range(-0.12, 0.2);
            let turn = if side == 0 { std::f32::consts::PI } else { 0.0 };
            let (sx, sy) = if side == 0 {
                (x, away + 0.44)
            } else {
                (x, -away - 0.44)
            };
            let yaw = turn + home.dice.range(-0.22, 0.22);
            let model = f::chair(
                home.palette,
                style,
                wood,
                if style == 0 { wood } else { seat },
            );
            home.put(
                Class::Chair,
                model,
                room,
                middle,
                Vec3::new(sx, sy, 0.0),
                yaw,
            );
        }
    }
}
