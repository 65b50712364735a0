//! One zenoh publisher for each key below a prefix, none of them waited for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use zenoh::bytes::Encoding;
use zenoh::pubsub::Publisher;
use zenoh::qos::CongestionControl;
use zenoh::{Session, Wait};

use super::CDR_ENCODING;
use super::error::ZenohError;
use super::name::{Name, checked_prefix};
use super::pool::{Parts, PayloadPool};
use super::ros2::{RosEnd, RosPlace};
use super::sessions::Sessions;
use super::style::Style;
use crate::bus::BusError;
use crate::clock::Clock;
use crate::io::clock::SystemClock;
use crate::wire::ros2::{EntityKind, RosAttachment, topic_of};
use crate::wire::{Message, keys};

/// Listeners by key: a cheap handle, never blocking on the network.
#[derive(Debug, Clone, Default)]
pub struct Listeners {
    by_key: Arc<RwLock<HashMap<String, Heard>>>,
}

/// True where anyone listens, per session.
type Heard = Arc<[AtomicBool]>;

impl Listeners {
    /// Tells whether anyone listens to this key (below the prefix); `None` for a key
    /// that is not declared yet.
    #[must_use]
    pub fn has_subscriber(&self, key: &str) -> Option<bool> {
        let by_key = self
            .by_key
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut heard = by_key.get(key)?.iter();
        Some(heard.any(|heard| heard.load(Ordering::Relaxed)))
    }

    fn remove(&self, key: &str) {
        let mut by_key = self
            .by_key
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        by_key.remove(key);
    }

    fn add(&self, key: &str, sessions: usize) -> Heard {
        let mut by_key = self
            .by_key
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let heard = by_key.entry(key.to_owned());
        let none = || (0..sessions).map(|_| AtomicBool::new(false)).collect();
        Arc::clone(heard.or_insert_with(none))
    }
}

/// The publishers below a prefix, and the shared memory that they use.
pub(super) struct Publishers {
    pub(super) sessions: Sessions,
    pub(super) prefix: String,
    pub(super) style: Style,
    pub(super) listeners: Listeners,
    pub(super) pool: PayloadPool,
    by_key: HashMap<String, KeyPublishers>,
    /// Sessions outward that were known when last looked.
    opened: u64,
    clock: SystemClock,
    /// Messages that were put, and the bytes of their payloads.
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

/// The publishers of one key.
struct KeyPublishers {
    place: Place,
    heard: Heard,
    own: End,
    /// By the number of the endpoint.
    outward: Vec<(usize, End)>,
    /// Messages that were put.
    sequence: i64,
}

/// The place at which the messages of a key are put, in every session.
enum Place {
    Native(String),
    Ros2(RosPlace),
}

/// A publisher in one session, and what ROS 2 sees of it in that style.
struct End {
    publisher: Publisher<'static>,
    ros: Option<RosEnd>,
}

impl Publishers {
    /// None yet.
    pub(super) fn new(
        sessions: Sessions,
        prefix: String,
        style: Style,
        shared_memory_bytes: usize,
    ) -> Self {
        Self {
            opened: sessions.outward().opened_count(),
            clock: SystemClock::start(),
            sessions,
            prefix,
            style,
            listeners: Listeners::default(),
            pool: PayloadPool::new(shared_memory_bytes),
            by_key: HashMap::new(),
            messages: 0,
            bytes: 0,
        }
    }

    /// Declares a key below the prefix, unless it is declared.
    pub(super) fn declare(&mut self, key: &str) -> Result<(), ZenohError> {
        self.keep_up();
        if self.by_key.contains_key(key) {
            return Ok(());
        }
        let place = self.place(key)?;
        let sessions = 1 + self.sessions.outward().len();
        let heard = self.listeners.add(key, sessions);
        let own = place.declare(self.sessions.own(), (&heard, 0))?;
        let outward = self.sessions.outward().sessions().into_iter();
        let outward = outward.map(|(way, session)| {
            let end = place.declare(&session, (&heard, 1 + way))?;
            Ok((way, end))
        });
        let outward = outward.collect::<Result<_, ZenohError>>()?;
        let publishers = KeyPublishers {
            place,
            heard,
            own,
            outward,
            sequence: 0,
        };
        self.by_key.insert(key.to_owned(), publishers);
        Ok(())
    }

    /// Tells whether a key is declared.
    pub(super) fn has(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    fn place(&self, key: &str) -> Result<Place, ZenohError> {
        let native = || Place::Native(keys::below(&self.prefix, key));
        Ok(match &self.style {
            Style::Native => native(),
            Style::Ros2 {
                node,
                images_are_jpeg,
            } => match topic_of(&self.prefix, key, *images_are_jpeg) {
                Some(topic) => Place::Ros2(node.topic(EntityKind::Publisher, &topic)?),
                None => native(),
            },
        })
    }

    /// Declares what there is in sessions that were opened since.
    pub(super) fn keep_up(&mut self) {
        let opened = self.sessions.outward().opened_count();
        if std::mem::replace(&mut self.opened, opened) == opened {
            return;
        }
        for (way, session) in self.sessions.outward().sessions() {
            for publishers in self.by_key.values_mut() {
                if publishers.outward.iter().any(|(known, _)| *known == way) {
                    continue;
                }
                let place = &publishers.place;
                match place.declare(&session, (&publishers.heard, 1 + way)) {
                    Ok(end) => publishers.outward.push((way, end)),
                    Err(error) => tracing::warn!("{error}"),
                }
            }
        }
    }

    /// Puts a message, and what goes with it unless that is empty; in the style of ROS 2
    /// its attachment takes that place.
    pub(super) fn put(
        &mut self,
        key: &str,
        message_type: &str,
        message: &Parts<'_>,
        attachment: &[u8],
    ) -> Result<(), BusError> {
        let fault = |reason: String| BusError {
            key: keys::below(&self.prefix, key),
            reason,
        };
        let Some(publishers) = self.by_key.get_mut(key) else {
            return Err(fault("not declared".to_owned()));
        };
        let mut heard = publishers.heard.iter();
        let payload = match heard.any(|heard| heard.load(Ordering::Relaxed)) {
            true => self.pool.payload(message),
            // Shared memory is for who listens.
            false => message.to_bytes(),
        };
        let encoding = Encoding::from(CDR_ENCODING).with_schema(message_type);
        let outward = self.sessions.outward();
        let ways = publishers.outward.iter();
        let ways = ways.filter(|(way, _)| !outward.is_redundant(*way));
        let ways = ways.map(|(_, end)| end);
        publishers.sequence += 1;
        for End { publisher, ros } in std::iter::once(&publishers.own).chain(ways) {
            let put = publisher.put(payload.clone()).encoding(encoding.clone());
            let put = match (ros, attachment) {
                (Some(ros), _) => {
                    let attachment = RosAttachment {
                        sequence: publishers.sequence,
                        sent_ns: self.clock.now().nanos(),
                        gid: ros.gid,
                    };
                    put.attachment(attachment.to_bytes().as_slice())
                }
                (None, []) => put,
                (None, attachment) => put.attachment(attachment),
            };
            put.wait().map_err(|error| fault(error.to_string()))?;
        }
        self.messages += 1;
        self.bytes += message.len() as u64;
        Ok(())
    }

    /// Withdraws one key, if it is declared.
    pub(super) fn withdraw(&mut self, key: &str) {
        let Some(publishers) = self.by_key.remove(key) else {
            return;
        };
        self.listeners.remove(key);
        let ways = publishers.outward.into_iter();
        let ways = ways.map(|(_, end)| end);
        for End { publisher, ros } in std::iter::once(publishers.own).chain(ways) {
            drop(ros);
            if let Err(error) = publisher.undeclare().wait() {
                let whole = keys::below(&self.prefix, key);
                tracing::debug!("withdrawing {whole}: {error}");
            }
        }
    }

    /// Withdraws all.
    pub(super) fn clear(&mut self) {
        self.by_key.clear();
    }
}

impl Place {
    fn declare(&self, session: &Session, note: (&Heard, usize)) -> Result<End, ZenohError> {
        Ok(match self {
            Self::Native(key) => End {
                publisher: publisher(session, key, note)?,
                ros: None,
            },
            Self::Ros2(place) => End {
                publisher: publisher(session, &place.key(), note)?,
                ros: Some(place.declare(session)?),
            },
        })
    }
}

/// A publisher that notes at its place whether anyone listens.
fn publisher(
    session: &Session,
    key: &str,
    (heard, place): (&Heard, usize),
) -> Result<Publisher<'static>, ZenohError> {
    let fault = |error: zenoh::Error| ZenohError::Key {
        key: key.to_owned(),
        reason: error.to_string(),
    };
    // Dropped, not delayed: a slow subscriber costs nobody else anything.
    let publisher = session
        .declare_publisher(key.to_owned())
        .congestion_control(CongestionControl::Drop)
        .wait()
        .map_err(fault)?;
    let note = Arc::clone(heard);
    publisher
        .matching_listener()
        .callback(move |status| note[place].store(status.matching(), Ordering::Relaxed))
        .background()
        .wait()
        .map_err(fault)?;
    let now = publisher.matching_status().wait().map_err(fault)?;
    if now.matching() {
        heard[place].store(true, Ordering::Relaxed);
    }
    Ok(publisher)
}

/// Settings of a publisher of messages.
#[derive(Debug, Clone)]
pub struct MessageOptions {
    /// Beginning of every key.
    pub prefix: String,
    /// Keys below the prefix that will be published.
    pub keys: Vec<String>,
    /// Shared memory for large payloads; 0 for none.
    pub shared_memory_bytes: usize,
    /// Time to look for another that publishes under this prefix, which is
    /// then refused; `None` where it may belong to somebody else.
    pub claim: Option<Duration>,
}

/// Publishes ROS 2 messages of any kind below a prefix. Unlike
/// [`ZenohBus`](super::ZenohBus) it knows nothing of targets and policies.
pub struct MessagePublisher {
    publishers: Publishers,
    message: Vec<u8>,
    name: Option<Name>,
}

impl MessagePublisher {
    /// Takes the prefix and declares the keys.
    ///
    /// # Errors
    /// A prefix or key that is none, or a prefix that belongs to somebody.
    pub fn open(
        sessions: impl Into<Sessions>,
        options: &MessageOptions,
    ) -> Result<Self, ZenohError> {
        let sessions = sessions.into();
        let prefix = checked_prefix(&options.prefix)?;
        let name = match options.claim {
            Some(limit) => Some(Name::claim(&sessions, &prefix, limit)?),
            None => None,
        };
        let bytes = options.shared_memory_bytes;
        let mut publishers = Publishers::new(sessions, prefix, Style::Native, bytes);
        for key in &options.keys {
            publishers.declare(key)?;
        }
        Ok(Self {
            publishers,
            message: Vec::new(),
            name,
        })
    }

    /// Publishes a message at a key below the prefix; waits for nobody.
    ///
    /// # Errors
    /// A key that was not declared, a session that is closed.
    pub fn publish<'a, M: Message<'a>>(&mut self, key: &str, message: &M) -> Result<(), BusError> {
        message.encode(&mut self.message);
        self.publishers.keep_up();
        let message = Parts::whole(&self.message);
        self.publishers.put(key, M::TYPE, &message, &[])
    }

    /// Publishes bytes as they are, said to be of a type.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn publish_bytes(
        &mut self,
        key: &str,
        message_type: &str,
        bytes: &[u8],
    ) -> Result<(), BusError> {
        let message = Parts::whole(bytes);
        self.publishers.put(key, message_type, &message, &[])
    }

    /// Tells whether anyone listens to a key.
    #[must_use]
    pub fn has_subscriber(&self, key: &str) -> bool {
        self.publishers.listeners.has_subscriber(key) == Some(true)
    }

    /// Gives the prefix back, then closes the sessions; `false` where that takes
    /// longer than `limit`.
    pub fn close(mut self, limit: Duration) -> bool {
        drop(self.name.take());
        self.publishers.clear();
        self.publishers.sessions.close(limit)
    }
}
