//! The hall: a runner, a rack of shoes, pictures.

use glam::{Vec2, Vec3};

use crate::class::Class;
use crate::furniture as f;
use crate::home::furnish::Furnisher;

pub(super) fn hall(home: &mut Furnisher, room: usize) {
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
