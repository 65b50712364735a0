//! The bus over zenoh: the outputs of a policy below its prefix.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use zenoh::bytes::Encoding;
use zenoh::query::Query;
use zenoh::{Session, Wait};

use super::connections::Connections;
use super::error::ZenohError;
use super::name::{Name, checked_prefix};
use super::outward::{Declared, Link};
use super::pool::Parts;
use super::publishers::{Listeners, Publishers};
use super::sessions::{EverywhereKept, Sessions};
use super::style::Style;
use super::too_long;
use crate::bus::{Bus, BusError, BusFigures};
use crate::camera_image::CameraImage;
use crate::clock::lock;
use crate::output::Output;
use crate::status::{Status, StatusEntry};
use crate::wire::ros2::keys_beside;
use crate::wire::sensor_msgs::{CameraInfo, Image as ImageMessage};
use crate::wire::std_msgs::StringMessage;
use crate::wire::tf2_msgs::TfMessage;
use crate::wire::{self, Attachment, Message, Pixels, keys};

/// Settings of a bus.
#[derive(Clone)]
pub struct BusOptions {
    /// Beginning of every key: `robot/perception`. Belongs to one runtime.
    pub prefix: String,
    /// Style of keys and attachments.
    pub style: Style,
    /// Keys below the prefix that will be published, so that it is known from
    /// the start who listens. Others are declared when they are first used.
    pub keys: Vec<String>,
    /// Shared memory for large payloads; 0 for none.
    pub shared_memory_bytes: usize,
    /// Answer at `<prefix>/policy`.
    pub policy: PolicyText,
    /// Time to look for another runtime of the same prefix.
    pub name_query: Duration,
}

impl BusOptions {
    /// Publishes under `prefix`, with 32 MiB of shared memory.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            style: Style::Native,
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
    /// What who asks is told; of a node of ROS 2 also that outputs are elsewhere.
    fn answer(&self, style: &Style) -> String {
        let mut answer = serde_json::json!({
            "policy": self.toml, "provenance": self.provenance,
        });
        if let Style::Ros2 { node, .. } = style {
            answer["style"] = "ros2".into();
            answer["node"] = node.describe().into();
        }
        answer.to_string()
    }
}

/// Changes what `<prefix>/policy` answers; cheap to clone, for any thread.
#[derive(Debug, Clone)]
pub struct PolicyHandle(Arc<Mutex<PolicyText>>);

impl PolicyHandle {
    /// Sets the answer at `<prefix>/policy` from now on.
    pub fn set(&self, policy: PolicyText) {
        *lock(&self.0) = policy;
    }

    /// The policy file that is answered now.
    #[must_use]
    pub fn toml(&self) -> String {
        lock(&self.0).toml.clone()
    }
}

/// Publishes outputs and status as ROS 2 messages over zenoh.
pub struct ZenohBus {
    publishers: Publishers,
    message: Vec<u8>,
    attachment: Vec<u8>,
    policy: Arc<Mutex<PolicyText>>,
    /// Name and answer, until it closes.
    claim: Option<(Name, EverywhereKept)>,
    connections: Connections,
}

impl ZenohBus {
    /// Takes the prefix and declares everything below it.
    ///
    /// # Errors
    /// A prefix that is no key expression or belongs to another runtime that
    /// this session can see.
    pub fn open(sessions: impl Into<Sessions>, options: BusOptions) -> Result<Self, ZenohError> {
        let sessions = sessions.into();
        let prefix = checked_prefix(&options.prefix)?;
        let name = Name::claim(&sessions, &prefix, options.name_query)?;
        let policy = Arc::new(Mutex::new(options.policy));
        let (below, told) = (prefix.clone(), Arc::clone(&policy));
        let style = options.style.clone();
        let answer =
            sessions.declare(move |session| answer_policy(session, &below, (&told, &style)))?;
        let mut bus = Self {
            publishers: Publishers::new(
                sessions,
                prefix,
                options.style,
                options.shared_memory_bytes,
            ),
            message: Vec::new(),
            attachment: Vec::new(),
            policy,
            claim: Some((name, answer)),
            connections: Connections::begin(),
        };
        for key in options
            .keys
            .iter()
            .map(String::as_str)
            .chain([keys::STATUS])
        {
            bus.declare(key)?;
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

    /// Declares a key, unless it is declared; in the style of ROS 2 also what may come
    /// beside it, so that others see every topic from the start.
    fn declare(&mut self, key: &str) -> Result<(), ZenohError> {
        if self.is_ros2() && !self.publishers.has(key) {
            for beside in keys_beside(key) {
                self.publishers.declare(&beside)?;
            }
        }
        self.publishers.declare(key)
    }

    fn is_ros2(&self) -> bool {
        matches!(self.publishers.style, Style::Ros2 { .. })
    }

    /// Puts where an output came from beside it, where ROS 2 takes the attachment's
    /// place and somebody listens.
    fn publish_provenance(&mut self, key: &str) -> Result<(), String> {
        let key = keys::provenance(key);
        if self.publishers.listeners.has_subscriber(&key) != Some(true) {
            return Ok(());
        }
        let data = String::from_utf8_lossy(&self.attachment).into_owned();
        StringMessage { data }.encode(&mut self.message);
        self.put(&key, StringMessage::TYPE, Pixels::None)
            .map_err(|error| error.reason)
    }

    /// Puts what stands in `self.message`, with pixels after it, and
    /// `self.attachment`.
    fn put(
        &mut self,
        key: &str,
        message_type: &'static str,
        pixels: Pixels<'_>,
    ) -> Result<(), BusError> {
        let message = Parts {
            head: &self.message,
            pixels,
        };
        self.publishers
            .put(key, message_type, &message, &self.attachment)
    }

    fn publish_message(&mut self, output: &Output) -> Result<(), String> {
        let key = output.origin.key.as_ref();
        self.declare(key).map_err(|error| error.to_string())?;
        let encoded = wire::encode_head(output, &mut self.message);
        let (message_type, pixels) = encoded.map_err(|error| error.to_string())?;
        Attachment::of(output)
            .write(&mut self.attachment)
            .map_err(|error| error.to_string())?;
        self.put(key, message_type, pixels)
            .map_err(|error| error.reason)?;
        if self.is_ros2() {
            self.publish_provenance(key)?;
        }
        if wire::encode_transforms(output, &mut self.message) {
            self.put_beside(key, keys::TRANSFORMS, TfMessage::TYPE, Pixels::None)?;
        }
        if wire::encode_camera_info(output, &mut self.message) {
            self.put_beside(key, keys::CAMERA_INFO, CameraInfo::TYPE, Pixels::None)?;
        }
        Ok(())
    }

    /// What belongs to the image first: whoever hears it knows that already.
    fn publish_camera_image(&mut self, image: &CameraImage) -> Result<(), String> {
        self.attachment.clear();
        if let Some(intrinsics) = &image.frame.intrinsics {
            wire::encode::camera_info(image.header(), intrinsics).encode(&mut self.message);
            self.put_beside(
                &image.key,
                keys::CAMERA_INFO,
                CameraInfo::TYPE,
                Pixels::None,
            )?;
        }
        if let Some(pixels) = image.encode_depth_head(&mut self.message) {
            self.put_beside(&image.key, keys::DEPTH, ImageMessage::TYPE, pixels)?;
        }
        self.declare(&image.key)
            .map_err(|error| error.to_string())?;
        let encoded = image.encode_head(&mut self.message);
        let (message_type, pixels) = encoded.map_err(|error| error.to_string())?;
        Attachment::of_image(image)
            .write(&mut self.attachment)
            .map_err(|error| error.to_string())?;
        self.put(&image.key, message_type, pixels)
            .map_err(|error| error.reason)?;
        if self.is_ros2() {
            self.publish_provenance(&image.key)?;
        }
        Ok(())
    }

    /// Puts what stands in `self.message`, with pixels after it, below the key of an
    /// output.
    fn put_beside(
        &mut self,
        key: &str,
        companion: &str,
        kind: &'static str,
        pixels: Pixels<'_>,
    ) -> Result<(), String> {
        let key = keys::beside(key, companion);
        self.publishers
            .declare(&key)
            .map_err(|error| error.to_string())?;
        self.put(&key, kind, pixels).map_err(|error| error.reason)
    }
}

impl Bus for ZenohBus {
    fn describe(&self) -> String {
        let prefix = &self.publishers.prefix;
        match &self.publishers.style {
            Style::Native => format!("zenoh {}", keys::everything(prefix)),
            Style::Ros2 { node, .. } => {
                format!("topics of ROS 2 below /{prefix}, {}", node.describe())
            }
        }
    }

    fn publish(&mut self, output: &Output) -> Result<(), BusError> {
        self.publish_message(output).map_err(|reason| BusError {
            key: keys::below(&self.publishers.prefix, &output.origin.key),
            reason,
        })
    }

    fn publish_image(&mut self, image: &CameraImage) -> Result<(), BusError> {
        self.publish_camera_image(image).map_err(|reason| BusError {
            key: keys::below(&self.publishers.prefix, &image.key),
            reason,
        })
    }

    fn entries(&mut self) -> Vec<StatusEntry> {
        let rival = self.claim.as_ref().and_then(|(name, _)| name.rival());
        let states = self.publishers.sessions.outward().states();
        let pool = &self.publishers.pool;
        vec![self.connections.entry(&states, rival.as_deref(), pool)]
    }

    fn figures(&self) -> BusFigures {
        let states = self.publishers.sessions.outward().states();
        let named = states.iter().filter(|way| way.is_named);
        BusFigures {
            messages: self.publishers.messages,
            bytes: self.publishers.bytes,
            shared_memory_fallbacks: self.publishers.pool.fallbacks,
            messages_too_long: too_long::count(),
            named: named.clone().count(),
            connected: named.filter(|way| way.link == Link::Up).count(),
        }
    }

    fn publish_status(&mut self, status: &Status) -> Result<(), BusError> {
        self.publishers.keep_up();
        let message_type = wire::encode_status(status, &mut self.message);
        self.attachment.clear();
        self.put(keys::STATUS, message_type, Pixels::None)
    }

    /// In the style of ROS 2 also who listens to what comes beside the output alone, as
    /// to `/tf`.
    fn has_subscriber(&self, key: &str) -> Option<bool> {
        let listeners = &self.publishers.listeners;
        let own = listeners.has_subscriber(key)?;
        let is_heard = |key: &String| listeners.has_subscriber(key) == Some(true);
        Some(own || (self.is_ros2() && keys_beside(key).iter().any(is_heard)))
    }

    fn announce(&mut self, keys: &[Arc<str>]) -> Result<(), BusError> {
        let fault = |key: &str, error: ZenohError| BusError {
            key: key.to_owned(),
            reason: error.to_string(),
        };
        keys.iter()
            .try_for_each(|key| self.declare(key).map_err(|error| fault(key, error)))
    }

    fn withdraw(&mut self, keys: &[Arc<str>]) {
        for key in keys {
            keys::with_companions(key)
                .chain([keys::provenance(key)])
                .for_each(|key| self.publishers.withdraw(&key));
        }
    }

    /// Withdraws the token first, so that everybody sees us go, then closes
    /// the sessions that the bus was opened with (cameras on them end too).
    fn close(&mut self, limit: Duration) {
        drop(self.claim.take());
        self.publishers.clear();
        if !self.publishers.sessions.close(limit) {
            tracing::warn!("the zenoh session did not close within {limit:?}");
        }
    }
}

/// Answers `<prefix>/policy` in one session.
fn answer_policy(
    session: &Session,
    prefix: &str,
    (policy, style): (&Arc<Mutex<PolicyText>>, &Style),
) -> Result<Declared, ZenohError> {
    let key = keys::below(prefix, keys::POLICY);
    let (own, policy, style) = (key.clone(), Arc::clone(policy), style.clone());
    let answer = move |query: Query| {
        let text = lock(&policy).answer(&style);
        let reply = query.reply(own.clone(), text);
        if let Err(error) = reply.encoding(Encoding::APPLICATION_JSON).wait() {
            tracing::debug!("answering {own}: {error}");
        }
    };
    let queryable = session.declare_queryable(key.clone()).callback(answer);
    let queryable = queryable.wait().map_err(|error| ZenohError::Key {
        key,
        reason: error.to_string(),
    })?;
    Ok(Box::new(queryable))
}
