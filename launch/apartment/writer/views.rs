//! Poses of the camera, frame by frame.

use glam::{Vec2, Vec3};

use super::options::{DataSetOptions, Views};
use crate::class::Class;
use crate::dice::Dice;
use crate::home::Home;
use crate::pose::CameraPose;
use crate::robot::Tour;
use crate::scene::Object;

/// Poses within one exposure when motion is blurred.
const BLUR_POSES: usize = 5;
/// Distances along the floor from a thing that a robot could fetch, m: an arm's length, and
/// what shows a can of 115 mm 12 px high in a picture of 320×240, 72° wide.
const NEAR: (f32, f32) = (0.4, 2.2);
/// Distances from what it stands in or lies behind, m.
const AROUND: (f32, f32) = (0.9, 3.8);
/// Classes of things that views are taken near to, and from how far.
const THINGS: [(Class, (f32, f32)); 7] = [
    (Class::Can, NEAR),
    (Class::Cup, NEAR),
    (Class::Bottle, NEAR),
    (Class::Bowl, NEAR),
    (Class::Fruit, NEAR),
    (Class::Fridge, AROUND),
    (Class::Door, AROUND),
];
/// Greatest angle between the picture's middle and the thing, as a share of the
/// field of view.
const OFF_MIDDLE: f32 = 0.38;
/// Draws of a thing and a place near it before a scattered view stands in.
const DRAWS: usize = 200;

/// The camera's poses during each frame's exposure, the middle one at its stamp.
/// Made one after the other, so that a stop need not wait for all.
pub(super) fn poses<'a>(
    options: &'a DataSetOptions,
    home: &'a Home,
    share: u64,
) -> Box<dyn Iterator<Item = Vec<CameraPose>> + 'a> {
    match options.views {
        Views::Scattered => Box::new(scattered(options, home).take(share as usize)),
        Views::Things => Box::new(near_things(options, home).take(share as usize)),
        Views::Put => Box::new(near_put(options, home).take(share as usize)),
        Views::Tour { spacing, shutter } => {
            Box::new(touring(options, home, spacing, shutter).take(share as usize))
        }
    }
}

fn scattered<'a>(
    options: &'a DataSetOptions,
    home: &'a Home,
) -> impl Iterator<Item = Vec<CameraPose>> + 'a {
    let seed = home.seed();
    (0u64..)
        .zip(home.endless_viewpoints(1.0, 0.0))
        .map(move |(index, pose)| {
            let (height, tilt) = options
                .randomisation
                .mount(seed.wrapping_mul(7919).wrapping_add(index));
            let forward = pose.direction(glam::Vec3::Z);
            let eye = pose.translation.truncate().extend(height);
            vec![CameraPose::looking(eye, forward.y.atan2(forward.x), tilt)]
        })
}

/// Views with a thing near by.
fn near_things<'a>(
    options: &'a DataSetOptions,
    home: &'a Home,
) -> impl Iterator<Item = Vec<CameraPose>> + 'a {
    let things = THINGS.map(|(class, distances)| {
        let of_class: Vec<Thing> = home.objects_of(class).map(Thing::of).collect();
        (of_class, distances)
    });
    let there = things.into_iter().filter(|(things, _)| !things.is_empty());
    let near = NearThings::new(options, home, there.collect());
    let kinds = near.things.len() as u32;
    near.views(options, move |_, dice| match kinds {
        0 => None,
        kinds => Some(dice.int(0, kinds - 1) as usize),
    })
}

/// Views with what was put into the home, one thing after the other.
fn near_put<'a>(
    options: &'a DataSetOptions,
    home: &'a Home,
) -> impl Iterator<Item = Vec<CameraPose>> + 'a {
    let put = home.objects().iter();
    let put = put.filter(|object| home.stocked().contains(&object.instance));
    let things: Vec<_> = put.map(|put| (vec![Thing::of(put)], NEAR)).collect();
    let count = things.len() as u64;
    let near = NearThings::new(options, home, things);
    near.views(options, move |index, _| {
        (count > 0).then(|| (index % count) as usize)
    })
}

/// What views near things are drawn from.
struct NearThings<'a> {
    home: &'a Home,
    /// By kind, the things, and from how far they are looked at, m.
    things: Vec<(Vec<Thing>, (f32, f32))>,
    reachable: Vec<bool>,
    /// Horizontal and vertical, rad.
    field_of_view: Vec2,
}

/// A thing that is looked at.
#[derive(Clone, Copy)]
struct Thing {
    /// In the world, m.
    middle: Vec3,
    /// Half its diagonal along the floor, m.
    radius: f32,
}

impl Thing {
    fn of(object: &Object) -> Self {
        Self {
            middle: object.pose.point((object.low + object.high) / 2.0),
            radius: (object.high - object.low).truncate().length() / 2.0,
        }
    }
}

impl<'a> NearThings<'a> {
    fn new(
        options: &DataSetOptions,
        home: &'a Home,
        things: Vec<(Vec<Thing>, (f32, f32))>,
    ) -> Self {
        // The narrowest that is drawn: what is in its view is in every other's.
        let across = options.randomisation.field_of_view.low;
        let aspect = options.height as f32 / options.width as f32;
        let down = 2.0 * ((across / 2.0).tan() * aspect).atan();
        Self {
            home,
            things,
            reachable: home.occupancy().reachable(home.plan()),
            field_of_view: Vec2::new(across, down),
        }
    }

    /// Views of a thing of the kind that `choose` gives for each frame; scattered ones
    /// where it gives none, or none of it can be seen.
    fn views(
        self,
        options: &'a DataSetOptions,
        mut choose: impl FnMut(u64, &mut Dice) -> Option<usize> + 'a,
    ) -> impl Iterator<Item = Vec<CameraPose>> + 'a {
        let home = self.home;
        let mut elsewhere = scattered(options, home);
        let mut dice = Dice::new(home.seed(), 71);
        (0u64..).map(move |index| {
            let mount = options
                .randomisation
                .mount(home.seed().wrapping_mul(7907).wrapping_add(index));
            let draw = |_| {
                let kind = choose(index, &mut dice)?;
                self.draw(kind, mount, &mut dice)
            };
            match (0..DRAWS).find_map(draw) {
                Some(pose) => vec![pose],
                None => elsewhere.next().unwrap_or_default(),
            }
        })
    }

    /// A view of a thing of a kind, of a camera at a height (m), tilted (rad) so far that the thing is in it;
    /// `None` where a robot cannot stand there or something hides the thing.
    fn draw(&self, kind: usize, (height, tilt): (f32, f32), dice: &mut Dice) -> Option<CameraPose> {
        let (of_class, (nearest, furthest)) = &self.things[kind];
        let Thing {
            middle: thing,
            radius,
        } = dice.pick(of_class);
        let distance = dice.range(*nearest, *furthest);
        let bearing = dice.range(-std::f32::consts::PI, std::f32::consts::PI);
        let turned = dice.range(-1.0, 1.0) * OFF_MIDDLE * self.field_of_view.x;
        let eye = thing - (Vec2::from_angle(bearing) * distance).extend(thing.z - height);
        let occupancy = self.home.occupancy();
        let (column, row) = occupancy.cell(eye.truncate())?;
        let stands = self.reachable[row * occupancy.size().0 + column];
        let way = thing - eye;
        // The thing itself is met before its middle.
        let seen = || {
            let reach = (way.length() - radius - 0.03).max(0.0);
            !self.home.bvh().blocked(eye, way.normalize(), reach)
        };
        if !stands || !seen() {
            return None;
        }
        let down = way.z.atan2(distance);
        let most = OFF_MIDDLE * self.field_of_view.y;
        let tilt = tilt.clamp(down - most, down + most);
        Some(CameraPose::looking(eye, bearing + turned, tilt))
    }
}

pub(super) fn touring(
    options: &DataSetOptions,
    home: &Home,
    spacing: f32,
    shutter: f32,
) -> impl Iterator<Item = Vec<CameraPose>> + use<> {
    /// The camera looks along the chord from so far behind to as far ahead, m:
    /// a heading averaged over pieces of the path would jump at each corner of it.
    const AROUND: f32 = 0.45;
    let tour = Tour::plan(home);
    let (height, tilt) = options.randomisation.mount(home.seed());
    let at = move |distance: f32| {
        let chord = tour.place(distance + AROUND).0 - tour.place(distance - AROUND).0;
        let pan = 0.45 * (distance * 0.9).sin();
        let eye = tour.place(distance).0.extend(height);
        CameraPose::looking(eye, chord.to_angle() + pan, tilt)
    };
    let count = if shutter > 0.0 { BLUR_POSES } else { 1 };
    // Nothing before the tour's own start is looked at.
    let start = shutter * spacing + AROUND;
    (0u64..).map(move |frame| {
        let middle = start + frame as f32 * spacing;
        let off = |i: usize| (i as f32 - (count / 2) as f32) / count as f32;
        (0..count)
            .map(|i| at(middle + shutter * spacing * off(i)))
            .collect()
    })
}
