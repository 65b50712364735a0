//! Every session of one runtime: its own, which listens, and those outward.

use std::time::Duration;

use serde_json::Value;
use zenoh::{Session, Wait};

use super::control::{ControlRequest, RequestError, request};
use super::error::ZenohError;
use super::outward::{Declared, Kept, Link, Outward, Role};
use super::session::{SessionOptions, check_session, close_session, open_own};
use super::subscriber::{begin_asking, text_of};
use super::tls::TlsOptions;

/// Longest wait of the start until it is known who answers where we connect.
const SETTLE: Duration = Duration::from_secs(1);

/// Every session of one runtime; cheap to clone. Its own listens, and what
/// comes in there comes from where it listens; one more for each endpoint that
/// it connects to, through which anybody may come.
#[derive(Clone)]
pub struct Sessions {
    own: Session,
    outward: Outward,
}

/// A connection to an endpoint, at one moment.
#[derive(Debug, Clone)]
pub struct Reached {
    /// The endpoint.
    pub endpoint: String,
    /// The session with who answers there, or why nobody does.
    pub session: Result<Session, String>,
}

/// A declaration in every session, until this is dropped.
pub(super) struct EverywhereKept {
    _own: Declared,
    _outward: Kept,
}

impl Sessions {
    /// Opens the own session, and begins to connect outward; returns when it is
    /// known who answers there, after a second at most. `is_named` says whether
    /// somebody named the endpoints of `connect`; else nobody misses them.
    ///
    /// # Errors
    /// As [`open_session`](super::open_session).
    pub fn open(options: &SessionOptions, is_named: bool) -> Result<Self, ZenohError> {
        let own = open_own(options)?;
        let role = Role::Publisher { is_named };
        let outward = Outward::begin(&own, options, role)?;
        outward.settle(SETTLE);
        Ok(Self { own, outward })
    }

    /// Begins to connect to every endpoint of `connect`, for somebody who only
    /// reads: returns at once, and connects whenever somebody answers there, also
    /// again and again.
    ///
    /// # Errors
    /// As [`open_session`](super::open_session), but for who does not answer.
    pub fn begin(options: &SessionOptions) -> Result<Self, ZenohError> {
        check_session(options)?;
        // It meets nobody, so it needs nothing of what the others need.
        let own = open_own(&SessionOptions {
            listen: Vec::new(),
            connect: Vec::new(),
            must_connect: None,
            shared_memory: false,
            config: None,
            tls: TlsOptions::default(),
        })?;
        let outward = Outward::begin(&own, options, Role::Reader)?;
        Ok(Self { own, outward })
    }

    /// The connections outward, in the order of the endpoints.
    #[must_use]
    pub fn reached(&self) -> Vec<Reached> {
        let sessions = self.outward.sessions();
        let states = self.outward.states().into_iter().enumerate();
        let each = states.map(|(way, state)| {
            let session = sessions.iter().find(|(index, _)| *index == way);
            let session = session.map(|(_, session)| session.clone());
            Reached {
                endpoint: state.endpoint,
                session: match state.link {
                    Link::Up => session.ok_or_else(|| "its session ended a moment ago".to_owned()),
                    Link::Unknown => Err("nobody answered yet".to_owned()),
                    Link::Down(reason) => Err(reason),
                },
            }
        });
        each.collect()
    }

    /// Asks everybody who is met for the policy of the runtime at `prefix`: a JSON
    /// object with `policy` (TOML) and `provenance`. All sessions are asked at once; the
    /// first answer that is JSON counts, in the order of the endpoints. `None` where
    /// there is none within `limit`.
    ///
    /// # Errors
    /// Where no session could be asked: a prefix that is no key expression.
    pub fn ask_policy(&self, prefix: &str, limit: Duration) -> Result<Option<Value>, ZenohError> {
        let asked = self.all();
        let asked = asked.iter();
        let asked: Vec<_> = asked
            .map(|session| begin_asking(session, prefix, limit))
            .collect();
        let (mut is_asked, mut fault) = (false, None);
        for replies in asked {
            match replies {
                Ok(replies) => {
                    let mut answers = replies.iter().filter_map(|reply| text_of(&reply));
                    let answer = answers.find_map(|text| serde_json::from_str(&text).ok());
                    if answer.is_some() {
                        return Ok(answer);
                    }
                    is_asked = true;
                }
                Err(error) => fault = Some(error),
            }
        }
        fault.filter(|_| !is_asked).map_or(Ok(None), Err)
    }

    /// Asks the runtime at `prefix`, whichever session it is met in: one after the
    /// other, until somebody answers, so that nobody else is asked after that.
    ///
    /// # Errors
    /// As [`request`]; where nobody answers, that of the last.
    pub fn request(
        &self,
        prefix: &str,
        kind: ControlRequest,
        text: &str,
    ) -> Result<Value, RequestError> {
        let mut answer = request(&self.own, prefix, kind, text);
        for (_, session) in self.outward.sessions() {
            match &answer {
                Err(RequestError::NoAnswer { .. } | RequestError::Send { .. }) => {
                    answer = request(&session, prefix, kind, text);
                }
                _ => break,
            }
        }
        answer
    }

    /// The session that listens.
    #[must_use]
    pub fn own(&self) -> &Session {
        &self.own
    }

    pub(super) fn outward(&self) -> &Outward {
        &self.outward
    }

    /// Declares something in every session, those that are still to be opened
    /// too.
    pub(super) fn declare(
        &self,
        declare: impl Fn(&Session) -> Result<Declared, ZenohError> + Send + 'static,
    ) -> Result<EverywhereKept, ZenohError> {
        Ok(EverywhereKept {
            _own: declare(&self.own)?,
            _outward: self.outward.declare(declare)?,
        })
    }

    /// Every session that is open.
    pub(super) fn all(&self) -> Vec<Session> {
        let outward = self.outward.sessions();
        let outward = outward.into_iter().map(|(_, session)| session);
        std::iter::once(self.own.clone()).chain(outward).collect()
    }

    /// Tells whether a router came in at the own session: then anybody may.
    pub(super) fn has_router(&self) -> bool {
        self.own.info().routers_zid().wait().next().is_some()
    }

    /// Closes every session; `false` where that takes longer than `limit`.
    pub fn close(&self, limit: Duration) -> bool {
        self.outward.close();
        close_session(self.own.clone(), limit)
    }
}

/// A session alone.
impl From<Session> for Sessions {
    fn from(own: Session) -> Self {
        Self {
            own,
            outward: Outward::none(),
        }
    }
}
