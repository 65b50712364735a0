//! Which geometric readouts there are, and what each reads and gives.

use serde::de::DeserializeOwned;

use super::odometry::{ODOMETRY_LENGTH, Odometry, OdometryParameters};
use super::scene::Geometric;

/// A geometric readout with its parameters, as a card names it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// [`super::odometry`].
    Odometry(OdometryParameters),
}

/// Something that a method reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// As `read.tensor` of a card names it.
    pub name: &'static str,
    /// Whether the method cannot do without.
    pub required: bool,
}

/// Why a card's method or parameters are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// No such method.
    #[error("method is `{name}`, but must be one of {known}")]
    Unknown {
        /// As written.
        name: String,
        /// All there are.
        known: String,
    },
    /// A parameter that is unknown or not of its type.
    #[error("parameters of {method}: {reason}")]
    Parameter {
        /// The method.
        method: &'static str,
        /// What is wrong.
        reason: String,
    },
}

const fn role(name: &'static str, required: bool) -> Role {
    Role { name, required }
}

impl Method {
    /// As cards write them.
    pub const NAMES: [&'static str; 1] = ["odometry"];

    /// The method of this name with these parameters; those that are missing
    /// have their defaults.
    ///
    /// # Errors
    /// A method that is unknown, or a parameter that is unknown or out of range.
    pub fn parse(name: &str, parameters: &toml::Table) -> Result<Self, MethodError> {
        match name {
            "odometry" => {
                let method = Self::Odometry(read(Self::NAMES[0], parameters)?);
                method.checked()
            }
            _ => Err(MethodError::Unknown {
                name: name.chars().take(80).collect(),
                known: Self::NAMES.join(", "),
            }),
        }
    }

    fn checked(self) -> Result<Self, MethodError> {
        let fault = match &self {
            Self::Odometry(parameters) => parameters.fault(),
        };
        match fault {
            None => Ok(self),
            Some(reason) => Err(MethodError::Parameter {
                method: self.name(),
                reason,
            }),
        }
    }

    /// As cards write it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Odometry(_) => Self::NAMES[0],
        }
    }

    /// Canonical name of the only task that it estimates.
    #[must_use]
    pub fn target(&self) -> &'static str {
        match self {
            Self::Odometry(_) => "odometry",
        }
    }

    /// What it reads.
    #[must_use]
    pub fn roles(&self) -> &'static [Role] {
        match self {
            Self::Odometry(_) => {
                const ROLES: &[Role] = &[
                    role("descriptors", true),
                    role("reliability", true),
                    role("keypoint_logits", true),
                    role("depth", false),
                ];
                ROLES
            }
        }
    }

    /// Shape of its output; f32.
    #[must_use]
    pub fn output_shape(&self) -> Vec<usize> {
        match self {
            Self::Odometry(_) => vec![1, ODOMETRY_LENGTH],
        }
    }

    /// Begins anew, for one camera.
    #[must_use]
    pub fn start(&self) -> Box<dyn Geometric> {
        match self {
            Self::Odometry(parameters) => Box::new(Odometry::new(*parameters)),
        }
    }
}

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
