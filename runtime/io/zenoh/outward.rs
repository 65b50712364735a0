//! Connections outward: a client session for each endpoint of `connect`, kept
//! up for as long as somebody holds it.
//!
//! They are sessions of their own for two reasons. A router passes nothing
//! between two peers, but everything between a client and anybody, and who
//! listens is a peer. And what comes in through a router may come from anywhere,
//! what comes in at our own listener does not: so it must be told apart.

mod keep_up;

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::Duration;

use zenoh::Session;

use super::error::ZenohError;
use super::session::{SessionOptions, close_session};
use crate::clock::lock;
use crate::io::thread;
use keep_up::{OPEN_LIMIT, keep_up};

/// Longest farewell of one session.
const FAREWELL: Duration = Duration::from_millis(500);

/// A declaration in a session, undeclared when dropped.
pub(super) type Declared = Box<dyn Any + Send>;
type Declare = Box<dyn Fn(&Session) -> Result<Declared, ZenohError> + Send>;

/// The connections outward of one runtime; cheap to clone. They end with the
/// last clone.
#[derive(Clone)]
pub(super) struct Outward(Arc<Holder>);

/// Ends the threads when nobody holds it any more.
struct Holder(Arc<Inner>);

struct Inner {
    ways: Vec<Way>,
    shared: Mutex<Shared>,
    changed: Condvar,
    over: AtomicBool,
    /// Counts the sessions that were opened.
    opened: AtomicU64,
}

/// One endpoint.
struct Way {
    endpoint: String,
    role: Role,
    /// Set where whoever answers there is met on another way, too.
    is_redundant: AtomicBool,
}

/// Purpose of the connections, for what is said of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Outputs go there.
    Publisher {
        /// Somebody named the endpoint; else it is looked for where it might be,
        /// and its absence is no fault.
        is_named: bool,
    },
    /// Outputs come from there, and whoever reads them says what is missing.
    Reader,
}

impl Role {
    fn is_named(self) -> bool {
        self == Role::Publisher { is_named: true }
    }
}

struct Shared {
    /// Per way.
    states: Vec<State>,
    declarations: Vec<Declaration>,
    next: u64,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    link: Link,
}

/// State of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Link {
    /// Nobody knows yet.
    #[default]
    Unknown,
    /// There.
    Up,
    /// Not there, for this reason.
    Down(String),
}

struct Declaration {
    number: u64,
    declare: Declare,
    made: Vec<Declared>,
}

/// State of one connection, for who tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WayState {
    pub(super) endpoint: String,
    pub(super) is_named: bool,
    pub(super) link: Link,
}

/// Keeps something declared on every way.
pub(super) struct Kept {
    inner: Weak<Inner>,
    number: u64,
}

impl Outward {
    /// Begins to connect, a thread for each endpoint. `own` is the session that
    /// listens.
    ///
    /// # Errors
    /// A thread that the system refuses.
    pub(super) fn begin(
        own: &Session,
        options: &SessionOptions,
        role: Role,
    ) -> Result<Self, ZenohError> {
        let way = |endpoint: &String| Way {
            endpoint: endpoint.clone(),
            role,
            is_redundant: AtomicBool::new(false),
        };
        let ways: Vec<Way> = options.connect.iter().map(way).collect();
        let inner = Arc::new(Inner {
            shared: Mutex::new(Shared {
                states: ways.iter().map(|_| State::default()).collect(),
                declarations: Vec::new(),
                next: 0,
            }),
            ways,
            changed: Condvar::new(),
            over: AtomicBool::new(false),
            opened: AtomicU64::new(0),
        });
        for (index, endpoint) in options.connect.iter().enumerate() {
            let (inner, own) = (Arc::clone(&inner), own.clone());
            let options = SessionOptions {
                listen: Vec::new(),
                connect: vec![endpoint.clone()],
                must_connect: Some(OPEN_LIMIT),
                ..options.clone()
            };
            let body = move || keep_up(&inner, index, &own, &options);
            thread::spawn("zenoh-outward", body).map_err(|error| ZenohError::Session {
                reason: error.to_string(),
            })?;
        }
        Ok(Self(Arc::new(Holder(inner))))
    }

    /// None at all.
    pub(super) fn none() -> Self {
        Self(Arc::new(Holder(Arc::new(Inner {
            ways: Vec::new(),
            shared: Mutex::new(Shared {
                states: Vec::new(),
                declarations: Vec::new(),
                next: 0,
            }),
            changed: Condvar::new(),
            over: AtomicBool::new(false),
            opened: AtomicU64::new(0),
        }))))
    }

    /// Number of endpoints.
    pub(super) fn len(&self) -> usize {
        self.inner().ways.len()
    }

    /// Waits until it is known of every endpoint whether somebody answers there.
    pub(super) fn settle(&self, limit: Duration) {
        let inner = self.inner();
        let unknown = |shared: &mut Shared| shared.states.iter().any(|s| s.link == Link::Unknown);
        let waited = inner
            .changed
            .wait_timeout_while(inner.shared(), limit, unknown);
        drop(waited.unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// Declares something in every session that there is and will be, for as
    /// long as what is returned is held.
    ///
    /// # Errors
    /// The first session that refuses.
    pub(super) fn declare(
        &self,
        declare: impl Fn(&Session) -> Result<Declared, ZenohError> + Send + 'static,
    ) -> Result<Kept, ZenohError> {
        let inner = self.inner();
        let mut shared = inner.shared();
        let sessions = shared.states.iter().filter_map(|s| s.session.as_ref());
        let made = sessions.map(&declare).collect::<Result<Vec<_>, _>>()?;
        let number = shared.next;
        shared.next += 1;
        shared.declarations.push(Declaration {
            number,
            declare: Box::new(declare),
            made,
        });
        Ok(Kept {
            inner: Arc::downgrade(inner),
            number,
        })
    }

    /// Counts the sessions that were opened: who declares in each by itself
    /// looks again when it grew.
    pub(super) fn opened_count(&self) -> u64 {
        self.inner().opened.load(Ordering::Acquire)
    }

    /// The sessions that were opened, by the number of their endpoint.
    pub(super) fn sessions(&self) -> Vec<(usize, Session)> {
        let shared = self.inner().shared();
        let sessions = shared.states.iter().enumerate();
        sessions
            .filter_map(|(index, state)| Some((index, state.session.clone()?)))
            .collect()
    }

    /// Tells whether who answers at an endpoint is met on another way, too, so that
    /// it would hear everything twice.
    pub(super) fn is_redundant(&self, way: usize) -> bool {
        let way = self.inner().ways.get(way);
        way.is_some_and(|way| way.is_redundant.load(Ordering::Relaxed))
    }

    /// The state of every connection.
    pub(super) fn states(&self) -> Vec<WayState> {
        let inner = self.inner();
        let shared = inner.shared();
        let ways = inner.ways.iter().zip(&shared.states);
        let state = |(way, state): (&Way, &State)| WayState {
            endpoint: way.endpoint.clone(),
            is_named: way.role.is_named(),
            link: state.link.clone(),
        };
        ways.map(state).collect()
    }

    /// Ends every connection, also where others still hold this.
    pub(super) fn close(&self) {
        self.0.0.end();
    }

    fn inner(&self) -> &Arc<Inner> {
        &self.0.0
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(inner) = self.inner.upgrade() else {
            return;
        };
        let mut shared = inner.shared();
        let declarations = &mut shared.declarations;
        let place = declarations.iter().position(|d| d.number == self.number);
        let gone = place.map(|place| declarations.swap_remove(place));
        drop(shared);
        // Undeclares, which may call back.
        drop(gone);
    }
}

impl Inner {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn end(&self) {
        self.over.store(true, Ordering::Release);
        let mut shared = self.shared();
        let gone = std::mem::take(&mut shared.declarations);
        let sessions: Vec<_> = shared
            .states
            .iter_mut()
            .filter_map(|s| s.session.take())
            .collect();
        drop(shared);
        drop(gone);
        self.changed.notify_all();
        for session in sessions {
            close_session(session, FAREWELL);
        }
    }

    /// Takes a session and declares in it what is to be declared.
    fn take(&self, index: usize, session: &Session) {
        let mut shared = self.shared();
        for declaration in &mut shared.declarations {
            match (declaration.declare)(session) {
                Ok(made) => declaration.made.push(made),
                Err(error) => tracing::warn!("{}: {error}", self.ways[index].endpoint),
            }
        }
        shared.states[index] = State {
            session: Some(session.clone()),
            link: Link::Up,
        };
        drop(shared);
        self.opened.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_all();
    }

    fn note(&self, index: usize, link: Link) {
        self.shared().states[index].link = link;
        self.changed.notify_all();
    }

    /// Waits, but not beyond the end; whether it goes on.
    fn pause(&self, limit: Duration) -> bool {
        let going_on = |_: &mut Shared| !self.is_over();
        let waited = self
            .changed
            .wait_timeout_while(self.shared(), limit, going_on);
        drop(waited.unwrap_or_else(std::sync::PoisonError::into_inner));
        !self.is_over()
    }
}
