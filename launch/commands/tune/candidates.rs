//! The ways in which a policy can be run here.

use std::num::NonZeroUsize;

use concert_runtime::{EncoderOrder, ExecutionSettings, Spinning};

/// Times that threads spin for, µs: what a network's next operator takes to begin,
/// and what most frames' gaps between networks take.
const SPIN_MICROS: [u32; 2] = [100, 1000];

/// Every way to run a policy with at most so many threads, the usual one first.
/// Encoders take turns where there are `several` that can run side by side.
pub(super) fn candidates(
    asked: Option<NonZeroUsize>,
    cores: NonZeroUsize,
    several: bool,
) -> Vec<ExecutionSettings> {
    let most = asked.unwrap_or(cores);
    let mut counts = vec![most];
    if asked.is_none() {
        let half = NonZeroUsize::new(most.get() / 2).unwrap_or(NonZeroUsize::MIN);
        counts.extend([half, NonZeroUsize::MIN]);
        counts.dedup();
    }
    let mut all = Vec::new();
    for threads in counts {
        for &encoders in orders(threads, several) {
            for spinning in spinnings(threads, most) {
                all.push(ExecutionSettings {
                    encoders,
                    threads: Some(threads),
                    spinning,
                });
            }
        }
    }
    all
}

fn orders(threads: NonZeroUsize, several: bool) -> &'static [Option<EncoderOrder>] {
    match (several, threads.get()) {
        (false, _) => &[None],
        (true, 1) => &[Some(EncoderOrder::OneAfterTheOther)],
        (true, _) => &[
            Some(EncoderOrder::SideBySide),
            Some(EncoderOrder::OneAfterTheOther),
        ],
    }
}

/// One thread waits for nobody. Of fewer threads than could be had only the ends of
/// the scale are tried.
fn spinnings(threads: NonZeroUsize, most: NonZeroUsize) -> Vec<Spinning> {
    let mut all = vec![Spinning::Off];
    if threads.get() == 1 {
        return all;
    }
    if threads == most {
        all.extend(SPIN_MICROS.map(Spinning::Micros));
    }
    all.push(Spinning::On);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(asked: Option<usize>, cores: usize, several: bool) -> Vec<String> {
        let asked = asked.and_then(NonZeroUsize::new);
        let cores = NonZeroUsize::new(cores).expect("cores");
        let all = candidates(asked, cores, several).into_iter();
        all.map(|settings| settings.to_string()).collect()
    }

    #[test]
    fn the_usual_way_comes_first_and_none_comes_twice() {
        let two = of(None, 2, true);
        assert_eq!(two[0], "encoders side by side, 2 threads, spinning off");
        assert_eq!(two.len(), 9, "{two:?}");
        assert_eq!(
            two[8],
            "encoders one after the other, 1 thread, spinning off"
        );
        for (cores, several) in [(1, true), (2, false), (3, true), (8, true), (8, false)] {
            let all = of(None, cores, several);
            let distinct: std::collections::BTreeSet<_> = all.iter().collect();
            assert_eq!(distinct.len(), all.len(), "{all:?}");
        }
        assert_eq!(of(None, 1, true).len(), 1);
    }

    #[test]
    fn threads_that_were_asked_for_are_not_chosen_anew() {
        assert_eq!(of(Some(1), 8, false), ["1 thread, spinning off"]);
        let four = of(Some(4), 8, true);
        assert!(four.iter().all(|way| way.contains("4 threads")), "{four:?}");
    }
}
