//! What stands in which kind of room.

use glam::{Vec2, Vec3};

use super::furnish::Furnisher;
use super::plan::RoomKind;
use crate::class::Class;
use crate::furniture as f;
use crate::pose::Pose;

const ALL_SIDES: [usize; 4] = [0, 1, 2, 3];

/// Furnishes a room, or says why it cannot be one of its kind.
pub(crate) fn furnish(home: &mut Furnisher, room: usize) -> Result<(), String> {
    match home.room(room).kind {
        RoomKind::Living => living(home, room)?,
        RoomKind::Kitchen => super::kitchen::kitchen(home, room)?,
        RoomKind::Bedroom => bedroom(home, room)?,
        RoomKind::Bathroom => bathroom(home, room)?,
        RoomKind::Hall => hall(home, room),
        RoomKind::Study => study(home, room)?,
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

/// The side across the room.
fn opposite(side: usize) -> usize {
    side ^ 1
}

fn living(home: &mut Furnisher, room: usize) -> Result<(), String> {
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
    let (table_w, table_d) = (home.dice.range(0.85, 1.2), home.dice.range(0.5, 0.65));
    let front = Pose {
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
    if home.dice.chance(0.6)
        && let Some(spot) = home.against_wall(room, &ALL_SIDES, Vec2::new(0.85, 0.85), 0.9, 0.15)
    {
        let cloth = home.dice.pick(&home.palette.fabrics);
        let model = f::armchair(home.palette, home.dice, cloth);
        let yaw = home.dice.range(-0.3, 0.3);
        home.put(Class::Sofa, model, room, spot.pose, Vec3::ZERO, yaw);
    }
    standing_lamp(home, room);
    floor_plant(home, room);
    floor_plant(home, room);
    for _ in 0..home.dice.int(2, 5) {
        home.picture(room);
    }
    Ok(())
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

/// A dining table with chairs, somewhere free.
pub(crate) fn dining(home: &mut Furnisher, room: usize, large: bool) {
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
    let middle = Pose::upright(centre.extend(0.0), yaw);
    let pose = middle.then(Pose::upright(Vec3::new(0.0, -d / 2.0, 0.0), 0.0));
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
    if home.dice.chance(0.4) {
        home.carpet(room, centre, Vec2::new(w + 0.9, d + 1.1), yaw);
    }
}

/// A bookcase with books.
pub(crate) fn shelf(home: &mut Furnisher, room: usize) {
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

fn standing_lamp(home: &mut Furnisher, room: usize) {
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

fn floor_plant(home: &mut Furnisher, room: usize) {
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

fn bedroom(home: &mut Furnisher, room: usize) -> Result<(), String> {
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

fn bedside(home: &mut Furnisher, room: usize, pose: Pose) {
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

fn drawers(home: &mut Furnisher, room: usize) {
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

fn carton(home: &mut Furnisher, room: usize) {
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

fn bathroom(home: &mut Furnisher, room: usize) -> Result<(), String> {
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

fn hall(home: &mut Furnisher, room: usize) {
    let size = home.room(room).size();
    let centre = home.room(room).middle();
    if home.dice.chance(0.75) {
        let length = size.x * home.dice.range(0.35, 0.6);
        let shift = home.dice.range(-0.5, 0.5);
        let width = home.dice.range(0.6, 0.75);
        home.carpet(
            room,
            centre + Vec2::X * shift,
            Vec2::new(length, width),
            0.0,
        );
    }
    let width = home.dice.range(0.6, 0.9);
    if let Some(spot) = home.against_wall(room, &[2, 3], Vec2::new(width, 0.3), 1.2, 0.0) {
        let (model, tops) = f::bookcase(home.palette.woods[0], width, 0.5, 0.28, 2, true);
        home.put(Class::Shelf, model, room, spot.pose, Vec3::ZERO, 0.0);
        for top in &tops[..2] {
            for i in 0..(width / 0.26) as usize {
                let colour = home.dice.pick(&home.palette.paints);
                for x in [0.0, 0.1] {
                    let model = f::shoe(home.palette, colour);
                    let at = Vec3::new(-width / 2.0 + 0.09 + i as f32 * 0.25 + x, 0.145, *top);
                    home.put(Class::Shoe, model, room, spot.pose, at, 0.0);
                }
            }
        }
        home.scatter(
            room,
            spot.pose,
            (Vec2::new(-width / 2.0, 0.02), Vec2::new(width / 2.0, 0.27)),
            0.5,
            &[Class::Bowl, Class::Plant, Class::Can],
            2,
        );
    }
    for _ in 0..home.dice.int(1, 4) {
        home.picture(room);
    }
}

fn study(home: &mut Furnisher, room: usize) -> Result<(), String> {
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
    let seat = Pose::upright(
        spot.pose
            .point(Vec3::new(home.dice.range(-0.2, 0.2), d + 0.62, 0.0)),
        0.0,
    );
    let yaw = std::f32::consts::PI + home.dice.range(-0.5, 0.5);
    let seat = Pose {
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
