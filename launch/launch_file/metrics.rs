//! The table `[metrics]` of a launch file, checked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Serialize;

use super::raw::RawMetrics;
use super::value::{Placed, ruled, texts_of};
use crate::rules;

/// Address at which metrics are served where the table names none.
pub(crate) const DEFAULT_METRICS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// Where metrics are served, and by which names one may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MetricsEntry {
    /// Address and port.
    pub(crate) listen: SocketAddr,
    /// Names by which this computer may be asked, beside its addresses and `localhost`.
    pub(crate) names: Vec<String>,
}

impl MetricsEntry {
    /// Metrics at an address, asked for by that alone.
    #[must_use]
    pub(crate) fn at(listen: SocketAddr) -> Self {
        let names = Vec::new();
        Self { listen, names }
    }

    pub(super) fn parse(raw: &RawMetrics) -> Placed<Self> {
        const FORM: &str = "must be ADDRESS:PORT, as in 127.0.0.1:9464 or 0.0.0.0:9464";
        let mut listen = DEFAULT_METRICS;
        if let Some(text) = &raw.listen {
            match text.get_ref().parse() {
                Ok(address) => listen = address,
                Err(_) => drop(ruled("listen of metrics", text, Some(FORM))?),
            }
        }
        for text in raw.names.iter().flat_map(|names| names.get_ref()) {
            let fault = rules::host_name_fault(text.get_ref());
            ruled("name of metrics", text, fault)?;
        }
        Ok(Self {
            listen,
            names: texts_of("names of metrics", raw.names.as_ref(), 0)?,
        })
    }
}
