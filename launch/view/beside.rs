//! `--view`: the view of a server, in the server's own process.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::SessionOptions;

use super::{DEFAULT_ADDRESS, View, ViewOptions};
use crate::launch_file::{ControlRule, LaunchFile};
use crate::report::Failure;
use crate::rules::is_loopback;
use crate::transfers::TableFiles;

/// Flags of a view beside a server.
#[derive(Debug, Clone, Default, Args)]
pub struct ViewFlags {
    /// Serve a page that shows the robot, at 127.0.0.1:8080 or this address; port
    /// 0 takes a free one. It swaps policies with --allow-control, or where the launch
    /// file has `[control] enabled = true`
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_ADDRESS,
    )]
    pub view: Option<SocketAddr>,
}

/// A view beside a server, if one was asked for; it ends when this is dropped.
#[derive(Default)]
pub(crate) struct Beside(Option<View>);

impl ViewFlags {
    /// Starts the view of a server that listens as its launch file says, where one
    /// is asked for. It is a client like any other.
    ///
    /// # Errors
    /// As [`View::start`], and for a server that listens nowhere where a client of
    /// this computer gets in.
    pub(crate) fn start(
        &self,
        launch: &LaunchFile,
        tables: &TableFiles,
    ) -> Result<Beside, Failure> {
        let Some(address) = self.view else {
            return Ok(Beside(None));
        };
        let listen = &launch.zenoh().listen;
        let own = listen.iter().find_map(|endpoint| reachable(endpoint));
        let own = own.ok_or_else(|| {
            Failure::refused(anyhow!(
                "--view is a client of its own server, but that listens on no tcp/ endpoint: {}",
                listen.join(", ")
            ))
        })?;
        let bus = SessionOptions {
            shared_memory: launch.zenoh().shared_memory,
            ..SessionOptions::client(&own, Duration::from_secs(1))
        };
        Self::serve(
            address,
            bus,
            &launch.publish().prefix,
            tables,
            // Who else may swap at the own listener alone asks from this computer; but
            // a page is anybody's who finds its address.
            launch.control() == ControlRule::Anyone,
        )
    }

    /// Starts the view of whoever publishes below `prefix` on a bus, where one is
    /// asked for.
    ///
    /// # Errors
    /// As [`View::start`].
    pub(crate) fn start_on(&self, bus: SessionOptions, prefix: &str) -> Result<Beside, Failure> {
        match self.view {
            None => Ok(Beside(None)),
            Some(address) => Self::serve(address, bus, prefix, &TableFiles::default(), false),
        }
    }

    fn serve(
        address: SocketAddr,
        bus: SessionOptions,
        prefix: &str,
        tables: &TableFiles,
        allow_control: bool,
    ) -> Result<Beside, Failure> {
        let view = View::start(&ViewOptions {
            address,
            names: Vec::new(),
            bus,
            prefix: prefix.to_owned(),
            tables: tables.clone(),
            allow_control,
        })?;
        tracing::info!("the view is at {}", view.url());
        Ok(Beside(Some(view)))
    }
}

impl Beside {
    /// One line on where it is, for the live table.
    pub(crate) fn line(&self) -> Option<String> {
        let view = self.0.as_ref()?;
        Some(format!("view at {}", view.url()))
    }

    /// Ends it, without waiting for that.
    pub(crate) fn finish(self) {}
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(view) = self.0.take() {
            // The server ends meanwhile, and has little time for it.
            let stopping = thread::spawn("view-stop", move || view.stop());
            if let Err(error) = stopping {
                tracing::debug!("the view is not stopped: {error}");
            }
        }
    }
}

/// The endpoint at which a client of this computer meets a listener.
fn reachable(listen: &str) -> Option<String> {
    let address = listen.strip_prefix("tcp/")?;
    if is_loopback(listen) {
        return Some(listen.to_owned());
    }
    match address.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => {
            Some(format!("tcp/127.0.0.1:{}", address.port()))
        }
        _ => Some(listen.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_met_on_this_computers_own() {
        for (listen, want) in [
            ("tcp/127.0.0.1:7448", Some("tcp/127.0.0.1:7448")),
            ("tcp/0.0.0.0:7448", Some("tcp/127.0.0.1:7448")),
            ("tcp/[::]:7448", Some("tcp/127.0.0.1:7448")),
            ("tcp/192.168.0.2:7448", Some("tcp/192.168.0.2:7448")),
            ("tls/127.0.0.1:7448", None),
        ] {
            assert_eq!(reachable(listen).as_deref(), want, "{listen}");
        }
    }
}
