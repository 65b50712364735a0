//! A node of ROS 2: what it publishes, hears and answers, each with a liveliness token
//! in every session.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use zenoh::liveliness::LivelinessToken;
use zenoh::{Session, Wait};

use super::super::error::ZenohError;
use super::super::sessions::{EverywhereKept, Sessions};
use crate::wire::ros2::{
    Distro, Entity, EntityKind, ParameterService, Qos, RosNodeName, RosTopic, dds_type, gid_of,
    topic_key,
};

/// A node of ROS 2, seen by others for as long as somebody holds it; cheap to clone.
#[derive(Clone)]
pub struct RosNode(Arc<Inner>);

struct Inner {
    name: RosNodeName,
    distro: Distro,
    /// Of the next publisher, subscriber or service.
    next: AtomicU32,
    /// Never locked: held, by whichever thread holds the node.
    _token: Mutex<EverywhereKept>,
}

/// A topic or service of a node: one entity, whichever session it is met in.
#[derive(Clone)]
pub(in super::super) struct RosPlace {
    name: RosNodeName,
    number: u32,
    kind: EntityKind,
    topic: String,
    dds_type: String,
    hash: String,
    qos: Qos,
}

/// A topic or service of a node in one session, seen until this is dropped.
pub(in super::super) struct RosEnd {
    /// The id that goes with its messages.
    pub(in super::super) gid: [u8; 16],
    _token: LivelinessToken,
}

impl RosNode {
    /// Begins to be seen in every session, those that are still to be opened too.
    ///
    /// # Errors
    /// A name that zenoh does not take, or a session that is closed.
    pub fn open(
        sessions: &Sessions,
        name: RosNodeName,
        distro: Distro,
    ) -> Result<Self, ZenohError> {
        let node = name.clone();
        let token = sessions.declare(move |session| {
            let id = session.zid().to_string();
            let entity = Entity {
                node: &node,
                session: &id,
                number: 0,
                kind: EntityKind::Node,
                topic: None,
            };
            Ok(Box::new(declare_token(session, entity.token())?))
        })?;
        Ok(Self(Arc::new(Inner {
            name,
            distro,
            next: AtomicU32::new(1),
            _token: Mutex::new(token),
        })))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &RosNodeName {
        &self.0.name
    }

    /// Says on one line who it is.
    #[must_use]
    pub fn describe(&self) -> String {
        self.0.name.describe(self.0.distro)
    }

    /// A topic that this node publishes or hears.
    ///
    /// # Errors
    /// A type whose hash is not known.
    pub(in super::super) fn topic(
        &self,
        kind: EntityKind,
        topic: &RosTopic,
    ) -> Result<RosPlace, ZenohError> {
        let hash = self.0.distro.hash_of(topic.message_type);
        self.place(kind, &topic.name, (topic.message_type, hash), topic.qos)
    }

    /// A service of this node's parameters.
    ///
    /// # Errors
    /// As [`topic`](Self::topic).
    pub(super) fn service(&self, service: ParameterService) -> Result<RosPlace, ZenohError> {
        let (name, service_type) = service.names();
        let hash = self.0.distro.hash_of_service(service_type);
        let topic = format!("{}/{name}", self.0.name.full_name());
        let named = (service_type, hash);
        self.place(EntityKind::Service, &topic, named, Qos::RELIABLE)
    }

    fn place(
        &self,
        kind: EntityKind,
        topic: &str,
        (name, hash): (&str, Option<String>),
        qos: Qos,
    ) -> Result<RosPlace, ZenohError> {
        let (Some(dds_type), Some(hash)) = (dds_type(name), hash) else {
            return Err(ZenohError::Key {
                key: topic.to_owned(),
                reason: format!("the type {name} has no definition here, so no hash either"),
            });
        };
        Ok(RosPlace {
            name: self.0.name.clone(),
            number: self.0.next.fetch_add(1, Ordering::Relaxed),
            kind,
            topic: topic.to_owned(),
            dds_type,
            hash,
            qos,
        })
    }
}

impl RosPlace {
    /// Key of its messages.
    pub(in super::super) fn key(&self) -> String {
        topic_key(self.name.domain_id, &self.topic, &self.dds_type, &self.hash)
    }

    /// Begins to be seen in a session.
    pub(in super::super) fn declare(&self, session: &Session) -> Result<RosEnd, ZenohError> {
        let id = session.zid().to_string();
        let entity = Entity {
            node: &self.name,
            session: &id,
            number: self.number,
            kind: self.kind,
            topic: Some((&self.topic, &self.dds_type, &self.hash, self.qos)),
        };
        let token = entity.token();
        Ok(RosEnd {
            gid: gid_of(&token),
            _token: declare_token(session, token)?,
        })
    }
}

fn declare_token(session: &Session, token: String) -> Result<LivelinessToken, ZenohError> {
    let declared = session.liveliness().declare_token(token.clone()).wait();
    declared.map_err(|error| ZenohError::Key {
        key: token,
        reason: error.to_string(),
    })
}
