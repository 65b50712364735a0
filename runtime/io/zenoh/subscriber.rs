//! Listening to a runtime from outside: the newest message of every key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use zenoh::handlers::FifoChannelHandler;
use zenoh::query::Reply;
use zenoh::sample::{Sample, SampleKind};
use zenoh::{Session, Wait};

use super::error::ZenohError;
use super::message_type;
use super::sessions::{EverywhereKept, Sessions};
use crate::clock::{Clock as _, lock};
use crate::io::clock::SystemClock;
use crate::wire::{AnyMessage, Attachment, CdrError, keys};

/// One message as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Key below the prefix: `depth_zbuffer`, `front/normal`, `status`.
    pub key: String,
    /// Full name of its type; empty where the publisher did not say.
    pub message_type: String,
    /// CDR.
    pub payload: Vec<u8>,
    /// Its maker; `None` where there is none or it cannot be read.
    pub attachment: Option<Attachment>,
    /// How long it waited here until it was [taken](Watcher::take): it came so much
    /// earlier.
    pub waited: Duration,
}

impl Received {
    /// Reads the message.
    ///
    /// # Errors
    /// An unknown type, or bytes that are not that message.
    pub fn message(&self) -> Result<AnyMessage<'_>, CdrError> {
        AnyMessage::decode(&self.message_type, &self.payload)
    }
}

/// Counts of the messages of one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// Came.
    pub received: u64,
    /// Did not come, as the gaps in their sequence numbers say.
    pub lost: u64,
    /// A newer one came before they were taken.
    pub superseded: u64,
    /// Longer than [`Watcher::PAYLOAD_LIMIT`].
    pub refused: u64,
}

/// Listens below a prefix, to everything or to chosen keys, and keeps the newest
/// of each key.
pub struct Watcher {
    shared: Arc<Shared>,
    prefix: String,
    /// By what stands below the prefix.
    subscribers: BTreeMap<String, Vec<EverywhereKept>>,
    /// A session closes when nobody holds it.
    sessions: Vec<Sessions>,
}

struct Shared {
    keys: Mutex<Keys>,
    changed: Condvar,
    clock: SystemClock,
}

#[derive(Default)]
struct Keys {
    by_name: BTreeMap<String, KeyState>,
    waiting: usize,
    ignored: u64,
}

#[derive(Default)]
struct KeyState {
    /// With the time at which it came (monotonic).
    newest: Option<(Duration, Received)>,
    last_sequence: Option<u64>,
    counts: KeyCounts,
}

impl Watcher {
    /// Most keys that are kept apart; messages of further ones are ignored.
    pub const MAX_KEYS: usize = 256;
    /// Longest payload that is kept, bytes.
    pub const PAYLOAD_LIMIT: usize = 64 * 1024 * 1024;

    /// Begins to listen to `<prefix>/**`.
    ///
    /// # Errors
    /// A prefix that is no key expression, or a session that is closed.
    pub fn open(session: &Session, prefix: &str) -> Result<Self, ZenohError> {
        Self::open_on(&[session.clone().into()], prefix)
    }

    /// As [`open`](Self::open), on all of several sessions.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(sessions: &[Sessions], prefix: &str) -> Result<Self, ZenohError> {
        let mut watcher = Self::idle(sessions, prefix);
        watcher.listen_to([keys::EVERYTHING])?;
        Ok(watcher)
    }

    /// A watcher that listens to nothing until it is told to
    /// [what](Self::listen_to).
    #[must_use]
    pub fn idle(sessions: &[Sessions], prefix: &str) -> Self {
        Self {
            shared: Arc::new(Shared {
                keys: Mutex::default(),
                changed: Condvar::new(),
                clock: SystemClock::start(),
            }),
            prefix: prefix.to_owned(),
            subscribers: BTreeMap::new(),
            sessions: sessions.to_vec(),
        }
    }

    /// Listens to these keys below the prefix and to no others from now on; what
    /// came of the others and was not taken yet is dropped. A runtime computes what
    /// somebody listens to, so each key here may cost it something.
    ///
    /// # Errors
    /// A key that is no key expression, or a session that is closed; then it
    /// listens to those before it.
    pub fn listen_to<'a>(
        &mut self,
        keys: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), ZenohError> {
        let keys: BTreeSet<&str> = keys.into_iter().collect();
        let shared = &self.shared;
        self.subscribers.retain(|key, _| {
            let stays = keys.contains(key.as_str());
            if !stays && let Some(state) = lock(&shared.keys).by_name.get_mut(key) {
                state.newest = None;
                // What is not sent meanwhile is not lost.
                state.last_sequence = None;
            }
            stays
        });
        for key in keys {
            if self.subscribers.contains_key(key) {
                continue;
            }
            let each = self.sessions.iter();
            let each = each.map(|sessions| self.subscribe(sessions, key));
            let subscribers = each.collect::<Result<_, _>>()?;
            self.subscribers.insert(key.to_owned(), subscribers);
        }
        Ok(())
    }

    fn subscribe(&self, sessions: &Sessions, key: &str) -> Result<EverywhereKept, ZenohError> {
        let (shared, prefix) = (Arc::clone(&self.shared), self.prefix.clone());
        let key = keys::below(&prefix, key);
        sessions.declare(move |session| {
            let (heard, prefix) = (Arc::clone(&shared), prefix.clone());
            let subscriber = session
                .declare_subscriber(key.clone())
                .callback(move |sample| heard.put(&prefix, &sample));
            let subscriber = subscriber.wait().map_err(|error| ZenohError::Key {
                key: key.clone(),
                reason: error.to_string(),
            })?;
            Ok(Box::new(subscriber))
        })
    }

    /// The newest message of each key since the last call, by key. Waits for
    /// the first at most `timeout`.
    pub fn take(&self, timeout: Duration) -> Vec<Received> {
        let keys = lock(&self.shared.keys);
        let waited = self
            .shared
            .changed
            .wait_timeout_while(keys, timeout, |keys| keys.waiting == 0);
        let (mut keys, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.waiting = 0;
        let now = self.shared.clock.monotonic();
        let newest = keys.by_name.values_mut();
        let newest = newest.filter_map(|state| state.newest.take());
        let taken = newest.map(|(came, received)| Received {
            waited: now.saturating_sub(came),
            ..received
        });
        taken.collect()
    }

    /// Counts of the messages of each key, by key.
    #[must_use]
    pub fn counts(&self) -> Vec<(String, KeyCounts)> {
        let keys = lock(&self.shared.keys);
        let all = keys.by_name.iter();
        all.map(|(key, state)| (key.clone(), state.counts))
            .collect()
    }

    /// Messages of keys beyond [`MAX_KEYS`](Self::MAX_KEYS).
    #[must_use]
    pub fn ignored_messages(&self) -> u64 {
        lock(&self.shared.keys).ignored
    }

    /// Asks the runtime at `prefix` for its policy: JSON with `policy` (TOML)
    /// and `provenance`. `None` where nobody answers within `limit`.
    ///
    /// # Errors
    /// A prefix that is no key expression, or a session that is closed.
    pub fn ask_policy(
        session: &Session,
        prefix: &str,
        limit: Duration,
    ) -> Result<Option<String>, ZenohError> {
        let replies = begin_asking(session, prefix, limit)?;
        Ok(replies.iter().find_map(|reply| text_of(&reply)))
    }
}

/// Asks whoever is met in a session for the policy; answers come while `limit` lasts.
pub(super) fn begin_asking(
    session: &Session,
    prefix: &str,
    limit: Duration,
) -> Result<FifoChannelHandler<Reply>, ZenohError> {
    let key = keys::below(prefix, keys::POLICY);
    let replies = session.get(key.clone()).timeout(limit).wait();
    replies.map_err(|error| ZenohError::Key {
        key,
        reason: error.to_string(),
    })
}

/// The text of an answer that is no longer than a message may be.
pub(super) fn text_of(reply: &Reply) -> Option<String> {
    let payload = reply.result().ok()?.payload();
    let is_short = payload.len() <= Watcher::PAYLOAD_LIMIT;
    let text = is_short.then(|| payload.try_to_string().ok())?;
    text.map(std::borrow::Cow::into_owned)
}

impl Shared {
    fn put(&self, prefix: &str, sample: &Sample) {
        let key = sample.key_expr().as_str();
        let Some(key) = keys::strip_prefix(prefix, key) else {
            return;
        };
        if sample.kind() != SampleKind::Put {
            return;
        }
        let attachment = sample
            .attachment()
            .filter(|attachment| attachment.len() <= Attachment::MAX_BYTES)
            .and_then(|attachment| Attachment::parse(&attachment.to_bytes()).ok());
        let is_too_long = sample.payload().len() > Watcher::PAYLOAD_LIMIT;
        // Copied, so that the publisher gets its shared memory back at once.
        let received = (!is_too_long).then(|| Received {
            key: key.to_owned(),
            message_type: message_type(sample).unwrap_or_default(),
            payload: sample.payload().to_bytes().into_owned(),
            attachment,
            waited: Duration::ZERO,
        });
        let now = self.clock.monotonic();
        let mut keys = lock(&self.keys);
        if !keys.by_name.contains_key(key) && keys.by_name.len() == Watcher::MAX_KEYS {
            keys.ignored += 1;
            return;
        }
        let state = keys.by_name.entry(key.to_owned()).or_default();
        if state.put(received.map(|received| (now, received))) {
            keys.waiting += 1;
        }
        self.changed.notify_all();
    }
}

impl KeyState {
    /// Tells whether something waits that did not before.
    fn put(&mut self, received: Option<(Duration, Received)>) -> bool {
        self.counts.received += 1;
        let Some((at, received)) = received else {
            self.counts.refused += 1;
            return false;
        };
        if let Some(attachment) = &received.attachment {
            let sequence = attachment.sequence;
            // A smaller number is a runtime that started anew.
            let gap = self
                .last_sequence
                .and_then(|last| sequence.checked_sub(last.checked_add(1)?));
            self.counts.lost += gap.unwrap_or(0);
            self.last_sequence = Some(sequence);
        }
        let is_new = self.newest.is_none();
        if !is_new {
            self.counts.superseded += 1;
        }
        self.newest = Some((at, received));
        is_new
    }
}
