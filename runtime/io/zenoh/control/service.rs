//! The answering side of a request: admits it, and does it on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde_json::{Value, json};
use zenoh::bytes::Encoding;
use zenoh::query::Query;
use zenoh::{Session, Wait};

use super::super::error::ZenohError;
use super::super::outward::Declared;
use super::super::sessions::{EverywhereKept, Sessions};
use super::ControlRequest;
use crate::io::thread;
use crate::wire::keys;

/// Does what a request asks for, on a thread of its own; the object it returns
/// is the answer and has a `status`. It is told why who asks may change nothing,
/// if so, which only [`ControlRequest::Learn`] lets that far.
pub type Handler = Box<dyn FnMut(&str, Option<&'static str>) -> Value + Send>;

/// Admission of those who want something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Whoever reaches a session.
    Anyone,
    /// Sessions that come in where the runtime itself listens, unless a router came in
    /// there: through that, anybody might.
    OwnListener,
    /// Nobody.
    Nobody,
}

impl Admission {
    /// Why who comes in through a session may change nothing; `is_own` tells whether it is
    /// `own`, the one that listens.
    pub(in super::super) fn denial(self, is_own: bool, own: &Sessions) -> Option<&'static str> {
        match (self, is_own) {
            (Admission::Anyone, _) => None,
            (Admission::Nobody, _) => Some(NOBODY),
            (Admission::OwnListener, false) => Some(OUTWARD),
            (Admission::OwnListener, true) => own.has_router().then_some(ROUTER),
        }
    }
}

/// Appends where control is allowed after all.
macro_rules! allow {
    ($text:literal) => {
        concat!(
            $text,
            "; it is where the launch file says `[control] enabled = true` or the command line \
             `--allow-control`"
        )
    };
}
const NOBODY: &str = allow!("control is not allowed on this runtime");
const OUTWARD: &str = allow!(
    "control is not allowed through a router, or through whatever else this runtime connects to"
);
const ROUTER: &str = allow!("control is not allowed while a router is connected to this runtime");

/// Answers one [`ControlRequest`] at its key below the prefix. A request carries text
/// of a bounded size; the answer is one JSON object with a `status`. Requests
/// are done one at a time; while one is under way, others are answered `busy`
/// at once and cost nothing more.
pub struct ControlService {
    _queryables: EverywhereKept,
}

struct Pending {
    query: Query,
    text: String,
    denied: Option<&'static str>,
}

/// State with which the callback, on a thread of zenoh's, admits a request.
struct Gate {
    key: String,
    kind: ControlRequest,
    admission: Admission,
    /// Way of requests to the handler, or the reason for which none is taken.
    requests: Result<SyncSender<Pending>, String>,
    busy: Arc<AtomicBool>,
    denied: AtomicU64,
}

impl ControlService {
    /// Takes requests for `handler`; in place of one, the reason for which every
    /// request is refused.
    ///
    /// # Errors
    /// A key that cannot be declared, or a thread that the system refuses.
    pub fn open(
        sessions: impl Into<Sessions>,
        prefix: &str,
        kind: ControlRequest,
        admission: Admission,
        handler: Result<Handler, String>,
    ) -> Result<Self, ZenohError> {
        let sessions = sessions.into();
        let key = keys::below(prefix, kind.key());
        let busy = Arc::new(AtomicBool::new(false));
        let fault = |reason: String| ZenohError::Key {
            key: key.clone(),
            reason,
        };
        let requests = match handler {
            Ok(handler) => {
                let (to, requests) = sync_channel(1);
                let (own, busy) = (key.clone(), Arc::clone(&busy));
                let serve = move || serve((&own, kind), &requests, &busy, handler);
                let name = format!("control-{}", kind.name());
                thread::spawn_low(&name, serve).map_err(|error| fault(error.to_string()))?;
                Ok(to)
            }
            Err(reason) => Err(reason),
        };
        let gate = Arc::new(Gate {
            key,
            kind,
            admission,
            requests,
            busy,
            denied: AtomicU64::new(0),
        });
        let own = Sessions::from(sessions.own().clone());
        let open = move |session: &Session| declare_gate(&gate, &own, session);
        Ok(Self {
            _queryables: sessions.declare(open)?,
        })
    }
}

/// Answers queries of one session; `own` is the one that listens.
fn declare_gate(
    gate: &Arc<Gate>,
    own: &Sessions,
    session: &Session,
) -> Result<Declared, ZenohError> {
    let is_own = session.zid() == own.own().zid();
    let (asked, own, through) = (Arc::clone(gate), own.clone(), session.clone());
    let queryable = session
        .declare_queryable(gate.key.clone())
        .callback(move |query| {
            let denied = asked.admission.denial(is_own, &own);
            asked.take(query, denied, &through);
        })
        .wait()
        .map_err(|error| ZenohError::Key {
            key: gate.key.clone(),
            reason: error.to_string(),
        })?;
    Ok(Box::new(queryable))
}

/// Most neighbours that a line of the log names.
const MAX_NEIGHBOURS: usize = 8;

/// The asker, as far as it says so: the id of its session, and the address
/// where they are our neighbour.
fn asker(query: &Query, session: &Session) -> String {
    let Some(source) = query.source_info() else {
        let links = session.info().links().wait();
        let all: Vec<_> = links.map(|link| link.dst().to_string()).collect();
        let shown = all.iter().take(MAX_NEIGHBOURS).cloned().collect::<Vec<_>>();
        let more = match all.len().saturating_sub(shown.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown = shown.join(", ");
        return format!("somebody who does not say who, through one of {shown}{more}");
    };
    let id = source.source_id().zid();
    let mut links = session.info().links().wait();
    match links.find(|link| *link.zid() == id) {
        None => format!("session {id}, which is none of our neighbours"),
        Some(link) => match link.auth_identifier() {
            None => format!("session {id} at {}", link.dst()),
            Some(name) => format!("session {id} at {} (certificate of {name})", link.dst()),
        },
    }
}

impl Gate {
    /// Never waits: answers at once, or hands over to the thread that does it.
    fn take(&self, query: Query, denied: Option<&'static str>, session: &Session) {
        // Who asks for everything below a prefix asks to see, not to change.
        if query.key_expr().as_str() != self.key {
            return;
        }
        let name = self.kind.name();
        let requests = match (&self.requests, denied) {
            (Err(reason), _) => return self.deny(&query, reason, session),
            (Ok(_), Some(reason)) if self.kind != ControlRequest::Learn => {
                return self.deny(&query, reason, session);
            }
            (Ok(requests), _) => requests,
        };
        let text = match text_of(&query, self.kind) {
            Ok(text) => text,
            Err(reason) => return answer(&self.key, &query, &refusal(&reason)),
        };
        if self.busy.swap(true, Ordering::AcqRel) {
            let error = format!("another {name} is under way");
            let busy = json!({ "status": "busy", "error": error });
            return answer(&self.key, &query, &busy);
        }
        tracing::info!("a {name} is asked for by {}", asker(&query, session));
        let pending = Pending {
            query,
            text,
            denied,
        };
        if let Err(error) = requests.try_send(pending) {
            self.busy.store(false, Ordering::Release);
            tracing::warn!("a {name} was asked for, but nobody does it: {error}");
        }
    }

    fn deny(&self, query: &Query, reason: &str, session: &Session) {
        let denied = self.denied.fetch_add(1, Ordering::Relaxed) + 1;
        if denied.is_power_of_two() {
            let (name, asker) = (self.kind.name(), asker(query, session));
            tracing::warn!(
                denied,
                "a {name} was asked for in vain by {asker}: {reason}"
            );
        }
        answer(&self.key, query, &refusal(reason));
    }
}

fn serve(
    (key, kind): (&str, ControlRequest),
    requests: &Receiver<Pending>,
    busy: &AtomicBool,
    mut handler: Handler,
) {
    while let Ok(pending) = requests.recv() {
        let Pending {
            query,
            text,
            denied,
        } = pending;
        let done = catch_unwind(AssertUnwindSafe(|| handler(&text, denied)));
        let done = done.unwrap_or_else(|_| {
            refusal(&format!(
                "the {} panicked; see the server's log",
                kind.name()
            ))
        });
        // Who asks again on this answer is not to find it busy.
        busy.store(false, Ordering::Release);
        answer(key, &query, &done);
    }
}

fn refusal(reason: &str) -> Value {
    json!({ "status": "refused", "error": reason })
}

/// The text in a request, looked at only if it is small enough.
fn text_of(query: &Query, kind: ControlRequest) -> Result<String, String> {
    let subject = kind.subject();
    let Some(payload) = query.payload() else {
        return Err(format!("the request carries no {subject}"));
    };
    let (bytes, limit) = (payload.len() as u64, kind.max_bytes());
    if bytes > limit {
        return Err(format!(
            "the {subject} has {bytes} bytes, but at most {limit} are read"
        ));
    }
    let text = payload.try_to_string();
    let text = text.map_err(|error| format!("the {subject} is not UTF-8: {error}"))?;
    Ok(text.into_owned())
}

fn answer(key: &str, query: &Query, object: &Value) {
    let reply = query.reply(key, object.to_string());
    if let Err(error) = reply.encoding(Encoding::APPLICATION_JSON).wait() {
        tracing::debug!("answering {key}: {error}");
    }
}
