//! Where Concert meets others: the zenoh session, and the bus on it.

use concert_runtime::Bus;
use serde_json::Value;

use crate::launch_file::{LaunchFile, ZenohEntry};
use crate::report::Failure;

/// What a build without zenoh says where it is needed.
#[cfg(not(feature = "zenoh"))]
pub(crate) const NO_ZENOH: &str = "this program was built without zenoh, which carries the outputs: build it with `--features zenoh`";

/// What a bus tells about the policy that runs.
#[cfg_attr(
    not(feature = "zenoh"),
    expect(dead_code, reason = "only a bus tells it to others")
)]
pub(crate) struct About {
    /// Keys below the prefix.
    pub(crate) keys: Vec<String>,
    /// The policy's file.
    pub(crate) toml: String,
    /// Where its networks come from.
    pub(crate) provenance: Value,
}

/// An open session, or none in a build without zenoh.
pub(crate) struct Meeting {
    #[cfg(feature = "zenoh")]
    session: concert_runtime::io::zenoh::Session,
}

#[cfg(feature = "zenoh")]
impl Meeting {
    /// Opens the session of a launch file; refuses an endpoint that is taken.
    pub(crate) fn open(entry: &ZenohEntry, _needed: bool) -> Result<Self, Failure> {
        use concert_runtime::io::zenoh::{SessionOptions, open_session};

        use crate::report::Refuse;

        let options = SessionOptions {
            listen: entry.listen.clone(),
            connect: entry.connect.clone(),
            must_connect: None,
            shared_memory: entry.shared_memory,
            config: None,
        };
        let session = open_session(&options).or_refuse()?;
        Ok(Self { session })
    }

    /// Takes the prefix, and publishes below it.
    pub(crate) fn bus(
        &self,
        launch: &LaunchFile,
        about: About,
    ) -> Result<Option<Box<dyn Bus>>, Failure> {
        use concert_runtime::io::zenoh::{BusOptions, PolicyText, ZenohBus};

        use crate::report::Refuse;

        let mut options = BusOptions::new(&launch.publish().prefix);
        options.keys = about.keys;
        options.policy = PolicyText {
            toml: about.toml,
            provenance: about.provenance,
        };
        if !launch.zenoh().shared_memory {
            options.shared_memory_bytes = 0;
        }
        let bus = ZenohBus::open(self.session.clone(), options).or_refuse()?;
        Ok(Some(Box::new(bus)))
    }

    /// Where outputs go, for people.
    pub(crate) fn describe(&self, launch: &LaunchFile) -> String {
        let (prefix, zenoh) = (&launch.publish().prefix, launch.zenoh());
        let listening = match zenoh.listen.as_slice() {
            [] => "listening nowhere".to_owned(),
            listen => format!("listening on {}", listen.join(", ")),
        };
        format!("published below {prefix}, {listening}")
    }

    /// The session, for cameras that receive their images over it.
    pub(crate) fn session(&self) -> &concert_runtime::io::zenoh::Session {
        &self.session
    }
}

#[cfg(not(feature = "zenoh"))]
impl Meeting {
    /// Refuses where a session is `needed`.
    pub(crate) fn open(_entry: &ZenohEntry, needed: bool) -> Result<Self, Failure> {
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
        _about: About,
    ) -> Result<Option<Box<dyn Bus>>, Failure> {
        Ok(None)
    }

    /// Where outputs go, for people.
    pub(crate) fn describe(&self, _launch: &LaunchFile) -> String {
        "published nowhere: built without zenoh".to_owned()
    }
}
