//! Refusals of the store.

use super::NetworkKind;
use crate::card::CardError;
use crate::onnx::CheckError;

/// Reason why a network could not be taken from the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A name that cannot be a file's.
    #[error("{kind} `{name}` cannot be a file name: only a-z, 0-9, _, and + and @ in readouts")]
    UnsafeName {
        /// Encoder or readout.
        kind: NetworkKind,
        /// The name, shortened.
        name: String,
    },
    /// No card in any folder.
    #[error("{kind} {name} was not found in {searched}{suggestion}")]
    NotFound {
        /// Encoder or readout.
        kind: NetworkKind,
        /// The name.
        name: String,
        /// The folders, in order.
        searched: String,
        /// Names that come near, with the words around them.
        suggestion: String,
    },
    /// A card whose network is missing.
    #[error(
        "{card} describes {name}, but {name}.onnx lies neither beside it nor in {searched}{hint}"
    )]
    NoNetwork {
        /// The card's file.
        card: String,
        /// The name.
        name: String,
        /// The folders, in order.
        searched: String,
        /// Advice on what to do.
        hint: String,
    },
    /// A file that cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Read {
        /// The file.
        path: String,
        /// Reason.
        reason: String,
    },
    /// A card that breaks a rule.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A card in the wrong place.
    #[error("{path} is the card of {found}, but its file name says {expected}")]
    WrongCard {
        /// The card's file.
        path: String,
        /// Name that the card says.
        found: String,
        /// Name that its place says.
        expected: String,
    },
    /// A file larger than such a file may be.
    #[error("{path} takes {bytes} bytes, but at most {limit} are allowed")]
    TooLong {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
        /// Most bytes allowed.
        limit: usize,
    },
    /// A network of another size than its card says.
    #[error("{path} takes {found} bytes, but its card says {expected}")]
    WrongSize {
        /// The network's file.
        path: String,
        /// Its size.
        found: u64,
        /// The card's.
        expected: usize,
    },
    /// File that a clone without Git LFS leaves in place of a network.
    #[error(
        "{path} is a pointer of Git LFS with {found} bytes, not the network of {expected} bytes that \
         its card describes: run `git lfs pull` in its checkout"
    )]
    Pointer {
        /// The network's file.
        path: String,
        /// Its size.
        found: u64,
        /// The card's.
        expected: usize,
    },
    /// A network of another hash than its card says.
    #[error("{path} has sha256 {found}, but its card says {expected}")]
    WrongHash {
        /// The network's file.
        path: String,
        /// Its hash.
        found: String,
        /// The card's.
        expected: String,
    },
    /// A network that the graph check refuses.
    #[error("{path}: {fault}")]
    Graph {
        /// The network's file.
        path: String,
        /// Rule that it breaks.
        #[source]
        fault: Box<CheckError>,
    },
    /// Class names that do not fit the output.
    #[error("{path} has {found} names, but output {tensor} has {expected} classes")]
    Labels {
        /// The file of names.
        path: String,
        /// Names in it.
        found: usize,
        /// The output.
        tensor: String,
        /// Its classes.
        expected: usize,
    },
}
