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
        let mut line = Line(String::new());
        event.record(&mut line);
        note_trace(&line.0);
    }
}

/// The words of an event.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing to a string cannot fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}
