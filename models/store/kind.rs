//! Encoder or readout: the two kinds of networks, and the names of their files.

use std::fmt;

use crate::card::is_safe_name;

/// Kind of a network: one of the two folders of a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkKind {
    /// Image to representation.
    Encoder,
    /// Representation to output.
    Readout,
}

impl NetworkKind {
    pub(super) fn folder(self) -> &'static str {
        match self {
            NetworkKind::Encoder => "encoders",
            NetworkKind::Readout => "readouts",
        }
    }
}

impl fmt::Display for NetworkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NetworkKind::Encoder => "encoder",
            NetworkKind::Readout => "readout",
        })
    }
}

/// Tells whether a name can only be a file of the folder: no separators, no dots.
pub(super) fn is_network_name(kind: NetworkKind, name: &str) -> bool {
    match kind {
        NetworkKind::Encoder => is_safe_name(name),
        NetworkKind::Readout => {
            (1..=concert_policies::MAX_READOUT_NAME_BYTES).contains(&name.len())
                && name.split(['+', '@']).all(|part| {
                    !part.is_empty()
                        && (part.bytes())
                            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
                })
        }
    }
}
