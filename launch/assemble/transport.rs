//! Where Concert meets others: the zenoh session, and the bus on it.

use concert_runtime::Bus;
use serde_json::Value;

use super::{AskedSolver, SharedSwapper};
use crate::launch_file::LaunchFile;
use crate::report::Failure;

/// What answers requests to change or choose the policy, as long as it is held.
pub(crate) type ControlServer = Vec<concert_runtime::io::zenoh::ControlService>;

/// The parameters of the node of ROS 2, where it is one, as long as they are held.
pub(crate) type Parameters = Option<concert_runtime::io::zenoh::ParameterServer>;

/// Why no problem is solved.
const NO_TABLE: &str =
    "this runtime has no table of transfers to solve with: start it with `serve --transfers TABLE`";

/// A bus, and what changes what it tells.
pub(crate) type OpenBus = (Box<dyn Bus>, PolicyAnnouncement);

/// Changes what a bus tells about the policy that runs.
pub(crate) struct PolicyAnnouncement(concert_runtime::io::zenoh::PolicyHandle);

impl PolicyAnnouncement {
    /// Tells this from now on.
    pub(crate) fn tell(&self, toml: &str, provenance: Value) {
        let toml = toml.to_owned();
        self.0
            .set(concert_runtime::io::zenoh::PolicyText { toml, provenance });
    }
}

/// What a bus tells about the policy that runs.
pub(crate) struct PublishInfo {
    /// Keys below the prefix.
    pub(crate) keys: Vec<String>,
    /// The policy's file.
    pub(crate) toml: String,
    /// Where its networks come from.
    pub(crate) provenance: Value,
}

/// Open sessions.
pub(crate) struct Transport {
    sessions: concert_runtime::io::zenoh::Sessions,
    /// Where the launch file has it be a node of ROS 2.
    node: Option<concert_runtime::io::zenoh::RosNode>,
}

/// Refuses what a launch file's sessions cannot be opened with: a configuration
/// file or certificates that cannot be used. Opens none.
pub(crate) fn check_transport(launch: &LaunchFile) -> Result<(), Failure> {
    use crate::report::Refuse;

    super::ros2::node_name(launch)?;
    concert_runtime::io::zenoh::check_session(&session_options(launch)).or_refuse()
}

/// How a launch file's sessions are opened.
fn session_options(launch: &LaunchFile) -> concert_runtime::io::zenoh::SessionOptions {
    use concert_runtime::io::zenoh::{SessionOptions, TlsOptions};

    let entry = launch.zenoh();
    let file = |path: &Option<String>| path.as_ref().map(|path| launch.resolve(path));
    SessionOptions {
        listen: entry.listen.clone(),
        connect: entry.connect.clone(),
        must_connect: None,
        shared_memory: entry.shared_memory,
        config: file(&entry.config),
        tls: TlsOptions {
            authority: file(&entry.tls.authority),
            certificate: file(&entry.tls.certificate),
            private_key: file(&entry.tls.private_key),
            client_certificate: file(&entry.tls.client_certificate),
            client_private_key: file(&entry.tls.client_private_key),
            require_client_certificate: entry.tls.require_client_certificate,
            verify_name: entry.tls.verify_name,
        },
    }
}

impl Transport {
    /// Opens the sessions of a launch file; refuses an endpoint that is taken.
    pub(crate) fn open(launch: &LaunchFile) -> Result<Self, Failure> {
        use concert_runtime::io::zenoh::{RosNode, Sessions};

        use crate::report::Refuse;

        let node = super::ros2::node_name(launch)?;
        let is_named = launch.zenoh().connect_is_named;
        let sessions = Sessions::open(&session_options(launch), is_named).or_refuse()?;
        let node = node.map(|(name, distro)| RosNode::open(&sessions, name, distro));
        let node = node.transpose().or_refuse()?;
        Ok(Self { sessions, node })
    }

    /// The node of ROS 2 that it is, where the launch file says so.
    pub(crate) fn node(&self) -> Option<&concert_runtime::io::zenoh::RosNode> {
        self.node.as_ref()
    }

    /// Takes the prefix, and publishes below it.
    pub(crate) fn bus(
        &self,
        launch: &LaunchFile,
        about: PublishInfo,
    ) -> Result<Option<OpenBus>, Failure> {
        use concert_runtime::io::zenoh::{BusOptions, PolicyText, Style, ZenohBus};

        use crate::launch_file::PublishStyle;
        use crate::report::Refuse;

        let publish = launch.publish();
        let mut options = BusOptions::new(&publish.prefix);
        if let (PublishStyle::Ros2, Some(node)) = (publish.style, &self.node) {
            options.style = Style::Ros2 {
                node: node.clone(),
                images_are_jpeg: publish.image.jpeg_quality.is_some(),
            };
        }
        options.keys = about.keys;
        options.policy = PolicyText {
            toml: about.toml,
            provenance: about.provenance,
        };
        if !launch.zenoh().shared_memory {
            options.shared_memory_bytes = 0;
        }
        let bus = ZenohBus::open(self.sessions.clone(), options).or_refuse()?;
        let standing = PolicyAnnouncement(bus.policy());
        Ok(Some((Box::new(bus), standing)))
    }

    /// Lets others swap the policy, and ask for one, where the launch file
    /// allows control; else they are told that it does not. Asking changes
    /// nothing, but takes time of the processor.
    pub(crate) fn control(
        &self,
        launch: &LaunchFile,
        swapper: SharedSwapper,
        solver: Option<AskedSolver>,
    ) -> Result<ControlServer, Failure> {
        use std::sync::PoisonError;

        use concert_runtime::io::zenoh::{ControlRequest, ControlService, Handler};

        let prefix = &launch.publish().prefix;
        let swap: Handler = Box::new(move |policy, _| {
            let mut swapper = swapper.lock().unwrap_or_else(PoisonError::into_inner);
            swapper.swap(policy)
        });
        let solve = solver.ok_or(NO_TABLE.to_owned()).map(|solver| {
            let handler: Handler = Box::new(move |problem, _| solver.answer(problem));
            handler
        });
        let admission = admission(launch);
        let open = |errand, handler| {
            ControlService::open(self.sessions.clone(), prefix, errand, admission, handler)
        };
        Ok(vec![
            open(ControlRequest::Swap, Ok(swap))?,
            open(ControlRequest::Solve, solve)?,
        ])
    }

    /// Lets other nodes of ROS 2 read the policy and the rates as parameters, and set them
    /// where the launch file allows control.
    pub(crate) fn parameters(
        &self,
        launch: &LaunchFile,
        swapper: &SharedSwapper,
    ) -> Result<Parameters, Failure> {
        use std::sync::PoisonError;

        use concert_runtime::io::zenoh::ParameterServer;

        use super::parameters::{read, set};
        use crate::launch_file::PublishStyle;

        let speaks = launch.publish().style == PublishStyle::Ros2;
        let policy = swapper.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = policy.announcement.as_ref().map(|told| told.0.clone());
        let (Some(node), Some(policy), true) = (&self.node, policy, speaks) else {
            return Ok(None);
        };
        let (read, set) = (read(policy), set(swapper.clone()));
        let server = ParameterServer::open(&self.sessions, node, admission(launch), read, set);
        Ok(Some(server?))
    }

    /// Lets others ask how learning goes, and, where control is allowed, pause
    /// it: `answer` is told what is asked, and whether it is allowed.
    pub(crate) fn learn(
        &self,
        launch: &LaunchFile,
        answer: impl Fn(&str, bool) -> Value + Send + 'static,
    ) -> Result<ControlServer, Failure> {
        use concert_runtime::io::zenoh::{ControlRequest, ControlService, Handler};

        let prefix = &launch.publish().prefix;
        let handler: Handler = Box::new(move |ask, denied| answer(ask, denied.is_none()));
        let (sessions, admission) = (self.sessions.clone(), admission(launch));
        let server = ControlService::open(
            sessions,
            prefix,
            ControlRequest::Learn,
            admission,
            Ok(handler),
        )?;
        Ok(vec![server])
    }

    /// Where outputs go, for people.
    pub(crate) fn describe(&self, launch: &LaunchFile) -> String {
        use crate::launch_file::PublishStyle;

        let (prefix, zenoh) = (&launch.publish().prefix, launch.zenoh());
        let listening = match zenoh.listen.as_slice() {
            [] if zenoh.config.is_some() => "listening as its configuration file says".to_owned(),
            [] => "listening nowhere".to_owned(),
            listen => format!("listening on {}", listen.join(", ")),
        };
        let node = match (launch.publish().style, &self.node) {
            (PublishStyle::Ros2, Some(node)) => format!(" as {}", node.describe()),
            _ => String::new(),
        };
        format!("published below {prefix}{node}, {listening}")
    }

    /// The sessions, for cameras that receive their images over them.
    pub(crate) fn sessions(&self) -> &concert_runtime::io::zenoh::Sessions {
        &self.sessions
    }
}

/// Who may have something changed, as the bus has it.
fn admission(launch: &LaunchFile) -> concert_runtime::io::zenoh::Admission {
    use concert_runtime::io::zenoh::Admission;

    use crate::launch_file::ControlRule;

    match launch.control() {
        ControlRule::Anyone => Admission::Anyone,
        ControlRule::OwnListener => Admission::OwnListener,
        ControlRule::Nobody => Admission::Nobody,
    }
}
