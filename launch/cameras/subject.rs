//! The camera that an entry is about, for refusals, and values that several
//! kinds have.

use std::ops::Range;

use concert_models::Intrinsics;
use concert_policies::document::{self, at};
use toml::Spanned;

use crate::launch_file::LaunchFault;
use crate::launch_file::value::{Placed, number, rate_of};

/// Frames per second where nothing else is said.
pub(crate) const DEFAULT_RATE_HZ: f64 = 30.0;
/// Least width and height of a frame, px.
const MIN_SIDE: i64 = 16;

/// The camera that an entry is about.
pub(crate) struct Subject {
    pub(super) camera: String,
    pub(super) kind: &'static str,
    span: Range<usize>,
}

impl Subject {
    pub(super) fn new(camera: &str, kind: &'static str, span: Range<usize>) -> Self {
        let camera = camera.to_owned();
        Self { camera, kind, span }
    }

    /// `KEY of camera NAME`, as refusals call an entry.
    pub(super) fn entry(&self, key: &str) -> String {
        format!("{key} of camera `{}`", self.camera)
    }

    /// A value that the kind cannot do without.
    pub(super) fn needed<'a, T>(&self, key: &'static str, value: &'a Option<T>) -> Placed<&'a T> {
        let (camera, kind) = (self.camera.clone(), self.kind);
        let missing = LaunchFault::MissingKey { camera, kind, key };
        value.as_ref().ok_or((Some(self.span.clone()), missing))
    }

    /// The fault of a key that this kind does not have.
    pub(super) fn foreign(&self, key: &str, own: &[&str]) -> LaunchFault {
        LaunchFault::ForeignKey {
            camera: self.camera.clone(),
            kind: self.kind,
            key: document::shown(key, 80),
            own: own.join(", "),
        }
    }

    /// Width or height, px.
    pub(super) fn side(
        &self,
        key: &str,
        written: &Option<Spanned<i64>>,
        default: usize,
        limit: usize,
    ) -> Placed<usize> {
        match written {
            None => Ok(default),
            Some(written) => {
                let side = number(&self.entry(key), written, MIN_SIDE, limit as i64)?;
                Ok(side as usize)
            }
        }
    }

    /// Frames per second.
    pub(super) fn rate_hz(&self, written: &Option<Spanned<f64>>) -> Placed<f64> {
        match written {
            None => Ok(DEFAULT_RATE_HZ),
            Some(rate) => rate_of(self.entry("rate_hz"), rate),
        }
    }

    pub(super) fn intrinsics(&self, written: &Spanned<Intrinsics>) -> Placed<Intrinsics> {
        let Some(fault) = written.get_ref().fault() else {
            return Ok(*written.get_ref());
        };
        let camera = self.camera.clone();
        at(written.span(), LaunchFault::Intrinsics { camera, fault })
    }
}
