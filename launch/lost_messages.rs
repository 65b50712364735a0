//! Hears in zenoh's own trace of messages that it dropped, which it tells nobody
//! else, and hands that to the runtime, which counts and says it.

use std::fmt::{Debug, Write};

use concert_runtime::io::zenoh::{TRACE_TARGET, note_trace};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

struct LostMessages;

/// The layer; it looks at one target alone.
pub(crate) fn layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    LostMessages.with_filter(Targets::new().with_target(TRACE_TARGET, Level::TRACE))
}

impl<S: Subscriber> Layer<S> for LostMessages {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut beginning = Beginning::default();
        event.record(&mut beginning);
        note_trace(&beginning.0);
    }
}

/// How much of a line is looked at: others of this target print whole messages,
/// which takes longer than receiving them.
const LOOKED_AT: usize = 64;

/// The beginning of an event's words.
#[derive(Default)]
struct Beginning(String);

impl Visit for Beginning {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Refused when there is enough, which ends the printing.
            let _ = write!(self, "{value:?}");
        }
    }
}

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.push_str(text);
        match self.0.len() {
            ..LOOKED_AT => Ok(()),
            _ => Err(std::fmt::Error),
        }
    }
}
