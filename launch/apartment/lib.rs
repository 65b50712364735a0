//! A simulated home with exact labels: furnished apartments drawn from a seed,
//! a camera, ground truth from the same pass, and a robot that drives there.
//!
//! ```no_run
//! use concert_apartment::{Development, Home, Pinhole, LightQuality, Randomisation, Renderer};
//! # fn main() -> Result<(), concert_apartment::ApartmentError> {
//! let home = Home::generate(7, &Randomisation::default(), LightQuality::Standard)?;
//! let camera = Pinhole::from_field_of_view(320, 240, 1.2)?;
//! let pose = home.viewpoints(1, 1.2, -0.1)[0];
//! let picture = Renderer::new().picture(&home, &camera, pose, &Development::default(), 0)?;
//! assert_eq!(picture.rgb.len(), 320 * 240 * 3);
//! # Ok(())
//! # }
//! ```
//!
//! Frames: the world is x, y level and z up, in metres; an optical frame is x
//! right, y down, z forward. Transforms are named `a_from_b`.

mod bvh;
mod camera;
mod class;
mod dice;
mod error;
mod furniture;
mod home;
mod labels;
mod layout;
mod light;
mod material;
mod pose;
mod randomise;
mod render;
mod renderer;
mod robot;
mod scene;
mod shape;
mod texture;
mod view;
mod writer;

pub use camera::{Development, Exposure, MAX_PIXELS, MAX_SIDE, Pinhole};
pub use class::Class;
pub use error::ApartmentError;
pub use home::{
    Door, Doors, FloorPlan, Home, LightQuality, Paint, Redraw, Room, RoomKind, Stock, Thing, Window,
};
pub use labels::Labels;
pub use layout::{RoomBox, VanishingPoints};
pub use pose::CameraPose;
pub use randomise::{Randomisation, Range};
pub use renderer::{Picture, Renderer, Shot};
pub use robot::{
    DriveCommand, DriveReport, Gripper, Guidance, HURTING_SPEED, Occupancy, Release, Robot,
    RobotConfig, Tour, WheelOdometry,
};
pub use scene::Object;
pub use view::contact_sheet;
pub use writer::{
    Arrangement, ClassCount, ColourFormat, DataSetOptions, Views, WriteProgress, Written,
    write_data_set,
};
