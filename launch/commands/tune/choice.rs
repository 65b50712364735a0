//! What was measured of each way to run a policy, and which one is chosen.

use concert_runtime::ExecutionSettings;

use super::args::Goal;
use crate::commands::profile::quantile;
use crate::commands::tune_part::{First, Turn};

/// Times whose ratio is at most this are equal: less cannot be told on a computer
/// that does anything else.
const EQUAL: f64 = 1.03;
/// Processor time that is so much more than another's is worth a word.
const MUCH_MORE: f64 = 1.1;

/// One way to run a policy, and its turns.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) settings: ExecutionSettings,
    pub(super) first: First,
    /// One of each round; none where it was not measured.
    pub(super) turns: Vec<Turn>,
}

impl Measured {
    /// Frames that count.
    pub(super) fn frames(&self) -> usize {
        self.turns.iter().map(|turn| turn.millis.len()).sum()
    }

    /// Time that a share of all frames do not exceed, ms.
    pub(super) fn millis(&self, share: f64) -> f64 {
        let all = self
            .turns
            .iter()
            .flat_map(|turn| turn.millis.iter().copied());
        quantile(&all.collect::<Vec<_>>(), share).unwrap_or(f64::INFINITY)
    }

    /// Median time of a frame, ms.
    pub(super) fn median(&self) -> f64 {
        self.millis(0.5)
    }

    /// Processor time of a frame, ms.
    pub(super) fn processor(&self) -> f64 {
        let all: f64 = self.turns.iter().map(|turn| turn.processor_millis).sum();
        all / self.frames().max(1) as f64
    }

    /// How much longer its frames take than another's: the median over the rounds,
    /// in each of which both had the same computer.
    pub(super) fn ratio_to(&self, other: &Self) -> f64 {
        let rounds = self.turns.iter().zip(&other.turns);
        let ratios = rounds.filter_map(|(ours, theirs)| {
            Some(quantile(&ours.millis, 0.5)? / quantile(&theirs.millis, 0.5)?)
        });
        quantile(&ratios.collect::<Vec<_>>(), 0.5).unwrap_or(f64::INFINITY)
    }
}

/// The way that is chosen, by its place, and why, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) index: usize,
    pub(super) why: String,
}

impl Choice {
    /// Chooses among the ways whose outputs are those of the first, which is the
    /// usual one; of equals, the first. `None` of none.
    pub(super) fn of(all: &[Measured], goal: Goal) -> Option<Self> {
        let usual = all.first()?;
        let same: Vec<&Measured> = all
            .iter()
            .filter(|one| one.first.sha256 == usual.first.sha256 && one.frames() > 0)
            .collect();
        let fastest = least(&same, Measured::median)?;
        let thriftiest = least(&same, Measured::processor)?;
        let (chosen, why) = match goal {
            Goal::Latency => {
                let equal = |one: &&Measured| one.ratio_to(fastest) <= EQUAL;
                let equals: Vec<_> = same.iter().copied().filter(equal).collect();
                let least = least(&equals, Measured::processor).unwrap_or(fastest);
                let equal = |one: &&Measured| one.processor() <= EQUAL * least.processor();
                let chosen = equals.into_iter().find(equal).unwrap_or(least);
                (chosen, why_fast(chosen, fastest, thriftiest))
            }
            Goal::Processor => {
                let equal = |one: &&Measured| one.processor() <= EQUAL * thriftiest.processor();
                let equals: Vec<_> = same.iter().copied().filter(equal).collect();
                let least = least(&equals, Measured::median).unwrap_or(thriftiest);
                let equal = |one: &&Measured| one.ratio_to(least) <= EQUAL;
                let chosen = equals.into_iter().find(equal).unwrap_or(least);
                (chosen, why_thrifty(chosen, fastest))
            }
        };
        let index = all.iter().position(|one| std::ptr::eq(one, chosen))?;
        Some(Self { index, why })
    }
}

fn least<'a>(all: &[&'a Measured], of: impl Fn(&Measured) -> f64) -> Option<&'a Measured> {
    let compare = |one: &&&Measured, other: &&&Measured| of(one).total_cmp(&of(other));
    all.iter().min_by(compare).copied()
}

fn why_fast(chosen: &Measured, fastest: &Measured, thriftiest: &Measured) -> String {
    let (frame, processor) = (chosen.median(), chosen.processor());
    let mut why = match std::ptr::eq(chosen, fastest) {
        true => format!("the fastest, with {frame:.1} ms a frame"),
        false => format!(
            "as fast as the fastest round by round, within 3 % ({}: {:.1} ms a frame in all, this \
             one {frame:.1}), and takes {processor:.1} ms of the processor a frame where that one \
             takes {:.1}",
            fastest.settings,
            fastest.median(),
            fastest.processor()
        ),
    };
    if processor > MUCH_MORE * thriftiest.processor() {
        why += &format!(
            "; it takes {processor:.1} ms of the processor a frame, where {} takes {:.1} and needs \
             {:.1} ms: where other programs want that time, choose with --for processor",
            thriftiest.settings,
            thriftiest.processor(),
            thriftiest.median()
        );
    }
    why
}

fn why_thrifty(chosen: &Measured, fastest: &Measured) -> String {
    let mut why = format!(
        "takes the least of the processor, {:.1} ms a frame",
        chosen.processor()
    );
    if !std::ptr::eq(chosen, fastest) {
        why += &format!(
            ", and needs {:.1} ms, where the fastest ({}) needs {:.1} and takes {:.1} of the processor",
            chosen.median(),
            fastest.settings,
            fastest.median(),
            fastest.processor()
        );
    }
    why
}

#[cfg(test)]
mod tests {
    use concert_runtime::Spinning;

    use super::*;

    fn measured(spinning: Spinning, rounds: &[f64], processor: f64, sha256: &str) -> Measured {
        Measured {
            settings: ExecutionSettings {
                spinning,
                ..ExecutionSettings::default()
            },
            first: First {
                outputs: 1,
                sha256: sha256.to_owned(),
                frames: String::new(),
            },
            turns: rounds
                .iter()
                .map(|&millis| Turn {
                    millis: vec![millis; 3],
                    processor_millis: 3.0 * processor,
                })
                .collect(),
        }
    }

    #[test]
    fn the_fastest_is_chosen_and_what_it_takes_more_is_said() {
        let all = [
            measured(Spinning::Off, &[30.0, 60.0], 40.0, "a"),
            measured(Spinning::On, &[20.0, 40.0], 60.0, "a"),
        ];
        let choice = Choice::of(&all, Goal::Latency).expect("a choice");
        assert_eq!(choice.index, 1);
        assert!(choice.why.starts_with("the fastest"), "{}", choice.why);
        for part in ["60.0 ms of the processor", "takes 40.0", "--for processor"] {
            assert!(choice.why.contains(part), "{}", choice.why);
        }
        let choice = Choice::of(&all, Goal::Processor).expect("a choice");
        assert_eq!(choice.index, 0);
        assert!(choice.why.contains("40.0 ms a frame"), "{}", choice.why);
    }

    #[test]
    fn of_equals_the_one_that_takes_less_of_the_other_is_chosen() {
        // The computer was slower in the second round, for both.
        let all = [
            measured(Spinning::Off, &[20.4, 40.8], 40.0, "a"),
            measured(Spinning::On, &[20.0, 40.0], 60.0, "a"),
        ];
        let choice = Choice::of(&all, Goal::Latency).expect("a choice");
        assert_eq!(choice.index, 0);
        assert!(choice.why.contains("as fast as"), "{}", choice.why);
        let all = [
            measured(Spinning::Off, &[30.0], 40.0, "a"),
            measured(Spinning::Micros(100), &[25.0], 41.0, "a"),
        ];
        let choice = Choice::of(&all, Goal::Processor).expect("a choice");
        assert_eq!(choice.index, 1);
    }

    #[test]
    fn of_ways_that_are_equal_in_all_the_usual_one_is_chosen() {
        let all = [
            measured(Spinning::Off, &[20.4], 40.8, "a"),
            measured(Spinning::On, &[20.0], 40.0, "a"),
        ];
        for goal in [Goal::Latency, Goal::Processor] {
            assert_eq!(Choice::of(&all, goal).map(|choice| choice.index), Some(0));
        }
    }

    #[test]
    fn what_makes_other_outputs_or_was_not_measured_is_not_chosen() {
        let all = [
            measured(Spinning::Off, &[30.0], 40.0, "a"),
            measured(Spinning::On, &[10.0], 10.0, "b"),
            measured(Spinning::Micros(100), &[], 0.0, "a"),
        ];
        for goal in [Goal::Latency, Goal::Processor] {
            assert_eq!(Choice::of(&all, goal).map(|choice| choice.index), Some(0));
        }
        assert_eq!(Choice::of(&[], Goal::Latency), None);
    }
}
