//! Says what goes on for long once.

use std::time::Duration;

/// The same is said again after this time at the earliest.
const AGAIN: Duration = Duration::from_secs(60);
/// Something else after this time.
const OTHER: Duration = Duration::from_secs(1);

/// The last words, and their time.
#[derive(Debug, Default)]
pub(super) struct Said {
    last: Option<(String, Duration)>,
}

impl Said {
    /// Writes a warning, unless it was written a short time ago.
    pub(super) fn warn(&mut self, text: String, now: Duration) {
        if self.is_due(&text, now) {
            tracing::warn!("{text}");
            self.last = Some((text, now));
        }
    }

    fn is_due(&self, text: &str, now: Duration) -> bool {
        self.last.as_ref().is_none_or(|(last, at)| {
            let pause = if last == text { AGAIN } else { OTHER };
            now.saturating_sub(*at) >= pause
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_a_minute_and_something_else_once_a_second() {
        let mut said = Said::default();
        assert!(said.is_due("a", Duration::ZERO));
        said.warn("a".to_owned(), Duration::ZERO);
        assert!(!said.is_due("a", Duration::from_secs(59)));
        assert!(said.is_due("a", AGAIN));
        assert!(!said.is_due("b", Duration::from_millis(500)));
        assert!(said.is_due("b", OTHER));
    }
}
