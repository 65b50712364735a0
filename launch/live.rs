//! Shows a runtime while it runs, and waits for its end.

use std::io::{self, Write};
use std::time::Duration;

use concert_runtime::io::thread;
use concert_runtime::snapshot::TargetSnapshot;
use concert_runtime::{Clock, Health, Outcome, Output, Percentiles, Runtime, Snapshot};

use crate::draw::{note_of, thumbnail};
use crate::meter::Row;
use crate::stop::Stop;
use crate::tap::Newest;
use crate::terminal::{Screen, Style};

/// How often a signal or the end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the table is drawn on a terminal.
const DRAW_EVERY: Duration = Duration::from_millis(250);
/// How often a line is written elsewhere.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Shows the table of a runtime on `to` until the runtime is over or a stop is
/// asked for.
pub fn watch_runtime<W: Write>(
    runtime: &Runtime,
    newest: &Newest,
    clock: &dyn Clock,
    stop: &Stop,
    screen: Option<(W, Style)>,
) {
    let live = screen.as_ref().is_some_and(|(_, style)| style.live);
    let every = if live { DRAW_EVERY } else { WRITE_EVERY };
    let mut screen = screen.map(|(to, style)| Screen::new(to, style));
    let mut shown = clock.monotonic();
    while !stop.is_raised() && !runtime.is_over() {
        thread::sleep(LOOK_EVERY);
        if clock.monotonic().saturating_sub(shown) < every {
            continue;
        }
        shown = clock.monotonic();
        if let Some(screen) = &mut screen
            && let Err(error) = show(screen, &runtime.snapshot(), newest, clock)
        {
            // Nobody reads any more; the robot goes on.
            say_lost_table(&error);
            return watch_runtime::<io::Sink>(runtime, newest, clock, stop, None);
        }
    }
}

/// Says that the table goes nowhere; a reader that went away knows.
pub(crate) fn say_lost_table(error: &io::Error) {
    if error.kind() == io::ErrorKind::BrokenPipe {
        tracing::debug!("the table has no reader");
    } else {
        tracing::warn!("cannot write to standard output, so no table is shown: {error}");
    }
}

fn show<W: Write>(
    screen: &mut Screen<W>,
    snapshot: &Snapshot,
    newest: &Newest,
    clock: &dyn Clock,
) -> io::Result<()> {
    let rows: Vec<_> = snapshot
        .targets
        .iter()
        .map(|target| row(target, newest, clock))
        .collect();
    let cameras = snapshot.cameras.iter().map(|camera| {
        let (name, counts) = (&camera.camera, &camera.counts);
        let ill = match camera.message.as_str() {
            "" => String::new(),
            message => format!(" ({message})"),
        };
        format!(
            "{name} {:.1}/s, {} frames, {} dropped{ill}",
            camera.rate_hz,
            counts.arrived,
            counts.dropped()
        )
    });
    let cameras = cameras.collect::<Vec<_>>().join("; ");
    let learning = snapshot.learning.iter();
    let learning: String = learning.map(|one| format!("\n{}", one.line())).collect();
    let title = format!("{} on {cameras}; Ctrl-C ends{learning}", snapshot.policy);
    let outputs = snapshot
        .targets
        .iter()
        .filter_map(|target| newest.get(&target.key));
    let pictures: Vec<_> = outputs
        .filter_map(|output| Some((output.origin.key.to_string(), thumbnail(&output)?)))
        .collect();
    screen.show(&title, &rows, &pictures)
}

/// What comes out now; where nothing does, or not what should, why.
fn note(target: &TargetSnapshot, output: Option<&Output>) -> String {
    let comes = matches!(
        target.latest,
        None | Some(Outcome::Delivered | Outcome::Internal | Outcome::NotDue)
    );
    match (output, target.latest) {
        (_, Some(Outcome::NoSubscriber)) => "nobody listens".to_owned(),
        (Some(output), _) if comes && target.published > 0 => {
            let note = note_of(output);
            match output.picture.is_some() || target.health >= Health::Error {
                true => format!("{note}; {}", target.message),
                false => note,
            }
        }
        (_, Some(latest)) if target.message.is_empty() => latest.name().replace('_', " "),
        _ => target.message.clone(),
    }
}

/// The line of one target.
#[must_use]
pub fn row(target: &TargetSnapshot, newest: &Newest, clock: &dyn Clock) -> Row {
    let output = newest.get(&target.key);
    let of = |percentiles: &Percentiles, millis: f64| {
        (percentiles.count > 0).then(|| Duration::from_secs_f64(millis.max(0.0) / 1e3))
    };
    let note = note(target, output.as_ref());
    Row {
        key: target.key.clone(),
        count: target.published,
        rate_hz: target.rate_hz,
        age: output.and_then(|output| output.stamp.age_at(clock.now())),
        p50: of(&target.latency, target.latency.p50_millis),
        p99: of(&target.latency, target.latency.p99_millis),
        drops: target.outcomes.lost() + target.superseded + target.lost_on_bus,
        note,
    }
}
