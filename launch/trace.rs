//! When each network ran, and on which thread, in the trace format of Chrome and
//! Perfetto.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use concert_models::Terminator;
use concert_policies::document::{WriteError, write_whole};
use concert_runtime::Watch;
use concert_runtime::io::clock::since_boot;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most runs that are kept: of more, the newest.
const MAX_SPANS: usize = 200_000;

/// One run of an encoder or readout, geometry included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// Encoder or readout.
    pub(crate) name: Arc<str>,
    /// The thread that ran it.
    pub(crate) thread: Arc<str>,
    /// Since the computer started.
    pub(crate) begin: Duration,
    /// Since the computer started.
    pub(crate) end: Duration,
}

/// The newest runs of a server.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<Spans>);

#[derive(Debug, Default)]
struct Spans {
    done: VecDeque<Span>,
    /// Runs under way, by thread.
    open: HashMap<std::thread::ThreadId, (Arc<str>, Duration)>,
    names: HashSet<Arc<str>>,
    left_out: u64,
}

impl Trace {
    fn begin(&self, network: &str) {
        let mut spans = self.lock();
        let name = spans.name(network);
        let thread = std::thread::current().id();
        spans.open.insert(thread, (name, since_boot()));
    }

    fn end(&self) {
        let end = since_boot();
        let thread = std::thread::current();
        let mut spans = self.lock();
        let Some((name, begin)) = spans.open.remove(&thread.id()) else {
            return;
        };
        if spans.done.len() == MAX_SPANS {
            spans.done.pop_front();
            spans.left_out += 1;
        }
        let thread = spans.name(thread.name().unwrap_or("unnamed"));
        spans.done.push_back(Span {
            name,
            thread,
            begin,
            end,
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Spans> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what was traced: whole, or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), WriteError> {
        let spans = self.lock();
        let done: Vec<Span> = spans.done.iter().cloned().collect();
        let trace = as_chrome(&done, spans.left_out);
        write_whole(path, trace.to_string().as_bytes())
    }
}

impl Spans {
    /// A name that is kept once.
    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name));
        name
    }
}

/// Watches as another does, and notes when every run began and ended. What is
/// loaded and run for the first time is not noted.
pub(crate) struct TracedWatch {
    pub(crate) watch: Arc<dyn Watch>,
    pub(crate) trace: Arc<Trace>,
}

impl Watch for TracedWatch {
    fn begin(&self, network: &str, terminator: &Arc<dyn Terminator>) {
        self.watch.begin(network, terminator);
        self.trace.begin(network);
    }

    fn end(&self) {
        self.trace.end();
        self.watch.end();
    }

    fn at_start(&self) -> Arc<dyn Watch> {
        self.watch.at_start()
    }

    fn while_preparing(&self) -> Arc<dyn Watch> {
        self.watch.while_preparing()
    }

    fn beside(&self) -> Arc<dyn Watch> {
        Arc::new(Self {
            watch: self.watch.beside(),
            trace: Arc::clone(&self.trace),
        })
    }

    fn patience(&self) -> Duration {
        self.watch.patience()
    }
}

/// Runs as trace events: complete events (`X`) in µs since the computer started,
/// and the names of threads (`M`).
fn as_chrome(spans: &[Span], left_out: u64) -> Value {
    let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
    let mut threads: Vec<&Arc<str>> = Vec::new();
    let mut events = Vec::new();
    for span in spans {
        let known = threads.iter().position(|name| **name == span.thread);
        let number = known.unwrap_or_else(|| {
            threads.push(&span.thread);
            threads.len() - 1
        });
        events.push(json!({
            "ph": "X", "cat": "network", "name": &*span.name, "pid": 1, "tid": number + 1,
            "ts": micros(span.begin), "dur": micros(span.end.saturating_sub(span.begin)),
        }));
    }
    let names = threads.iter().enumerate().map(|(number, name)| {
        json!({
            "ph": "M", "name": "thread_name", "pid": 1, "tid": number + 1,
            "args": { "name": &***name },
        })
    });
    let events: Vec<Value> = names.chain(events).collect();
    json!({
        "displayTimeUnit": "ms",
        "otherData": { "clock": "CLOCK_MONOTONIC", "left_out": left_out },
        "traceEvents": events,
    })
}

/// The runs of a trace that [`Trace::write`] wrote, in the order of their ends.
///
/// # Errors
/// A file that cannot be read, or is no such trace.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Span>> {
    #[derive(Deserialize)]
    struct File {
        #[serde(rename = "traceEvents")]
        events: Vec<Event>,
    }
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let file: File = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let mut threads: HashMap<u64, Arc<str>> = HashMap::new();
    let mut spans = Vec::new();
    for event in file.events {
        if let Some(thread) = event.args {
            threads.insert(event.tid, thread.name.into());
            continue;
        }
        let micros = |time: f64| Duration::from_nanos((time * 1e3).round().max(0.0) as u64);
        let thread = threads.get(&event.tid).context("a run without a thread")?;
        spans.push(Span {
            name: event.name.into(),
            thread: Arc::clone(thread),
            begin: micros(event.ts),
            end: micros(event.ts + event.dur),
        });
    }
    Ok(spans)
}

#[derive(Deserialize, Serialize)]
struct Event {
    name: String,
    tid: u64,
    #[serde(default)]
    ts: f64,
    #[serde(default)]
    dur: f64,
    args: Option<ThreadName>,
}

#[derive(Deserialize, Serialize)]
struct ThreadName {
    name: String,
}

#[cfg(test)]
mod tests {
    use concert_runtime::NoWatch;
    use concert_runtime::io::thread;

    use super::*;

    /// Nothing to end.
    struct Nobody;

    impl Terminator for Nobody {
        fn terminate(&self) {}
        fn rearm(&self) {}
    }

    #[test]
    fn a_trace_is_read_back_with_every_run_on_its_thread() {
        let trace = Arc::new(Trace::default());
        let watch = Arc::new(TracedWatch {
            watch: Arc::new(NoWatch),
            trace: Arc::clone(&trace),
        });
        let terminator: Arc<dyn Terminator> = Arc::new(Nobody);
        let before = since_boot();
        let run = {
            let (watch, terminator) = (Arc::clone(&watch), Arc::clone(&terminator));
            move |name: &str| {
                watch.begin(name, &terminator);
                watch.end();
            }
        };
        run("xfeat");
        let other = run.clone();
        let side = thread::spawn("side", move || other("home_multi"));
        side.expect("a thread").join().expect("no panic");
        run("xfeat");
        // An end without a beginning is none.
        watch.end();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.json");
        trace.write(&path).expect("is written");
        let spans = read(&path).expect("is read");
        let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
        assert_eq!(names, ["xfeat", "home_multi", "xfeat"]);
        assert_eq!(&*spans[1].thread, "side");
        assert_eq!(spans[0].thread, spans[2].thread);
        let micro = Duration::from_micros(1);
        for pair in spans.windows(2) {
            assert!(pair[0].begin <= pair[0].end && pair[0].end <= pair[1].begin + micro);
        }
        assert!(before <= spans[0].begin + micro && spans[2].end <= since_boot() + micro);
    }
}
