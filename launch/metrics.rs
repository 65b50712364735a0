//! Metrics, readiness and liveness of a server over HTTP: `/metrics` (OpenMetrics),
//! `/ready`, `/live`. Off unless a launch file or `--metrics` names an address.
//!
//! What is told is what the last status said, so that a scrape costs whoever computes
//! nothing, however many come.

mod exposition;
mod families;
mod frames;
mod routes;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use tokio::sync::oneshot;

use self::routes::routes;
use crate::http::guard::Guard;
use crate::http::server::{self, Limits, Server};
use crate::launch_file::LaunchFile;
use crate::overrides::Overrides;
use crate::report::Failure;
use crate::supervision::Vitals;

/// Address of the metrics where `--metrics` names none: that of a launch file, too.
const DEFAULT_ADDRESS: &str = "127.0.0.1:9464";

/// What one who asks may take. An answer is made once for all who ask.
const LIMITS: Limits = Limits {
    connections: 128,
    head: Duration::from_secs(2),
    idle: Duration::from_secs(10),
    life: Some(Duration::from_secs(600)),
};

/// Flags of the metrics of a server.
#[derive(Debug, Clone, Default, Args)]
pub struct MetricsFlags {
    /// Serve /metrics for Prometheus, /ready and /live at 127.0.0.1:9464 or this address;
    /// port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_ADDRESS,
    )]
    pub metrics: Option<SocketAddr>,
}

impl MetricsFlags {
    /// What stands in place of a launch file's entry.
    pub(crate) fn overrides(&self, overrides: Overrides) -> Overrides {
        Overrides {
            metrics: self.metrics,
            ..overrides
        }
    }
}

/// Metrics that are served, until this is dropped.
pub(crate) struct Metrics {
    address: SocketAddr,
    /// Ends the server where it is dropped.
    _end: oneshot::Sender<()>,
}

impl Metrics {
    /// Serves the metrics of a server, where its launch file names an address.
    ///
    /// # Errors
    /// Refuses an address that cannot be taken; fails where the system refuses a thread.
    pub(crate) fn start(
        launch: &LaunchFile,
        vitals: &Arc<Vitals>,
    ) -> Result<Option<Self>, Failure> {
        let Some(entry) = launch.metrics() else {
            return Ok(None);
        };
        let listener = TcpListener::bind(entry.listen).map_err(|error| {
            let address = entry.listen;
            let free = "port 0 takes one that is free";
            Failure::refused(anyhow!(
                "the metrics cannot listen on {address}: {error}; {free}"
            ))
        })?;
        let address = listener.local_addr()?;
        let names = (&entry.names[..], "`names` in [metrics]");
        let guard = Guard::new(address.ip(), names, "default-src 'none'");
        let server = Server {
            thread: "metrics-http",
            listener,
            routes: routes(vitals, guard),
            limits: LIMITS,
        };
        let (end, over) = oneshot::channel();
        server::start(server, async move {
            // The sender sends nothing, and is dropped at the end.
            let _ = over.await;
        })?;
        let metrics = Self { address, _end: end };
        tracing::info!("{}", metrics.line());
        Ok(Some(metrics))
    }

    /// Where they are, for people.
    pub(crate) fn line(&self) -> String {
        format!("metrics at http://{}/metrics", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch_file::DEFAULT_METRICS;

    #[test]
    fn flag_and_launch_file_have_one_default() {
        assert_eq!(DEFAULT_ADDRESS.parse(), Ok(DEFAULT_METRICS));
    }
}
