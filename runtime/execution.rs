//! How the networks of a frame are run: what can be chosen for a computer without
//! changing a bit of any output.

use std::fmt;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

/// How the networks of a frame are run. Outputs are the same bits whatever is
/// chosen; time and processor time are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionSettings {
    /// How the encoders of a frame take turns; `None` where nobody chose.
    pub encoders: Option<EncoderOrder>,
    /// Threads that run networks, the calling one included; `None` for one per
    /// physical core.
    pub threads: Option<NonZeroUsize>,
    /// What a thread does that has nothing to do.
    pub spinning: Spinning,
}

/// How encoders that every frame needs take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderOrder {
    /// At the same time, each with its share of the threads.
    #[default]
    SideBySide,
    /// One after the other, each with all threads.
    OneAfterTheOther,
}

/// What a thread that runs networks does while it has nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spinning {
    /// It sleeps at once: waking it takes time, and nothing else.
    #[default]
    Off,
    /// It looks for work again and again for so many microseconds, then sleeps.
    Micros(u32),
    /// It looks for work for as long as the library finds right, then sleeps.
    On,
}

impl fmt::Display for ExecutionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(encoders) = self.encoders {
            write!(f, "encoders {encoders}, ")?;
        }
        match self.threads {
            None => f.write_str("one thread per core")?,
            Some(NonZeroUsize::MIN) => f.write_str("1 thread")?,
            Some(threads) => write!(f, "{threads} threads")?,
        }
        write!(f, ", spinning {}", self.spinning)
    }
}

impl fmt::Display for EncoderOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SideBySide => "side by side",
            Self::OneAfterTheOther => "one after the other",
        })
    }
}

impl fmt::Display for Spinning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Micros(micros) => write!(f, "{micros} µs"),
            Self::On => f.write_str("on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_and_read_back_and_said_in_words() {
        let settings = ExecutionSettings {
            encoders: Some(EncoderOrder::OneAfterTheOther),
            threads: NonZeroUsize::new(2),
            spinning: Spinning::Micros(100),
        };
        let text = serde_json::to_string(&settings).unwrap();
        let want = r#"{"encoders":"one_after_the_other","threads":2,"spinning":{"micros":100}}"#;
        assert_eq!(text, want);
        let read: ExecutionSettings = serde_json::from_str(&text).unwrap();
        assert_eq!(read, settings);
        assert_eq!(
            settings.to_string(),
            "encoders one after the other, 2 threads, spinning 100 µs"
        );
        let usual = ExecutionSettings::default().to_string();
        assert_eq!(usual, "one thread per core, spinning off");
        assert!(serde_json::from_str::<ExecutionSettings>(&text.replace('2', "0")).is_err());
    }
}
