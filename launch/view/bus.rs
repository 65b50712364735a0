//! The one thread that reads the bus, for all pages together.
//!
//! It listens to the status always, which costs the robot nothing, and to an output
//! only while some page shows it: a runtime computes what somebody listens to.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use concert_runtime::Clock;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{Sessions, Watcher};
use concert_runtime::wire::keys;

use super::hub::Hub;
use super::moment::Moment;
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
    /// Messages that did not come, or came and were not looked at.
    pub(super) dropped: u64,
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
        clock: Arc::clone(hub.clock()),
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
    clock: Arc<dyn Clock>,
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
            let taken = self.watcher.take(LOOK_EVERY);
            // Reading one takes time that the next did not wait before it came.
            let now = Moment::of(self.clock.as_ref());
            for message in taken {
                self.messages += 1;
                let came = now.before(message.waited);
                if let Some(item) = self.robot.observe(&message, came) {
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
            dropped: self.robot.dropped(),
        }
    }

    /// Listens to what pages want to see.
    fn listen(&mut self) {
        let mut keys: Vec<String> = vec![keys::STATUS.to_owned()];
        for key in self.hub.wanted() {
            if key == keys::ERRAND {
                keys.push(key);
                continue;
            }
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
        if link == Link::Up
            && self.robot.lacks_policy()
            && self.asked.is_none_or(|asked| now >= asked + ASK_EVERY)
        {
            self.asked = Some(now);
            self.ask_policy();
        }
        self.robot
            .note_drops(&self.watcher.counts(), self.watcher.ignored_messages());
        let now = self.clock.monotonic();
        let state = self.robot.state(now, &link, self.hub.pages());
        let robot = &mut self.robot;
        self.hub
            .put_state(state.to_string(), |history| robot.note(&state, history));
    }

    /// Whether somebody is met at any endpoint.
    fn link(&self) -> Link {
        let mut reasons = Vec::new();
        for one in self.sessions.reached() {
            match one.session {
                Ok(_) => return Link::Up,
                Err(reason) => reasons.push(format!("{}: {reason}", one.endpoint)),
            }
        }
        Link::Down(reasons.join("; "))
    }

    fn ask_policy(&mut self) {
        let answer = self.sessions.ask_policy(&self.prefix, ANSWER);
        if let Some(answer) = &answer.as_ref().ok().and_then(Option::as_ref)
            && answer["style"] == "ros2"
        {
            tracing::warn!(
                "{} is {}: its outputs are topics of ROS 2, but the page shows the native style \
                 (docs/ros2.md)",
                self.prefix,
                answer["node"].as_str().unwrap_or("a node of ROS 2")
            );
        }
        if let Some(answer) = answer.ok().flatten()
            && self.robot.take_policy(&answer)
            && let Some(running) = self.robot.running()
        {
            self.hub.put_policy(&running.json);
        }
    }
}
