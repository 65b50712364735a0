//! Listening to a runtime for a recording: every message below a prefix, and the
//! camera's image of every frame. A [`Watcher`](super::Watcher) keeps the newest
//! message of each key, [`Arrivals`](super::Arrivals) the moments alone; this keeps
//! all of every message until it is taken, within bounds, and counts what it loses.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use zenoh::Wait;
use zenoh::sample::{Sample, SampleKind};

use super::error::ZenohError;
use super::message_type;
use super::sessions::{EverywhereKept, Sessions};
use crate::clock::{Clock as _, lock};
use crate::io::clock::SystemClock;
use crate::time::Timestamp;
use crate::wire::{Attachment, keys};

/// One message as it came, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct HeardMessage {
    /// Key below the prefix.
    pub key: String,
    /// Full name of its type; empty where the publisher did not say.
    pub message_type: String,
    /// CDR, where it has a type.
    pub payload: Vec<u8>,
    /// As it came; empty where there is none.
    pub attachment: Vec<u8>,
    /// When it came, by this computer's clock.
    pub arrived: Timestamp,
}

/// Listens to everything below a prefix.
pub struct MessageStream {
    heard: Receiver<HeardMessage>,
    shared: Arc<Shared>,
    _subscribers: Vec<EverywhereKept>,
}

struct Shared {
    prefix: String,
    clock: SystemClock,
    to: SyncSender<HeardMessage>,
    /// Bytes that wait to be taken.
    waiting: AtomicUsize,
    /// Messages that came and were not kept, by key.
    lost: Mutex<BTreeMap<String, u64>>,
}

impl MessageStream {
    /// Messages that may wait to be taken.
    pub const MAX_WAITING: usize = 8192;
    /// Bytes that may wait to be taken.
    pub const MAX_WAITING_BYTES: usize = 256 * 1024 * 1024;
    /// Longest message that is kept, bytes.
    pub const MAX_BYTES: usize = 64 * 1024 * 1024;
    /// Most keys of which losses are counted apart.
    const MAX_KEYS: usize = 256;

    /// Begins to listen to everything below `prefix`, and asks for the camera's image
    /// of every frame.
    ///
    /// # Errors
    /// A prefix that is no key expression, or a session that is closed.
    pub fn open(sessions: &Sessions, prefix: &str) -> Result<Self, ZenohError> {
        let (to, heard) = sync_channel(Self::MAX_WAITING);
        let shared = Arc::new(Shared {
            prefix: prefix.to_owned(),
            clock: SystemClock::start(),
            to,
            waiting: AtomicUsize::new(0),
            lost: Mutex::default(),
        });
        // Images first, so that no output is computed of a frame whose image nobody
        // asked for.
        let images = format!("**/{}/**", keys::IMAGE);
        let below = [
            (keys::EVERY_IMAGE, false),
            (images.as_str(), true),
            (keys::EVERYTHING, false),
        ];
        let subscribe = |(key, of_images): (&str, bool)| {
            let (shared, key) = (Arc::clone(&shared), keys::below(prefix, key));
            sessions.declare(move |session| {
                let heard = Arc::clone(&shared);
                let subscriber = session
                    .declare_subscriber(key.clone())
                    .callback(move |sample| heard.put(&sample, of_images));
                let subscriber = subscriber.wait().map_err(|error| ZenohError::Key {
                    key: key.clone(),
                    reason: error.to_string(),
                })?;
                Ok(Box::new(subscriber))
            })
        };
        let subscribers = below.into_iter().map(subscribe).collect::<Result<_, _>>()?;
        Ok(Self {
            heard,
            shared,
            _subscribers: subscribers,
        })
    }

    /// The next message, in the order in which they came; waits at most `timeout`.
    pub fn next(&self, timeout: Duration) -> Option<HeardMessage> {
        let message = self.heard.recv_timeout(timeout).ok()?;
        let bytes = message.size_bytes();
        self.shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
        Some(message)
    }

    /// Messages that came while too much waited, or that were too long, by key.
    #[must_use]
    pub fn lost(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.lost).clone()
    }
}

impl HeardMessage {
    /// Memory that it takes, bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.payload.len() + self.attachment.len() + self.key.len() + size_of::<Self>()
    }
}

impl Shared {
    /// Keeps a message; of those that both subscribers hear, the one of images does.
    fn put(&self, sample: &Sample, of_images: bool) {
        let Some(key) = keys::strip_prefix(&self.prefix, sample.key_expr().as_str()) else {
            return;
        };
        let is_image = key.split('/').any(|part| part == keys::IMAGE);
        if sample.kind() != SampleKind::Put || is_image != of_images {
            return;
        }
        let attachment = sample.attachment();
        let attachment = attachment.filter(|bytes| bytes.len() <= Attachment::MAX_BYTES);
        let length = sample.payload().len();
        let waiting = self.waiting.load(Ordering::Relaxed);
        if length > MessageStream::MAX_BYTES
            || waiting.saturating_add(length) > MessageStream::MAX_WAITING_BYTES
        {
            return self.lose(key);
        }
        // Copied, so that the publisher gets its shared memory back at once.
        let message = HeardMessage {
            key: key.to_owned(),
            message_type: message_type(sample).unwrap_or_default(),
            payload: sample.payload().to_bytes().into_owned(),
            attachment: attachment.map_or_else(Vec::new, |bytes| bytes.to_bytes().into_owned()),
            arrived: self.clock.now(),
        };
        let bytes = message.size_bytes();
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        if self.to.try_send(message).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.lose(key);
        }
    }

    fn lose(&self, key: &str) {
        let mut lost = lock(&self.lost);
        let is_full = lost.len() >= MessageStream::MAX_KEYS && !lost.contains_key(key);
        let key = if is_full { "other keys" } else { key };
        *lost.entry(key.to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{PREFIX, free_endpoint, server};
    use super::super::{MessageOptions, MessagePublisher};
    use super::*;
    use crate::wire::std_msgs::{Bool, StringMessage};

    /// Within one session a message is handed over while it is published.
    fn publisher(session: &zenoh::Session, keys: &[&str]) -> MessagePublisher {
        let options = MessageOptions {
            prefix: PREFIX.to_owned(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            shared_memory_bytes: 0,
            claim: None,
        };
        MessagePublisher::open(session.clone(), &options).expect("publishes")
    }

    #[test]
    fn every_message_comes_once_whichever_subscriber_hears_it() {
        let session = server(&free_endpoint());
        let keys = [
            "a",
            "image",
            "front/image",
            "image/camera_info",
            keys::EVERY_IMAGE,
        ];
        let mut publisher = publisher(&session, &keys);
        assert!(!publisher.has_subscriber(keys::EVERY_IMAGE));
        let stream = MessageStream::open(&session.clone().into(), PREFIX).expect("listens");
        for key in &keys[..4] {
            let put = publisher.publish(key, &Bool { data: true });
            put.expect("is put");
        }
        let mut came = Vec::new();
        while let Some(message) = stream.next(Duration::ZERO) {
            assert_eq!(message.message_type, "std_msgs/msg/Bool");
            came.push(message.key);
        }
        assert_eq!(came, keys[..4]);
        assert!(stream.lost().is_empty());
    }

    #[test]
    fn what_comes_while_too_much_waits_is_counted_by_its_key() {
        let session = server(&free_endpoint());
        let mut publisher = publisher(&session, &["a", "b"]);
        let stream = MessageStream::open(&session.clone().into(), PREFIX).expect("listens");
        // So many wait that a short one still may, and no other long one.
        let bytes = MessageStream::MAX_BYTES / 4 * 3;
        let long = StringMessage {
            data: "x".repeat(bytes),
        };
        let count = MessageStream::MAX_WAITING_BYTES / bytes;
        for _ in 0..count + 2 {
            publisher.publish("a", &long).expect("is put");
        }
        publisher
            .publish("b", &Bool { data: true })
            .expect("is put");
        let lost = stream.lost();
        assert_eq!(lost.keys().collect::<Vec<_>>(), ["a"]);
        let kept = count as u64 + 2 - lost["a"];
        let taken = std::iter::from_fn(|| stream.next(Duration::ZERO));
        assert_eq!(taken.count() as u64, kept + 1);
    }
}
