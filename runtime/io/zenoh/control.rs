//! What may be asked of a running runtime over zenoh: to change its policy, and
//! to choose one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use concert_policies::MAX_POLICY_BYTES;
use serde_json::{Value, json};
use zenoh::bytes::Encoding;
use zenoh::query::Query;
use zenoh::sample::SourceInfo;
use zenoh::{Session, Wait};

use super::ZenohError;
use super::outward::Declared;
use super::sessions::{EverywhereKept, Sessions};
use crate::io::thread;
use crate::wire::keys;

/// Longest problem that is read, in bytes (64 KiB).
pub const MAX_ASKED_PROBLEM_BYTES: u64 = 64 << 10;

/// What a runtime is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// Run the policy in the request. The answer's `status` is `swapped`,
    /// `refused` or `busy`.
    Swap,
    /// Choose a policy for the problem in the request; changes nothing. The
    /// answer's `status` is that of the solver (`optimal`, `feasible`,
    /// `infeasible`, `unknown`), `refused` or `busy`.
    Solve,
    /// Say how learning goes (`status`), let the first readout serve again and
    /// pause (`restore`), or go on (`resume`), as the request (JSON) asks. The
    /// answer's `status` is `learning`, `restored`, `resumed`, `refused` or `busy`.
    Learn,
}

impl Errand {
    /// Key below the prefix.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Errand::Swap => keys::SWAP,
            Errand::Solve => keys::SOLVE,
            Errand::Learn => keys::LEARN,
        }
    }

    /// What a request is called: `another swap is under way`.
    fn name(self) -> &'static str {
        match self {
            Errand::Swap => "swap",
            Errand::Solve => "solve",
            Errand::Learn => "learn",
        }
    }

    /// What a request carries.
    fn subject(self) -> &'static str {
        match self {
            Errand::Swap => "policy",
            Errand::Solve => "problem",
            Errand::Learn => "question",
        }
    }

    fn most_bytes(self) -> u64 {
        match self {
            Errand::Swap => MAX_POLICY_BYTES,
            Errand::Solve | Errand::Learn => MAX_ASKED_PROBLEM_BYTES,
        }
    }

    /// How long a client waits for the answer: loading networks takes time.
    fn answer_limit(self) -> Duration {
        match self {
            Errand::Swap | Errand::Learn => Duration::from_secs(120),
            Errand::Solve => Duration::from_secs(20),
        }
    }
}

/// Does what a request asks for, on a thread of its own; the object it returns
/// is the answer and has a `status`. It is told why who asks may change nothing,
/// if so, which only [`Errand::Learn`] lets that far.
pub type Handler = Box<dyn FnMut(&str, Option<&'static str>) -> Value + Send>;

/// Who may have something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Whoever reaches a session.
    Anyone,
    /// Who comes in where the runtime itself listens, unless a router came in
    /// there: through that, anybody might.
    OwnListener,
    /// Nobody.
    Nobody,
}

/// Where control is allowed after all.
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

/// Answers one [`Errand`] at its key below the prefix. A request carries text
/// of a bounded size; the answer is one JSON object with a `status`. Requests
/// are done one at a time; while one is under way, others are answered `busy`
/// at once and cost nothing more.
pub struct ErrandServer {
    _queryables: EverywhereKept,
}

struct Request {
    query: Query,
    text: String,
    denied: Option<&'static str>,
}

/// What the callback, on a thread of zenoh's, decides with.
struct Door {
    key: String,
    errand: Errand,
    admission: Admission,
    /// Where requests go, or why none is taken.
    requests: Result<SyncSender<Request>, String>,
    busy: Arc<AtomicBool>,
    denied: AtomicU64,
}

impl ErrandServer {
    /// Takes requests for `handler`; in place of one, the reason for which every
    /// request is refused.
    ///
    /// # Errors
    /// A key that cannot be declared, or a thread that the system refuses.
    pub fn open(
        sessions: impl Into<Sessions>,
        prefix: &str,
        errand: Errand,
        admission: Admission,
        handler: Result<Handler, String>,
    ) -> Result<Self, ZenohError> {
        let sessions = sessions.into();
        let key = keys::below(prefix, errand.key());
        let busy = Arc::new(AtomicBool::new(false));
        let fault = |reason: String| ZenohError::Key {
            key: key.clone(),
            reason,
        };
        let requests = match handler {
            Ok(handler) => {
                let (to, requests) = sync_channel(1);
                let (own, busy) = (key.clone(), Arc::clone(&busy));
                let serve = move || serve((&own, errand), &requests, &busy, handler);
                let name = format!("control-{}", errand.name());
                thread::spawn_low(&name, serve).map_err(|error| fault(error.to_string()))?;
                Ok(to)
            }
            Err(reason) => Err(reason),
        };
        let door = Arc::new(Door {
            key,
            errand,
            admission,
            requests,
            busy,
            denied: AtomicU64::new(0),
        });
        let own = Sessions::from(sessions.own().clone());
        let open = move |session: &Session| open_door(&door, &own, session);
        Ok(Self {
            _queryables: sessions.declare(open)?,
        })
    }
}

/// Answers queries of one session; `own` is the one that listens.
fn open_door(door: &Arc<Door>, own: &Sessions, session: &Session) -> Result<Declared, ZenohError> {
    let is_own = session.zid() == own.own().zid();
    let (asked, own, through) = (Arc::clone(door), own.clone(), session.clone());
    let queryable = session
        .declare_queryable(door.key.clone())
        .callback(move |query| {
            let denied = match (asked.admission, is_own) {
                (Admission::Anyone, _) => None,
                (Admission::Nobody, _) => Some(NOBODY),
                (Admission::OwnListener, false) => Some(OUTWARD),
                (Admission::OwnListener, true) => own.has_router().then_some(ROUTER),
            };
            asked.take(query, denied, &through);
        })
        .wait()
        .map_err(|error| ZenohError::Key {
            key: door.key.clone(),
            reason: error.to_string(),
        })?;
    Ok(Box::new(queryable))
}

/// Most neighbours that a line of the log names.
const MOST_NEIGHBOURS: usize = 8;

/// Who asks, as far as they say so: the id of their session, and the address
/// where they are our neighbour.
fn asker(query: &Query, session: &Session) -> String {
    let Some(source) = query.source_info() else {
        let links = session.info().links().wait();
        let all: Vec<_> = links.map(|link| link.dst().to_string()).collect();
        let shown = all
            .iter()
            .take(MOST_NEIGHBOURS)
            .cloned()
            .collect::<Vec<_>>();
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

impl Door {
    /// Never waits: answers at once, or hands over to the thread that does it.
    fn take(&self, query: Query, denied: Option<&'static str>, session: &Session) {
        // Who asks for everything below a prefix asks to see, not to change.
        if query.key_expr().as_str() != self.key {
            return;
        }
        let name = self.errand.name();
        let requests = match (&self.requests, denied) {
            (Err(reason), _) => return self.deny(&query, reason, session),
            (Ok(_), Some(reason)) if self.errand != Errand::Learn => {
                return self.deny(&query, reason, session);
            }
            (Ok(requests), _) => requests,
        };
        let text = match text_of(&query, self.errand) {
            Ok(text) => text,
            Err(reason) => return answer(&self.key, &query, &refused(&reason)),
        };
        if self.busy.swap(true, Ordering::AcqRel) {
            let error = format!("another {name} is under way");
            let busy = json!({ "status": "busy", "error": error });
            return answer(&self.key, &query, &busy);
        }
        tracing::info!("a {name} is asked for by {}", asker(&query, session));
        let request = Request {
            query,
            text,
            denied,
        };
        if let Err(error) = requests.try_send(request) {
            self.busy.store(false, Ordering::Release);
            tracing::warn!("a {name} was asked for, but nobody does it: {error}");
        }
    }

    fn deny(&self, query: &Query, reason: &str, session: &Session) {
        let denied = self.denied.fetch_add(1, Ordering::Relaxed) + 1;
        if denied.is_power_of_two() {
            let (name, asker) = (self.errand.name(), asker(query, session));
            tracing::warn!(
                denied,
                "a {name} was asked for in vain by {asker}: {reason}"
            );
        }
        answer(&self.key, query, &refused(reason));
    }
}

fn serve(
    (key, errand): (&str, Errand),
    requests: &Receiver<Request>,
    busy: &AtomicBool,
    mut handler: Handler,
) {
    while let Ok(request) = requests.recv() {
        let Request {
            query,
            text,
            denied,
        } = request;
        let done = catch_unwind(AssertUnwindSafe(|| handler(&text, denied)));
        let done = done.unwrap_or_else(|_| {
            refused(&format!(
                "the {} panicked; see the server's log",
                errand.name()
            ))
        });
        // Who asks again on this answer is not to find it busy.
        busy.store(false, Ordering::Release);
        answer(key, &query, &done);
    }
}

fn refused(reason: &str) -> Value {
    json!({ "status": "refused", "error": reason })
}

/// The text in a request, looked at only if it is small enough.
fn text_of(query: &Query, errand: Errand) -> Result<String, String> {
    let subject = errand.subject();
    let Some(payload) = query.payload() else {
        return Err(format!("the request carries no {subject}"));
    };
    let (bytes, limit) = (payload.len() as u64, errand.most_bytes());
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

/// Why what was asked for over zenoh has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request could not be sent.
    #[error("{key}: {reason}")]
    Send {
        /// Whole key.
        key: String,
        /// zenoh's own words.
        reason: String,
    },
    /// Nobody answers there.
    #[error("nobody answers at {key}: is a runtime publishing below that prefix?")]
    NoAnswer {
        /// Whole key.
        key: String,
    },
    /// The answer is not one of ours.
    #[error("{key} answered what is not understood: {reason}")]
    Answer {
        /// Whole key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Asks the runtime that publishes below `prefix`, and waits for its answer: an
/// object with a `status`, as the [`Errand`] says.
///
/// # Errors
/// Where there is no answer, or none that is understood.
pub fn request(
    session: &Session,
    prefix: &str,
    errand: Errand,
    text: &str,
) -> Result<Value, RequestError> {
    let key = keys::below(prefix, errand.key());
    let send = |reason: String| RequestError::Send {
        key: key.clone(),
        reason,
    };
    let replies = session
        .get(key.clone())
        .payload(text)
        // The server's log says who asked.
        .source_info(SourceInfo::new(session.id(), 0))
        .timeout(errand.answer_limit())
        .wait()
        .map_err(|error| send(error.to_string()))?;
    let no_answer = || RequestError::NoAnswer { key: key.clone() };
    let reply = replies.recv().map_err(|_| no_answer())?;
    let understood = |reason: String| RequestError::Answer {
        key: key.clone(),
        reason,
    };
    let sample = reply
        .into_result()
        .map_err(|error| understood(error.to_string()))?;
    let object: Value = serde_json::from_slice(&sample.payload().to_bytes())
        .map_err(|error| understood(error.to_string()))?;
    if object["status"].is_string() {
        return Ok(object);
    }
    Err(understood("it has no status".to_owned()))
}
