//! Affinities from win rates, by the Analytic Hierarchy Process.
//!
//! Zamir et al., "Taskonomy" (CVPR 2018), §3.3: losses of different tasks have
//! different units and cannot be compared, but which of two transfers does
//! better on an image can be counted. For one target, `w_ij` is the share of
//! held-out images on which transfer i beats transfer j; clipped to
//! [0.001, 0.999], `w'_ij = w_ij / w_ji` says how many times better i is than j,
//! and the principal eigenvector of W', scaled to sum 1, is how good each is.

/// Least and greatest win rate that the Analytic Hierarchy Process sees.
pub const WIN_RATE_CLIP: (f64, f64) = (0.001, 0.999);
/// Most transfers to one target: the matrix has the square of so many numbers.
const MAX_TRANSFERS: usize = 4096;
/// Most steps of the power iteration.
const MAX_STEPS: usize = 10_000;
/// The eigenvector has converged when no entry changes by more than this share.
const CONVERGED: f64 = 1e-13;

/// Win rates of the transfers to one target: `rate(i, j)` is the share of
/// images on which transfer i does better than transfer j.
///
/// Its rows must be *all* transfers to the target, its own network (`self`)
/// among them; one measured later cannot be appended to affinities, but needs
/// them computed anew.
#[derive(Debug, Clone, PartialEq)]
pub struct WinMatrix {
    transfers: usize,
    /// Row by row.
    rates: Vec<f64>,
}

/// Reason why there are no affinities.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's text says what its fields are
pub enum AhpError {
    #[error("there are {transfers} transfers, but there must be from 1 to {limit}")]
    Transfers { transfers: usize, limit: usize },
    #[error("there are no images to compare transfers on")]
    NoImages,
    #[error("transfer {transfer} has {images} losses, but transfer 0 has {expected}")]
    Images {
        transfer: usize,
        images: usize,
        expected: usize,
    },
    #[error("loss of transfer {transfer} on image {image} is not a number")]
    Loss { transfer: usize, image: usize },
    #[error("win matrix has {rates} entries, but {transfers} transfers need {expected}")]
    Shape {
        rates: usize,
        transfers: usize,
        expected: usize,
    },
    #[error("win rate of transfer {winner} against {loser} is {rate}, but must be from 0 to 1")]
    Rate {
        winner: usize,
        loser: usize,
        rate: f64,
    },
    #[error(
        "win rates of transfers {winner} and {loser} against each other sum to {sum}, but must not exceed 1"
    )]
    Pair {
        winner: usize,
        loser: usize,
        sum: f64,
    },
    #[error(
        "the principal eigenvector has not settled after {steps} steps: it still changes by {change}"
    )]
    NotConverged { steps: usize, change: f64 },
}

impl WinMatrix {
    /// Counts wins over images: `losses[i][m]` is the loss of transfer i on image
    /// m, in any unit, less is better. A tie counts half for both. An infinite
    /// loss is one that loses to every finite one.
    ///
    /// # Errors
    /// No transfers or images, rows of unequal length, NaN.
    pub fn from_losses<L: AsRef<[f64]>>(losses: &[L]) -> Result<WinMatrix, AhpError> {
        let transfers = checked_count(losses.len())?;
        let images = losses[0].as_ref().len();
        if images == 0 {
            return Err(AhpError::NoImages);
        }
        for (transfer, row) in losses.iter().enumerate() {
            let row = row.as_ref();
            if row.len() != images {
                let (images, expected) = (row.len(), images);
                return Err(AhpError::Images {
                    transfer,
                    images,
                    expected,
                });
            }
            if let Some(image) = row.iter().position(|loss| loss.is_nan()) {
                return Err(AhpError::Loss { transfer, image });
            }
        }
        let mut rates = vec![0.5; transfers * transfers];
        for winner in 0..transfers {
            for loser in winner + 1..transfers {
                let pairs = losses[winner].as_ref().iter().zip(losses[loser].as_ref());
                // Twice the wins, so that a tie is a whole number.
                let wins: usize = pairs
                    .map(|(a, b)| usize::from(a < b) + usize::from(a <= b))
                    .sum();
                let rate = wins as f64 / (2 * images) as f64;
                rates[winner * transfers + loser] = rate;
                rates[loser * transfers + winner] = 1.0 - rate;
            }
        }
        Ok(WinMatrix { transfers, rates })
    }

    /// A matrix of win rates, row by row: entry `i * transfers + j` is how often
    /// i beats j. The diagonal is not looked at.
    ///
    /// # Errors
    /// Another number of entries than the square of `transfers`, rates that are
    /// not from 0 to 1, two that beat each other more than always.
    pub fn from_rates(transfers: usize, mut rates: Vec<f64>) -> Result<WinMatrix, AhpError> {
        let transfers = checked_count(transfers)?;
        let expected = transfers * transfers;
        if rates.len() != expected {
            let rates = rates.len();
            return Err(AhpError::Shape {
                rates,
                transfers,
                expected,
            });
        }
        for winner in 0..transfers {
            rates[winner * transfers + winner] = 0.5;
            for loser in 0..transfers {
                let rate = rates[winner * transfers + loser];
                if !(0.0..=1.0).contains(&rate) {
                    return Err(AhpError::Rate {
                        winner,
                        loser,
                        rate,
                    });
                }
            }
        }
        for winner in 0..transfers {
            for loser in winner + 1..transfers {
                let sum = rates[winner * transfers + loser] + rates[loser * transfers + winner];
                // Ties may have been left out, so less than 1 is allowed.
                if sum > 1.0 + 1e-9 {
                    return Err(AhpError::Pair { winner, loser, sum });
                }
            }
        }
        Ok(WinMatrix { transfers, rates })
    }

    /// Number of transfers.
    pub fn transfers(&self) -> usize {
        self.transfers
    }

    /// Share of images on which `winner` does better than `loser`.
    pub fn rate(&self, winner: usize, loser: usize) -> Option<f64> {
        let inside = winner < self.transfers && loser < self.transfers;
        inside.then(|| self.rates[winner * self.transfers + loser])
    }
}

fn checked_count(transfers: usize) -> Result<usize, AhpError> {
    match transfers {
        1..=MAX_TRANSFERS => Ok(transfers),
        _ => Err(AhpError::Transfers {
            transfers,
            limit: MAX_TRANSFERS,
        }),
    }
}

/// The affinity of each transfer to one target: positive, sum 1, greater is
/// better; in the order of the matrix.
///
/// # Errors
/// [`AhpError::NotConverged`]; a positive matrix always converges, so only one
/// whose eigenvalues are all but equal could cause it.
pub fn ahp_affinities(wins: &WinMatrix) -> Result<Vec<f64>, AhpError> {
    let transfers = wins.transfers;
    let (least, most) = WIN_RATE_CLIP;
    let rate = |i: usize, j: usize| wins.rates[i * transfers + j].clamp(least, most);
    let ratios: Vec<f64> = (0..transfers * transfers)
        .map(|at| (at / transfers, at % transfers))
        .map(|(i, j)| rate(i, j) / rate(j, i))
        .collect();
    let mut affinities = vec![1.0 / transfers as f64; transfers];
    let mut change = f64::INFINITY;
    for _ in 0..MAX_STEPS {
        let rows = ratios.chunks_exact(transfers);
        let mut next: Vec<f64> = rows
            .map(|row| row.iter().zip(&affinities).map(|(w, p)| w * p).sum())
            .collect();
        let sum: f64 = next.iter().sum();
        for entry in &mut next {
            *entry /= sum;
        }
        let changes = next.iter().zip(&affinities);
        change = changes
            .map(|(new, old)| (new - old).abs() / new)
            .fold(0.0, f64::max);
        affinities = next;
        if change < CONVERGED {
            return Ok(affinities);
        }
    }
    let steps = MAX_STEPS;
    Err(AhpError::NotConverged { steps, change })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Win rates of transfers whose strengths are known: i beats j on a share
    /// s_i / (s_i + s_j) of images (Bradley and Terry).
    fn consistent(strengths: &[f64]) -> WinMatrix {
        let pairs = strengths
            .iter()
            .flat_map(|i| strengths.iter().map(move |j| i / (i + j)));
        WinMatrix::from_rates(strengths.len(), pairs.collect()).expect("win rates")
    }

    #[test]
    fn consistent_win_rates_give_back_the_strengths() {
        let strengths = [0.5, 0.3, 0.15, 0.05];
        let affinities = ahp_affinities(&consistent(&strengths)).expect("affinities");
        for (affinity, strength) in affinities.iter().zip(strengths) {
            assert!((affinity - strength).abs() < 1e-14, "{affinity} {strength}");
        }
    }

    #[test]
    fn affinities_are_positive_and_sum_to_one_even_where_one_always_wins() {
        let losses = [vec![1.0; 5], vec![2.0; 5], vec![3.0; 5]];
        let wins = WinMatrix::from_losses(&losses).expect("wins");
        assert_eq!(wins.rate(0, 1), Some(1.0));
        let affinities = ahp_affinities(&wins).expect("affinities");
        assert!((affinities.iter().sum::<f64>() - 1.0).abs() < 1e-14);
        assert!(affinities[0] > affinities[1] && affinities[1] > affinities[2]);
        assert!(affinities[2] > 0.0);
    }

    #[test]
    fn equal_transfers_have_equal_affinities_because_a_tie_counts_half() {
        let losses = [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]];
        let wins = WinMatrix::from_losses(&losses).expect("wins");
        assert_eq!(wins.rate(2, 0), Some(0.5));
        let affinities = ahp_affinities(&wins).expect("affinities");
        for affinity in affinities {
            assert!((affinity - 1.0 / 3.0).abs() < 1e-15);
        }
    }

    #[test]
    fn the_order_of_transfers_does_not_matter() {
        let losses = [
            [0.3, 0.1, 0.9, 0.4],
            [0.2, 0.5, 0.8, 0.3],
            [0.9, 0.2, 0.1, 0.1],
        ];
        let turned = [losses[2], losses[0], losses[1]];
        let affinities = |losses: &[[f64; 4]]| {
            ahp_affinities(&WinMatrix::from_losses(losses).expect("wins")).expect("affinities")
        };
        let (a, b) = (affinities(&losses), affinities(&turned));
        for (first, second) in [(0, 1), (1, 2), (2, 0)] {
            assert!((a[first] - b[second]).abs() < 1e-14);
        }
    }

    #[test]
    fn a_monotone_change_of_the_unit_of_the_loss_changes_nothing() {
        let losses = [[0.3, 0.1, 0.9], [0.2, 0.5, 0.8]];
        let squared = losses.map(|row| row.map(|loss: f64| loss * loss * 100.0));
        assert_eq!(
            WinMatrix::from_losses(&losses),
            WinMatrix::from_losses(&squared)
        );
    }

    #[test]
    fn what_cannot_be_compared_is_refused_with_both_quantities() {
        let refused = |losses: &[Vec<f64>]| WinMatrix::from_losses(losses).unwrap_err().to_string();
        assert_eq!(
            refused(&[vec![1.0, 2.0], vec![1.0]]),
            "transfer 1 has 1 losses, but transfer 0 has 2"
        );
        assert_eq!(
            refused(&[vec![1.0], vec![f64::NAN]]),
            "loss of transfer 1 on image 0 is not a number"
        );
        assert_eq!(
            refused(&[vec![]]),
            "there are no images to compare transfers on"
        );
        assert_eq!(
            refused(&[]),
            "there are 0 transfers, but there must be from 1 to 4096"
        );
        let rates = |rates: &[f64]| {
            WinMatrix::from_rates(2, rates.to_vec())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            rates(&[0.5, 0.5, f64::NAN, 0.5]),
            "win rate of transfer 1 against 0 is NaN, but must be from 0 to 1"
        );
        assert_eq!(
            rates(&[0.5, 0.75, 0.5, 0.5]),
            "win rates of transfers 0 and 1 against each other sum to 1.25, but must not exceed 1"
        );
        assert_eq!(
            rates(&[0.5; 3]),
            "win matrix has 3 entries, but 2 transfers need 4"
        );
    }
}
