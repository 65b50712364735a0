//! The kitchen: a run of units along one wall, a fridge at its end.

use glam::{Vec2, Vec3};

use super::dining::dining;
use super::pieces::shelf;
use crate::class::Class;
use crate::furniture as f;
use crate::home::furnish::Furnisher;
use crate::pose::CameraPose;
use crate::shape::Model;

/// Furnishes a kitchen.
pub(super) fn kitchen(home: &mut Furnisher, room: usize) -> Result<(), String> {
    let fridge = home
        .against_wall(room, &[0, 1, 2, 3], Vec2::new(0.64, 0.7), 1.9, 0.01)
        .ok_or_else(|| "no wall for a fridge in the kitchen".to_owned())?;
    let model = f::fridge(home.palette, home.dice);
    home.put(Class::Fridge, model, room, fridge.pose, Vec3::ZERO, 0.0);
    home.keep_clear(fridge.pose, 0.6, 0.7, 1.1);
    let mut best = None;
    for width in [3.6f32, 3.0, 2.4, 1.8] {
        // Beside the fridge first, then any wall.
        let size = Vec2::new(width, 0.62);
        for step in [-1.0, 1.0] {
            let along = fridge.along + step * (0.33 + width / 2.0);
            best = best.or_else(|| {
                home.at_wall(room, fridge.side, along, size, 0.92, 0.0)
                    .map(|s| (s, width))
            });
        }
        best = best.or_else(|| {
            home.against_wall(room, &[0, 1, 2, 3], size, 0.92, 0.0)
                .map(|s| (s, width))
        });
        if best.is_some() {
            break;
        }
    }
    let (spot, width) =
        best.ok_or_else(|| "no wall for a counter of 1.80 m in the kitchen".to_owned())?;
    counter(home, room, spot.pose, spot.side, (spot.along, width));
    home.keep_clear(spot.pose, width, 0.62, 1.1);
    dining(home, room, false);
    if home.dice.chance(0.4) {
        shelf(home, room);
    }
    if let Some(spot) = home.against_wall(room, &[0, 1, 2, 3], Vec2::splat(0.36), 0.6, 0.03) {
        let model = f::stool(home.palette, home.dice.pick(&home.palette.woods));
        home.put(Class::Chair, model, room, spot.pose, Vec3::ZERO, 0.0);
    }
    home.picture(room);
    Ok(())
}

fn counter(
    home: &mut Furnisher,
    room: usize,
    pose: CameraPose,
    side: usize,
    (along, width): (f32, f32),
) {
    // Frame of the run: x from its low end.
    let run = pose.then(CameraPose::upright(Vec3::new(-width / 2.0, 0.0, 0.0), 0.0));
    let flip = home.dice.chance(0.5);
    let (sink_x, hob_x) = if flip {
        (width * 0.27, width - 0.42)
    } else {
        (width - width * 0.27, 0.42)
    };
    let (cabinets, top) = f::base_units(home.palette, home.dice, width, Some(sink_x));
    home.put(Class::Cabinet, cabinets, room, run, Vec3::ZERO, 0.0);
    home.put(Class::Counter, top, room, run, Vec3::ZERO, 0.0);
    home.put(
        Class::Sink,
        f::sink(home.palette),
        room,
        run,
        Vec3::new(sink_x, 0.0, 0.0),
        0.0,
    );
    home.put(
        Class::Stove,
        f::hob_and_oven(home.palette),
        room,
        run,
        Vec3::new(hob_x, 0.0, 0.0),
        0.0,
    );
    let mut splash = Model::new();
    let reach = home.hang(room, side, along, width);
    let upper = if reach.is_some() { 0.53 } else { 0.2 };
    splash.block(
        home.palette.splash,
        Vec3::new(0.0, 0.0, 0.9),
        Vec3::new(width, 0.008, 0.9 + upper),
    );
    home.put(Class::Wall, splash, room, run, Vec3::ZERO, 0.0);
    if reach.is_some() {
        let ceiling = home.room(room).high.z;
        home.put(
            Class::Appliance,
            f::hood(home.palette, ceiling),
            room,
            run,
            Vec3::new(hob_x, 0.0, 0.0),
            0.0,
        );
        let (from, to) = if hob_x < width / 2.0 {
            (hob_x + 0.32, width)
        } else {
            (0.0, hob_x - 0.32)
        };
        if to - from > 0.4 && home.dice.chance(0.85) {
            let model = f::wall_units(home.palette, to - from);
            home.put(
                Class::Cabinet,
                model,
                room,
                run,
                Vec3::new(from, 0.0, 0.0),
                0.0,
            );
        }
    }
    appliances(home, room, run, (sink_x, hob_x, width));
}

fn appliances(
    home: &mut Furnisher,
    room: usize,
    run: CameraPose,
    (sink_x, hob_x, width): (f32, f32, f32),
) {
    // The free stretches of the counter, left and right of sink and hob.
    let mut blocks = [(sink_x - 0.3, sink_x + 0.3), (hob_x - 0.32, hob_x + 0.32)];
    blocks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let stretches = [
        (0.02, blocks[0].0),
        (blocks[0].1, blocks[1].0),
        (blocks[1].1, width - 0.02),
    ];
    let (mut kettle, mut toaster) = (home.dice.chance(0.75), home.dice.chance(0.7));
    for (mut from, to) in stretches {
        if kettle && to - from > 0.3 {
            home.put(
                Class::Appliance,
                f::kettle(home.palette),
                room,
                run,
                Vec3::new(from + 0.15, 0.22, 0.9),
                0.7,
            );
            from += 0.3;
            kettle = false;
        }
        if toaster && to - from > 0.4 {
            let model = f::toaster(home.palette, home.dice);
            home.put(
                Class::Appliance,
                model,
                room,
                run,
                Vec3::new(from + 0.19, 0.2, 0.9),
                0.0,
            );
            from += 0.38;
            toaster = false;
        }
        if to - from > 0.25 {
            let region = (Vec2::new(from, 0.06), Vec2::new(to, 0.52));
            let things = [
                Class::Cup,
                Class::Bottle,
                Class::Can,
                Class::Bowl,
                Class::Fruit,
                Class::Can,
                Class::Plant,
            ];
            home.scatter(room, run, region, 0.9, &things, ((to - from) * 9.0) as u32);
        }
    }
}
