//! Census of what is to be seen in a data set, class by class.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::class::Class;
use crate::labels::Labels;

/// Count of a class: how often it is to be seen in a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class.
    pub class: Class,
    /// Frames in which at least one pixel shows it.
    pub frames: u64,
    /// Things of it that at least one frame shows, each once per home.
    pub objects: u64,
    /// Pixels that show it.
    pub pixels: u64,
}

/// Counts classes frame by frame, home by home.
#[derive(Clone, Debug)]
pub(super) struct Census {
    counts: Vec<ClassCount>,
    /// Instance numbers seen in the home at hand.
    seen: BTreeSet<u16>,
}

impl Census {
    pub(super) fn new() -> Self {
        let count = |&class: &Class| ClassCount {
            class,
            frames: 0,
            objects: 0,
            pixels: 0,
        };
        Self {
            counts: Class::ALL.iter().map(count).collect(),
            seen: BTreeSet::new(),
        }
    }

    /// From here on, instance numbers are those of another home.
    pub(super) fn next_home(&mut self) {
        self.seen.clear();
    }

    /// Counts what a frame shows.
    pub(super) fn note(&mut self, labels: &Labels) {
        let mut shown = vec![false; self.counts.len()];
        let mut last = None;
        for (&class, &instance) in labels.semantic.iter().zip(&labels.instance) {
            let index = usize::from(class);
            self.counts[index].pixels += 1;
            shown[index] = true;
            // Neighbours mostly show the same thing.
            if last != Some(instance) && instance != 0 && self.seen.insert(instance) {
                self.counts[index].objects += 1;
            }
            last = Some(instance);
        }
        for (count, shown) in self.counts.iter_mut().zip(shown) {
            count.frames += u64::from(shown);
        }
    }

    /// The classes that were seen, in the order of their numbers.
    pub(super) fn counts(&self) -> Vec<ClassCount> {
        let counts = self.counts.iter().copied();
        counts.filter(|count| count.frames > 0).collect()
    }
}
