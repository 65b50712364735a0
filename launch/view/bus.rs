//! The one thread that reads the bus, for all pages together.
//!
//! It listens to the status always, which costs the robot nothing, and to an output
//! only while some page shows it: a runtime computes what somebody listens to.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{Session, Sessions, Watcher};
use concert_runtime::wire::keys;
use serde_json::Value;

use super::hub::Hub;
use super::robot::{Link, Robot};

/// How long it waits for a message before it looks who wants what.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// How often pages are told how everything is.
const STATE_EVERY: Duration = Duration::from_millis(500);
/// How often a robot is asked which policy it runs while it does not say.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// Longest wait for that answer.
const ANSWER: Duration = Duration::from_millis(300);

/// What reading came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReadCounts {
    /// Messages that were looked at.
    pub(super) messages: u64,
    /// Number of these that could not be read.
    pub(super) unreadable: u64,
}

/// Reads until the hub is over.
///
/// # Errors
/// Where the system refuses the thread.
pub(super) fn start(
    hub: &Arc<Hub>,
    sessions: &Sessions,
    prefix: &str,
) -> io::Result<JoinHandle<ReadCounts>> {
    let mut reader = Reader {
        hub: Arc::clone(hub),
        watcher: Watcher::idle(std::slice::from_ref(sessions), prefix),
        robot: Robot::new(prefix),
        sessions: sessions.clone(),
        prefix: prefix.to_owned(),
        clock: SystemClock::start(),
        told: None,
        asked: None,
        messages: 0,
    };
    thread::spawn_low("view-bus", move || reader.run())
}

struct Reader {
    hub: Arc<Hub>,
    sessions: Sessions,
    watcher: Watcher,
    robot: Robot,
    prefix: String,
    clock: SystemClock,
    /// When pages were told how everything is (monotonic).
    told: Option<Duration>,
    /// When the robot was asked for its policy.
    asked: Option<Duration>,
    messages: u64,
}

impl Reader {
    fn run(&mut self) -> ReadCounts {
        while !self.hub.is_over() {
            self.listen();
            for message in self.watcher.take(LOOK_EVERY) {
                self.messages += 1;
                if let Some(item) = self.robot.observe(&message, &self.clock) {
                    self.hub.put(item);
                }
            }
            let now = self.clock.monotonic();
            if self.told.is_none_or(|told| now >= told + STATE_EVERY) {
                self.told = Some(now);
                self.tell(now);
            }
        }
        ReadCounts {
            messages: self.messages,
            unreadable: self.robot.unreadable(),
        }
    }

    /// Listens to what pages want to see.
    fn listen(&mut self) {
        let wanted = self.hub.wanted();
        let mut keys: Vec<String> = vec![keys::STATUS.to_owned()];
        if self.hub.pages() > 0 {
            keys.push(keys::ERRAND.to_owned());
        }
        for key in wanted {
            // The camera's intrinsics come with its image, and with outputs that
            // have pixels; where there are none, this costs nothing.
            keys.push(keys::beside(&key, keys::CAMERA_INFO));
            keys.push(key);
        }
        if let Err(error) = self.watcher.listen_to(keys.iter().map(String::as_str)) {
            tracing::debug!("the view cannot listen: {error}");
        }
    }

    fn tell(&mut self, now: Duration) {
        let link = self.link();
        if let (Ok(session), true) = (&link, self.robot.lacks_policy())
            && self.asked.is_none_or(|asked| now >= asked + ASK_EVERY)
        {
            self.asked = Some(now);
            self.ask_policy(&session.clone());
        }
        let link = link.map_or_else(Link::Down, |_| Link::Up);
        let state = self.robot.state(&self.clock, &link, self.hub.pages());
        let robot = &mut self.robot;
        self.hub
            .put_state(state.to_string(), |history| robot.note(&state, history));
    }

    /// The first session in which somebody is met.
    fn link(&self) -> Result<Session, String> {
        let mut reasons = Vec::new();
        for one in self.sessions.reached() {
            match one.session {
                Ok(session) => return Ok(session),
                Err(reason) => reasons.push(format!("{}: {reason}", one.endpoint)),
            }
        }
        Err(reasons.join("; "))
    }

    fn ask_policy(&mut self, session: &Session) {
        let answer = Watcher::ask_policy(session, &self.prefix, ANSWER);
        let answer = answer.ok().flatten();
        let answer = answer.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if let Some(answer) = answer
            && self.robot.take_policy(&answer)
            && let Some(running) = self.robot.running()
        {
            self.hub.put_policy(&running.json);
        }
    }
}
