//! Every session of one runtime: its own, which listens, and those outward.

use std::time::Duration;

use zenoh::{Session, Wait};

use super::error::ZenohError;
use super::outward::{Declared, Kept, Outward};
use super::session::{SessionOptions, close_session, open_own};

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
        let outward = Outward::begin(&own, options, is_named)?;
        outward.settle(SETTLE);
        Ok(Self { own, outward })
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
