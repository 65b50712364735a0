//! The thread of one connection outward: connects, and says what changed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use zenoh::{Session, Wait};

use super::super::endpoint::probe;
use super::super::error::ZenohError;
use super::super::session::{NOT_LET_IN, SessionOptions, open_session};
use super::{Inner, Link, Role, Way};
use crate::clock::Clock;
use crate::io::clock::SystemClock;

/// Longest time for somebody who listens to answer as zenoh does.
pub(super) const OPEN_LIMIT: Duration = Duration::from_secs(3);
/// Between two attempts, and between two looks whether a connection still is.
const RETRY: Duration = Duration::from_millis(500);
/// Longest silence of an endpoint that somebody named before that is said.
const PATIENCE: Duration = Duration::from_secs(3);

/// The life of one way.
pub(super) fn keep_up(inner: &Inner, index: usize, own: &Session, options: &SessionOptions) {
    let mut voice = Voice::new(&inner.ways[index]);
    let Some(session) = connect(inner, index, options, &mut voice) else {
        return;
    };
    inner.take(index, &session);
    // Who ended it meanwhile did not see this session.
    if inner.is_over() {
        inner.end();
        return;
    }
    voice.is_up();
    while inner.pause(RETRY) {
        // zenoh connects again by itself.
        let met = neighbours(&session);
        let link = match met.is_empty() {
            false => Link::Up,
            true => Link::Down("the connection was lost, it is tried again".to_owned()),
        };
        match &link {
            Link::Down(reason) => voice.is_down(reason),
            _ => voice.is_up(),
        }
        inner.note(index, link);
        let others = neighbours(own);
        let earlier = inner.shared().states[..index]
            .iter()
            .filter_map(|s| s.session.clone())
            .collect::<Vec<_>>();
        let others = earlier.iter().flat_map(neighbours).chain(others);
        let is_redundant = others.into_iter().any(|other| met.contains(&other));
        inner.ways[index]
            .is_redundant
            .store(is_redundant, Ordering::Relaxed);
    }
}

/// Tries until somebody answers; `None` where it is over before.
fn connect(
    inner: &Inner,
    index: usize,
    options: &SessionOptions,
    voice: &mut Voice<'_>,
) -> Option<Session> {
    loop {
        if inner.is_over() {
            return None;
        }
        let opened = probe(&inner.ways[index].endpoint).and_then(|()| {
            open_session(options).map_err(|error| match error {
                ZenohError::NoAnswer { .. } => NOT_LET_IN.to_owned(),
                other => other.to_string(),
            })
        });
        match opened {
            Ok(session) => return Some(session),
            Err(reason) => {
                voice.is_down(&reason);
                inner.note(index, Link::Down(reason));
            }
        }
        if !inner.pause(RETRY) {
            return None;
        }
    }
}

/// Ids of who is directly connected to a session.
fn neighbours(session: &Session) -> Vec<String> {
    let transports = session.info().transports().wait();
    transports
        .map(|transport| transport.zid().to_string())
        .collect()
}

/// Says of one way what changed: one line each.
struct Voice<'a> {
    way: &'a Way,
    clock: SystemClock,
    down_since: Option<Duration>,
    said: Said,
}

#[derive(PartialEq)]
enum Said {
    Nothing,
    Up,
    Down,
}

impl<'a> Voice<'a> {
    fn new(way: &'a Way) -> Self {
        Self {
            way,
            clock: SystemClock::start(),
            down_since: None,
            said: Said::Nothing,
        }
    }

    fn is_up(&mut self) {
        self.down_since = None;
        if self.said != Said::Up {
            let endpoint = &self.way.endpoint;
            match self.way.role {
                Role::Publisher { .. } => {
                    tracing::info!("connected to {endpoint}: outputs go there, too");
                }
                Role::Reader => tracing::info!("connected to {endpoint}"),
            }
            self.said = Said::Up;
        }
    }

    fn is_down(&mut self, reason: &str) {
        let now = self.clock.monotonic();
        let since = *self.down_since.get_or_insert(now);
        let is_due = self.said == Said::Up
            || (self.way.role.is_named() && self.said == Said::Nothing && now - since >= PATIENCE);
        if is_due {
            let endpoint = &self.way.endpoint;
            let loss = match self.way.role {
                Role::Publisher { .. } => "nobody there hears the outputs; ",
                Role::Reader => "",
            };
            tracing::warn!(
                "not connected to {endpoint} ({reason}): {loss}it is tried again and again"
            );
            self.said = Said::Down;
        }
    }
}
