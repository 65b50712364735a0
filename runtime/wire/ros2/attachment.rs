//! The attachment of a message: who sent it, which it is of theirs, and when.

/// The attachment of a message of ROS 2, of a request and of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RosAttachment {
    /// Counts the messages of a publisher, from 1; an answer has that of its request.
    pub sequence: i64,
    /// When it was sent, ns since the Unix epoch.
    pub sent_ns: i64,
    /// The publisher; of an answer, who asked.
    pub gid: [u8; 16],
}

/// Why bytes are no attachment of ROS 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RosAttachmentError {
    /// Of another length.
    #[error(
        "attachment has {got} bytes, but that of rmw_zenoh has {} (from 0.2.4 on) or {} (before)",
        RosAttachment::BYTES,
        RosAttachment::LABELLED_BYTES
    )]
    Length {
        /// Bytes.
        got: usize,
    },
    /// Of that length, with something else in it.
    #[error("attachment has the length of one of rmw_zenoh, but not its layout")]
    Layout,
}

impl RosAttachment {
    /// Bytes of an attachment: two numbers, the length of the id, the id.
    pub const BYTES: usize = 33;
    /// Bytes of an attachment of `rmw_zenoh_cpp` before 0.2.4, with names.
    pub const LABELLED_BYTES: usize = 77;

    /// The bytes, as `rmw_zenoh_cpp` has them from 0.2.4 (of Humble: 0.1.2) on.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sent_ns.to_le_bytes());
        bytes[16] = 16;
        bytes[17..].copy_from_slice(&self.gid);
        bytes
    }

    /// Reads an attachment of either layout.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn parse(bytes: &[u8]) -> Result<Self, RosAttachmentError> {
        let plain = match bytes.len() {
            Self::BYTES => bytes.to_vec(),
            Self::LABELLED_BYTES => without_labels(bytes).ok_or(RosAttachmentError::Layout)?,
            got => return Err(RosAttachmentError::Length { got }),
        };
        let number = |at: usize| {
            let bytes = plain.get(at..at + 8)?;
            Some(i64::from_le_bytes(bytes.try_into().ok()?))
        };
        let read = || {
            let gid = plain.strip_prefix(&plain[..16])?.strip_prefix(&[16])?;
            Some(Self {
                sequence: number(0)?,
                sent_ns: number(8)?,
                gid: gid.try_into().ok()?,
            })
        };
        read().ok_or(RosAttachmentError::Layout)
    }
}

fn without_labels(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes;
    let mut plain = Vec::with_capacity(RosAttachment::BYTES);
    for (label, length) in [
        ("sequence_number", 8),
        ("source_timestamp", 8),
        ("source_gid", 17),
    ] {
        rest = rest.strip_prefix(&[label.len() as u8])?;
        rest = rest.strip_prefix(label.as_bytes())?;
        let (value, after) = rest.split_at_checked(length)?;
        plain.extend_from_slice(value);
        rest = after;
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTACHMENT: RosAttachment = RosAttachment {
        sequence: 1,
        sent_ns: 0x0102_0304_0506_0708,
        gid: [0xab; 16],
    };

    #[test]
    fn both_layouts_are_read() {
        let bytes = ATTACHMENT.to_bytes();
        assert_eq!(bytes[..8], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[8..17], [8, 7, 6, 5, 4, 3, 2, 1, 16]);
        assert_eq!(RosAttachment::parse(&bytes), Ok(ATTACHMENT));
        let labelled = [
            b"\x0fsequence_number".as_slice(),
            &bytes[..8],
            b"\x10source_timestamp",
            &bytes[8..16],
            b"\x0asource_gid",
            &bytes[16..],
        ]
        .concat();
        assert_eq!(labelled.len(), RosAttachment::LABELLED_BYTES);
        assert_eq!(RosAttachment::parse(&labelled), Ok(ATTACHMENT));
    }

    #[test]
    fn other_bytes_are_refused() {
        let mut bytes = ATTACHMENT.to_bytes();
        bytes[16] = 15;
        assert_eq!(
            RosAttachment::parse(&bytes),
            Err(RosAttachmentError::Layout)
        );
        let error = RosAttachment::parse(&bytes[..32]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("attachment has 32 bytes, but that of rmw_zenoh has 33")
        );
        assert_eq!(
            RosAttachment::parse(&[15; 77]),
            Err(RosAttachmentError::Layout)
        );
        assert!(RosAttachment::parse(&[]).is_err());
    }
}
