//! The service manager that started this process (systemd), told by datagrams how it
//! goes: `sd_notify(3)`.

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;

/// Longest status line, characters.
const MAX_STATUS: usize = 200;

/// The service manager, where it asked to be told (`NOTIFY_SOCKET`).
#[derive(Debug)]
pub struct ServiceManager {
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The one that started this process; `None` where nobody asks to be told.
    #[must_use]
    pub fn find() -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        Some(Self {
            watchdog: sd_notify::watchdog_enabled().filter(|period| !period.is_zero()),
        })
    }

    /// Longest time between two signs of life (`WatchdogSec`), where any are asked for.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The service does its work from now on.
    ///
    /// # Errors
    /// Where nobody takes the message; so for the others.
    pub fn ready(&self) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Ready])
    }

    /// A sign of life.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub fn alive(&self) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Watchdog])
    }

    /// The service ends.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub fn stopping(&self) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Stopping])
    }

    /// One line for people: what stands in `systemctl status`.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub fn status(&self, line: &str) -> io::Result<()> {
        sd_notify::notify(&[NotifyState::Status(&on_one_line(line))])
    }

    /// The start goes on, and takes no longer than `more` until it is said again.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub fn starting(&self, more: Duration) -> io::Result<()> {
        let micros = u32::try_from(more.as_micros()).unwrap_or(u32::MAX);
        sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(micros)])
    }
}

/// A line feed would begin another entry of the message.
fn on_one_line(line: &str) -> String {
    let visible = line.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(MAX_STATUS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_entry_whatever_a_camera_says() {
        assert_eq!(on_one_line("no frame\nWATCHDOG=1"), "no frame WATCHDOG=1");
        assert_eq!(on_one_line(&"é".repeat(300)).chars().count(), MAX_STATUS);
    }
}
