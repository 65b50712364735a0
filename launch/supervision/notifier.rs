//! Tells the service manager how a server goes: `READY=1` when it is ready first,
//! `WATCHDOG=1` while outputs come, `STATUS=` whenever that changes.

use std::io;
use std::time::Duration;

use concert_runtime::io::service_manager::ServiceManager;

use super::sign_of_life::{STATUS_PERIOD, SignOfLife};
use super::vitals::Vitals;

/// How much longer the start may take each time that it is said to go on.
const MORE: Duration = Duration::from_secs(30);
const SAY_MORE_EVERY: Duration = Duration::from_secs(5);

/// What the service manager was told.
pub(super) struct Notifier {
    manager: ServiceManager,
    sign: Option<SignOfLife>,
    is_ready: bool,
    status: String,
    next_more: Duration,
    fails: bool,
}

impl Notifier {
    pub(super) fn new(manager: ServiceManager) -> Self {
        if let Some(period) = manager
            .watchdog()
            .filter(|period| *period < STATUS_PERIOD * 4)
        {
            let (given, least) = (period.as_secs_f64(), STATUS_PERIOD.as_secs() * 4);
            tracing::warn!(
                "WatchdogSec is {given:.1} s, but outputs are counted every second: at least {least} s are needed"
            );
        }
        Self {
            sign: manager.watchdog().map(SignOfLife::new),
            manager,
            is_ready: false,
            status: String::new(),
            next_more: Duration::ZERO,
            fails: false,
        }
    }

    /// Tells what is new at the monotonic time `now`.
    pub(super) fn tell(&mut self, vitals: &Vitals, now: Duration) {
        let told = self.try_tell(vitals, now);
        let fails = told.is_err();
        if let Err(error) = told
            && !self.fails
        {
            tracing::warn!("the service manager is not told how it goes: {error}");
        }
        self.fails = fails;
    }

    fn try_tell(&mut self, vitals: &Vitals, now: Duration) -> io::Result<()> {
        let readiness = vitals.readiness();
        let status = match (readiness.unready, readiness.message.as_str()) {
            (None, "") => "ready".to_owned(),
            (None, message) => format!("ready; {message}"),
            (Some(unready), message) => format!("not ready ({}): {message}", unready.name()),
        };
        if status != self.status {
            self.manager.status(&status)?;
            self.status = status;
        }
        if !self.is_ready && readiness.is_ready() {
            self.manager.ready()?;
            self.is_ready = true;
        }
        // At the beginning in any case: what loads fast is over before the next look.
        let begins = self.next_more.is_zero();
        if begins || (vitals.loading().is_some() && now >= self.next_more) {
            self.manager.starting(MORE)?;
            self.next_more = now + SAY_MORE_EVERY;
        }
        if let (Some(sign), Some(figures)) = (&mut self.sign, vitals.figures())
            && sign.is_due(&figures, now)
        {
            self.manager.alive()?;
        }
        Ok(())
    }

    /// Tells that it ends.
    pub(super) fn stopping(&self) {
        if let Err(error) = self.manager.stopping() {
            tracing::debug!("the service manager is not told of the end: {error}");
        }
    }
}
