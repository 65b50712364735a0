//! What a stranger may do: who comes in at the endpoints of a launch file, and
//! what they may do there. Said by `check` and `doctor`.

use serde::Serialize;

use crate::launch_file::{ControlRule, LaunchFile, TlsEntry};
use crate::rules::is_loopback;

/// Who comes in, and what they may do, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Strangers {
    /// Who comes in, one entry for each endpoint.
    pub come_in: Vec<String>,
    /// What all of them may do.
    pub may: String,
    /// Who may change the policy.
    pub control: &'static str,
}

impl Strangers {
    /// Of a launch file.
    #[must_use]
    pub(crate) fn of(launch: &LaunchFile) -> Self {
        let entry = launch.zenoh();
        let listen = entry.listen.iter().map(|at| who_comes_in(at, &entry.tls));
        let connect = entry.connect.iter().map(|at| match entry.connect_is_named {
            true => format!("whoever reaches what answers at {at}"),
            false => format!("where a router answers at {at}, whoever reaches that router"),
        });
        let config = entry.config.iter();
        let config = config.map(|file| format!("whom else {file} lets in"));
        Self {
            come_in: listen.chain(connect).chain(config).collect(),
            may: may(launch),
            control: control(launch.control()),
        }
    }

    /// Lines for people.
    #[must_use]
    pub(crate) fn lines(&self) -> String {
        let Self {
            come_in,
            may,
            control,
        } = self;
        let come_in = match come_in.as_slice() {
            [] => "nobody".to_owned(),
            some => some.join("; "),
        };
        format!("who comes in: {come_in}\n  they may {may}\n  {control}\n")
    }
}

fn who_comes_in(endpoint: &str, tls: &TlsEntry) -> String {
    let who = match is_loopback(endpoint) {
        true => "programs of this computer",
        false => "whoever reaches this computer over the network",
    };
    let is_tls = endpoint.starts_with("tls/");
    match (is_tls, tls.require_client_certificate) {
        (true, true) => format!("{who}, with a certificate of the authority ({endpoint})"),
        (true, false) => format!("{who}, encrypted, without showing a certificate ({endpoint})"),
        (false, _) => format!("{who} ({endpoint})"),
    }
}

fn may(launch: &LaunchFile) -> String {
    let prefix = &launch.publish().prefix;
    let cameras = launch.cameras().iter();
    let keys = cameras.filter_map(|camera| camera.kind().source().heard_key());
    let keys: Vec<_> = keys.collect();
    let frames = match keys.as_slice() {
        [] => String::new(),
        keys => format!(", frames at {} in the name of the camera", keys.join(", ")),
    };
    let but = match &launch.zenoh().config {
        None => String::new(),
        Some(file) => format!(", as far as {file} allows it"),
    };
    format!(
        "listen to everything below {prefix}, ask for the policy, and publish: outputs below \
         {prefix} in the name of this robot{frames}{but}"
    )
}

fn control(rule: ControlRule) -> &'static str {
    match rule {
        ControlRule::Anyone => "every one of them may change the policy ([control] is enabled)",
        ControlRule::OwnListener => {
            "only who comes in where this runtime listens may change the policy, and only while \
             no router came in there; nobody may through what it connects to"
        }
        ControlRule::Nobody => {
            "nobody may change the policy; `[control] enabled = true` lets every one of them"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn of(rest: &str) -> Strangers {
        let text = format!(
            "policy = \"first_light\"\n[[camera]]\nname = \"front\"\nkind = \"zenoh\"\n\
             key = \"cam/image\"\n{rest}"
        );
        Strangers::of(&LaunchFile::parse(&text, Path::new("a.toml")).expect("a launch file"))
    }

    #[test]
    fn a_default_runtime_is_closed_but_for_what_a_router_brings() {
        let strangers = of("");
        assert_eq!(strangers.come_in.len(), 2);
        assert!(strangers.come_in[0].starts_with("programs of this computer"));
        assert!(strangers.come_in[1].contains("whoever reaches that router"));
        assert!(strangers.may.contains("frames at cam/image"));
        assert!(strangers.control.contains("no router came in"));
    }

    #[test]
    fn an_open_endpoint_is_said_to_be_open_and_takes_no_policy() {
        let strangers = of("[zenoh]\nlisten = [\"tcp/0.0.0.0:7448\"]\nconnect = []\n");
        assert!(strangers.come_in[0].starts_with("whoever reaches this computer"));
        assert!(strangers.control.starts_with("nobody may change"));
        let enabled = of("[zenoh]\nlisten = [\"tcp/0.0.0.0:7448\"]\n[control]\nenabled = true\n");
        assert!(enabled.control.starts_with("every one of them"));
    }

    #[test]
    fn certificates_are_said_to_be_asked_for_or_not() {
        let tls = "[zenoh]\nlisten = [\"tls/0.0.0.0:7448\"]\n[zenoh.tls]\nauthority = \"a\"\n\
                   certificate = \"b\"\nprivate_key = \"c\"\n";
        assert!(of(tls).come_in[0].contains("without showing a certificate"));
        let asked = of(&format!("{tls}require_client_certificate = true\n"));
        assert!(asked.come_in[0].contains("with a certificate of the authority"));
    }
}
