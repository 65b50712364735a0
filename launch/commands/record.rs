//! `concert record`: writes what a robot publishes into a file.

mod args;
mod black_box;
mod capsule;
mod file;
mod heard;
mod report;
mod trigger;

use std::cell::Cell;
use std::io::{self, Write as _};
use std::time::Duration;

use concert_runtime::Clock as _;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::zenoh::{MessageStream, SessionOptions, Sessions};

use self::black_box::BlackBox;
use self::capsule::Capsules;
use self::file::{Ended, RecordingFile};
use self::heard::Heard;
use self::trigger::Triggers;
use crate::cli::Global;
use crate::commands::visit::{check_style, with_access};
use crate::report::{Exit, Failure, Refuse as _, Report};
use crate::stop::Stop;

pub(crate) use args::RecordArgs;

/// How often a signal, a limit or a trigger is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How often a robot is asked of which nothing comes.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// A robot that is listened to.
struct Listening<'a> {
    args: &'a RecordArgs,
    stop: &'a Stop,
    clock: SystemClock,
    sessions: Sessions,
    stream: MessageStream,
    /// When a robot of which nothing comes is asked next.
    ask_at: Cell<Duration>,
}

pub(crate) fn run(args: &RecordArgs, global: &Global) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    let clock = SystemClock::start();
    let path = args.path(clock.now());
    // What is refused at once comes before anybody is asked for anything.
    let mut file = match args.black_box {
        None => Some(RecordingFile::create(&path, args).or_refuse()?),
        Some(_) => None,
    };
    let sessions = Sessions::begin(&SessionOptions {
        connect: args.connect.clone(),
        ..with_access(&args.access)
    })
    .or_refuse()?;
    let stream = MessageStream::open(&sessions, &args.prefix).or_refuse()?;
    let listening = Listening {
        args,
        stop: &stop,
        clock,
        sessions,
        stream,
        ask_at: Cell::new(ASK_EVERY),
    };
    match &mut file {
        Some(file) => listening.record(file, global),
        None => listening.keep(&path, global),
    }
}

impl Listening<'_> {
    /// Writes everything as it comes, until a limit, a signal or a full disk.
    fn record(&self, file: &mut RecordingFile, global: &Global) -> Result<Report, Failure> {
        let into = file.path().display().to_string();
        self.say(&format!("into {into}"), global)?;
        let mut heard = Heard::default();
        let ended = loop {
            if let Some(ended) = self.enough() {
                break ended;
            }
            let message = self.stream.next(LOOK_EVERY);
            let now = self.clock.monotonic();
            let written = match &message {
                Some(message) => {
                    heard.note(message);
                    if heard.wants_policy(now) {
                        heard.note_policy(self.policy(), now);
                    }
                    file.write_policies(heard.take_policies())
                        .and_then(|()| file.write(message, now))
                }
                None => {
                    self.check_silence(&heard, now)?;
                    file.tick(now)
                }
            };
            match written {
                Ok(true) => {}
                Ok(false) => break Ended::Bytes,
                Err(reason) => break Ended::Failed(reason),
            }
        };
        let ended = file.finish(ended);
        if let Ended::Failed(reason) = &ended {
            tracing::error!("{into}: the recording ended: {reason}");
        }
        Ok(report::of_file(file, &heard, &self.stream.lost(), &ended))
    }

    /// Keeps the last seconds, and writes them when something happens.
    fn keep(&self, path: &std::path::Path, global: &Global) -> Result<Report, Failure> {
        let seconds = self.args.black_box.unwrap_or_default();
        let mut triggers = Triggers::begin(self.args, &self.sessions)?;
        let which = format!(
            "the last {seconds} s in memory; {} into {}",
            triggers.describe(),
            path.display()
        );
        self.say(&which, global)?;
        let mut heard = Heard::default();
        let mut kept = BlackBox::new(Duration::from_secs(seconds), self.args.memory);
        let mut capsules = Capsules::new(path, self.args);
        let ended = loop {
            if let Some(ended) = self.enough() {
                break ended;
            }
            let message = self.stream.next(LOOK_EVERY);
            let now = self.clock.monotonic();
            if message.is_none() {
                self.check_silence(&heard, now)?;
            }
            if let Some(message) = message {
                heard.note(&message);
                if heard.wants_policy(now) {
                    heard.note_policy(self.policy(), now);
                }
                triggers.look(&message);
                kept.put(message);
            }
            if let Some(reason) = triggers.take() {
                capsules.ask(reason, self.clock.now(), now);
            }
            capsules.write_due(&kept, heard.policies(), now);
        };
        // What was asked for and still waits for what comes after it.
        capsules.write_due(&kept, heard.policies(), Duration::MAX);
        Ok(report::of_black_box(
            (&kept, &capsules),
            &heard,
            &self.stream.lost(),
            &ended,
        ))
    }

    /// Asks a robot of which nothing comes, once a while, whether it is published so that
    /// something could.
    ///
    /// # Errors
    /// One that is a node of ROS 2.
    fn check_silence(&self, heard: &Heard, now: Duration) -> Result<(), Failure> {
        if !heard.is_empty() || now < self.ask_at.get() {
            return Ok(());
        }
        self.ask_at.set(now + ASK_EVERY);
        let policy = self.policy().unwrap_or_default();
        check_style(&policy, &self.args.prefix)
    }

    /// Tells whether a limit is reached, or a stop is asked for.
    fn enough(&self) -> Option<Ended> {
        if self.stop.is_raised() {
            return Some(Ended::Stopped);
        }
        let limit = self.args.seconds.map(Duration::from_secs);
        let is_over = limit.is_some_and(|limit| self.clock.monotonic() >= limit);
        is_over.then_some(Ended::Seconds)
    }

    fn policy(&self) -> Option<serde_json::Value> {
        let asked = self.sessions.ask_policy(&self.args.prefix, heard::ANSWER);
        asked.unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        })
    }

    /// What it does, on one line; standard output is for JSON where that is asked for.
    fn say(&self, what: &str, global: &Global) -> io::Result<()> {
        if global.quiet {
            return Ok(());
        }
        let of = self.args.connect.join(", ");
        writeln!(
            io::stderr(),
            "records {} of {of} {what} (Ctrl-C ends)",
            self.args.prefix
        )
    }
}

/// How a recording ends: what failed is a failure.
fn exit_of(is_well: bool) -> Exit {
    match is_well {
        true => Exit::Done,
        false => Exit::Failed,
    }
}
