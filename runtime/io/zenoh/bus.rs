//! The bus over zenoh: the outputs of a policy below its prefix.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use zenoh::bytes::Encoding;
use zenoh::key_expr::KeyExpr;
use zenoh::liveliness::LivelinessToken;
use zenoh::query::{Query, Queryable};
use zenoh::{Session, Wait};

use super::publishers::{Listeners, Publishers};
use super::session::{ZenohError, close_session};
use crate::bus::{Bus, BusError};
use crate::clock::lock;
use crate::output::Output;
use crate::status::Status;
use crate::wire::sensor_msgs::CameraInfo;
use crate::wire::tf2_msgs::TfMessage;
use crate::wire::{self, Attachment, Message};

/// How a bus publishes.
#[derive(Debug, Clone)]
pub struct BusOptions {
    /// What every key begins with: `robot/perception`. Belongs to one runtime.
    pub prefix: String,
    /// Keys below the prefix that will be published, so that it is known from
    /// the start who listens. Others are declared when they are first used.
    pub keys: Vec<String>,
    /// Shared memory for large payloads; 0 for none.
    pub shared_memory_bytes: usize,
    /// What `<prefix>/policy` answers.
    pub policy: PolicyText,
    /// How long to look for another runtime of the same prefix.
    pub name_query: Duration,
}

impl BusOptions {
    /// Publishes under `prefix`, with 32 MiB of shared memory.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            keys: Vec::new(),
            shared_memory_bytes: 32 * 1024 * 1024,
            policy: PolicyText::default(),
            name_query: Duration::from_secs(1),
        }
    }
}

/// The policy that runs, for who asks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyText {
    /// The policy file.
    pub toml: String,
    /// Hashes, cards, licences: whatever says where it comes from.
    pub provenance: serde_json::Value,
}

impl PolicyText {
    fn answer(&self) -> String {
        serde_json::json!({ "policy": self.toml, "provenance": self.provenance }).to_string()
    }
}

/// Changes what `<prefix>/policy` answers; cheap to clone, for any thread.
#[derive(Debug, Clone)]
pub struct PolicyHandle(Arc<Mutex<PolicyText>>);

impl PolicyHandle {
    /// What `<prefix>/policy` answers from now on.
    pub fn set(&self, policy: PolicyText) {
        *lock(&self.0) = policy;
    }
}

/// Publishes outputs and status as ROS 2 messages over zenoh.
pub struct ZenohBus {
    publishers: Publishers,
    message: Vec<u8>,
    attachment: Vec<u8>,
    policy: Arc<Mutex<PolicyText>>,
    standing: Option<(LivelinessToken, Queryable<()>)>,
}

impl ZenohBus {
    /// Takes the prefix and declares everything below it.
    ///
    /// # Errors
    /// A prefix that is no key expression or belongs to another runtime that
    /// this session can see.
    pub fn open(session: Session, options: BusOptions) -> Result<Self, ZenohError> {
        let prefix = checked_prefix(&options.prefix)?;
        let token = claim(&session, &prefix, options.name_query)?;
        let policy = Arc::new(Mutex::new(options.policy));
        let queryable = answer_policy(&session, &prefix, Arc::clone(&policy))?;
        let mut bus = Self {
            publishers: Publishers::new(session, prefix, options.shared_memory_bytes),
            message: Vec::new(),
            attachment: Vec::new(),
            policy,
            standing: Some((token, queryable)),
        };
        for key in options.keys.iter().map(String::as_str).chain([STATUS_KEY]) {
            bus.publishers.declare(key)?;
        }
        Ok(bus)
    }

    /// A handle that tells who listens, for the thread that computes.
    #[must_use]
    pub fn listeners(&self) -> Listeners {
        self.publishers.listeners.clone()
    }

    /// Changes what `<prefix>/policy` answers.
    #[must_use]
    pub fn policy(&self) -> PolicyHandle {
        PolicyHandle(Arc::clone(&self.policy))
    }

    /// Payloads that were copied because the shared memory was full, and how
    /// often the shared memory was made anew.
    #[must_use]
    pub fn shared_memory_counts(&self) -> (u64, u64) {
        (
            self.publishers.pool.fallbacks,
            self.publishers.pool.renewals,
        )
    }

    /// Puts what stands in `self.message` and `self.attachment`.
    fn put(&mut self, key: &str, message_type: &'static str) -> Result<(), BusError> {
        self.publishers
            .put(key, message_type, &self.message, &self.attachment)
    }

    fn publish_message(&mut self, output: &Output) -> Result<(), String> {
        let key = output.origin.key.as_ref();
        self.publishers
            .declare(key)
            .map_err(|error| error.to_string())?;
        let mut message = std::mem::take(&mut self.message);
        let encoded = wire::encode(output, &mut message);
        self.message = message;
        let message_type = encoded.map_err(|error| error.to_string())?;
        Attachment::of(output)
            .write(&mut self.attachment)
            .map_err(|error| error.to_string())?;
        self.put(key, message_type).map_err(|error| error.reason)?;
        if wire::encode_transforms(output, &mut self.message) {
            self.put_beside(key, TRANSFORMS_KEY, TfMessage::TYPE)?;
        }
        if wire::encode_camera_info(output, &mut self.message) {
            self.put_beside(key, CAMERA_INFO_KEY, CameraInfo::TYPE)?;
        }
        Ok(())
    }

    /// Puts what stands in `self.message` below the key of an output.
    fn put_beside(&mut self, key: &str, below: &str, kind: &'static str) -> Result<(), String> {
        let key = format!("{key}/{below}");
        self.publishers
            .declare(&key)
            .map_err(|error| error.to_string())?;
        self.put(&key, kind).map_err(|error| error.reason)
    }
}

impl Bus for ZenohBus {
    fn describe(&self) -> String {
        format!("zenoh {}/**", self.publishers.prefix)
    }

    fn publish(&mut self, output: &Output) -> Result<(), BusError> {
        self.publish_message(output).map_err(|reason| BusError {
            key: format!("{}/{}", self.publishers.prefix, output.origin.key),
            reason,
        })
    }

    fn publish_status(&mut self, status: &Status) -> Result<(), BusError> {
        let message_type = wire::encode_status(status, &mut self.message);
        self.attachment.clear();
        self.put(STATUS_KEY, message_type)
    }

    fn has_subscriber(&self, key: &str) -> Option<bool> {
        self.publishers.listeners.has_subscriber(key)
    }

    fn announce(&mut self, keys: &[Arc<str>]) -> Result<(), BusError> {
        let fault = |key: &str, error: ZenohError| BusError {
            key: key.to_owned(),
            reason: error.to_string(),
        };
        keys.iter().try_for_each(|key| {
            self.publishers
                .declare(key)
                .map_err(|error| fault(key, error))
        })
    }

    fn withdraw(&mut self, keys: &[Arc<str>]) {
        for key in keys {
            for key in [key.to_string(), format!("{key}/{CAMERA_INFO_KEY}")] {
                self.publishers.withdraw(&key);
            }
        }
    }

    /// Withdraws the token first, so that everybody sees us go, then closes
    /// the session that the bus was opened with (cameras on it end too).
    fn close(&mut self, limit: Duration) {
        if let Some((token, queryable)) = self.standing.take() {
            for withdrawn in [token.undeclare().wait(), queryable.undeclare().wait()] {
                if let Err(error) = withdrawn {
                    tracing::debug!("withdrawing {}: {error}", self.publishers.prefix);
                }
            }
        }
        self.publishers.clear();
        if !close_session(self.publishers.session.clone(), limit) {
            tracing::warn!("the zenoh session did not close within {limit:?}");
        }
    }
}

/// Key below the prefix of the status.
const STATUS_KEY: &str = "status";
/// Key below the prefix of what answers with the policy.
const POLICY_KEY: &str = "policy";
/// Key below a dense output's of its camera info.
const CAMERA_INFO_KEY: &str = "camera_info";
/// Key below an odometry output's of the same as transforms.
const TRANSFORMS_KEY: &str = "tf";
/// Between the prefix and the session's id in a liveliness token. Begins with
/// `@` so that no `**` matches it.
const TOKEN_KEY: &str = "@concert";

/// The prefix, if it is a key without wildcards.
pub(super) fn checked_prefix(prefix: &str) -> Result<String, ZenohError> {
    let fault = |reason: String| ZenohError::Key {
        key: prefix.to_owned(),
        reason,
    };
    let key = KeyExpr::new(prefix.to_owned()).map_err(|error| fault(error.to_string()))?;
    if key.is_wild() {
        return Err(fault("a publish prefix has no wildcards".to_owned()));
    }
    Ok(prefix.to_owned())
}

/// Takes the prefix: refuses if somebody has it, then declares a token and
/// looks again. Of two that start together, the one with the smaller session
/// id stays.
pub(super) fn claim(
    session: &Session,
    prefix: &str,
    limit: Duration,
) -> Result<LivelinessToken, ZenohError> {
    let name_taken = |token: String| ZenohError::NameTaken {
        prefix: prefix.to_owned(),
        token,
    };
    if let Some(token) = others(session, prefix, "", limit)?.into_iter().next() {
        return Err(name_taken(token));
    }
    let own = format!("{prefix}/{TOKEN_KEY}/{}", session.zid());
    let token = session.liveliness().declare_token(own.clone()).wait();
    let token = token.map_err(|error| ZenohError::Key {
        key: own.clone(),
        reason: error.to_string(),
    })?;
    let earlier = others(session, prefix, &own, limit)?.into_iter();
    match earlier.filter(|other| *other < own).min() {
        None => Ok(token),
        Some(other) => {
            if let Err(error) = token.undeclare().wait() {
                tracing::debug!("withdrawing {own}: {error}");
            }
            Err(name_taken(other))
        }
    }
}

/// Tokens below the prefix that are alive, but for our own.
fn others(
    session: &Session,
    prefix: &str,
    own: &str,
    limit: Duration,
) -> Result<Vec<String>, ZenohError> {
    let tokens = format!("{prefix}/{TOKEN_KEY}/*");
    let replies = session
        .liveliness()
        .get(tokens.clone())
        .timeout(limit)
        .wait();
    let replies = replies.map_err(|error| ZenohError::Key {
        key: tokens,
        reason: error.to_string(),
    })?;
    let alive = replies.iter().filter_map(|reply| {
        let token = reply.result().ok()?.key_expr().to_string();
        (token != own).then_some(token)
    });
    Ok(alive.collect())
}

fn answer_policy(
    session: &Session,
    prefix: &str,
    policy: Arc<Mutex<PolicyText>>,
) -> Result<Queryable<()>, ZenohError> {
    let key = format!("{prefix}/{POLICY_KEY}");
    let own = key.clone();
    let answer = move |query: Query| {
        let text = lock(&policy).answer();
        let reply = query.reply(own.clone(), text);
        if let Err(error) = reply.encoding(Encoding::APPLICATION_JSON).wait() {
            tracing::debug!("answering {own}: {error}");
        }
    };
    let queryable = session.declare_queryable(key.clone()).callback(answer);
    queryable.wait().map_err(|error| ZenohError::Key {
        key,
        reason: error.to_string(),
    })
}
