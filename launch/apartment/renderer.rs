//! Pictures of a home.

use glam::{Vec2, Vec3};

use crate::camera::{Development, Pinhole};
use crate::dice::Dice;
use crate::error::ApartmentError;
use crate::home::{Home, visible_rooms};
use crate::labels::Labels;
use crate::pose::CameraPose;
use crate::render::{Visibility, Visible, develop, expose, meet};

/// A developed picture with its depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// px.
    pub width: u32,
    /// px.
    pub height: u32,
    /// sRGB bytes, row by row.
    pub rgb: Vec<u8>,
    /// Depth along the optical axis, m.
    pub depth: Vec<f32>,
}

/// A picture with all its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Shot {
    /// Picture that the camera takes.
    pub picture: Picture,
    /// Labels of what is there.
    pub labels: Labels,
}

/// Renders; keeps its buffers from picture to picture.
#[derive(Debug, Default)]
pub struct Renderer {
    visibility: Visibility,
}

impl Renderer {
    /// A renderer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A picture with depth; `noise_seed` picks the sensor's noise.
    ///
    /// # Errors
    /// A bad `development` or a pose that is not finite.
    pub fn picture(
        &mut self,
        home: &Home,
        camera: &Pinhole,
        world_from_optical: CameraPose,
        development: &Development,
        noise_seed: u64,
    ) -> Result<Picture, ApartmentError> {
        development.check()?;
        self.draw(home, camera, world_from_optical, development.antialias)?;
        let light = expose(
            &home.scene,
            camera,
            world_from_optical,
            &self.visibility,
            development.antialias,
        );
        Ok(Picture {
            width: camera.width(),
            height: camera.height(),
            rgb: develop(&light, camera, development, noise_seed),
            depth: self.depth(home, camera),
        })
    }

    /// A picture with all labels.
    ///
    /// # Errors
    /// As [`Renderer::picture`].
    pub fn capture(
        &mut self,
        home: &Home,
        camera: &Pinhole,
        world_from_optical: CameraPose,
        development: &Development,
        noise_seed: u64,
    ) -> Result<Shot, ApartmentError> {
        let picture = self.picture(home, camera, world_from_optical, development, noise_seed)?;
        let labels = Labels::read(home, camera, world_from_optical, &self.visibility);
        Ok(Shot { picture, labels })
    }

    /// A picture blurred by the motion through `poses` during the exposure;
    /// its labels are those of the middle one, where the blur's own middle lies.
    ///
    /// # Errors
    /// As [`Renderer::picture`]; no pose at all.
    pub fn blurred(
        &mut self,
        home: &Home,
        camera: &Pinhole,
        poses: &[CameraPose],
        development: &Development,
        noise_seed: u64,
    ) -> Result<Shot, ApartmentError> {
        development.check()?;
        let half = poses.len() / 2;
        let Some(&middle) = poses.get(half) else {
            return Err(ApartmentError::Camera {
                name: "poses",
                value: 0.0,
                rule: "at least one",
            });
        };
        let mut sum = vec![Vec3::ZERO; camera.pixels()];
        // The middle is drawn last: labels are read from what was drawn.
        for &pose in poses[..half]
            .iter()
            .chain(&poses[half + 1..])
            .chain([&middle])
        {
            self.draw(home, camera, pose, development.antialias)?;
            let light = expose(
                &home.scene,
                camera,
                pose,
                &self.visibility,
                development.antialias,
            );
            for (total, value) in sum.iter_mut().zip(light) {
                *total += value / poses.len() as f32;
            }
        }
        let picture = Picture {
            width: camera.width(),
            height: camera.height(),
            rgb: develop(&sum, camera, development, noise_seed),
            depth: self.depth(home, camera),
        };
        let labels = Labels::read(home, camera, middle, &self.visibility);
        Ok(Shot { picture, labels })
    }

    /// Only the labels.
    ///
    /// # Errors
    /// A pose that is not finite.
    pub fn labels(
        &mut self,
        home: &Home,
        camera: &Pinhole,
        world_from_optical: CameraPose,
    ) -> Result<Labels, ApartmentError> {
        self.draw(home, camera, world_from_optical, false)?;
        Ok(Labels::read(
            home,
            camera,
            world_from_optical,
            &self.visibility,
        ))
    }

    fn draw(
        &mut self,
        home: &Home,
        camera: &Pinhole,
        pose: CameraPose,
        antialias: bool,
    ) -> Result<(), ApartmentError> {
        if !(pose.translation.is_finite() && pose.rotation.is_normalized()) {
            return Err(ApartmentError::Camera {
                name: "pose",
                value: f64::from(pose.translation.length()),
                rule: "finite, its rotation of unit length",
            });
        }
        let rooms = visible_rooms(home.plan(), pose.translation.truncate());
        self.visibility.draw(
            &home.scene,
            camera,
            pose,
            &Visible { rooms: &rooms },
            antialias,
        );
        Ok(())
    }

    fn depth(&self, home: &Home, camera: &Pinhole) -> Vec<f32> {
        let width = camera.width() as usize;
        (0..camera.pixels())
            .map(|pixel| {
                let face = self.visibility.face(0, pixel);
                let Some(face) = home.scene.faces.get(face as usize) else {
                    return f32::NAN;
                };
                let corners = face.vertices.map(|v| self.visibility.positions[v as usize]);
                meet(
                    corners,
                    camera.ray((pixel % width) as f32, (pixel / width) as f32),
                )
                .0
            })
            .collect()
    }
}

impl Home {
    /// Distance from `eye` to what stands along a direction, m.
    fn sight(&self, eye: Vec3, direction: Vec3) -> f32 {
        self.bvh()
            .closest(eye, direction.normalize(), 30.0)
            .map_or(30.0, |hit| hit.distance)
    }

    /// `count` viewpoints at `height` (m) and `tilt` (rad, up positive), spread
    /// over the rooms, each in free space and looking along open room.
    pub fn viewpoints(&self, count: usize, height: f32, tilt: f32) -> Vec<CameraPose> {
        self.endless_viewpoints(height, tilt).take(count).collect()
    }

    /// As [`Home::viewpoints`], one after the other without an end.
    pub(crate) fn endless_viewpoints(
        &self,
        height: f32,
        tilt: f32,
    ) -> impl Iterator<Item = CameraPose> + '_ {
        let mut dice = Dice::new(self.seed(), 70);
        let rooms = self.plan().rooms.len();
        let reachable = self.occupancy().reachable(self.plan());
        (0..).map(move |index: usize| {
            // The living room first, then the others in turn.
            let room = &self.plan().rooms[(index + 1) % rooms];
            let mut best = (
                f32::NEG_INFINITY,
                CameraPose::looking(room.middle().extend(height), 0.0, tilt),
            );
            for _ in 0..120 {
                let at = Vec2::new(
                    dice.range(room.low.x, room.high.x),
                    dice.range(room.low.y, room.high.y),
                );
                let yaw = dice.range(-std::f32::consts::PI, std::f32::consts::PI);
                let cell = self.occupancy().cell(at);
                if !cell.is_some_and(|(c, r)| reachable[r * self.occupancy().size().0 + c]) {
                    continue;
                }
                // How far one sees, over a fan of rays.
                let eye = at.extend(height);
                let open: f32 = (-2..=2)
                    .map(|i| self.sight(eye, Vec2::from_angle(yaw + i as f32 * 0.22).extend(tilt)))
                    .map(|distance| distance.min(4.5))
                    .sum();
                let score = open + 2.0 * dice.unit();
                if score > best.0 {
                    best = (score, CameraPose::looking(at.extend(height), yaw, tilt));
                }
            }
            best.1
        })
    }
}
