//! Why a policy cannot be planned.

use concert_policies::Transfer;

use super::MAX_FRAMES_BACK;

/// Why a policy cannot be planned with these files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// An encoder of the policy was not handed in.
    #[error("policy {policy} needs the encoder {source_name}, but it was not loaded")]
    NoEncoder {
        /// Policy.
        policy: String,
        /// Source.
        source_name: String,
    },
    /// A readout of the policy was not handed in.
    #[error("policy {policy} needs the readout {readout}, but it was not loaded")]
    NoReadout {
        /// Policy.
        policy: String,
        /// Readout.
        readout: String,
    },
    /// A readout reads something that its transfer does not list.
    #[error("readout {readout} reads {wanted}, but the transfer of {target} lists {listed}")]
    NotListed {
        /// Readout.
        readout: String,
        /// The input that it reads.
        wanted: String,
        /// Target.
        target: String,
        /// Sources and inputs that the transfer lists.
        listed: String,
    },
    /// A readout reads a level that the encoder does not have.
    #[error("readout {readout} reads the level {level} of {source_name}, which has {available}")]
    NoLevel {
        /// Readout.
        readout: String,
        /// Level.
        level: String,
        /// Source.
        source_name: String,
        /// Levels there are.
        available: String,
    },
    /// A readout wants more history than a ring may hold.
    #[error(
        "readout {readout} looks {frames_back} runs back, but at most {} are kept",
        MAX_FRAMES_BACK
    )]
    TooFarBack {
        /// Readout.
        readout: String,
        /// Runs.
        frames_back: usize,
    },
    /// A geometric readout has too little or too much to read.
    #[error("readout {readout} has {count} inputs listed that give it {role}, but needs 1")]
    Role {
        /// Readout.
        readout: String,
        /// The input that it reads.
        role: &'static str,
        /// Number of the inputs listed that are that.
        count: usize,
    },
    /// A network's input is seen through its first encoder's image.
    #[error("readout {readout} reads the camera, but has no source whose input to see it through")]
    NoFirstEncoder {
        /// Readout.
        readout: String,
    },
    /// The transfer lists an input or source that the readout does not read.
    #[error("the transfer of {target} lists {listed}, but readout {readout} does not read it")]
    NotRead {
        /// Target.
        target: String,
        /// The source or input that is listed.
        listed: String,
        /// Readout.
        readout: String,
    },
}

/// A readout reads what its transfer does not list.
pub(super) fn not_listed_error(readout: &str, wanted: &str, transfer: &Transfer) -> PlanError {
    let sources = transfer.sources().iter().map(String::as_str);
    let listed: Vec<&str> = sources
        .chain(transfer.inputs().iter().map(|input| input.name()))
        .collect();
    PlanError::NotListed {
        readout: readout.to_owned(),
        wanted: wanted.to_owned(),
        target: transfer.target().name.to_owned(),
        listed: listed.join(", "),
    }
}
