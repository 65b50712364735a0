//! Who is there: nodes, publishers, subscribers, services, each with a liveliness
//! token by which ROS 2 knows them.

use twox_hash::XxHash3_128;

use super::distro::Distro;
use super::qos::Qos;

/// Name of a node and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosNodeName {
    /// Of the graph that it belongs to.
    pub domain_id: u32,
    /// `/robot/perception`.
    pub namespace: String,
    /// `concert`.
    pub name: String,
}

impl RosNodeName {
    /// Namespace and name: `/robot/perception/concert`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace.trim_end_matches('/'), self.name)
    }

    /// Says on one line who it is, for people.
    #[must_use]
    pub fn describe(&self, distro: Distro) -> String {
        let (name, distro) = (self.full_name(), distro.name());
        format!("node {name} of {distro} in domain {}", self.domain_id)
    }
}

/// Kind of what a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityKind {
    /// A node itself.
    Node,
    /// A publisher of a topic.
    Publisher,
    /// A subscriber of a topic.
    Subscriber,
    /// A service that answers.
    Service,
}

impl EntityKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Node => "NN",
            Self::Publisher => "MP",
            Self::Subscriber => "MS",
            Self::Service => "SS",
        }
    }
}

/// A node, or one of its publishers, subscribers and services, in one session.
#[derive(Debug, Clone, Copy)]
pub struct Entity<'a> {
    /// The node.
    pub node: &'a RosNodeName,
    /// Id of the zenoh session.
    pub session: &'a str,
    /// Number of the entity within the session; 0 is the node.
    pub number: u32,
    /// What it is.
    pub kind: EntityKind,
    /// Topic or service (`/tf`), type and hash as in its key, and quality of service;
    /// `None` for a node.
    pub topic: Option<(&'a str, &'a str, &'a str, Qos)>,
}

impl Entity<'_> {
    /// The liveliness token.
    #[must_use]
    pub fn token(&self) -> String {
        let RosNodeName {
            domain_id,
            namespace,
            name,
        } = self.node;
        let (session, number, kind) = (self.session, self.number, self.kind.as_str());
        let namespace = mangled(namespace);
        // Of a node 0, and no enclave.
        let node = format!(
            "@ros2_lv/{domain_id}/{session}/0/{number}/{kind}/%/{namespace}/{}",
            mangled(name)
        );
        match self.topic {
            None => node,
            Some((topic, dds_type, hash, qos)) => {
                let (topic, qos) = (mangled(topic), qos.to_token_part());
                format!("{node}/{topic}/{dds_type}/{hash}/{qos}")
            }
        }
    }
}

/// The id by which ROS 2 tells publishers apart: the hash of the token.
#[must_use]
pub fn gid_of(token: &str) -> [u8; 16] {
    XxHash3_128::oneshot(token.as_bytes()).to_le_bytes()
}

/// A name as one part of a key.
fn mangled(name: &str) -> String {
    match name {
        "" => "%".to_owned(),
        name => name.replace('/', "%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> RosNodeName {
        RosNodeName {
            domain_id: 3,
            namespace: "/robot/perception".to_owned(),
            name: "concert".to_owned(),
        }
    }

    #[test]
    fn a_node_and_its_publisher_have_the_tokens_that_ros_reads() {
        let entity = Entity {
            node: &node(),
            session: "a1b2",
            number: 0,
            kind: EntityKind::Node,
            topic: None,
        };
        assert_eq!(
            entity.token(),
            "@ros2_lv/3/a1b2/0/0/NN/%/%robot%perception/concert"
        );
        let publisher = Entity {
            number: 4,
            kind: EntityKind::Publisher,
            topic: Some((
                "/tf",
                "tf2_msgs::msg::dds_::TFMessage_",
                "H",
                Qos::TRANSFORMS,
            )),
            ..entity
        };
        assert_eq!(
            publisher.token(),
            "@ros2_lv/3/a1b2/0/4/MP/%/%robot%perception/concert/%tf/\
             tf2_msgs::msg::dds_::TFMessage_/H/::,100:,:,:,,"
        );
        assert_eq!(node().full_name(), "/robot/perception/concert");
    }

    /// XXH3-128 of nothing is 99aa06d3014798d86001c324468d497f, its last byte first.
    #[test]
    fn the_id_is_the_hash_of_the_token_with_its_lowest_byte_first() {
        let id = gid_of("");
        assert_eq!(id[..4], [0x7f, 0x49, 0x8d, 0x46]);
        assert_eq!(id[12..], [0xd3, 0x06, 0xaa, 0x99]);
    }
}
