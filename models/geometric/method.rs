//! The geometric readouts that there are, and what each reads and gives.

use serde::de::DeserializeOwned;

use super::odometry::{ODOMETRY_LENGTH, OdometryParameters, VisualOdometry};
use super::room_layout::{
    ROOM_LAYOUT_LENGTH, RoomLayoutParameters, RoomLayoutReadout, VanishingPointReadout,
};
use super::scene::Geometric;

/// A geometric readout with its parameters, as a card names it.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// [`super::odometry`].
    Odometry(OdometryParameters),
    /// [`super::room_layout`].
    RoomLayout(RoomLayoutParameters),
    /// The directions of a room's axes, from its layout.
    VanishingPoint,
}

/// Something that a method reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRole {
    /// Name that `read.tensor` of a card gives it.
    pub name: &'static str,
    /// Set if the method cannot do without.
    pub required: bool,
}

/// Reason why a card's method or parameters are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// No such method.
    #[error("method is `{name}`, but must be one of {known}")]
    Unknown {
        /// Name as written.
        name: String,
        /// All there are.
        known: String,
    },
    /// A parameter that is unknown or not of its type.
    #[error("parameters of {method}: {reason}")]
    Parameter {
        /// The method.
        method: &'static str,
        /// Words for what is wrong.
        reason: String,
    },
}

const fn role(name: &'static str, required: bool) -> ReadRole {
    ReadRole { name, required }
}

impl Method {
    /// Names as cards write them; each estimates the task of its name.
    pub const NAMES: [&'static str; 3] = ["odometry", "room_layout", "vanishing_point"];

    /// The method of this name with these parameters; those that are missing
    /// have their defaults.
    ///
    /// # Errors
    /// A method that is unknown, or a parameter that is unknown or out of range.
    pub fn parse(name: &str, parameters: &toml::Table) -> Result<Self, MethodError> {
        let [odometry, room_layout, vanishing_point] = Self::NAMES;
        let method = match name {
            _ if name == odometry => Self::Odometry(read(odometry, parameters)?),
            _ if name == room_layout => Self::RoomLayout(read(room_layout, parameters)?),
            _ if name == vanishing_point => {
                let Nothing {} = read(vanishing_point, parameters)?;
                Self::VanishingPoint
            }
            _ => {
                return Err(MethodError::Unknown {
                    name: name.chars().take(80).collect(),
                    known: Self::NAMES.join(", "),
                });
            }
        };
        match method.fault() {
            None => Ok(method),
            Some(reason) => Err(MethodError::Parameter {
                method: method.name(),
                reason,
            }),
        }
    }

    fn fault(&self) -> Option<String> {
        match self {
            Self::Odometry(parameters) => parameters.fault(),
            Self::RoomLayout(parameters) => parameters.fault(),
            Self::VanishingPoint => None,
        }
    }

    /// Name as cards write it; also the canonical name of the only task that it
    /// estimates.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let [odometry, room_layout, vanishing_point] = Self::NAMES;
        match self {
            Self::Odometry(_) => odometry,
            Self::RoomLayout(_) => room_layout,
            Self::VanishingPoint => vanishing_point,
        }
    }

    /// Inputs that it reads.
    #[must_use]
    pub fn roles(&self) -> &'static [ReadRole] {
        const ODOMETRY: &[ReadRole] = &[
            role("descriptors", true),
            role("reliability", true),
            role("keypoint_logits", true),
            role("depth", false),
        ];
        const ROOM_LAYOUT: &[ReadRole] = &[role("depth", true), role("normal", false)];
        const VANISHING_POINT: &[ReadRole] = &[role("room_layout", true)];
        match self {
            Self::Odometry(_) => ODOMETRY,
            Self::RoomLayout(_) => ROOM_LAYOUT,
            Self::VanishingPoint => VANISHING_POINT,
        }
    }

    /// Shape of its output; f32.
    #[must_use]
    pub fn output_shape(&self) -> Vec<usize> {
        let length = match self {
            Self::Odometry(_) => ODOMETRY_LENGTH,
            Self::RoomLayout(_) => ROOM_LAYOUT_LENGTH,
            Self::VanishingPoint => 9,
        };
        vec![1, length]
    }

    /// Begins anew, for one camera.
    #[must_use]
    pub fn start(&self) -> Box<dyn Geometric> {
        match self {
            Self::Odometry(parameters) => Box::new(VisualOdometry::new(*parameters)),
            Self::RoomLayout(parameters) => Box::new(RoomLayoutReadout::new(*parameters)),
            Self::VanishingPoint => Box::new(VanishingPointReadout),
        }
    }
}

/// Of a method without parameters.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn read<T: DeserializeOwned>(
    method: &'static str,
    parameters: &toml::Table,
) -> Result<T, MethodError> {
    parameters
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| {
            let reason = error.message().chars().take(400).collect();
            MethodError::Parameter { method, reason }
        })
}
