//! Writes a recording.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use mcap::{McapError, WriteOptions, Writer};

use super::{PROGRAM, RecordingError};
use crate::time::Timestamp;
use crate::wire::definitions::definition;
use crate::wire::std_msgs::StringMessage;
use crate::wire::{AnyMessage, Message as _, keys};

/// One message to be written.
#[derive(Debug, Clone, Copy)]
pub struct RecordingEntry<'a> {
    /// Key below the prefix.
    pub key: &'a str,
    /// Full name of its type; empty for plain text.
    pub message_type: &'a str,
    /// CDR, or UTF-8.
    pub payload: &'a [u8],
    /// The JSON that came beside it; may be empty.
    pub attachment: &'a [u8],
    /// When it came.
    pub arrived: Timestamp,
}

/// Writes a recording, chunk by chunk.
pub struct RecordingWriter<W: Write> {
    writer: Writer<NoSeek<Counted<W>>>,
    prefix: String,
    channels: HashMap<String, Channel>,
    /// Monotonic time at which the open chunk was begun.
    begun: Option<Duration>,
    text: Vec<u8>,
    /// Bytes that went into the file.
    file_bytes: Arc<AtomicU64>,
    /// Bytes of messages in the open chunk.
    open_bytes: u64,
    /// Messages of types without a definition here, which are not written.
    refused: u64,
    messages: u64,
}

#[derive(Debug, Clone, Copy)]
struct Channel {
    id: u16,
    written: u32,
}

/// Counts what goes through, in whole chunks.
struct Counted<W> {
    inner: W,
    bytes: Arc<AtomicU64>,
}

/// Bytes of a message's record and its place in the index, beside its content.
const MESSAGE_BYTES: u64 = 64;

impl<W: Write> RecordingWriter<W> {
    /// Largest chunk before it is written, bytes, but for its last message.
    const CHUNK_BYTES: u64 = 4 << 20;
    /// Longest time until a message is in the file: what a recorder that is killed
    /// loses at most.
    pub const MAX_OPEN: Duration = Duration::from_secs(1);
    /// Most keys, those of attachments counted apart: whoever publishes at ever new ones
    /// fills neither memory nor the file's summary.
    pub const MAX_CHANNELS: usize = 4096;

    /// Begins a recording of what is published below `prefix`.
    ///
    /// # Errors
    /// What `to` refuses.
    pub fn begin(to: W, prefix: &str) -> Result<Self, RecordingError> {
        // Without seeking a chunk is put together in memory and written at once.
        let settings = WriteOptions::new()
            .profile("ros2")
            .library(PROGRAM)
            .compression(None)
            .chunk_size(Some(Self::CHUNK_BYTES))
            .calculate_data_section_crc(false)
            .disable_seeking(true);
        let counted = Counted {
            inner: to,
            bytes: Arc::default(),
        };
        let file_bytes = Arc::clone(&counted.bytes);
        let writer = settings.create(NoSeek::new(counted)).map_err(fault)?;
        Ok(Self {
            writer,
            prefix: prefix.to_owned(),
            channels: HashMap::new(),
            begun: None,
            text: Vec::new(),
            file_bytes,
            open_bytes: 0,
            refused: 0,
            messages: 0,
        })
    }

    /// Writes a record of texts by name; the chunk before it is written first.
    ///
    /// # Errors
    /// What the file refuses.
    pub fn metadata(
        &mut self,
        name: &str,
        texts: BTreeMap<String, String>,
    ) -> Result<(), RecordingError> {
        let record = Metadata {
            name: name.to_owned(),
            metadata: texts,
        };
        (self.begun, self.open_bytes) = (None, 0);
        self.writer.write_metadata(&record).map_err(fault)?;
        self.writer.flush().map_err(fault)
    }

    /// Writes a message, and before it what came beside it; `now` is monotonic.
    ///
    /// # Errors
    /// What the file refuses.
    pub fn write(
        &mut self,
        entry: &RecordingEntry<'_>,
        now: Duration,
    ) -> Result<(), RecordingError> {
        let stamp = stamp_of(entry).unwrap_or(entry.arrived);
        let times = (entry.arrived, stamp);
        if entry.message_type.is_empty() {
            let Ok(text) = std::str::from_utf8(entry.payload) else {
                self.refused += 1;
                return Ok(());
            };
            match self.write_text(entry.key, text, times, now)? {
                true => self.messages += 1,
                false => self.refused += 1,
            }
            return Ok(());
        }
        let Some(channel) = self.channel(entry.key, entry.message_type)? else {
            self.refused += 1;
            return Ok(());
        };
        if let Ok(text) = std::str::from_utf8(entry.attachment)
            && !text.is_empty()
        {
            self.write_text(&keys::provenance(entry.key), text, times, now)?;
        }
        self.messages += 1;
        self.put(channel, times, entry.payload, now)
    }

    /// Writes the open chunk once it is old enough; to be called now and then.
    ///
    /// # Errors
    /// What the file refuses.
    pub fn tick(&mut self, now: Duration) -> Result<(), RecordingError> {
        if self
            .begun
            .is_some_and(|begun| now.saturating_sub(begun) >= Self::MAX_OPEN)
        {
            (self.begun, self.open_bytes) = (None, 0);
            self.writer.flush().map_err(fault)?;
        }
        Ok(())
    }

    /// Writes what is left, and the summary.
    ///
    /// # Errors
    /// What the file refuses.
    pub fn finish(&mut self) -> Result<(), RecordingError> {
        self.writer.finish().map_err(fault).map(drop)
    }

    /// Length of the file, bytes, were the open chunk written now; without the summary.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.file_bytes.load(Ordering::Relaxed) + self.open_bytes
    }

    /// Messages written, those beside outputs not counted.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Messages that were not written: of a type without a definition here, bytes
    /// without one, or at one key too many.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Writes a text; false at one key too many.
    fn write_text(
        &mut self,
        key: &str,
        text: &str,
        times: (Timestamp, Timestamp),
        now: Duration,
    ) -> Result<bool, RecordingError> {
        let mut bytes = std::mem::take(&mut self.text);
        let message = StringMessage {
            data: text.to_owned(),
        };
        message.encode(&mut bytes);
        let channel = self.channel(key, StringMessage::TYPE)?;
        let put = channel.map(|channel| self.put(channel, times, &bytes, now));
        self.text = bytes;
        put.transpose().map(|put| put.is_some())
    }

    /// The channel of a key; `None` for a type that has no definition here, and for one
    /// key too many.
    fn channel(
        &mut self,
        key: &str,
        message_type: &str,
    ) -> Result<Option<Channel>, RecordingError> {
        let name = format!("{key} {message_type}");
        if let Some(channel) = self.channels.get_mut(&name) {
            channel.written = channel.written.wrapping_add(1);
            return Ok(Some(*channel));
        }
        let text = definition(message_type).filter(|_| self.channels.len() < Self::MAX_CHANNELS);
        let Some(text) = text else {
            return Ok(None);
        };
        let schema = self
            .writer
            .add_schema(message_type, "ros2msg", text.as_bytes());
        let schema = schema.map_err(fault)?;
        let topic = format!("/{}", keys::below(&self.prefix, key));
        let id = self
            .writer
            .add_channel(schema, &topic, "cdr", &BTreeMap::new());
        let channel = Channel {
            id: id.map_err(fault)?,
            written: 0,
        };
        self.channels.insert(name, channel);
        Ok(Some(channel))
    }

    fn put(
        &mut self,
        channel: Channel,
        (arrived, stamp): (Timestamp, Timestamp),
        payload: &[u8],
        now: Duration,
    ) -> Result<(), RecordingError> {
        let header = MessageHeader {
            channel_id: channel.id,
            sequence: channel.written,
            log_time: nanos(arrived),
            publish_time: nanos(stamp),
        };
        let before = self.file_bytes.load(Ordering::Relaxed);
        let written = self.writer.write_to_known_channel(&header, payload);
        written.map_err(fault)?;
        if self.file_bytes.load(Ordering::Relaxed) != before {
            (self.begun, self.open_bytes) = (None, 0);
        }
        self.begun.get_or_insert(now);
        self.open_bytes += payload.len() as u64 + MESSAGE_BYTES;
        Ok(())
    }
}

/// The stamp of a message's header; of messages without one, that in the attachment.
fn stamp_of(entry: &RecordingEntry<'_>) -> Option<Timestamp> {
    let message = AnyMessage::decode(entry.message_type, entry.payload).ok();
    let stamp = message.and_then(|message| Some(message.header()?.stamp));
    stamp.or_else(|| {
        let attachment = crate::wire::Attachment::parse(entry.attachment).ok()?;
        Some(Timestamp::from_nanos(attachment.stamp_ns))
    })
}

/// MCAP's times begin with the epoch.
fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.nanos()).unwrap_or(0)
}

fn fault(error: McapError) -> RecordingError {
    RecordingError::Write(match error {
        McapError::Io(error) => error.to_string(),
        other => other.to_string(),
    })
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
