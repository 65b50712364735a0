//! What is in a recording, read once before it is played.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::reader::{Item, RecordingEnd, RecordingReader};
use super::{ABOUT, POLICY, RecordingError, VERSION};
use crate::time::Timestamp;
use crate::wire::std_msgs::StringMessage;
use crate::wire::{Message as _, keys};

/// Most messages of a recording.
const MAX_MESSAGES: u64 = 20_000_000;
/// Most bytes of all records of texts.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// What is in a recording.
#[derive(Debug, Clone)]
pub struct RecordingContents {
    /// The file.
    pub path: PathBuf,
    /// Beginning of every key; `None` for a file that is not Concert's.
    pub prefix: Option<String>,
    /// What it says of itself, by name.
    pub about: BTreeMap<String, String>,
    /// The policies that ran, as they came: `policy`, `hash`, `provenance`.
    pub policies: Vec<BTreeMap<String, String>>,
    /// By their names.
    pub topics: BTreeMap<String, RecordedTopic>,
    /// When the first and the last message came.
    pub span: Option<(Timestamp, Timestamp)>,
    /// How the file ends.
    pub end: RecordingEnd,
}

/// One channel of a recording.
#[derive(Debug, Clone, Default)]
pub struct RecordedTopic {
    /// Full name of its messages' type.
    pub message_type: String,
    /// Its messages.
    pub messages: u64,
    /// Of a Concert recording: name of the camera that it is about, where it says so.
    pub camera: Option<String>,
    /// Of a Concert recording: each message, but for companions and texts.
    pub notes: Vec<OutputNote>,
}

/// One output of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputNote {
    /// Stamp of its frame.
    pub stamp: Timestamp,
    /// Stamp of the earlier frame that it was compared with.
    pub previous: Option<Timestamp>,
    /// Its number among the outputs of its key.
    pub sequence: Option<u64>,
}

/// The part of an attachment that counts here.
#[derive(Deserialize)]
struct Provenance {
    sequence: u64,
    #[serde(default)]
    previous_stamp_ns: Option<i64>,
    #[serde(default)]
    camera: String,
}

impl RecordingContents {
    /// Reads a whole file.
    ///
    /// # Errors
    /// A file that cannot be read, is no MCAP file, or is of another layout.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let mut reader = RecordingReader::open(path)?;
        let mut contents = Self {
            path: path.to_owned(),
            prefix: None,
            about: BTreeMap::new(),
            policies: Vec::new(),
            topics: BTreeMap::new(),
            span: None,
            end: RecordingEnd::Whole,
        };
        let (mut messages, mut text_bytes) = (0, 0);
        // By key: what is said of the message that comes next.
        let mut said: BTreeMap<String, Provenance> = BTreeMap::new();
        while let Some(item) = reader.item()? {
            match item {
                Item::Metadata(name, texts) => {
                    text_bytes += texts.values().map(String::len).sum::<usize>();
                    contents.check(text_bytes <= MAX_TEXT_BYTES, || {
                        format!("has more than {MAX_TEXT_BYTES} bytes of metadata")
                    })?;
                    contents.note_texts(&name, texts)?;
                }
                Item::Message(message) => {
                    messages += 1;
                    contents.check(messages <= MAX_MESSAGES, || {
                        format!("has more than {MAX_MESSAGES} messages")
                    })?;
                    let (begin, end) = contents.span.unwrap_or((message.arrived, message.arrived));
                    let span = (begin.min(message.arrived), end.max(message.arrived));
                    contents.span = Some(span);
                    contents.note(&message, &mut said);
                }
            }
        }
        contents.end = reader.end().cloned().unwrap_or(RecordingEnd::Whole);
        Ok(contents)
    }

    /// The key below the prefix of a topic.
    #[must_use]
    pub fn key<'a>(&self, topic: &'a str) -> Option<&'a str> {
        key_of(self.prefix.as_deref()?, topic)
    }

    /// The topic with this key below the prefix.
    #[must_use]
    pub fn topic(&self, key: &str) -> Option<&RecordedTopic> {
        let topic = format!("/{}", keys::below(self.prefix.as_deref()?, key));
        self.topics.get(&topic)
    }

    fn check(&self, holds: bool, rule: impl Fn() -> String) -> Result<(), RecordingError> {
        let fault = || RecordingError::Unusable {
            path: self.path.clone(),
            rule: rule(),
        };
        holds.then_some(()).ok_or_else(fault)
    }

    fn note_texts(
        &mut self,
        name: &str,
        texts: BTreeMap<String, String>,
    ) -> Result<(), RecordingError> {
        match name {
            ABOUT => {
                let version = texts.get("version").cloned().unwrap_or_default();
                self.check(version == VERSION, || {
                    format!("is a recording of layout {version:?}, but only {VERSION:?} is known")
                })?;
                self.prefix = texts.get("prefix").cloned();
                self.about = texts;
            }
            POLICY => self.policies.push(texts),
            _ => {}
        }
        Ok(())
    }

    fn note(&mut self, message: &super::RecordedMessage, said: &mut BTreeMap<String, Provenance>) {
        let key = self.key(&message.topic).map(str::to_owned);
        let topic = self.topics.entry(message.topic.to_string()).or_default();
        topic.messages += 1;
        if topic.messages == 1 {
            topic.message_type = message.message_type.to_string();
        }
        let Some(key) = key else {
            return;
        };
        if let Some(of) = provenance_of(&key) {
            let text = StringMessage::decode(&message.data).ok();
            let text = text.and_then(|text| serde_json::from_str(&text.data).ok());
            if let Some(text) = text {
                said.insert(of.to_owned(), text);
            }
        } else if keys::is_output(&key) || keys::is_image(&key) {
            let said = said.remove(&key);
            let previous = said.as_ref().and_then(|said| said.previous_stamp_ns);
            if topic.camera.is_none() {
                topic.camera = said.as_ref().map(|said| said.camera.clone());
            }
            topic.notes.push(OutputNote {
                stamp: message.stamp,
                previous: previous.map(Timestamp::from_nanos),
                sequence: said.map(|said| said.sequence),
            });
        }
    }
}

/// The key below a prefix of a topic.
pub(super) fn key_of<'a>(prefix: &str, topic: &'a str) -> Option<&'a str> {
    keys::strip_prefix(prefix, topic.strip_prefix('/')?)
}

/// The key whose attachments stand at a key.
pub(super) fn provenance_of(key: &str) -> Option<&str> {
    keys::strip_prefix(keys::PROVENANCE, key)
}
