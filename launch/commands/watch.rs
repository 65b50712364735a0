//! `concert watch`: shows what another process publishes.

mod seen;

use std::time::Duration;

use clap::Args;
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::zenoh::{SessionOptions, Sessions, Watcher, open_session};
use concert_runtime::wire::keys;
use serde_json::{Value, json};

use self::seen::Seen;
use crate::cli::{Access, Global, endpoint, key};
use crate::commands::serve::screen;
use crate::commands::visit::{ANSWER, check_style, with_access};
use crate::launch_file::{DEFAULT_ENDPOINT, DEFAULT_PREFIX};
use crate::live::{LOOK_EVERY, every, say_lost_table};
use crate::meter::Row;
use crate::report::{Exit, Failure, Report};
use crate::stop::Stop;
use crate::terminal::{Screen, View, table, width_of_stdout};

/// Arguments of `watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
The latency is from the frame's stamp to its arrival here, so both computers'
clocks must agree; drops are gaps in the sequence numbers.")]
pub struct WatchArgs {
    /// Key below which the outputs are published
    #[arg(default_value = DEFAULT_PREFIX, value_parser = key)]
    pub prefix: String,
    /// End after so many outputs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: Option<u64>,
    /// Where the publisher listens; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint, default_value = DEFAULT_ENDPOINT)]
    pub connect: Vec<String>,
    /// Listen here, for publishers that connect to us; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint)]
    pub listen: Vec<String>,
    /// How to get in
    #[command(flatten)]
    pub access: Access,
}

/// How long the server may take to say how it publishes, and what its classes are called.
const NAMES: Duration = Duration::from_millis(300);

pub(crate) fn run(args: &WatchArgs, global: &Global) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    let clock = SystemClock::start();
    let sessions = sessions(args)?;
    listen((args, global), &sessions, &stop, &clock)
}

/// Sessions with everywhere that is connected to, so that all of it is heard.
fn sessions(args: &WatchArgs) -> Result<Vec<Sessions>, Failure> {
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
    (args, global): (&WatchArgs, &Global),
    sessions: &[Sessions],
    stop: &Stop,
    clock: &SystemClock,
) -> Result<Report, Failure> {
    let watcher = Watcher::open_on(sessions, &args.prefix)?;
    check_style(&policy(sessions, &args.prefix)?, &args.prefix)?;
    let screen = screen(global);
    let pictures = screen.as_ref().is_some_and(|(_, style)| style.live);
    let every = screen.as_ref().map(|(_, style)| every(style));
    let mut screen = screen
        .map(|(to, style)| Screen::open(to, style))
        .transpose()?;
    let mut seen = Seen::default();
    let mut shown = clock.monotonic();
    let end = args.seconds.map(Duration::from_secs);
    while !stop.is_raised() && !is_enough(args, &watcher, end, clock) {
        for message in watcher.take(LOOK_EVERY) {
            seen.observe(&message, clock, pictures);
        }
        if pictures && seen.lacks_names() {
            seen.name_classes(&policy(sessions, &args.prefix)?);
        }
        let Some(open) = &mut screen else {
            continue;
        };
        let due = every.is_some_and(|every| clock.monotonic() >= shown + every);
        if !due && !open.was_resized() {
            continue;
        }
        shown = clock.monotonic();
        let view = || View {
            title: format!("{}; Ctrl-C ends", seen.title(&args.prefix, clock)),
            rows: seen.rows(&watcher.counts(), clock),
            panels: seen.panels(),
            ..View::default()
        };
        if let Err(error) = open.show(&args.prefix, view) {
            screen = None;
            say_lost_table(&error);
            break;
        }
    }
    drop(screen);
    let rows = seen.rows(&watcher.counts(), clock);
    Ok(report(args, &rows))
}

/// What the runtime says of its policy; null where it does not.
fn policy(sessions: &[Sessions], prefix: &str) -> Result<Value, Failure> {
    for session in sessions {
        if let Some(policy) = session.ask_policy(prefix, NAMES)? {
            return Ok(policy);
        }
    }
    Ok(Value::Null)
}

fn is_enough(
    args: &WatchArgs,
    watcher: &Watcher,
    end: Option<Duration>,
    clock: &SystemClock,
) -> bool {
    if end.is_some_and(|end| clock.monotonic() >= end) {
        return true;
    }
    let received = || {
        let counts = watcher.counts();
        let outputs = counts.iter().filter(|(key, _)| keys::is_output(key));
        outputs.map(|(_, counts)| counts.received).sum::<u64>()
    };
    args.frames.is_some_and(|frames| received() >= frames)
}

fn report(args: &WatchArgs, rows: &[Row]) -> Report {
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
    Report::done(json, table(rows, width_of_stdout()).join("\n"))
}
