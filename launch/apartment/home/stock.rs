//! What a home holds on purpose, beside what its seed scatters: things that
//! stand there for certain, things of which there are none, and doors that are
//! not all open.

use glam::{Vec2, Vec3};
use serde::{Deserialize, Serialize};

use super::palette::Palette;
use super::plan::{FloorPlan, RoomKind};
use crate::class::Class;
use crate::dice::Dice;
use crate::error::ApartmentError;
use crate::furniture as f;
use crate::material::{Material, srgb};
use crate::pose::CameraPose;
use crate::robot::Occupancy;
use crate::scene::{Object, Scene};
use crate::shape::Model;

/// Most things that can be put into a home.
const MAX_THINGS: usize = 16;
/// Heights of the surfaces that a robot's arm reaches, m.
const WITHIN_REACH: (f32, f32) = (0.35, 1.05);
/// Distances from a thing at which a robot may stand to take it, m.
const STANDS_AT: [f32; 5] = [0.45, 0.5, 0.55, 0.6, 0.65];
/// Draws of a place in the kitchen, and after them anywhere.
const DRAWS: (usize, usize) = (300, 600);

/// How doors between rooms stand. The entrance is always shut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doors {
    /// All of them wide open, by 70 to 95 degrees.
    #[default]
    Open,
    /// All of them ajar, by 15 to 45 degrees.
    Ajar,
    /// All of them shut.
    Shut,
    /// Each of its own: three of five open, one ajar, one shut.
    Mixed,
}

/// Colour of a thing that is put somewhere on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Paint {
    Red,
    Green,
    Blue,
    Yellow,
}

impl Paint {
    /// Every colour.
    pub const ALL: [Self; 4] = [Self::Red, Self::Green, Self::Blue, Self::Yellow];

    /// The colour's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
        }
    }

    fn linear(self) -> Vec3 {
        match self {
            Self::Red => srgb(196, 24, 28),
            Self::Green => srgb(30, 140, 60),
            Self::Blue => srgb(28, 70, 180),
            Self::Yellow => srgb(232, 190, 30),
        }
    }
}

/// A thing that stands in a home for certain, on a table or a counter, where a
/// robot can reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thing {
    /// Its class: can, cup, bottle, bowl or fruit.
    pub class: Class,
    /// Its colour; none as the home has such things. For cups and bowls alone.
    #[serde(default)]
    pub paint: Option<Paint>,
}

impl Thing {
    /// Classes of which things can be put somewhere.
    pub const CLASSES: [Class; 5] = [
        Class::Can,
        Class::Cup,
        Class::Bottle,
        Class::Bowl,
        Class::Fruit,
    ];

    /// Colour and class, as in "red cup"; none of a thing without a colour.
    #[must_use]
    pub fn name_in_colour(&self) -> Option<String> {
        let paint = self.paint?;
        Some(format!("{} {}", paint.name(), self.class.name()))
    }
}

/// What a home holds on purpose. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stock {
    /// Doors between rooms.
    pub doors: Doors,
    /// Things that are there.
    pub things: Vec<Thing>,
    /// Classes of small things that the seed scatters none of.
    pub without: Vec<Class>,
}

impl Stock {
    /// Checks every thing.
    ///
    /// # Errors
    /// The first that cannot be put somewhere or left out.
    pub fn check(&self) -> Result<(), ApartmentError> {
        let refuse = |class: Class, rule| {
            Err(ApartmentError::Stock {
                class: class.name(),
                rule,
            })
        };
        if let Some(thing) = self.things.get(MAX_THINGS) {
            return refuse(thing.class, "at most 16 things can be put into a home");
        }
        for thing in &self.things {
            if !Thing::CLASSES.contains(&thing.class) {
                return refuse(
                    thing.class,
                    "only a can, cup, bottle, bowl or fruit can be put somewhere",
                );
            }
            if thing.paint.is_some() && !matches!(thing.class, Class::Cup | Class::Bowl) {
                return refuse(thing.class, "only a cup or bowl has a colour of its own");
            }
        }
        match self.without.iter().find(|c| !Thing::CLASSES.contains(c)) {
            Some(class) => refuse(
                *class,
                "only cans, cups, bottles, bowls and fruit can be left out",
            ),
            None => Ok(()),
        }
    }

    /// The names of the things that have a colour, by the numbers that all got in turn.
    pub(super) fn named(&self, numbers: &[u16]) -> Vec<(u16, String)> {
        let put = numbers.iter().zip(&self.things);
        put.filter_map(|(number, thing)| Some((*number, thing.name_in_colour()?)))
            .collect()
    }

    /// Opens and shuts the doors of a plan.
    pub(super) fn set_doors(&self, plan: &mut FloorPlan, dice: &mut Dice) {
        for door in &mut plan.doors {
            let is_entrance = door.rooms[0] == door.rooms[1];
            let Some(open) = door.open.as_mut().filter(|_| !is_entrance) else {
                continue;
            };
            let state = match self.doors {
                Doors::Mixed => dice.pick(&[
                    Doors::Open,
                    Doors::Open,
                    Doors::Open,
                    Doors::Ajar,
                    Doors::Shut,
                ]),
                one => one,
            };
            match state {
                Doors::Ajar => *open = dice.range(0.26, 0.79),
                Doors::Shut => *open = 0.0,
                Doors::Open | Doors::Mixed => {}
            }
        }
    }

    /// Puts the things into the scene; gives their numbers.
    pub(super) fn put(
        &self,
        scene: &mut Scene,
        (plan, occupancy): (&FloorPlan, &Occupancy),
        palette: &Palette,
        dice: &mut Dice,
    ) -> Result<Vec<u16>, String> {
        let reachable = occupancy.reachable(plan);
        let mut numbers = Vec::with_capacity(self.things.len());
        for thing in &self.things {
            let floor = Floor {
                plan,
                occupancy,
                reachable: &reachable,
            };
            let spot = floor.draw_spot(scene, dice).ok_or_else(|| {
                format!(
                    "no free place for a {} within a robot's reach",
                    thing.class.name()
                )
            })?;
            let paint = thing.paint.map(|paint| {
                let glaze = Material::matt(paint.linear()).rough(0.25);
                scene.material(glaze)
            });
            let model = match (thing.class, paint) {
                (Class::Can, _) => f::can(palette, dice),
                (Class::Cup, Some(glaze)) => f::glazed_cup(glaze, dice),
                (Class::Cup, None) => f::cup(palette, dice),
                (Class::Bottle, _) => f::bottle(palette, dice),
                (Class::Bowl, Some(glaze)) => f::glazed_bowl(glaze, 0.11),
                (Class::Bowl, None) => f::bowl(palette, dice, 0.11),
                _ => f::fruit(palette, dice),
            };
            numbers.push(add(scene, thing.class, model, spot, plan, dice));
        }
        Ok(numbers)
    }
}

fn add(
    scene: &mut Scene,
    class: Class,
    model: Model,
    spot: Vec3,
    plan: &FloorPlan,
    dice: &mut Dice,
) -> u16 {
    let yaw = dice.range(0.0, std::f32::consts::TAU);
    let pose = CameraPose::upright(spot, yaw);
    let index = scene.add(class, model, pose, plan.room_at(spot.truncate()));
    scene.objects[index].instance
}

/// Where a robot can stand.
struct Floor<'a> {
    plan: &'a FloorPlan,
    occupancy: &'a Occupancy,
    reachable: &'a [bool],
}

impl Floor<'_> {
    /// A free place near an edge of a table or counter before which a robot can
    /// stand: in the kitchen if there is one.
    fn draw_spot(&self, scene: &Scene, dice: &mut Dice) -> Option<Vec3> {
        let surfaces: Vec<&Object> = (scene.objects.iter())
            .filter(|object| matches!(object.class, Class::Counter | Class::Table))
            .filter(|object| (WITHIN_REACH.0..=WITHIN_REACH.1).contains(&object.high.z))
            .collect();
        let kitchen: Vec<&Object> = (surfaces.iter().copied())
            .filter(|object| self.plan.rooms[object.room].kind == RoomKind::Kitchen)
            .collect();
        for draw in 0..DRAWS.1 {
            let among = match draw < DRAWS.0 {
                true => &kitchen,
                false => &surfaces,
            };
            if among.is_empty() {
                continue;
            }
            let surface = dice.pick(among);
            let (spot, outward) = edge_spot(surface, dice);
            if is_free(scene, surface, spot) && self.can_stand_before(spot.truncate(), outward) {
                return Some(spot);
            }
        }
        None
    }

    fn can_stand_before(&self, spot: Vec2, outward: Vec2) -> bool {
        STANDS_AT.iter().any(|distance| {
            let at = spot + outward * *distance;
            let cell = self.occupancy.cell(at);
            let (columns, _) = self.occupancy.size();
            self.occupancy.is_free(at)
                && cell.is_some_and(|(column, row)| self.reachable[row * columns + column])
        })
    }
}

/// A point near an edge of a surface, and the level direction out over that edge.
fn edge_spot(surface: &Object, dice: &mut Dice) -> (Vec3, Vec2) {
    let (low, high) = (surface.low, surface.high);
    let inset = dice.range(0.09, 0.2);
    // A counter is open towards +y alone; of a table that may be round, the
    // middle of an edge lies upon it.
    let (side, margin) = match surface.class {
        Class::Counter => (3, 0.08),
        _ => (dice.int(0, 3), 0.3),
    };
    let along = |low: f32, high: f32, dice: &mut Dice| {
        let margin = margin * (high - low).min(1.0);
        dice.range(low + margin, high - margin)
    };
    let (local, outward) = match side {
        0 => ((low.x + inset, along(low.y, high.y, dice)), Vec3::NEG_X),
        1 => ((high.x - inset, along(low.y, high.y, dice)), Vec3::X),
        2 => ((along(low.x, high.x, dice), low.y + inset), Vec3::NEG_Y),
        _ => ((along(low.x, high.x, dice), high.y - inset), Vec3::Y),
    };
    let spot = surface.pose.point(Vec3::new(local.0, local.1, high.z));
    let outward = surface.pose.direction(outward).truncate();
    (spot, outward.normalize_or(Vec2::X))
}

/// Whether nothing else stands at a place on a surface.
fn is_free(scene: &Scene, surface: &Object, spot: Vec3) -> bool {
    const ROOM: f32 = 0.07;
    scene.objects.iter().all(|object| {
        if object.instance == surface.instance {
            return true;
        }
        let corners = object.corners();
        let low = corners.iter().fold(Vec3::INFINITY, |low, c| low.min(*c));
        let high = corners
            .iter()
            .fold(Vec3::NEG_INFINITY, |high, c| high.max(*c));
        let beside = (spot.truncate() - ROOM).cmpgt(high.truncate()).any()
            || (spot.truncate() + ROOM).cmplt(low.truncate()).any();
        let above_or_below = low.z > spot.z + 0.35 || high.z < spot.z + 0.002;
        // A room's walls and ceiling reach around everything in it.
        let is_around = matches!(object.class, Class::Wall | Class::Ceiling | Class::Floor);
        beside || above_or_below || is_around
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Home, LightQuality, Randomisation};

    fn home(seed: u64, stock: Stock) -> Home {
        let randomisation = Randomisation {
            stock,
            ..Randomisation::default()
        };
        Home::generate(seed, &randomisation, LightQuality::Flat).unwrap()
    }

    #[test]
    fn a_thing_that_was_asked_for_stands_on_a_table_or_counter_that_a_robot_can_reach() {
        for seed in 300..312 {
            let home = home(
                seed,
                Stock {
                    things: vec![
                        Thing {
                            class: Class::Can,
                            paint: None,
                        },
                        Thing {
                            class: Class::Cup,
                            paint: Some(Paint::Red),
                        },
                    ],
                    without: vec![Class::Can],
                    ..Stock::default()
                },
            );
            let cans: Vec<_> = home.objects_of(Class::Can).collect();
            assert_eq!(cans.len(), 1, "seed {seed}");
            assert_eq!(home.stocked().len(), 2);
            for number in home.stocked() {
                let thing = &home.objects()[usize::from(*number) - 1];
                let at = thing.pose.translation;
                let stands = home.objects().iter().any(|surface| {
                    matches!(surface.class, Class::Table | Class::Counter)
                        && (surface.pose.point(Vec3::Z * surface.high.z).z - at.z).abs() < 1e-3
                        && {
                            let local = surface.pose.inverse().point(at);
                            local.truncate().cmpge(surface.low.truncate()).all()
                                && local.truncate().cmple(surface.high.truncate()).all()
                        }
                });
                assert!(stands, "seed {seed}: {at} is upon nothing");
                let near = (0..64).any(|step| {
                    let way = Vec2::from_angle(step as f32 * 0.1);
                    STANDS_AT
                        .iter()
                        .any(|d| home.occupancy().is_free(at.truncate() + way * *d))
                });
                assert!(near, "seed {seed}: nobody can stand before {at}");
            }
        }
    }

    #[test]
    fn doors_are_shut_and_ajar_where_that_is_asked_for_and_the_home_is_the_same() {
        let angles = |doors| {
            let home = home(
                7,
                Stock {
                    doors,
                    ..Stock::default()
                },
            );
            let inner = home
                .plan()
                .doors
                .iter()
                .filter(|d| d.rooms[0] != d.rooms[1]);
            (
                inner.filter_map(|d| d.open).collect::<Vec<_>>(),
                home.objects().len(),
            )
        };
        let (open, objects) = angles(Doors::Open);
        assert!(open.iter().all(|angle| *angle > 1.0), "{open:?}");
        let (shut, as_many) = angles(Doors::Shut);
        assert!(shut.iter().all(|angle| *angle == 0.0), "{shut:?}");
        assert_eq!(objects, as_many);
        let (ajar, _) = angles(Doors::Ajar);
        assert!(
            ajar.iter().all(|angle| (0.2..0.8).contains(angle)),
            "{ajar:?}"
        );
    }

    #[test]
    fn what_cannot_be_put_into_a_home_is_refused_with_the_rule() {
        let refusal = |stock: Stock| stock.check().unwrap_err().to_string();
        let fridge = Thing {
            class: Class::Fridge,
            paint: None,
        };
        let message = refusal(Stock {
            things: vec![fridge],
            ..Stock::default()
        });
        assert!(
            message.contains("fridge") && message.contains("can, cup"),
            "{message}"
        );
        let can = Thing {
            class: Class::Can,
            paint: Some(Paint::Red),
        };
        assert!(
            refusal(Stock {
                things: vec![can],
                ..Stock::default()
            })
            .contains("colour")
        );
        let many = vec![
            Thing {
                class: Class::Can,
                paint: None
            };
            17
        ];
        assert!(
            refusal(Stock {
                things: many,
                ..Stock::default()
            })
            .contains("16")
        );
    }
}
