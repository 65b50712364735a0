//! Listening to chosen keys of a runtime: when every message came, for whoever
//! measures. A [`Watcher`](super::Watcher) keeps the newest message of each key;
//! this keeps of every message the moment, and not its bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use zenoh::pubsub::Subscriber;
use zenoh::sample::{Sample, SampleKind};
use zenoh::{Session, Wait};

use super::error::ZenohError;
use crate::io::clock::since_boot;
use crate::wire::{Attachment, keys};

/// One message as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Key below the prefix.
    pub key: String,
    /// When the subscriber was called, [since the computer started](since_boot).
    pub at: Duration,
    /// Bytes of the payload.
    pub bytes: usize,
    /// Its maker; `None` where there is none or it cannot be read.
    pub attachment: Option<Attachment>,
}

/// A message as the callback leaves it, which does no more than it must.
struct Noted {
    key: String,
    at: Duration,
    bytes: usize,
    attachment: Vec<u8>,
}

/// Listens to chosen keys below a prefix.
pub struct Arrivals {
    noted: Receiver<Noted>,
    lost: Arc<AtomicU64>,
    _subscribers: Vec<Subscriber<()>>,
    /// A session closes when nobody holds it.
    _session: Session,
}

impl Arrivals {
    /// Messages that may wait to be taken; what comes beyond is counted.
    pub const CAPACITY: usize = 4096;

    /// Begins to listen to these keys below `prefix`. A runtime computes what
    /// somebody listens to.
    ///
    /// # Errors
    /// A key that is no key expression, or a session that is closed.
    pub fn open(session: &Session, prefix: &str, below: &[String]) -> Result<Self, ZenohError> {
        let (to, noted) = sync_channel(Self::CAPACITY);
        let lost = Arc::new(AtomicU64::new(0));
        let subscribe = |key: &String| {
            let (to, lost, prefix) = (to.clone(), Arc::clone(&lost), prefix.to_owned());
            let key = keys::below(&prefix, key);
            let subscriber = session
                .declare_subscriber(key.clone())
                .callback(move |sample| {
                    let noted = note(&prefix, &sample, since_boot());
                    if noted.is_some_and(|noted| to.try_send(noted).is_err()) {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                });
            subscriber.wait().map_err(|error| ZenohError::Key {
                key,
                reason: error.to_string(),
            })
        };
        let subscribers = below.iter().map(subscribe).collect::<Result<_, _>>()?;
        Ok(Self {
            noted,
            lost,
            _subscribers: subscribers,
            _session: session.clone(),
        })
    }

    /// What came since the last call, in the order in which it came. Waits for
    /// the first at most `timeout`.
    pub fn take(&self, timeout: Duration) -> Vec<Arrival> {
        let first = self.noted.recv_timeout(timeout).ok();
        let rest = first.iter().flat_map(|_| self.noted.try_iter());
        let rest: Vec<_> = rest.collect();
        first.into_iter().chain(rest).map(Noted::read).collect()
    }

    /// Messages that came while [`CAPACITY`](Self::CAPACITY) others waited.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

fn note(prefix: &str, sample: &Sample, at: Duration) -> Option<Noted> {
    let key = keys::strip_prefix(prefix, sample.key_expr().as_str())?;
    let attachment = sample
        .attachment()
        .filter(|attachment| attachment.len() <= Attachment::MAX_BYTES);
    (sample.kind() == SampleKind::Put).then(|| Noted {
        key: key.to_owned(),
        at,
        bytes: sample.payload().len(),
        attachment: attachment.map_or_else(Vec::new, |bytes| bytes.to_bytes().into_owned()),
    })
}

impl Noted {
    fn read(self) -> Arrival {
        Arrival {
            key: self.key,
            at: self.at,
            bytes: self.bytes,
            attachment: Attachment::parse(&self.attachment).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{PREFIX, free_endpoint, server};
    use super::super::{MessageOptions, MessagePublisher};
    use super::*;
    use crate::wire::std_msgs::Bool;

    /// Within one session a message is handed over while it is published.
    fn published(session: &Session, listen: &[&str], messages: &[(&str, usize)]) -> Arrivals {
        let listen: Vec<_> = listen.iter().map(|&key| key.to_owned()).collect();
        let arrivals = Arrivals::open(session, PREFIX, &listen).expect("listens");
        let mut publisher = MessagePublisher::open(
            session.clone(),
            &MessageOptions {
                prefix: PREFIX.to_owned(),
                keys: messages.iter().map(|(key, _)| (*key).to_owned()).collect(),
                shared_memory_bytes: 0,
                claim: None,
            },
        )
        .expect("publishes");
        for (key, count) in messages {
            for _ in 0..*count {
                publisher
                    .publish(key, &Bool { data: true })
                    .expect("is put");
            }
        }
        arrivals
    }

    #[test]
    fn every_message_of_the_chosen_keys_comes_with_its_moment() {
        let session = server(&free_endpoint());
        let before = since_boot();
        let arrivals = published(&session, &["a", "b"], &[("a", 2), ("b", 1), ("c", 1)]);
        let after = since_boot();
        let came = arrivals.take(Duration::ZERO);
        let keys: Vec<_> = came.iter().map(|arrival| arrival.key.as_str()).collect();
        assert_eq!(keys, ["a", "a", "b"]);
        assert!(came.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!(before <= came[0].at && came[2].at <= after);
        assert!(came.iter().all(|arrival| arrival.attachment.is_none()));
        assert_eq!(arrivals.lost(), 0);
    }

    #[test]
    fn what_comes_while_too_much_waits_is_counted() {
        let session = server(&free_endpoint());
        let arrivals = published(&session, &["a"], &[("a", Arrivals::CAPACITY + 3)]);
        assert_eq!(arrivals.lost(), 3);
        assert_eq!(arrivals.take(Duration::ZERO).len(), Arrivals::CAPACITY);
        assert!(arrivals.take(Duration::ZERO).is_empty());
    }
}
