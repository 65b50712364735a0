//! Style of what is published: how keys and attachments are written.

use super::ros2::RosNode;

/// Style of keys and attachments; payloads are the same.
#[derive(Clone, Default)]
pub enum Style {
    /// `PREFIX/KEY`, with provenance as JSON in the attachment.
    #[default]
    Native,
    /// As `rmw_zenoh_cpp` has them, with provenance at a topic beside.
    Ros2 {
        /// The node that publishes.
        node: RosNode,
        /// True where the cameras' images are `CompressedImage`.
        images_are_jpeg: bool,
    },
}
