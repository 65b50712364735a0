//! A robot in a simulated home: it drives on injected time and takes pictures.
//!
//! What joins the crate `concert-apartment`, which knows no runtime, to frames.

use std::sync::Arc;
use std::time::Duration;

use concert_apartment::{
    ApartmentError, Development, DriveReport, Gripper, Home, Labels, Picture, Pinhole, Release,
    Renderer, Robot, RobotConfig, Tour,
};
use concert_models::image_file::DepthImage;
use concert_models::{Image, PixelFormat};

/// A robot in its home, with its camera.
#[derive(Debug)]
pub(crate) struct SimulatedRobot {
    home: Home,
    robot: Robot,
    tour: Tour,
    renderer: Renderer,
    camera: Pinhole,
    development: Development,
    pictures: u64,
    gripper: Gripper,
}

impl SimulatedRobot {
    /// Puts a robot at the beginning of a tour through the home; the home's
    /// seed is also that of its wheels and its sensor.
    ///
    /// # Errors
    /// A bad `config` or `development`.
    pub(crate) fn new(
        home: Home,
        camera: Pinhole,
        development: Development,
        config: RobotConfig,
    ) -> Result<Self, ApartmentError> {
        development.check()?;
        let tour = Tour::plan(&home);
        let (start, _) = tour.place(0.0);
        let (_, heading) = tour.place(0.1);
        let config = RobotConfig {
            seed: home.seed(),
            ..config
        };
        let robot = Robot::at(&home, config, start, heading)?;
        Ok(Self {
            home,
            robot,
            tour,
            renderer: Renderer::new(),
            camera,
            development,
            pictures: 0,
            gripper: Gripper::new(),
        })
    }

    /// Lets `elapsed` pass while the robot follows its tour.
    ///
    /// # Errors
    /// More than ten seconds at once.
    pub(crate) fn follow_tour(&mut self, elapsed: Duration) -> Result<DriveReport, ApartmentError> {
        let (position, yaw) = self.robot.place();
        let guidance = self.tour.guide(&self.home, position, yaw);
        self.robot.command(guidance.twist)?;
        self.robot.look(guidance.pan, guidance.tilt)?;
        self.robot.step(&self.home, elapsed)
    }

    /// Lets `elapsed` pass while the robot does what it was commanded.
    ///
    /// # Errors
    /// More than ten seconds at once.
    pub(crate) fn step(&mut self, elapsed: Duration) -> Result<DriveReport, ApartmentError> {
        self.robot.step(&self.home, elapsed)
    }

    /// Plans a tour that begins where the robot stands.
    pub(crate) fn plan_tour_from_here(&mut self) {
        self.tour = Tour::plan_from(&self.home, self.robot.place().0);
    }

    /// What the camera sees now, and how far away that is.
    ///
    /// # Errors
    /// What [`Renderer::picture`] refuses.
    pub(crate) fn picture(&mut self) -> Result<(Image, Arc<DepthImage>), ApartmentError> {
        // Each picture has noise of its own, the same in every run.
        let noise = self.home.seed().wrapping_mul(1_000_003) ^ self.pictures;
        self.pictures += 1;
        let pose = self.robot.world_from_optical();
        let picture =
            self.renderer
                .picture(&self.home, &self.camera, pose, &self.development, noise)?;
        Ok(split(picture))
    }

    /// What the camera sees now, and all that is true of it.
    ///
    /// # Errors
    /// What [`Renderer::capture`] refuses.
    pub(crate) fn shot(&mut self) -> Result<(Image, Arc<DepthImage>, Labels), ApartmentError> {
        let (image, depth) = self.picture()?;
        let pose = self.robot.world_from_optical();
        let labels = self.renderer.labels(&self.home, &self.camera, pose)?;
        Ok((image, depth, labels))
    }

    /// All that is true of what the camera would see now.
    ///
    /// # Errors
    /// What [`Renderer::labels`] refuses.
    #[cfg(test)]
    pub(crate) fn labels(&mut self) -> Result<Labels, ApartmentError> {
        let pose = self.robot.world_from_optical();
        self.renderer.labels(&self.home, &self.camera, pose)
    }

    /// Closes the gripper; gives the number of what it took.
    ///
    /// # Errors
    /// As [`Gripper::close`].
    pub(crate) fn close_gripper(&mut self) -> Result<Option<u16>, ApartmentError> {
        self.gripper.close(&mut self.home, &self.robot)
    }

    /// Opens the gripper; gives what it let go.
    pub(crate) fn open_gripper(&mut self) -> Option<Release> {
        self.gripper.open(&self.home, &self.robot)
    }

    /// True where the gripper holds something.
    pub(crate) fn is_holding(&self) -> bool {
        self.gripper.held().is_some()
    }

    /// The robot.
    #[must_use]
    pub(crate) fn robot(&self) -> &Robot {
        &self.robot
    }

    /// The robot, to command it.
    pub(crate) fn robot_mut(&mut self) -> &mut Robot {
        &mut self.robot
    }

    /// The home.
    #[must_use]
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// The camera's intrinsics, in pixels of its images.
    #[must_use]
    pub(crate) fn intrinsics(&self) -> concert_models::Intrinsics {
        let camera = &self.camera;
        concert_models::Intrinsics {
            fx: camera.fx(),
            fy: camera.fy(),
            cx: camera.cx(),
            cy: camera.cy(),
            width: camera.width() as usize,
            height: camera.height() as usize,
        }
    }
}

fn split(picture: Picture) -> (Image, Arc<DepthImage>) {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let image = Image::packed(width, height, PixelFormat::Rgb8, picture.rgb)
        .expect("the apartment's cameras are smaller than the largest image");
    let depth = DepthImage {
        width,
        height,
        metres: picture.depth,
    };
    (image, Arc::new(depth))
}
