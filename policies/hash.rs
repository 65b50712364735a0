//! The identity of a policy.

use std::fmt;

use sha2::{Digest, Sha256};

/// SHA-256 of a policy's canonical text (`Policy::to_toml` without the
/// description), so that `sha256sum` gives the same.
///
/// Comments, the order of keys, the order within `sources` and `inputs`, the
/// description, and which published spelling of a task was used do not change
/// it. Everything else does, the order of the transfers included.
///
/// Displays as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyHash([u8; 32]);

impl PolicyHash {
    pub(crate) fn of(canonical: &str) -> PolicyHash {
        PolicyHash(Sha256::digest(canonical.as_bytes()).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 hexadecimal digits, for people.
    pub fn short(&self) -> String {
        let mut digits = self.to_string();
        digits.truncate(12);
        digits
    }
}

impl fmt::Display for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyHash({self})")
    }
}

impl serde::Serialize for PolicyHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
