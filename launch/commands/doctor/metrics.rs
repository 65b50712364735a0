//! The port of the metrics.

use std::net::TcpListener;

use super::Row;
use crate::launch_file::DEFAULT_METRICS;

const WHAT: &str = "metrics";

/// Whether metrics can be served where nothing else is said.
pub(super) fn row() -> Row {
    match TcpListener::bind(DEFAULT_METRICS) {
        Ok(_) => Row::ok(
            WHAT,
            format!("{DEFAULT_METRICS} is free, for `serve --metrics`"),
        ),
        Err(error) => Row::warn(
            WHAT,
            format!("{DEFAULT_METRICS}: {error}"),
            "where a launch file has [metrics], give another `listen`",
        ),
    }
}
