//! One zenoh publisher for each key below a prefix, none of them waited for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use zenoh::bytes::Encoding;
use zenoh::liveliness::LivelinessToken;
use zenoh::pubsub::Publisher;
use zenoh::qos::CongestionControl;
use zenoh::{Session, Wait};

use super::CDR_ENCODING;
use super::bus::{checked_prefix, claim};
use super::pool::PayloadPool;
use super::session::{ZenohError, close_session};
use crate::bus::BusError;
use crate::wire::Message;

/// Who listens to what: a cheap handle, never blocking on the network.
#[derive(Debug, Clone, Default)]
pub struct Listeners {
    by_key: Arc<RwLock<HashMap<String, Arc<AtomicBool>>>>,
}

impl Listeners {
    /// Whether anyone listens to this key (below the prefix); `None` for a key
    /// that is not declared yet.
    #[must_use]
    pub fn has_subscriber(&self, key: &str) -> Option<bool> {
        let by_key = self
            .by_key
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Some(by_key.get(key)?.load(Ordering::Relaxed))
    }

    fn remove(&self, key: &str) {
        let mut by_key = self
            .by_key
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        by_key.remove(key);
    }

    fn add(&self, key: &str) -> Arc<AtomicBool> {
        let mut by_key = self
            .by_key
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(by_key.entry(key.to_owned()).or_default())
    }
}

/// The publishers below a prefix, and the shared memory that they use.
pub(super) struct Publishers {
    pub(super) session: Session,
    pub(super) prefix: String,
    pub(super) listeners: Listeners,
    pub(super) pool: PayloadPool,
    by_key: HashMap<String, Publisher<'static>>,
}

impl Publishers {
    /// None yet.
    pub(super) fn new(session: Session, prefix: String, shared_memory_bytes: usize) -> Self {
        Self {
            session,
            prefix,
            listeners: Listeners::default(),
            pool: PayloadPool::new(shared_memory_bytes),
            by_key: HashMap::new(),
        }
    }

    /// Declares a key below the prefix, unless it is declared.
    pub(super) fn declare(&mut self, key: &str) -> Result<(), ZenohError> {
        if self.by_key.contains_key(key) {
            return Ok(());
        }
        let whole = format!("{}/{key}", self.prefix);
        let fault = |error: zenoh::Error| ZenohError::Key {
            key: whole.clone(),
            reason: error.to_string(),
        };
        // Dropped, not delayed: a slow subscriber costs nobody else anything.
        let publisher = self
            .session
            .declare_publisher(whole.clone())
            .congestion_control(CongestionControl::Drop)
            .wait()
            .map_err(fault)?;
        let listened = self.listeners.add(key);
        let heard = Arc::clone(&listened);
        publisher
            .matching_listener()
            .callback(move |status| heard.store(status.matching(), Ordering::Relaxed))
            .background()
            .wait()
            .map_err(fault)?;
        let now = publisher.matching_status().wait().map_err(fault)?;
        if now.matching() {
            listened.store(true, Ordering::Relaxed);
        }
        self.by_key.insert(key.to_owned(), publisher);
        Ok(())
    }

    /// Puts a message, and what goes with it unless that is empty.
    pub(super) fn put(
        &mut self,
        key: &str,
        message_type: &str,
        message: &[u8],
        attachment: &[u8],
    ) -> Result<(), BusError> {
        let fault = |reason: String| BusError {
            key: format!("{}/{key}", self.prefix),
            reason,
        };
        let Some(publisher) = self.by_key.get(key) else {
            return Err(fault("not declared".to_owned()));
        };
        let payload = self.pool.payload(message);
        let encoding = Encoding::from(CDR_ENCODING).with_schema(message_type);
        let put = publisher.put(payload).encoding(encoding);
        let put = match attachment {
            [] => put,
            attachment => put.attachment(attachment),
        };
        put.wait().map_err(|error| fault(error.to_string()))
    }

    /// Withdraws one key, if it is declared.
    pub(super) fn withdraw(&mut self, key: &str) {
        if let Some(publisher) = self.by_key.remove(key) {
            self.listeners.remove(key);
            if let Err(error) = publisher.undeclare().wait() {
                tracing::debug!("withdrawing {}/{key}: {error}", self.prefix);
            }
        }
    }

    /// Withdraws all.
    pub(super) fn clear(&mut self) {
        self.by_key.clear();
    }
}

/// How messages are published.
#[derive(Debug, Clone)]
pub struct MessageOptions {
    /// What every key begins with.
    pub prefix: String,
    /// Keys below the prefix that will be published.
    pub keys: Vec<String>,
    /// Shared memory for large payloads; 0 for none.
    pub shared_memory_bytes: usize,
    /// How long to look for another that publishes under this prefix, which is
    /// then refused; `None` where it may belong to somebody else.
    pub claim: Option<Duration>,
}

/// Publishes ROS 2 messages of any kind below a prefix. Unlike
/// [`ZenohBus`](super::ZenohBus) it knows nothing of targets and policies.
pub struct MessagePublisher {
    publishers: Publishers,
    message: Vec<u8>,
    token: Option<LivelinessToken>,
}

impl MessagePublisher {
    /// Takes the prefix and declares the keys.
    ///
    /// # Errors
    /// A prefix or key that is none, or a prefix that belongs to somebody.
    pub fn open(session: &Session, options: &MessageOptions) -> Result<Self, ZenohError> {
        let prefix = checked_prefix(&options.prefix)?;
        let token = match options.claim {
            Some(limit) => Some(claim(session, &prefix, limit)?),
            None => None,
        };
        let mut publishers = Publishers::new(session.clone(), prefix, options.shared_memory_bytes);
        for key in &options.keys {
            publishers.declare(key)?;
        }
        Ok(Self {
            publishers,
            message: Vec::new(),
            token,
        })
    }

    /// Publishes a message at a key below the prefix; waits for nobody.
    ///
    /// # Errors
    /// A key that was not declared, a session that is closed.
    pub fn publish<'a, M: Message<'a>>(&mut self, key: &str, message: &M) -> Result<(), BusError> {
        message.encode(&mut self.message);
        self.publishers.put(key, M::TYPE, &self.message, &[])
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
        self.publishers.put(key, message_type, bytes, &[])
    }

    /// Whether anyone listens to a key.
    #[must_use]
    pub fn has_subscriber(&self, key: &str) -> bool {
        self.publishers.listeners.has_subscriber(key) == Some(true)
    }

    /// Gives the prefix back, then closes the session; `false` where that takes
    /// longer than `limit`.
    pub fn close(mut self, limit: Duration) -> bool {
        if let Some(token) = self.token.take()
            && let Err(error) = token.undeclare().wait()
        {
            tracing::debug!("withdrawing {}: {error}", self.publishers.prefix);
        }
        self.publishers.clear();
        close_session(self.publishers.session.clone(), limit)
    }
}
