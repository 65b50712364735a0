//! The frames that are fitted on, and those that are held out.

use crate::dataset::DataSet;
use crate::fit::spaced_frames;

use super::error::MeasureError;

/// Blocks of time that the frames of one data set are cut into.
const BLOCKS: usize = 5;
/// The blocks that are held out.
const HELD_OUT: [usize; 2] = [1, 3];

/// Frames of a data set, by sequence and number in it, in the order of time.
pub(super) type Frames = Vec<(usize, usize)>;

/// Frames to fit on, and frames held out: of one data set two of five blocks of
/// time, so that only at the ends of a block a held-out frame has a neighbour
/// that is fitted on; of two data sets, the one and the other. Of each, at most so many, evenly spaced.
///
/// # Errors
/// Fewer than four frames to divide, or fewer than two of either kind.
pub fn split_frames(
    data: &DataSet,
    held_out: Option<&DataSet>,
    most: (Option<usize>, Option<usize>),
) -> Result<(Frames, Frames), MeasureError> {
    let all = spaced_frames(data, None);
    let (fit, held) = match held_out {
        Some(other) => (all, spaced_frames(other, None)),
        None => {
            let blocks = BLOCKS.min(all.len());
            let is_held = |at: usize| HELD_OUT.contains(&(at * blocks / all.len()));
            let places = 0..all.len();
            let (held, fit): (Vec<_>, Vec<_>) = places.partition(|at| is_held(*at));
            let frames = |places: Vec<usize>| places.into_iter().map(|at| all[at]).collect();
            (frames(fit), frames(held))
        }
    };
    let (fit, held) = (space_out(fit, most.0), space_out(held, most.1));
    if fit.len() < 2 || held.len() < 2 {
        return Err(MeasureError::TooFewFrames {
            fit: fit.len(),
            held_out: held.len(),
        });
    }
    Ok((fit, held))
}

fn space_out(frames: Frames, most: Option<usize>) -> Frames {
    let count = most.map_or(frames.len(), |most| most.min(frames.len()));
    let at = |k: usize| frames[(2 * k + 1) * frames.len() / (2 * count)];
    (0..count).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::space_out;

    #[test]
    fn frames_are_evenly_spaced_and_no_more_than_there_are() {
        let frames: Vec<_> = (0..10).map(|index| (0, index)).collect();
        assert_eq!(space_out(frames.clone(), Some(2)), [(0, 2), (0, 7)]);
        assert_eq!(space_out(frames.clone(), Some(50)), frames);
        assert_eq!(space_out(frames.clone(), None), frames);
    }
}
