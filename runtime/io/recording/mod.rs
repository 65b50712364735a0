//! Recordings: MCAP files of what went over the bus, readable by every tool that
//! knows ROS 2 messages.
//!
//! Every key is a channel of its own (`/PREFIX/KEY`; definitions as `ros2msg`,
//! messages in CDR), and what stood in the attachment of an output comes before it as
//! text at `/PREFIX/provenance/KEY`. The log time is that of arrival, the publish time the
//! message's stamp. A chunk is written as a whole, so that a file ends with a whole
//! one whatever happens to its writer.

use std::collections::BTreeMap;

mod contents;
mod error;
mod reader;
mod stream;
mod writer;

#[cfg(test)]
mod tests;

pub use contents::{OutputNote, RecordedTopic, RecordingContents};
pub use error::RecordingError;
pub use reader::{RecordedMessage, RecordingEnd};
pub use stream::{Recorded, RecordedFrame, RecordedOutput, RecordingStream};
pub use writer::{RecordingEntry, RecordingWriter};

/// Name of the metadata record that says what a recording is of: `prefix`, `version`
/// (of this layout), `program`, `machine`.
pub const ABOUT: &str = "concert";
/// Version of the layout that is written.
pub const VERSION: &str = "1";
/// Name of the metadata records with the policies that ran: `policy` (TOML), `hash`,
/// `provenance` (JSON).
pub const POLICY: &str = "concert.policy";

/// What this program calls itself.
const PROGRAM: &str = concat!("concert ", env!("CARGO_PKG_VERSION"));

/// What a recording says of itself: of what is published below a prefix, and `more`.
#[must_use]
pub fn about<'a>(
    prefix: &str,
    more: impl IntoIterator<Item = (&'a str, String)>,
) -> BTreeMap<String, String> {
    let own = [
        ("version", VERSION.to_owned()),
        ("prefix", prefix.to_owned()),
        ("program", PROGRAM.to_owned()),
    ];
    let texts = own.into_iter().chain(more);
    texts.map(|(name, text)| (name.to_owned(), text)).collect()
}
