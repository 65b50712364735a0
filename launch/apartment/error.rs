//! Refusals and failures.

use std::path::PathBuf;

/// Errors of the apartment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApartmentError {
    /// A camera parameter outside its range.
    #[error("camera: {name} is {value}, but must be {rule}")]
    Camera {
        /// The parameter.
        name: &'static str,
        /// Value that was given.
        value: f64,
        /// Rule that it breaks.
        rule: &'static str,
    },
    /// A range of the randomisation that is empty, not finite or out of bounds.
    #[error("randomisation: {name} is {low}..{high}, but must be {rule}")]
    Randomisation {
        /// The parameter.
        name: &'static str,
        /// Its low end.
        low: f32,
        /// Its high end.
        high: f32,
        /// Rule that it breaks.
        rule: &'static str,
    },
    /// No possible home came out of a seed.
    #[error(
        "seed {seed}: no possible home after {attempts} draws, at most {most}; last reason: {reason}"
    )]
    Impossible {
        /// The seed.
        seed: u64,
        /// Draws made.
        attempts: u32,
        /// Draws allowed.
        most: u32,
        /// Reason why the last draw was refused.
        reason: String,
    },
    /// A parameter of the robot outside its range.
    #[error("robot: {name} is {value}, but must be {rule}")]
    Robot {
        /// The parameter.
        name: &'static str,
        /// Value that was given.
        value: f64,
        /// Rule that it breaks.
        rule: &'static str,
    },
    /// A thing that cannot be put into a home, or left out.
    #[error("stock: {class}: {rule}")]
    Stock {
        /// Its class.
        class: &'static str,
        /// Rule that it breaks.
        rule: &'static str,
    },
    /// A data set with nothing in it, or too much.
    #[error("data set: {name} is {value}, but must be {rule}")]
    DataSet {
        /// The parameter.
        name: &'static str,
        /// Value that was given.
        value: u64,
        /// Rule that it breaks.
        rule: &'static str,
    },
    /// An object that does not exist or cannot be moved.
    #[error("object {instance}: {rule}")]
    Object {
        /// Its number.
        instance: u16,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A file could not be written.
    #[error("{}: cannot write after {frames} whole frames: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Frames complete before it.
        frames: u64,
        /// Error of the system.
        source: std::io::Error,
    },
    /// A picture could not be encoded.
    #[error("{}: cannot encode: {reason}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Words of the encoder.
        reason: String,
    },
}
