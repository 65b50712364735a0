//! A home: plan, shell, furniture, light, drawn from one seed.

mod furnish;
mod palette;
mod plan;
mod portals;
mod rooms;
mod shell;
mod stock;

use glam::Vec3;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bvh::Bvh;
use crate::class::Class;
use crate::dice::Dice;
use crate::error::ApartmentError;
use crate::light::{Lamp, Outside, Probe, Quality, WindowLight, bake, bake_object};
use crate::pose::CameraPose;
use crate::randomise::Randomisation;
use crate::robot::Occupancy;
use crate::scene::{Object, Scene};

pub(crate) use palette::Palette;
pub use plan::{Door, FloorPlan, Room, RoomKind, Window};
pub(crate) use portals::visible_rooms;
pub use stock::{Doors, Paint, Stock, Thing};

/// Draws per seed before it is given up.
const MAX_DRAWS: u32 = 24;

/// Care with which light is computed when a home is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LightQuality {
    /// The same light everywhere: for labels only.
    Flat,
    /// Grainy but quick.
    Draft,
    /// For looking at.
    #[default]
    Standard,
}

/// A draw that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Redraw {
    /// Number of the draw, from 0.
    pub attempt: u32,
    /// Reason why it is no home.
    pub reason: String,
}

/// A furnished home.
#[derive(Debug)]
pub struct Home {
    seed: u64,
    redraws: Vec<Redraw>,
    plan: FloorPlan,
    pub(crate) scene: Scene,
    bvh: Bvh,
    windows: Vec<WindowLight>,
    lamps: Vec<Lamp>,
    occupancy: Occupancy,
    obstacles: Occupancy,
    quality: LightQuality,
    stocked: Vec<u16>,
    named: Vec<(u16, String)>,
}

impl Home {
    /// Makes the home of a seed. The same arguments give the same home, bit for bit.
    ///
    /// # Errors
    /// A bad `randomisation`, or no possible home in 24 draws.
    pub fn generate(
        seed: u64,
        randomisation: &Randomisation,
        quality: LightQuality,
    ) -> Result<Self, ApartmentError> {
        randomisation.check()?;
        let mut redraws: Vec<Redraw> = Vec::new();
        for attempt in 0..MAX_DRAWS {
            match Self::draw(seed, attempt, randomisation, quality) {
                Ok(mut home) => {
                    home.redraws = redraws;
                    home.illuminate();
                    return Ok(home);
                }
                Err(reason) => redraws.push(Redraw { attempt, reason }),
            }
        }
        Err(ApartmentError::Impossible {
            seed,
            attempts: MAX_DRAWS,
            most: MAX_DRAWS,
            reason: redraws.pop().map(|r| r.reason).unwrap_or_default(),
        })
    }

    fn draw(
        seed: u64,
        attempt: u32,
        randomisation: &Randomisation,
        quality: LightQuality,
    ) -> Result<Self, String> {
        let mut dice = Dice::new(seed, 1000 + u64::from(attempt));
        let mut plan = FloorPlan::draw(&mut dice.fork())?;
        // Draws of its own: what is there on purpose changes nothing else.
        let stock = &randomisation.stock;
        let mut stock_dice = Dice::new(seed, 2000 + u64::from(attempt));
        stock.set_doors(&mut plan, &mut stock_dice);
        let mut scene = Scene::default();
        let colour = randomisation.colour.draw(&mut dice);
        let daylight = randomisation.daylight.draw(&mut dice).powf(1.4);
        let sunny = dice.chance(randomisation.sun) && daylight > 0.15;
        scene.outside = Outside::draw(&mut dice.fork(), daylight, sunny);
        let palette = Palette::draw(&mut scene, &mut dice.fork(), colour);
        let windows = shell::build(&mut scene, &plan, &palette, &mut dice.fork(), colour);
        let clutter = randomisation.clutter.draw(&mut dice);
        let dark = 1.0 - (daylight * 3.0).min(1.0);
        let lamp_share = randomisation.lamps + (0.95 - randomisation.lamps) * dark;
        let mut room_dice = dice.fork();
        let mut furnisher = furnish::Furnisher::new(
            &mut scene,
            &plan,
            &palette,
            &mut room_dice,
            (clutter, lamp_share),
        );
        furnisher.without = &stock.without;
        for room in 0..plan.rooms.len() {
            rooms::furnish(&mut furnisher, room)?;
        }
        let lamps = furnisher.lamps;
        let mut stocked = Vec::new();
        let is_plain = *stock == Stock::default();
        if !is_plain {
            // Doors can be opened: a home is one whatever they do.
            let open = Occupancy::build(&scene, &plan, |face| {
                scene.object_of(face).class != Class::Door
            });
            open.check_connected(&plan)?;
            stocked = stock.put(&mut scene, (&plan, &open), &palette, &mut stock_dice)?;
        }
        let [occupancy, obstacles] =
            Occupancy::build_each(&scene, &plan, |face| [true, !scene.yields(face)]);
        if is_plain {
            occupancy.check_connected(&plan)?;
        }
        let bvh = Bvh::build(&scene);
        Ok(Self {
            seed,
            redraws: Vec::new(),
            plan,
            scene,
            bvh,
            windows,
            lamps,
            occupancy,
            obstacles,
            quality,
            named: stock.named(&stocked),
            stocked,
        })
    }

    fn bake_quality(&self) -> Option<Quality> {
        match self.quality {
            LightQuality::Flat => None,
            LightQuality::Draft => Some(Quality {
                window: 2,
                lamp: 1,
                gather: 8,
            }),
            LightQuality::Standard => Some(Quality {
                window: 6,
                lamp: 3,
                gather: 28,
            }),
        }
    }

    fn illuminate(&mut self) {
        let Some(quality) = self.bake_quality() else {
            self.scene.light = vec![Vec3::splat(2.0); self.scene.light_points.len()];
            return;
        };
        self.scene
            .textures
            .par_iter()
            .for_each(|texture| texture.prepare());
        bake(
            &mut self.scene,
            &self.bvh,
            &self.windows,
            &self.lamps,
            quality,
        );
        let probes = self
            .plan
            .rooms
            .iter()
            .map(|room| {
                let centre = room.middle().extend(1.35);
                Probe::take(centre, room.low, room.high, |direction| {
                    crate::render::background_free_radiance(
                        &self.scene,
                        &self.bvh,
                        centre,
                        direction,
                    )
                })
            })
            .collect();
        self.scene.probes = probes;
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Draws that were refused before this home came out.
    pub fn redraws(&self) -> &[Redraw] {
        &self.redraws
    }

    /// Rooms, doors, windows.
    pub fn plan(&self) -> &FloorPlan {
        &self.plan
    }

    /// Everything in it, in the order of instance numbers (from 1).
    pub fn objects(&self) -> &[Object] {
        &self.scene.objects
    }

    /// The objects of a class.
    pub fn objects_of(&self, class: Class) -> impl Iterator<Item = &Object> {
        self.scene.objects.iter().filter(move |o| o.class == class)
    }

    /// Numbers of the things that were put there on purpose, in their order in
    /// [`Stock::things`].
    pub fn stocked(&self) -> &[u16] {
        &self.stocked
    }

    /// Objects that have a class of their own, by number: what was put there in a colour
    /// of its own ("red cup"), as if nobody had seen one before.
    pub fn named(&self) -> &[(u16, String)] {
        &self.named
    }

    /// The floor with all that stands in it, where a robot can plan to drive.
    pub fn occupancy(&self) -> &Occupancy {
        &self.occupancy
    }

    /// The floor as a robot that drives is stopped by it: leaves give way, the pots in
    /// which they grow do not.
    pub fn obstacles(&self) -> &Occupancy {
        &self.obstacles
    }

    pub(crate) fn bvh(&self) -> &Bvh {
        &self.bvh
    }

    /// Triangles in all.
    pub fn faces(&self) -> usize {
        self.scene.faces.len()
    }

    /// Points at which light was computed.
    pub fn light_points(&self) -> usize {
        self.scene.light_points.len()
    }

    /// Moves a movable object, and lights it anew where it stands. Its shadow
    /// on other things stays where it was.
    ///
    /// # Errors
    /// No such object, one that does not move, or a pose that is not finite.
    pub fn move_object(
        &mut self,
        instance: u16,
        world_from_object: CameraPose,
    ) -> Result<(), ApartmentError> {
        let refuse = |rule| Err(ApartmentError::Object { instance, rule });
        let index = usize::from(instance).wrapping_sub(1);
        let Some(object) = self.scene.objects.get_mut(index) else {
            return refuse("no such object in this home");
        };
        if !object.movable {
            return refuse("only movable objects can be moved");
        }
        if !(world_from_object.translation.is_finite()
            && world_from_object.rotation.is_normalized())
        {
            return refuse("a pose must be finite, its rotation of unit length");
        }
        object.pose = world_from_object;
        object.room = self.plan.room_at(world_from_object.translation.truncate());
        self.bvh = Bvh::build(&self.scene);
        if let Some(quality) = self.bake_quality() {
            bake_object(
                &mut self.scene,
                &self.bvh,
                index,
                (&self.windows, &self.lamps),
                quality,
            );
        }
        Ok(())
    }
}
