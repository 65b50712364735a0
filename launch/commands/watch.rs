//! `concert watch`: shows what another process publishes.

use crate::cli::{Global, Watch};
use crate::report::{Failure, Report};

#[cfg(not(feature = "zenoh"))]
pub(crate) fn run(_args: &Watch, _global: &Global) -> Result<Report, Failure> {
    Err(Failure::refused(anyhow::anyhow!(crate::assemble::NO_ZENOH)))
}

#[cfg(feature = "zenoh")]
pub(crate) use listen::run;

#[cfg(feature = "zenoh")]
mod listen {
    use std::collections::BTreeMap;
    use std::io::Write;
    use std::time::Duration;

    use concert_runtime::camera_image::IMAGE_KEY;
    use concert_runtime::io::clock::SystemClock;
    use concert_runtime::io::zenoh::{Received, SessionOptions, Sessions, Watcher, open_session};
    use concert_runtime::{Clock, Timestamp};
    use serde_json::json;

    use super::{Failure, Global, Report, Watch};
    use crate::commands::serve::screen;
    use crate::commands::visit::{ANSWER, with_access};
    use crate::draw::{Canvas, note_of_message, thumbnail_of_message};
    use crate::meter::{Meter, Observation, Row};
    use crate::report::Exit;
    use crate::stop::Stop;
    use crate::terminal::{Screen, table};

    /// How long one look for messages lasts at most.
    const LOOK: Duration = Duration::from_millis(100);

    /// What is known of one key.
    struct Seen {
        meter: Meter,
        picture: Option<Canvas>,
    }

    pub(crate) fn run(args: &Watch, global: &Global) -> Result<Report, Failure> {
        let stop = Stop::on_signals()?;
        let clock = SystemClock::start();
        let sessions = sessions(args)?;
        listen((args, global), &sessions, &stop, &clock)
    }

    /// Sessions with everywhere that is connected to, so that all of it is heard.
    fn sessions(args: &Watch) -> Result<Vec<Sessions>, Failure> {
        let options = |connect: &[String], must_connect| SessionOptions {
            listen: args.listen.clone(),
            connect: connect.to_vec(),
            must_connect,
            ..with_access(&args.access)
        };
        // Who listens may wait for publishers; who only connects may not.
        if !args.listen.is_empty() {
            return Ok(vec![Sessions::open(&options(&args.connect, None), true)?]);
        }
        let each = args.connect.iter().map(|endpoint| {
            let session = open_session(&options(std::slice::from_ref(endpoint), Some(ANSWER)))?;
            Ok(session.into())
        });
        each.collect()
    }

    /// Shows what comes until it is enough.
    fn listen(
        (args, global): (&Watch, &Global),
        sessions: &[Sessions],
        stop: &Stop,
        clock: &SystemClock,
    ) -> Result<Report, Failure> {
        let watcher = Watcher::open_on(sessions, &args.prefix)?;
        let mut seen = BTreeMap::new();
        let mut to = screen(global);
        let style = to.as_ref().map(|(_, style)| *style);
        let pictures = style.is_some_and(|style| style.pictures);
        let every = match style {
            Some(style) if style.live => Duration::from_millis(250),
            _ => Duration::from_secs(1),
        };
        let mut screen = to.take().map(|(to, style)| Screen::new(to, style));
        let mut shown = clock.monotonic();
        let end = args.seconds.map(Duration::from_secs);
        while !stop.is_raised() && !is_enough(args, &watcher, end, clock) {
            for message in watcher.take(LOOK) {
                observe(&mut seen, &message, clock, pictures);
            }
            if clock.monotonic().saturating_sub(shown) < every {
                continue;
            }
            shown = clock.monotonic();
            let rows = rows(&seen, &watcher, clock);
            if let Some(open) = &mut screen
                && show(open, &args.prefix, &rows, &seen).is_err()
            {
                break;
            }
        }
        let rows = rows(&seen, &watcher, clock);
        Ok(report(args, &rows))
    }

    fn is_enough(
        args: &Watch,
        watcher: &Watcher,
        end: Option<Duration>,
        clock: &SystemClock,
    ) -> bool {
        if end.is_some_and(|end| clock.monotonic() >= end) {
            return true;
        }
        let received = || {
            let counts = watcher.counts();
            let outputs = counts.iter().filter(|(key, _)| is_output(key));
            outputs.map(|(_, counts)| counts.received).sum::<u64>()
        };
        args.frames.is_some_and(|frames| received() >= frames)
    }

    /// Status, camera information and the camera's image go beside the outputs.
    fn is_output(key: &str) -> bool {
        let last = key.rsplit('/').next().unwrap_or(key);
        !["status", "camera_info", IMAGE_KEY].contains(&last)
    }

    fn observe(
        seen: &mut BTreeMap<String, Seen>,
        received: &Received,
        clock: &SystemClock,
        pictures: bool,
    ) {
        if !is_output(&received.key) {
            return;
        }
        let message = received.message();
        let note = match &message {
            Ok(message) => note_of_message(message),
            Err(error) => format!("cannot be read: {error}"),
        };
        let attachment = received.attachment.as_ref();
        let header = message.as_ref().ok().and_then(|message| message.header());
        let stamp = header.map(|header| header.stamp);
        let stamp = stamp.or_else(|| Some(Timestamp::from_nanos(attachment?.stamp_ns)));
        let stamp = stamp.unwrap_or_default();
        let entry = seen.entry(received.key.clone()).or_insert_with(|| Seen {
            meter: Meter::new(&received.key),
            picture: None,
        });
        entry.meter.observe(Observation {
            sequence: attachment.map_or(0, |attachment| attachment.sequence),
            stamp,
            at: clock.monotonic(),
            latency: stamp.age_at(clock.now()),
            note,
        });
        if pictures {
            let size = attachment.map_or((0, 0), |attachment| attachment.image_size);
            entry.picture = message
                .ok()
                .and_then(|message| thumbnail_of_message(&message, size));
        }
    }

    fn rows(seen: &BTreeMap<String, Seen>, watcher: &Watcher, clock: &SystemClock) -> Vec<Row> {
        let counts: BTreeMap<_, _> = watcher.counts().into_iter().collect();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let each = seen.iter().map(|(key, seen)| {
            let mut row = seen.meter.row(now, monotonic);
            // The watcher sees also those that a newer one replaced before
            // they were looked at here.
            if let Some(counts) = counts.get(key) {
                (row.count, row.drops) = (counts.received, counts.lost + counts.refused);
            }
            row
        });
        each.collect()
    }

    fn show<W: Write>(
        screen: &mut Screen<W>,
        prefix: &str,
        rows: &[Row],
        seen: &BTreeMap<String, Seen>,
    ) -> std::io::Result<()> {
        let title = format!("{prefix}; Ctrl-C ends");
        let pictures = seen
            .iter()
            .filter_map(|(key, seen)| Some((key.clone(), seen.picture.clone()?)));
        screen.show(&title, rows, &pictures.collect::<Vec<_>>())
    }

    fn report(args: &Watch, rows: &[Row]) -> Report {
        let json = json!({ "prefix": args.prefix, "outputs": rows });
        if rows.is_empty() {
            let text = format!(
                "nothing came below {}: is a runtime publishing there? (see `concert doctor`)",
                args.prefix
            );
            return Report {
                json,
                text,
                exit: Exit::Failed,
            };
        }
        Report::done(json, table(rows, 160, false).join("\n"))
    }
}
