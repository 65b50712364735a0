//! Logs, to standard error.

use std::fmt;
use std::io::{self, IsTerminal};

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::printable::PrintableLines;

/// Environment variable with a filter such as `concert_runtime=debug,warn`;
/// stands above `-v` and `-q`.
pub const LOG_VARIABLE: &str = "CONCERT_LOG";

/// Begins to log to standard error: warnings and, of Concert itself,
/// information; each `verbose` shows more, `quiet` errors only.
pub fn begin(verbose: u8, quiet: bool) {
    let default = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn,concert=info,concert_runtime=info,concert_models=info,zenoh=error",
        (false, 1) => "info,concert=debug,concert_runtime=debug,concert_models=debug,zenoh=warn",
        (false, 2) => "debug,zenoh=info",
        _ => "trace",
    };
    let filter = std::env::var(LOG_VARIABLE)
        .ok()
        .filter(|filter| !filter.is_empty());
    let (filter, bad) = match filter.as_deref().map(EnvFilter::try_new) {
        None => (EnvFilter::new(default), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(default), Some(error)),
    };
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| PrintableLines(io::stderr()))
        .with_ansi(colour)
        .with_timer(Stamp {
            is_shown: !io::stderr().is_terminal() || verbose > 0,
        })
        .with_target(verbose > 0)
        // It would print to standard error, and panic where that is full.
        .log_internal_errors(false)
        .with_filter(filter);
    let subscriber = tracing_subscriber::registry().with(lines);
    #[cfg(feature = "zenoh")]
    let subscriber = subscriber.with(crate::lost_messages::layer());
    let begun = subscriber.try_init();
    if let (Ok(()), Some(error)) = (begun, bad) {
        tracing::warn!("{LOG_VARIABLE} is not a filter and is ignored: {error}");
    }
}

/// The time before each line; on a terminal, where somebody looks on and lines
/// are short, none.
struct Stamp {
    is_shown: bool,
}

impl FormatTime for Stamp {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        match self.is_shown {
            true => SystemTime.format_time(to),
            false => Ok(()),
        }
    }
}
