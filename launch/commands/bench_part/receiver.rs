//! A subscriber in a process of its own: notes on its own clock when every output
//! came, and says so at once.

use std::io::{self, BufRead as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use clap::Args;
use concert_runtime::io::clock::since_boot;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{Arrivals, SessionOptions, open_session};
use serde_json::Value;

use super::PREFIX;
use super::protocol::{Ask, Received, Word, nanos};
use crate::commands::visit::ANSWER;
use crate::report::{Failure, Report};

/// Arguments of the receiver.
#[derive(Debug, Args)]
pub struct ReceiverArgs {
    /// Where the server listens
    #[arg(long, value_name = "ENDPOINT")]
    pub connect: String,
}

/// How long it listens at once.
const LISTEN: Duration = Duration::from_millis(20);

/// Notes what comes until nobody tells it anything any more.
pub(super) fn run(args: &ReceiverArgs) -> Result<Report, Failure> {
    let session = open_session(&SessionOptions::client(&args.connect, ANSWER))?;
    let (to, asked) = sync_channel(1);
    thread::spawn("asked", move || read_asks(&to))?;
    let mut arrivals: Option<Arrivals> = None;
    let mut lost = 0;
    loop {
        // What is listened to is asked first of all: then it is waited for.
        let patience = if arrivals.is_some() {
            Duration::ZERO
        } else {
            LISTEN
        };
        match asked.recv_timeout(patience) {
            Ok(keys) => {
                // The old subscriptions end before others begin: nothing comes twice.
                arrivals = None;
                arrivals = arrivals.or(Some(Arrivals::open(&session, PREFIX, &keys)?));
                lost = 0;
                say(&[Word::Listens])?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(Report::done(Value::Null, "")),
        }
        let Some(arrivals) = &arrivals else {
            continue;
        };
        let came = arrivals.take(LISTEN).into_iter();
        let mut words: Vec<_> = came.filter_map(Received::of).map(Word::Output).collect();
        if arrivals.lost() != lost {
            lost = arrivals.lost();
            words.push(Word::Lost(lost));
        }
        say(&words)?;
    }
}

/// Hands over what is to be listened to, and answers what the clock reads at
/// once; ends where nobody asks any more.
fn read_asks(to: &SyncSender<Vec<String>>) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Ask::Clock => say(&[Word::Clock(nanos(since_boot()))])?,
            Ask::Listen(keys) => {
                if to.send(keys).is_err() {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Says words, each on a line.
fn say(words: &[Word]) -> io::Result<()> {
    if words.is_empty() {
        return Ok(());
    }
    let mut text = Vec::new();
    for word in words {
        serde_json::to_writer(&mut text, word)?;
        text.push(b'\n');
    }
    let mut out = io::stdout().lock();
    out.write_all(&text)?;
    out.flush()
}
