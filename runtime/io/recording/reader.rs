//! Reads an MCAP file from its beginning to its end, or to where it is whole.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mcap::records::Record;
use mcap::sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions};
use mcap::{McapError, parse_record};

use super::RecordingError;
use crate::time::Timestamp;

/// Longest record that is read, bytes.
const MAX_RECORD_BYTES: usize = 256 << 20;
/// Most bytes that are read at once: a file that claims more than it has costs no
/// more memory.
const READ_BYTES: usize = 1 << 20;
/// Most channels of a file.
const MAX_CHANNELS: usize = 4096;

/// One message of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedMessage {
    /// The channel's topic.
    pub topic: Arc<str>,
    /// Full name of its type; empty where the file does not say.
    pub message_type: Arc<str>,
    /// Its encoding: `cdr`.
    pub encoding: Arc<str>,
    /// When it was received.
    pub arrived: Timestamp,
    /// Its stamp, where it has one.
    pub stamp: Timestamp,
    /// The message.
    pub data: Vec<u8>,
}

/// How a file ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingEnd {
    /// With its summary.
    Whole,
    /// Without: whoever wrote it was ended, or the file is damaged there. What stands
    /// before it was read.
    Cut {
        /// Bytes before it.
        at: u64,
        /// What was found there.
        reason: String,
    },
}

/// Something of a file.
pub(super) enum Item {
    Message(RecordedMessage),
    Metadata(String, BTreeMap<String, String>),
}

/// Reads an MCAP file once, in its order.
pub(super) struct RecordingReader {
    path: PathBuf,
    file: File,
    reader: LinearReader,
    read: u64,
    schemas: HashMap<u16, Arc<str>>,
    channels: HashMap<u16, Channel>,
    has_summary: bool,
    end: Option<RecordingEnd>,
}

#[derive(Clone)]
struct Channel {
    topic: Arc<str>,
    message_type: Arc<str>,
    encoding: Arc<str>,
}

impl RecordingReader {
    /// Opens a file.
    ///
    /// # Errors
    /// A file that cannot be read; one that is no MCAP file.
    pub(super) fn open(path: &Path) -> Result<Self, RecordingError> {
        let fault = |source| RecordingError::File {
            path: path.to_owned(),
            source,
        };
        let about = std::fs::metadata(path).map_err(fault)?;
        if !about.is_file() {
            return Err(RecordingError::NotMcap {
                path: path.to_owned(),
                reason: "it is no regular file".to_owned(),
            });
        }
        let mut file = File::open(path).map_err(fault)?;
        let mut magic = [0; mcap::MAGIC.len()];
        let mut taken = 0;
        while taken < magic.len() {
            match file.read(&mut magic[taken..]).map_err(fault)? {
                0 => break,
                more => taken += more,
            }
        }
        if magic != mcap::MAGIC {
            return Err(RecordingError::NotMcap {
                path: path.to_owned(),
                reason: format!("its first {taken} bytes are not those of one"),
            });
        }
        let options = LinearReaderOptions::default()
            .with_skip_start_magic(true)
            .with_skip_end_magic(true)
            .with_prevalidate_chunk_crcs(true)
            .with_record_length_limit(MAX_RECORD_BYTES);
        Ok(Self {
            path: path.to_owned(),
            file,
            reader: LinearReader::new_with_options(options),
            read: magic.len() as u64,
            schemas: HashMap::new(),
            channels: HashMap::new(),
            has_summary: false,
            end: None,
        })
    }

    /// How the file ends, once [`item`](Self::item) came to its end.
    pub(super) fn end(&self) -> Option<&RecordingEnd> {
        self.end.as_ref()
    }

    /// The next message or record of texts; `None` at the end, or where nothing whole
    /// follows.
    ///
    /// # Errors
    /// A file that cannot be read any more.
    pub(super) fn item(&mut self) -> Result<Option<Item>, RecordingError> {
        while self.end.is_none() {
            let found = match self.reader.next_event() {
                None => Found::End(None),
                Some(Err(error)) => Found::End(Some(error)),
                Some(Ok(LinearReadEvent::ReadRequest(bytes))) => Found::Wants(bytes),
                Some(Ok(LinearReadEvent::Record { opcode, data })) => {
                    match parse_record(opcode, data) {
                        Ok(record) => Found::Record(record.into_owned()),
                        Err(error) => Found::End(Some(error)),
                    }
                }
            };
            match found {
                Found::Wants(bytes) => self.feed(bytes)?,
                Found::End(error) => self.end = Some(self.ended(error)),
                Found::Record(record) => {
                    if let Some(item) = self.take(record)? {
                        return Ok(Some(item));
                    }
                }
            }
        }
        Ok(None)
    }

    fn feed(&mut self, bytes: usize) -> Result<(), RecordingError> {
        let bytes = bytes.clamp(1, READ_BYTES);
        let read = self.file.read(self.reader.insert(bytes));
        let read = read.map_err(|source| RecordingError::File {
            path: self.path.clone(),
            source,
        })?;
        self.reader.notify_read(read);
        self.read += read as u64;
        Ok(())
    }

    fn ended(&self, error: Option<McapError>) -> RecordingEnd {
        let reason = match error {
            // After the summary nothing of ours follows.
            _ if self.has_summary => return RecordingEnd::Whole,
            None => "it has no summary: whoever wrote it was ended".to_owned(),
            Some(McapError::UnexpectedEof | McapError::UnexpectedEoc) => {
                "it ends in the middle of a chunk".to_owned()
            }
            Some(error) => error.to_string(),
        };
        RecordingEnd::Cut {
            at: self.read,
            reason,
        }
    }

    fn take(&mut self, record: Record<'static>) -> Result<Option<Item>, RecordingError> {
        match record {
            Record::Schema { header, .. } => {
                self.schemas.insert(header.id, header.name.into());
            }
            Record::Channel(channel) => self.note_channel(channel)?,
            Record::Message { header, data } => {
                let Some(channel) = self.channels.get(&header.channel_id).cloned() else {
                    return Ok(None);
                };
                let at = |nanos| Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
                return Ok(Some(Item::Message(RecordedMessage {
                    topic: channel.topic,
                    message_type: channel.message_type,
                    encoding: channel.encoding,
                    arrived: at(header.log_time),
                    stamp: at(header.publish_time),
                    data: data.into_owned(),
                })));
            }
            Record::Metadata(texts) => {
                return Ok(Some(Item::Metadata(texts.name, texts.metadata)));
            }
            Record::DataEnd(_) | Record::Footer(_) => self.has_summary = true,
            _ => {}
        }
        Ok(None)
    }

    fn note_channel(&mut self, channel: mcap::records::Channel) -> Result<(), RecordingError> {
        if self.channels.len() == MAX_CHANNELS && !self.channels.contains_key(&channel.id) {
            return Err(RecordingError::Unusable {
                path: self.path.clone(),
                rule: format!("has more than {MAX_CHANNELS} channels"),
            });
        }
        let known = self.schemas.get(&channel.schema_id);
        let channel_of = Channel {
            topic: channel.topic.into(),
            message_type: known.cloned().unwrap_or_else(|| "".into()),
            encoding: channel.message_encoding.into(),
        };
        self.channels.insert(channel.id, channel_of);
        Ok(())
    }
}

enum Found {
    Wants(usize),
    Record(Record<'static>),
    End(Option<McapError>),
}
