//! Velocity commands that arrive over zenoh.

use std::sync::{Arc, Mutex};

use zenoh::Wait;
use zenoh::sample::{Sample, SampleKind};

use super::error::ZenohError;
use super::message_type;
use super::sessions::{EverywhereKept, Sessions};
use crate::clock::lock;
use crate::commands::{CommandCounts, CommandFault, Commands, read_command};
use crate::wire::geometry_msgs::Twist;

/// Listens for `geometry_msgs/msg/Twist` and keeps the newest: however fast
/// they come, nothing queues here.
pub struct CommandListener {
    commands: Arc<Mutex<Commands>>,
    _subscriber: EverywhereKept,
    /// A session closes when nobody holds it.
    _sessions: Sessions,
}

impl CommandListener {
    /// Begins to listen.
    ///
    /// # Errors
    /// A key that is none, or a session that is closed.
    pub fn open(sessions: impl Into<Sessions>, key: &str) -> Result<Self, ZenohError> {
        let sessions = sessions.into();
        let commands = Arc::new(Mutex::new(Commands::default()));
        let (heard, key) = (Arc::clone(&commands), key.to_owned());
        let subscriber = sessions.declare(move |session| {
            let heard = Arc::clone(&heard);
            let subscriber = session
                .declare_subscriber(key.clone())
                .callback(move |sample| {
                    if sample.kind() == SampleKind::Put {
                        lock(&heard).put(read(&sample));
                    }
                })
                .wait()
                .map_err(|error| ZenohError::Key {
                    key: key.clone(),
                    reason: error.to_string(),
                })?;
            Ok(Box::new(subscriber))
        })?;
        Ok(Self {
            commands,
            _subscriber: subscriber,
            _sessions: sessions,
        })
    }

    /// The newest command, if none took it yet.
    #[must_use]
    pub fn take(&self) -> Option<Twist> {
        lock(&self.commands).take()
    }

    /// Counts of all.
    #[must_use]
    pub fn counts(&self) -> CommandCounts {
        lock(&self.commands).counts()
    }

    /// Why the last refused one was refused.
    #[must_use]
    pub fn last_fault(&self) -> Option<CommandFault> {
        lock(&self.commands).last_fault().cloned()
    }
}

/// The length is looked at before anything is copied.
fn read(sample: &Sample) -> Result<Twist, CommandFault> {
    let got = sample.payload().len();
    if got != Twist::BYTES {
        return Err(CommandFault::Length { got });
    }
    read_command(
        message_type(sample).as_deref(),
        &sample.payload().to_bytes(),
    )
}
