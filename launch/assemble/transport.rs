//! The transport to others: the zenoh sessions, and the bus on them.

use concert_runtime::Bus;
use serde_json::Value;

use super::{AskedSolver, SharedSwapper};
use crate::launch_file::LaunchFile;
use crate::report::Failure;

/// Words of a build without zenoh where it is needed.
#[cfg(not(feature = "zenoh"))]
pub(crate) const NO_ZENOH: &str = "this program was built without zenoh, which carries the outputs: build it with `--features zenoh`";

/// The services that answer requests to change or choose the policy, as long as
/// they are held.
#[cfg(feature = "zenoh")]
pub(crate) type ControlServer = Vec<concert_runtime::io::zenoh::ControlService>;
/// Nothing answers.
#[cfg(not(feature = "zenoh"))]
pub(crate) struct ControlServer;

/// The reason for which no problem is solved.
#[cfg(feature = "zenoh")]
const NO_TABLE: &str =
    "this runtime has no table of transfers to solve with: start it with `serve --transfers TABLE`";

/// A bus, and what announces policies through it.
pub(crate) type OpenBus = (Box<dyn Bus>, PolicyAnnouncement);

/// Announces the policy that runs, through a bus.
pub(crate) struct PolicyAnnouncement(
    #[cfg(feature = "zenoh")] concert_runtime::io::zenoh::PolicyHandle,
);

impl PolicyAnnouncement {
    /// Tells this from now on.
    #[cfg(feature = "zenoh")]
    pub(crate) fn tell(&self, toml: &str, provenance: Value) {
        let toml = toml.to_owned();
        self.0
            .set(concert_runtime::io::zenoh::PolicyText { toml, provenance });
    }

    /// There is nobody to tell.
    #[cfg(not(feature = "zenoh"))]
    pub(crate) fn tell(&self, _toml: &str, _provenance: Value) {}
}

/// The policy that runs, as a bus tells of it.
#[cfg_attr(
    not(feature = "zenoh"),
    expect(dead_code, reason = "only a bus tells it to others")
)]
pub(crate) struct PublishInfo {
    /// Keys below the prefix.
    pub(crate) keys: Vec<String>,
    /// The policy's file.
    pub(crate) toml: String,
    /// Origins of its networks.
    pub(crate) provenance: Value,
}

/// Open sessions, or none in a build without zenoh.
pub(crate) struct Transport {
    #[cfg(feature = "zenoh")]
    sessions: concert_runtime::io::zenoh::Sessions,
}

/// Refuses what a launch file's sessions cannot be opened with: a configuration
/// file or certificates that cannot be used. Opens none.
#[cfg(feature = "zenoh")]
pub(crate) fn check_transport(launch: &LaunchFile) -> Result<(), Failure> {
    use crate::report::Refuse;

    concert_runtime::io::zenoh::check_session(&session_options(launch)).or_refuse()
}

/// There is nothing to open.
#[cfg(not(feature = "zenoh"))]
pub(crate) fn check_transport(_launch: &LaunchFile) -> Result<(), Failure> {
    Ok(())
}

/// Options of a launch file's sessions.
#[cfg(feature = "zenoh")]
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

#[cfg(feature = "zenoh")]
impl Transport {
    /// Opens the sessions of a launch file; refuses an endpoint that is taken.
    pub(crate) fn open(launch: &LaunchFile, _needed: bool) -> Result<Self, Failure> {
        use concert_runtime::io::zenoh::Sessions;

        use crate::report::Refuse;

        let is_named = launch.zenoh().connect_is_named;
        let sessions = Sessions::open(&session_options(launch), is_named).or_refuse()?;
        Ok(Self { sessions })
    }

    /// Takes the prefix, and publishes below it.
    pub(crate) fn bus(
        &self,
        launch: &LaunchFile,
        info: PublishInfo,
    ) -> Result<Option<OpenBus>, Failure> {
        use concert_runtime::io::zenoh::{BusOptions, PolicyText, ZenohBus};

        use crate::report::Refuse;

        let mut options = BusOptions::new(&launch.publish().prefix);
        options.keys = info.keys;
        options.policy = PolicyText {
            toml: info.toml,
            provenance: info.provenance,
        };
        if !launch.zenoh().shared_memory {
            options.shared_memory_bytes = 0;
        }
        let bus = ZenohBus::open(self.sessions.clone(), options).or_refuse()?;
        let announcement = PolicyAnnouncement(bus.policy());
        Ok(Some((Box::new(bus), announcement)))
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
        let open = |kind, handler| {
            ControlService::open(self.sessions.clone(), prefix, kind, admission, handler)
        };
        Ok(vec![
            open(ControlRequest::Swap, Ok(swap))?,
            open(ControlRequest::Solve, solve)?,
        ])
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

    /// Names the place where outputs go, for people.
    pub(crate) fn describe(&self, launch: &LaunchFile) -> String {
        let (prefix, zenoh) = (&launch.publish().prefix, launch.zenoh());
        let listening = match zenoh.listen.as_slice() {
            [] if zenoh.config.is_some() => "listening as its configuration file says".to_owned(),
            [] => "listening nowhere".to_owned(),
            listen => format!("listening on {}", listen.join(", ")),
        };
        format!("published below {prefix}, {listening}")
    }

    /// The sessions, for cameras that receive their images over them.
    pub(crate) fn sessions(&self) -> &concert_runtime::io::zenoh::Sessions {
        &self.sessions
    }
}

/// Admission of requests, as the bus has it.
#[cfg(feature = "zenoh")]
fn admission(launch: &LaunchFile) -> concert_runtime::io::zenoh::Admission {
    use concert_runtime::io::zenoh::Admission;

    use crate::launch_file::ControlRule;

    match launch.control() {
        ControlRule::Anyone => Admission::Anyone,
        ControlRule::OwnListener => Admission::OwnListener,
        ControlRule::Nobody => Admission::Nobody,
    }
}

#[cfg(not(feature = "zenoh"))]
impl Transport {
    /// Refuses where a session is `needed`.
    pub(crate) fn open(_launch: &LaunchFile, needed: bool) -> Result<Self, Failure> {
        if needed {
            return Err(Failure::refused(anyhow::anyhow!(NO_ZENOH)));
        }
        tracing::warn!("outputs go nowhere but here: {NO_ZENOH}");
        Ok(Self {})
    }

    /// No bus.
    pub(crate) fn bus(
        &self,
        _launch: &LaunchFile,
        _about: PublishInfo,
    ) -> Result<Option<OpenBus>, Failure> {
        Ok(None)
    }

    /// Nobody can ask for anything.
    pub(crate) fn control(
        &self,
        _launch: &LaunchFile,
        _swapper: SharedSwapper,
        _solver: Option<AskedSolver>,
    ) -> Result<ControlServer, Failure> {
        Ok(ControlServer)
    }

    /// Nobody can ask for anything.
    pub(crate) fn learn(
        &self,
        _launch: &LaunchFile,
        _answer: impl Fn(&str, bool) -> Value + Send + 'static,
    ) -> Result<ControlServer, Failure> {
        Ok(ControlServer)
    }

    /// Names the place where outputs go, for people.
    pub(crate) fn describe(&self, _launch: &LaunchFile) -> String {
        "published nowhere: built without zenoh".to_owned()
    }
}
