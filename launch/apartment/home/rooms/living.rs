//! The living room: a sofa, what stands around it, and a place to dine.

use glam::{Vec2, Vec3};

use super::ALL_SIDES;
use super::dining::dining;
use super::pieces::{carton, drawers, floor_plant, shelf, standing_lamp};
use crate::class::Class;
use crate::furniture as f;
use crate::home::furnish::{Furnisher, Spot};
use crate::pose::CameraPose;

pub(super) fn living(home: &mut Furnisher, room: usize) -> Result<(), String> {
    let size = home.room(room).size();
    let (sofa_spot, width) = sofa(home, room)?;
    coffee_table(home, room, sofa_spot, width);
    television(home, room, sofa_spot.side, sofa_spot.along);
    dining(home, room, true);
    let roomy = size.x * size.y > 24.0;
    for _ in 0..if roomy { 3 } else { 2 } {
        shelf(home, room);
    }
    if roomy {
        drawers(home, room);
        dining(home, room, false);
        carton(home, room);
    }
    armchair(home, room);
    standing_lamp(home, room);
    floor_plant(home, room);
    floor_plant(home, room);
    for _ in 0..home.dice.int(2, 5) {
        home.picture(room);
    }
    Ok(())
}

/// A sofa with its cushions; its place and its width, m.
fn sofa(home: &mut Furnisher, room: usize) -> Result<(Spot, f32), String> {
    let size = home.room(room).size();
    let width = home.dice.range(1.75, 2.35);
    let sofa_spot = home
        .against_wall(room, &ALL_SIDES, Vec2::new(width, 0.96), 0.8, 0.04)
        .ok_or_else(|| {
            format!(
                "no wall for a sofa of {width:.2} m in a living room of {:.2} x {:.2} m",
                size.x, size.y
            )
        })?;
    let cloth = home.dice.pick(&home.palette.fabrics);
    let model = f::sofa(home.palette, home.dice, width, cloth);
    home.put(Class::Sofa, model, room, sofa_spot.pose, Vec3::ZERO, 0.0);
    for _ in 0..home.dice.int(1, 4) {
        let cloth = home.dice.pick(&home.palette.fabrics);
        let x = home.dice.range(-width / 2.0 + 0.4, width / 2.0 - 0.4);
        let model = f::cushion(cloth, home.dice.range(0.38, 0.46));
        let yaw = home.dice.range(-0.4, 0.4) + std::f32::consts::PI;
        home.put(
            Class::Cushion,
            model,
            room,
            sofa_spot.pose,
            Vec3::new(x, 0.46, 0.47),
            yaw,
        );
    }
    Ok((sofa_spot, width))
}

/// A coffee table on a carpet, before the sofa of `width`, where there is room.
fn coffee_table(home: &mut Furnisher, room: usize, sofa_spot: Spot, width: f32) {
    let (table_w, table_d) = (home.dice.range(0.85, 1.2), home.dice.range(0.5, 0.65));
    let front = CameraPose {
        translation: sofa_spot.pose.point(Vec3::new(0.0, 1.35, 0.0)),
        ..sofa_spot.pose
    };
    if home.take(room, front, Vec2::new(table_w, table_d)) {
        let model = f::coffee_table(home.palette, home.dice, table_w, table_d);
        home.put(Class::Table, model, room, front, Vec3::ZERO, 0.0);
        let region = (
            Vec2::new(-table_w / 2.0, 0.0),
            Vec2::new(table_w / 2.0, table_d),
        );
        home.scatter(
            room,
            front,
            region,
            0.42,
            &[
                Class::Cup,
                Class::Can,
                Class::Book,
                Class::Bowl,
                Class::Bottle,
                Class::Plant,
                Class::Can,
            ],
            6,
        );
        let centre = front.point(Vec3::new(0.0, 0.1, 0.0)).truncate();
        let yaw = if sofa_spot.side < 2 {
            std::f32::consts::FRAC_PI_2
        } else {
            0.0
        };
        let carpet = Vec2::new(
            width * home.dice.range(0.95, 1.2),
            home.dice.range(1.5, 2.0),
        );
        home.carpet(room, centre, carpet, yaw);
    }
}

fn television(home: &mut Furnisher, room: usize, sofa_side: usize, along: f32) {
    let width = home.dice.range(1.3, 1.8);
    let size = Vec2::new(width, 0.44);
    let side = opposite(sofa_side);
    let spot = home
        .at_wall(
            room,
            side,
            along.clamp(
                width / 2.0 + 0.02,
                home.wall_length(room, side).max(width + 0.1) - width / 2.0 - 0.02,
            ),
            size,
            1.2,
            0.01,
        )
        .or_else(|| home.against_wall(room, &ALL_SIDES, size, 1.2, 0.01));
    if let Some(spot) = spot {
        let model = f::tv_stand(home.palette, home.dice, width);
        home.put(Class::Cabinet, model, room, spot.pose, Vec3::ZERO, 0.0);
        let model = f::television(home.palette, width * home.dice.range(0.6, 0.78));
        home.put(
            Class::Television,
            model,
            room,
            spot.pose,
            Vec3::new(0.0, 0.1, 0.46),
            0.0,
        );
        home.keep_clear(spot.pose, width, 0.44, 0.8);
    }
}

/// The side across the room.
fn opposite(side: usize) -> usize {
    side ^ 1
}

fn armchair(home: &mut Furnisher, room: usize) {
    if home.dice.chance(0.6)
        && let Some(spot) = home.against_wall(room, &ALL_SIDES, Vec2::new(0.85, 0.85), 0.9, 0.15)
    {
        let cloth = home.dice.pick(&home.palette.fabrics);
        let model = f::armchair(home.palette, home.dice, cloth);
        let yaw = home.dice.range(-0.3, 0.3);
        home.put(Class::Sofa, model, room, spot.pose, Vec3::ZERO, yaw);
    }
}
