//! Times of exposure from the names of files.

use std::path::PathBuf;

use super::image_set::NameTime;
use super::pace::Pace;
use crate::time::Timestamp;

/// Times of exposure of each file of one round, and the length of a round.
#[derive(Debug)]
pub(super) struct FileStamps {
    nanos: Vec<i64>,
    round_nanos: i64,
}

impl FileStamps {
    /// Reads the names; `None` where they do not all tell time the same way.
    pub(super) fn of(files: &[PathBuf], opened: Timestamp, pace: &Pace) -> Option<Self> {
        let times: Vec<NameTime> = files.iter().map(|file| NameTime::of(file)).collect();
        let nanos: Option<Vec<i64>> = match times.first()? {
            NameTime::Nanos(_) => {
                let nanos = |time: &NameTime| match *time {
                    NameTime::Nanos(nanos) => Some(nanos),
                    _ => None,
                };
                times.iter().map(nanos).collect()
            }
            NameTime::Index(first) => {
                let nanos = |time: &NameTime| match *time {
                    NameTime::Index(index) => {
                        let passed = pace.since_start(index.saturating_sub(*first));
                        Some(opened.after(passed).nanos())
                    }
                    _ => None,
                };
                times.iter().map(nanos).collect()
            }
            NameTime::Nothing => None,
        };
        let nanos = nanos?;
        let (first, last) = (*nanos.iter().min()?, *nanos.iter().max()?);
        let period = i64::try_from(pace.period().as_nanos()).unwrap_or(i64::MAX);
        Some(Self {
            round_nanos: last.saturating_sub(first).saturating_add(period),
            nanos,
        })
    }

    /// Stamp of a file in a round.
    pub(super) fn at(&self, index: usize, round: u64) -> Timestamp {
        let rounds = i64::try_from(round).unwrap_or(i64::MAX);
        let moved = self.round_nanos.saturating_mul(rounds);
        Timestamp::from_nanos(self.nanos[index].saturating_add(moved))
    }
}
