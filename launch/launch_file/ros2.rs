//! How a runtime is a node of ROS 2.

use concert_policies::document::at;
use concert_runtime::wire::ros2::{Distro, MAX_DOMAIN_ID, ros_name_fault};
use toml::Spanned;

use super::fault::LaunchFault;
use super::raw::{RawPublish, Text};
use super::value::{Placed, number, ruled, unknown};
use super::{CameraEntry, Publish, PublishStyle};

/// Name of the node, if nothing else is said.
const DEFAULT_NODE: &str = "concert";

/// How a runtime is a node of ROS 2; its namespace is the prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ros2Entry {
    /// The distribution that the others run.
    pub distro: Distro,
    /// Its domain; `None` for that of the environment (`ROS_DOMAIN_ID`).
    pub domain_id: Option<u32>,
    /// Name of the node.
    pub node: String,
}

impl Ros2Entry {
    /// Checks what `[publish]` says of ROS 2; `None` where it says nothing.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(super) fn parse(raw: &RawPublish) -> Placed<Option<Self>> {
        let names = Distro::ALL.map(Distro::name);
        let Some(written) = &raw.distro else {
            return match (spare(raw), &raw.style) {
                (Some((key, span)), _) => at(span, LaunchFault::NoDistro { subject: key }),
                (None, Some(style)) if style.get_ref() == "ros2" => {
                    let subject = "style `ros2`";
                    at(style.span(), LaunchFault::NoDistro { subject })
                }
                (None, _) => Ok(None),
            };
        };
        let Some(distro) = Distro::find(written.get_ref()) else {
            return unknown("distro".to_owned(), written, &names);
        };
        let limit = i64::from(MAX_DOMAIN_ID);
        let domain_id = raw.domain_id.as_ref();
        let domain_id = domain_id.map(|id| number("domain_id", id, 0, limit));
        Ok(Some(Self {
            distro,
            // At most 232.
            domain_id: domain_id.transpose()?.map(|id| id as u32),
            node: match &raw.node {
                None => DEFAULT_NODE.to_owned(),
                Some(text) => ruled("node", text, node_fault(text))?,
            },
        }))
    }
}

/// A key that means something with a distribution alone.
fn spare(raw: &RawPublish) -> Option<(&'static str, std::ops::Range<usize>)> {
    let domain = raw.domain_id.as_ref();
    let domain = domain.map(|written| ("domain_id", written.span()));
    domain.or_else(|| Some(("node", raw.node.as_ref()?.span())))
}

fn node_fault(text: &Text) -> Option<&'static str> {
    match text.get_ref().contains('/') {
        true => Some("may not contain `/`: its namespace is the prefix"),
        false => ros_name_fault(text.get_ref()),
    }
}

/// Checks the rules between `[publish]` and the cameras; `distro` where it is written.
pub(super) fn check_publish(
    publish: &Publish,
    cameras: &[CameraEntry],
    (prefix, distro): (Option<&Text>, Option<&Text>),
) -> Placed<()> {
    let hears = cameras.iter().find(|camera| camera.kind.name() == "ros2");
    let speaks = publish.style == PublishStyle::Ros2;
    match (&publish.ros2, hears, distro) {
        (None, Some(_), _) => {
            let subject = "a camera of kind ros2";
            return Err((None, LaunchFault::NoDistro { subject }));
        }
        (Some(_), None, Some(written)) if !speaks => {
            return at(written.span(), LaunchFault::IdleDistro);
        }
        (None, None, _) => return Ok(()),
        _ => {}
    }
    let default = Spanned::new(0..0, publish.prefix.clone());
    let prefix = prefix.unwrap_or(&default);
    ruled("prefix", prefix, ros_name_fault(prefix.get_ref()))?;
    if speaks && cameras.len() > 1 {
        for camera in cameras {
            let name = Spanned::new(0..0, camera.name.clone());
            let broken = ros_name_fault(&camera.name);
            ruled("name of a camera", &name, broken).map_err(|(_, fault)| (None, fault))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::launch_file::{LaunchError, LaunchFile};

    const FRONT: &str = "[[camera]]\nname = \"front\"\nkind = \"zenoh\"\nkey = \"a\"\n";
    const TOPIC: &str =
        "[[camera]]\nname = \"1st\"\nkind = \"ros2\"\ntopic = \"/camera/image_raw\"\n";

    fn parse(cameras: &[&str], publish: &str) -> Result<LaunchFile, LaunchError> {
        let cameras = cameras.concat();
        let text = format!("policy = \"first_light\"\n{cameras}[publish]\n{publish}\n");
        LaunchFile::parse(&text, Path::new("a.toml"))
    }

    #[track_caller]
    fn refusal(cameras: &[&str], publish: &str) -> String {
        let error = parse(cameras, publish).expect_err("a refusal");
        error.to_string()
    }

    #[test]
    fn a_node_of_ros_has_a_distribution_and_meets_others_at_the_router() {
        for (publish, domain_id, node) in [
            ("style = \"ros2\"\ndistro = \"jazzy\"", None, "concert"),
            (
                "style = \"ros2\"\ndistro = \"humble\"\ndomain_id = 42\nnode = \"eyes\"",
                Some(42),
                "eyes",
            ),
        ] {
            let launch = parse(&[FRONT], publish).expect("a launch file");
            let ros2 = launch.publish().ros2.clone().expect("is a node");
            assert_eq!((ros2.domain_id, ros2.node.as_str()), (domain_id, node));
            assert_eq!(launch.publish().style, PublishStyle::Ros2);
            assert_eq!(launch.zenoh().connect, ["tcp/127.0.0.1:7447"]);
            assert!(launch.zenoh().connect_is_named, "a router is missed");
        }
        let hears = parse(&[TOPIC], "distro = \"kilted\"").expect("a launch file");
        assert_eq!(hears.publish().style, PublishStyle::Native);
        assert_eq!(
            hears.publish().ros2.as_ref().map(|it| it.distro),
            Some(Distro::Kilted)
        );
    }

    #[test]
    fn what_is_no_node_of_ros_is_refused() {
        const ROS2: &str = "style = \"ros2\"\ndistro = \"jazzy\"\n";
        let topic = TOPIC.replace("/camera", "camera");
        let bad = TOPIC.replace("/camera", "/camera-1");
        for (cameras, publish, said) in [
            (
                &[FRONT][..],
                "style = \"ros2\"".to_owned(),
                "a.toml:7:9: style `ros2` needs `distro`",
            ),
            (
                &[TOPIC],
                String::new(),
                "a.toml: a camera of kind ros2 needs `distro` in [publish]",
            ),
            (
                &[FRONT],
                "domain_id = 1".to_owned(),
                "a.toml:7:13: domain_id needs `distro`",
            ),
            (
                &[FRONT],
                "node = \"a\"".to_owned(),
                "a.toml:7:8: node needs `distro`",
            ),
            (
                &[FRONT],
                "distro = \"jazzy\"".to_owned(),
                "a.toml:7:10: distro stands in [publish], but",
            ),
            (
                &[FRONT],
                "style = \"ros\"".to_owned(),
                "style is `ros`, but must be one of native, ros2",
            ),
            (
                &[FRONT],
                "distro = \"iron\"".to_owned(),
                "must be one of humble, jazzy, kilted, lyrical",
            ),
            (
                &[FRONT],
                format!("{ROS2}domain_id = 233"),
                "domain_id is 233, but must be from 0 to 232",
            ),
            (
                &[FRONT],
                format!("{ROS2}node = \"a/b\""),
                "node is `a/b`, but may not contain `/`",
            ),
            (
                &[FRONT],
                format!("{ROS2}node = \"a-b\""),
                "node is `a-b`, but may have letters",
            ),
            (
                &[FRONT],
                format!("{ROS2}prefix = \"robot-1/eyes\""),
                "prefix is `robot-1/eyes`, but",
            ),
            (
                &[FRONT, TOPIC],
                ROS2.to_owned(),
                "name of a camera is `1st`, but may not have a part",
            ),
            (
                &[&topic],
                ROS2.to_owned(),
                "topic of camera `1st` is `camera/image_raw`, but must begin",
            ),
            (
                &[&bad],
                ROS2.to_owned(),
                "is `/camera-1/image_raw`, but may have letters",
            ),
        ] {
            let refusal = refusal(cameras, &publish);
            assert!(refusal.contains(said), "{publish}: {refusal}");
        }
    }
}
