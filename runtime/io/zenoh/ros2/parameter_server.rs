//! The services by which other nodes read and set the parameters of a node.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use concert_policies::MAX_POLICY_BYTES;
use zenoh::query::Query;
use zenoh::{Session, Wait};

use super::super::control::Admission;
use super::super::error::ZenohError;
use super::super::outward::Declared;
use super::super::sessions::{EverywhereKept, Sessions};
use super::node::RosNode;
use crate::clock::Clock;
use crate::io::clock::SystemClock;
use crate::io::thread;
use crate::wire::ros2::{
    Parameter, ParameterRequest, ParameterResult, ParameterService, ParameterState, RosAttachment,
};

/// Longest request, bytes: a policy, and what stands around it.
const MAX_REQUEST_BYTES: usize = MAX_POLICY_BYTES as usize + 16 * 1024;
/// Most parameters of one request.
const MAX_PARAMETERS: usize = 256;

/// The parameters that a node has now.
pub type ReadParameters = Box<dyn Fn() -> Vec<ParameterState> + Send + Sync>;
/// Sets parameters, all or none where the flag says so, on a thread of its own: what became
/// of each, in their order.
pub type SetParameters = Box<dyn FnMut(&[Parameter], bool) -> Vec<ParameterResult> + Send>;

/// Answers the requests of other nodes for the parameters of a node, for as long as it is
/// held. Whoever reaches it may read; who may set is as for every
/// [`ControlService`](super::super::ControlService). Changes are made one at a time: while
/// one is under way, others are refused at once.
pub struct ParameterServer {
    _services: Vec<EverywhereKept>,
}

/// State with which callbacks, on threads of zenoh's, take requests.
struct Gate {
    read: ReadParameters,
    changes: SyncSender<Pending>,
    admission: Admission,
    busy: Arc<AtomicBool>,
    denied: AtomicU64,
    clock: SystemClock,
}

/// A change that is to be made.
struct Pending {
    query: Query,
    asker: RosAttachment,
    service: ParameterService,
    parameters: Vec<Parameter>,
}

impl ParameterServer {
    /// Begins to answer.
    ///
    /// # Errors
    /// A name that zenoh does not take, or a thread that the system refuses.
    pub fn open(
        sessions: &Sessions,
        node: &RosNode,
        admission: Admission,
        read: ReadParameters,
        set: SetParameters,
    ) -> Result<Self, ZenohError> {
        let (changes, pending) = sync_channel(1);
        let busy = Arc::new(AtomicBool::new(false));
        let gate = Arc::new(Gate {
            read,
            changes,
            admission,
            busy: Arc::clone(&busy),
            denied: AtomicU64::new(0),
            clock: SystemClock::start(),
        });
        let body = move || make_changes(&pending, &busy, set);
        thread::spawn_low("ros2-parameters", body).map_err(|error| ZenohError::Session {
            reason: error.to_string(),
        })?;
        let own = Sessions::from(sessions.own().clone());
        let services = ParameterService::ALL.into_iter().map(|service| {
            let (gate, own) = (Arc::clone(&gate), own.clone());
            let place = node.service(service)?;
            sessions.declare(move |session| {
                let end = place.declare(session)?;
                let queryable = declare(&gate, &own, session, (service, place.key()))?;
                Ok(Box::new((queryable, end)))
            })
        });
        Ok(Self {
            _services: services.collect::<Result<_, _>>()?,
        })
    }
}

/// Answers one service in one session; `own` is the one that listens.
fn declare(
    gate: &Arc<Gate>,
    own: &Sessions,
    session: &Session,
    (service, key): (ParameterService, String),
) -> Result<Declared, ZenohError> {
    let is_own = session.zid() == own.own().zid();
    let (asked, own, named) = (Arc::clone(gate), own.clone(), key.clone());
    let queryable = session
        .declare_queryable(key.clone())
        // Clients of ROS 2 ask those alone that say they answer for all of a key.
        .complete(true)
        .callback(move |query| {
            // Who asks for everything below a prefix asks to see, not to change.
            if query.key_expr().as_str() == named {
                let denied = asked.admission.denial(is_own, &own);
                asked.take(query, service, denied);
            }
        });
    let queryable = queryable.wait().map_err(|error| ZenohError::Key {
        key,
        reason: error.to_string(),
    })?;
    Ok(Box::new(queryable))
}

impl Gate {
    /// Never waits: answers at once, or hands over to the thread that makes changes.
    fn take(&self, query: Query, service: ParameterService, denied: Option<&'static str>) {
        let (asker, request) = match read(&query, service) {
            Ok(read) => read,
            Err(reason) => {
                tracing::debug!("{}: {reason}", query.key_expr());
                return refuse(&query, &reason);
            }
        };
        let mut answer = Vec::new();
        let parameters = match request {
            ParameterRequest::Set(parameters) => parameters,
            asked => {
                service.answer(&(self.read)(), &asked, &mut answer);
                return reply(&query, &asker, answer, &self.clock);
            }
        };
        let count = parameters.len();
        let refused = match (count <= MAX_PARAMETERS, denied) {
            (false, _) => Some(format!(
                "{count} parameters are to be set, but at most {MAX_PARAMETERS} are taken at once"
            )),
            (true, Some(reason)) => {
                self.note_denied(&query, reason);
                Some(reason.to_owned())
            }
            (true, None) if self.busy.swap(true, Ordering::AcqRel) => {
                Some("another change is under way".to_owned())
            }
            (true, None) => None,
        };
        if let Some(reason) = refused {
            let results = vec![Err(reason); count.min(MAX_PARAMETERS)];
            service.answer_set(&results, &mut answer);
            return reply(&query, &asker, answer, &self.clock);
        }
        let pending = Pending {
            query,
            asker,
            service,
            parameters,
        };
        if let Err(error) = self.changes.try_send(pending) {
            self.busy.store(false, Ordering::Release);
            tracing::warn!("parameters were to be set, but nobody does it: {error}");
        }
    }

    fn note_denied(&self, query: &Query, reason: &str) {
        let denied = self.denied.fetch_add(1, Ordering::Relaxed) + 1;
        if denied.is_power_of_two() {
            tracing::warn!(denied, "{}: refused: {reason}", query.key_expr());
        }
    }
}

fn make_changes(pending: &Receiver<Pending>, busy: &AtomicBool, mut set: SetParameters) {
    let clock = SystemClock::start();
    while let Ok(change) = pending.recv() {
        let Pending {
            query,
            asker,
            service,
            parameters,
        } = change;
        let names: Vec<_> = parameters.iter().map(|p| p.name.as_str()).collect();
        tracing::info!("a node of ROS 2 sets {}", names.join(", "));
        let is_atomic = service == ParameterService::SetAtomically;
        let results = catch_unwind(AssertUnwindSafe(|| set(&parameters, is_atomic)));
        let panicked = || "setting it panicked; see the server's log".to_owned();
        let results = results.unwrap_or_else(|_| vec![Err(panicked()); parameters.len()]);
        // Who asks again on this answer is not to find it busy.
        busy.store(false, Ordering::Release);
        let mut answer = Vec::new();
        service.answer_set(&results, &mut answer);
        reply(&query, &asker, answer, &clock);
    }
}

/// Who asks and what, looked at only if it is small enough.
fn read(
    query: &Query,
    service: ParameterService,
) -> Result<(RosAttachment, ParameterRequest), String> {
    let attachment = query.attachment().map(|bytes| bytes.to_bytes());
    let attachment = attachment.ok_or("a request of ROS 2 has an attachment, this one has none")?;
    let asker = RosAttachment::parse(&attachment).map_err(|error| error.to_string())?;
    let payload = query.payload().ok_or("the request is empty")?;
    let bytes = payload.len();
    if bytes > MAX_REQUEST_BYTES {
        return Err(format!(
            "the request has {bytes} bytes, but at most {MAX_REQUEST_BYTES} are read"
        ));
    }
    let request = service.read(&payload.to_bytes());
    Ok((asker, request.map_err(|error| error.to_string())?))
}

fn reply(query: &Query, asker: &RosAttachment, answer: Vec<u8>, clock: &SystemClock) {
    let attachment = RosAttachment {
        sent_ns: clock.now().nanos(),
        ..*asker
    };
    let key = query.key_expr().clone();
    let reply = query.reply(key, answer);
    if let Err(error) = reply.attachment(attachment.to_bytes().as_slice()).wait() {
        tracing::debug!("answering {}: {error}", query.key_expr());
    }
}

fn refuse(query: &Query, reason: &str) {
    if let Err(error) = query.reply_err(reason).wait() {
        tracing::debug!("answering {}: {error}", query.key_expr());
    }
}
