//! Changing the policy of a running runtime, asked for over zenoh.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use concert_policies::MAX_POLICY_BYTES;
use serde_json::{Value, json};
use zenoh::bytes::Encoding;
use zenoh::query::{Query, Queryable};
use zenoh::{Session, Wait};

use super::ZenohError;
use crate::io::thread;

/// Key below the prefix that takes a policy.
const SWAP_KEY: &str = "control/swap";
/// How long a client waits for the answer: loading networks takes time.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// Key below the prefix that takes what learning is asked.
const LEARN_KEY: &str = "control/learn";

/// Does what a request asks for, on a thread of its own; the object it returns
/// is the answer and has a `status`.
pub type SwapHandler = Box<dyn FnMut(&str) -> Value + Send>;

/// Answers `<prefix>/control/swap`. A request carries a policy file of at most
/// [`MAX_POLICY_BYTES`]; the answer is one JSON object whose `status` is
/// `swapped`, `refused` or `busy`. Requests are done one at a time; while one
/// is under way, others are answered `busy` at once and cost nothing more.
pub struct SwapServer {
    queryable: Option<Queryable<()>>,
}

struct Request {
    query: Query,
    policy: String,
}

/// What the callback, on a thread of zenoh's, decides with.
struct Door {
    key: String,
    /// What is asked for, in a word.
    what: &'static str,
    /// Where requests go; `None` where none is allowed.
    requests: Option<SyncSender<Request>>,
    busy: Arc<AtomicBool>,
    denied: AtomicU64,
}

impl SwapServer {
    /// Takes requests for `handler`; without one, every request is refused, with
    /// the reason.
    ///
    /// # Errors
    /// A key that cannot be declared, or a thread that the system refuses.
    pub fn open(
        session: &Session,
        prefix: &str,
        handler: Option<SwapHandler>,
    ) -> Result<Self, ZenohError> {
        Self::open_at(session, format!("{prefix}/{SWAP_KEY}"), "swap", handler)
    }

    /// The same at `<prefix>/control/learn`: a request carries what learning is
    /// asked, and `handler` decides what is allowed.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_learn(
        session: &Session,
        prefix: &str,
        handler: SwapHandler,
    ) -> Result<Self, ZenohError> {
        let key = format!("{prefix}/{LEARN_KEY}");
        Self::open_at(session, key, "learn", Some(handler))
    }

    fn open_at(
        session: &Session,
        key: String,
        what: &'static str,
        handler: Option<SwapHandler>,
    ) -> Result<Self, ZenohError> {
        let busy = Arc::new(AtomicBool::new(false));
        let fault = |reason: String| ZenohError::Key {
            key: key.clone(),
            reason,
        };
        let mut door = Door {
            key: key.clone(),
            what,
            requests: None,
            busy: Arc::clone(&busy),
            denied: AtomicU64::new(0),
        };
        if let Some(handler) = handler {
            let (to, requests) = sync_channel(1);
            let own = key.clone();
            let serve = move || serve(&own, &requests, &busy, handler);
            thread::spawn_low("control", serve).map_err(|error| fault(error.to_string()))?;
            door.requests = Some(to);
        }
        let queryable = session
            .declare_queryable(key.clone())
            .callback(move |query| door.take(query))
            .wait()
            .map_err(|error| fault(error.to_string()))?;
        Ok(Self {
            queryable: Some(queryable),
        })
    }
}

impl Drop for SwapServer {
    fn drop(&mut self) {
        let withdrawn = self.queryable.take().map(|queryable| queryable.undeclare());
        if let Some(Err(error)) = withdrawn.map(Wait::wait) {
            tracing::debug!("withdrawing the control key: {error}");
        }
    }
}

impl Door {
    /// Never waits: answers at once, or hands over to the thread that does it.
    fn take(&self, query: Query) {
        let Some(requests) = &self.requests else {
            let denied = self.denied.fetch_add(1, Ordering::Relaxed) + 1;
            if denied.is_power_of_two() {
                tracing::warn!(denied, "a swap was asked for, but control is not allowed");
            }
            let reason = "control is not allowed on this runtime; it is where the launch file \
                          says `[control] enabled = true` or the command line `--allow-control`";
            return answer(&self.key, &query, &refused(reason));
        };
        let policy = match policy_of(&query) {
            Ok(policy) => policy,
            Err(reason) => return answer(&self.key, &query, &refused(&reason)),
        };
        if self.busy.swap(true, Ordering::AcqRel) {
            let busy =
                json!({ "status": "busy", "error": format!("another {} is under way", self.what) });
            return answer(&self.key, &query, &busy);
        }
        if let Err(error) = requests.try_send(Request { query, policy }) {
            self.busy.store(false, Ordering::Release);
            let what = self.what;
            tracing::warn!("a {what} was asked for, but nobody does it: {error}");
        }
    }
}

fn serve(key: &str, requests: &Receiver<Request>, busy: &AtomicBool, mut handler: SwapHandler) {
    while let Ok(Request { query, policy }) = requests.recv() {
        let done = catch_unwind(AssertUnwindSafe(|| handler(&policy)));
        let done = done.unwrap_or_else(|_| refused("it panicked; see the server's log"));
        // Who asks again on this answer is not to find it busy.
        busy.store(false, Ordering::Release);
        answer(key, &query, &done);
    }
}

fn refused(reason: &str) -> Value {
    json!({ "status": "refused", "error": reason })
}

/// The policy file in a request, looked at only if it is small enough.
fn policy_of(query: &Query) -> Result<String, String> {
    let Some(payload) = query.payload() else {
        return Err("the request carries no policy".to_owned());
    };
    let bytes = payload.len() as u64;
    if bytes > MAX_POLICY_BYTES {
        return Err(format!(
            "the policy has {bytes} bytes, but at most {MAX_POLICY_BYTES} are read"
        ));
    }
    let text = payload.try_to_string();
    let text = text.map_err(|error| format!("the policy is not UTF-8: {error}"))?;
    Ok(text.into_owned())
}

fn answer(key: &str, query: &Query, object: &Value) {
    let reply = query.reply(key, object.to_string());
    if let Err(error) = reply.encoding(Encoding::APPLICATION_JSON).wait() {
        tracing::debug!("answering {key}: {error}");
    }
}

/// Why a swap that was asked for over zenoh has no answer.
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

/// Asks the runtime that publishes below `prefix` to run another policy, and
/// waits for its answer: an object whose `status` is `swapped`, `refused` or
/// `busy`.
///
/// # Errors
/// Where there is no answer, or none that is understood.
pub fn request_swap(session: &Session, prefix: &str, policy: &str) -> Result<Value, RequestError> {
    request(session, format!("{prefix}/{SWAP_KEY}"), policy)
}

/// Asks the runtime that publishes below `prefix` something about its learning,
/// and waits for its answer: an object with a `status`.
///
/// # Errors
/// As [`request_swap`]; nobody answers where nothing is learnt.
pub fn request_learn(session: &Session, prefix: &str, ask: &str) -> Result<Value, RequestError> {
    request(session, format!("{prefix}/{LEARN_KEY}"), ask)
}

fn request(session: &Session, key: String, payload: &str) -> Result<Value, RequestError> {
    let send = |reason: String| RequestError::Send {
        key: key.clone(),
        reason,
    };
    let replies = session
        .get(key.clone())
        .payload(payload)
        .timeout(ANSWER_LIMIT)
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
