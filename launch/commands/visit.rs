//! A session with a server for as long as a command needs it.

use std::time::Duration;

use anyhow::anyhow;
use concert_runtime::io::zenoh::{
    ControlRequest, Session, SessionOptions, TlsOptions, close_session, open_session, request,
};
use serde_json::Value;

use crate::cli::Access;
use crate::report::Failure;

/// How long a server may take to answer at the start.
pub(super) const ANSWER: Duration = Duration::from_secs(5);
/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Does something with a session, and closes it whatever came of that.
///
/// # Errors
/// Where nobody is there to connect to, and what `body` fails at.
pub(super) fn visit<T>(
    options: &SessionOptions,
    body: impl FnOnce(&Session) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let session = open_session(options)?;
    let done = body(&session);
    close_session(session, FAREWELL);
    done
}

/// What a session needs that only asks something of the server at `connect`.
pub(super) fn to_ask(connect: &[String], access: &Access) -> SessionOptions {
    SessionOptions {
        connect: connect.to_vec(),
        must_connect: Some(ANSWER),
        shared_memory: false,
        ..with_access(access)
    }
}

/// What a session needs that listens and connects nowhere yet.
pub(super) fn with_access(access: &Access) -> SessionOptions {
    let (certificate, private_key) = (&access.certificate, &access.private_key);
    SessionOptions {
        listen: Vec::new(),
        connect: Vec::new(),
        must_connect: None,
        shared_memory: true,
        config: access.zenoh_config.clone(),
        tls: TlsOptions {
            authority: access.authority.clone(),
            // Shown both where we listen and where we connect.
            certificate: certificate.clone(),
            private_key: private_key.clone(),
            client_certificate: certificate.clone(),
            client_private_key: private_key.clone(),
            ..TlsOptions::default()
        },
    }
}

/// Asks one thing of the server at `connect` that publishes below `prefix`.
///
/// # Errors
/// As [`visit`], and where it does not answer.
pub(super) fn ask(
    (connect, access): (&[String], &Access),
    prefix: &str,
    kind: ControlRequest,
    payload: &str,
) -> Result<Value, Failure> {
    visit(&to_ask(connect, access), |session| {
        Ok(request(session, prefix, kind, payload)?)
    })
}

/// Refuses a server whose outputs are topics of ROS 2, by what it says of its policy: who
/// reads the native style would wait for ever.
///
/// # Errors
/// That server, and what reads it.
pub(super) fn check_style(policy: &Value, prefix: &str) -> Result<(), Failure> {
    if policy["style"] != "ros2" {
        return Ok(());
    }
    let node = policy["node"].as_str().unwrap_or("a node of ROS 2");
    Err(Failure::failed(anyhow!(
        "{prefix} is {node}, whose outputs are topics of ROS 2, but this command reads the \
         native style: use `ros2 topic`, `ros2 bag record` or rviz2 (docs/ros2.md), or \
         `style = \"native\"` in [publish]"
    )))
}

/// Why a server did not do what it was asked, for people.
pub(super) fn reason(answer: &Value) -> String {
    let status = answer["status"].as_str().unwrap_or_default();
    let error = answer["error"].as_str().unwrap_or("no reason given");
    format!("{status}: {error}")
}
