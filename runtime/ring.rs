//! Looking back in time: which of an encoder's slots holds which frame.

use crate::time::Timestamp;

/// The turns of one encoder's levels. A ring of n turns is n prepared wirings
/// used one after the other; it advances only when the encoder ran.
#[derive(Debug, Clone)]
pub struct Ring {
    stamps: Vec<Option<Timestamp>>,
    current: usize,
}

impl Ring {
    /// An empty ring of `turns` turns (at least 1).
    #[must_use]
    pub fn new(turns: usize) -> Self {
        Self {
            stamps: vec![None; turns.max(1)],
            current: 0,
        }
    }

    /// The turn that the encoder is to write next. What it held is forgotten
    /// at once: if the encoder fails, nobody reads half of one frame.
    pub fn begin(&mut self) -> usize {
        let next = (self.current + 1) % self.stamps.len();
        self.stamps[next] = None;
        next
    }

    /// Notes that the encoder wrote `turn` for the frame of `stamp`.
    pub fn commit(&mut self, turn: usize, stamp: Timestamp) {
        self.current = turn;
        self.stamps[turn] = Some(stamp);
    }

    /// The turn that holds the newest representation.
    #[must_use]
    pub fn current(&self) -> usize {
        self.current
    }

    /// Stamp of the frame whose representation was made `back` runs ago, or
    /// `None` while the ring is still warming.
    #[must_use]
    pub fn stamp(&self, back: usize) -> Option<Timestamp> {
        let turns = self.stamps.len();
        self.stamps[(self.current + turns - back % turns) % turns]
    }

    /// Number of turns.
    #[must_use]
    pub fn turns(&self) -> usize {
        self.stamps.len()
    }

    /// The turn that holds what was made `back` runs before `current`.
    #[must_use]
    pub fn turn_back(current: usize, back: usize, turns: usize) -> usize {
        (current + turns - back % turns) % turns
    }

    /// Forgets everything, as after a start.
    pub fn clear(&mut self) {
        self.stamps.fill(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_ring_is_warming_until_it_is_full() {
        let mut ring = Ring::new(2);
        assert_eq!(ring.stamp(0), None);
        let turn = ring.begin();
        ring.commit(turn, Timestamp::from_nanos(1));
        assert_eq!(ring.stamp(0), Some(Timestamp::from_nanos(1)));
        assert_eq!(ring.stamp(1), None);
        let turn = ring.begin();
        ring.commit(turn, Timestamp::from_nanos(2));
        assert_eq!(ring.stamp(1), Some(Timestamp::from_nanos(1)));
    }

    #[test]
    fn a_failed_run_costs_one_representation_and_never_shows_half_of_it() {
        let mut ring = Ring::new(2);
        for nanos in 1..=2 {
            let turn = ring.begin();
            ring.commit(turn, Timestamp::from_nanos(nanos));
        }
        let _failed = ring.begin();
        assert_eq!(ring.stamp(0), Some(Timestamp::from_nanos(2)));
        assert_eq!(ring.stamp(1), None, "its slot may be half written");
    }
}
