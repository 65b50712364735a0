//! Which policy is meant by a name or a path.

use std::path::{Path, PathBuf};

use concert_policies::{Policy, PolicyError};

use crate::launch_file::LaunchFile;

/// A policy, and the file it was read from, if it was.
#[derive(Debug, Clone)]
pub(crate) struct PolicyChoice {
    /// The policy.
    pub policy: Policy,
    /// The text that it was parsed from.
    pub text: String,
    /// Its file; `None` for one that ships inside the program.
    pub path: Option<PathBuf>,
}

impl PolicyChoice {
    /// The policy that ships under this name; else the file.
    ///
    /// # Errors
    /// What [`Policy::read`] refuses; where nothing of that name stands there,
    /// the shipped names are listed.
    pub(crate) fn of(name: &str, path: &Path) -> Result<Self, PolicyChoiceError> {
        if let (Some(policy), Some(text)) = (Policy::shipped(name), Policy::shipped_text(name)) {
            let (text, path) = (text.to_owned(), None);
            return Ok(Self { policy, text, path });
        }
        if !path.exists() {
            return Err(PolicyChoiceError::Missing {
                path: path.to_owned(),
                shipped: Policy::shipped_names().collect::<Vec<_>>().join(", "),
            });
        }
        Ok(Self::read(path)?)
    }

    /// The policy in a file.
    ///
    /// # Errors
    /// What [`Policy::read`] refuses.
    pub(crate) fn read(path: &Path) -> Result<Self, PolicyError> {
        let (policy, text) = Policy::read_with_text(path)?;
        let path = Some(path.to_owned());
        Ok(Self { policy, text, path })
    }

    /// The policy of a launch file.
    ///
    /// # Errors
    /// As [`PolicyChoice::of`].
    pub(crate) fn of_launch(launch: &LaunchFile) -> Result<Self, PolicyChoiceError> {
        Self::of(launch.policy(), &launch.resolve(launch.policy()))
    }
}

/// Why there is no such policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PolicyChoiceError {
    /// Neither a shipped name nor a file.
    #[error("there is no file {}, and no policy of that name ships: there are {shipped}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Names of the policies that ship.
        shipped: String,
    },
    /// The file is refused.
    #[error(transparent)]
    Refused(#[from] PolicyError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shipped_name_needs_no_file_and_a_wrong_one_is_answered_with_the_right_ones() {
        let choice = PolicyChoice::of("first_light", Path::new("first_light")).expect("a policy");
        assert_eq!((choice.policy.name(), choice.path), ("first_light", None));
        let error = PolicyChoice::of("last_light", Path::new("last_light")).expect_err("a refusal");
        assert_eq!(
            error.to_string(),
            "there is no file last_light, and no policy of that name ships: there are apartment, apartment_k1, apartment_k2, apartment_k3, corridor_k1, corridor_k2, corridor_k3, demo, fetch_soda, first_light, home"
        );
    }
}
