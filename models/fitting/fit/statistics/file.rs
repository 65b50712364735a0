//! Statistics as a file: version, what they are about, sums, digest.

use super::super::FitError;
use super::{Statistics, Subject};
use concert_models::digest::sha256_hex;
use concert_models::give_way::give_way;

/// The first bytes of a file of statistics; the number is the version.
const MAGIC: &[u8; 8] = b"CNCRTST1";
impl Statistics {
    /// The statistics as a file: version, what they are about, sums.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let subject = serde_json::to_vec(&self.subject).unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        bytes.extend((subject.len() as u64).to_le_bytes());
        bytes.extend(&subject);
        bytes.extend(self.frames.to_le_bytes());
        let sums = [self.weight].into_iter();
        // Half of a symmetric matrix says all.
        let triangle = self.xx.outer_iter().enumerate();
        let triangle = triangle.flat_map(|(at, row)| row.to_vec().into_iter().take(at + 1));
        let sums = sums.chain(triangle).chain(self.xy.iter().copied());
        let numbers = sums.chain(self.yy.iter().copied());
        for (at, number) in numbers.enumerate() {
            bytes.extend(number.to_le_bytes());
            if at % 4096 == 0 {
                give_way();
            }
        }
        let digest = sha256_hex(&bytes);
        bytes.extend(digest.as_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, into statistics about the
    /// same as `self`, which were made for the encoders at hand.
    ///
    /// # Errors
    /// [`FitError::DamagedStatistics`], and [`FitError::OtherStatistics`] where
    /// they are about other encoders (another hash), another target or scale.
    pub fn read(&self, bytes: &[u8]) -> Result<Self, FitError> {
        let damaged = |reason: &'static str| FitError::DamagedStatistics { reason };
        let (body, digest) = (bytes.len().checked_sub(64))
            .and_then(|at| bytes.split_at_checked(at))
            .ok_or(damaged("they are shorter than their digest"))?;
        let rest = body.strip_prefix(MAGIC);
        let rest = rest.ok_or(damaged("they begin with something else than CNCRTST1"))?;
        if sha256_hex(body).as_bytes() != digest {
            return Err(damaged("their digest is not that of their bytes"));
        }
        let (length, rest) = split_word(rest).ok_or(damaged("they end early"))?;
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        let (subject, rest) = (rest.split_at_checked(length)).ok_or(damaged("they end early"))?;
        let subject: Subject = serde_json::from_slice(subject)
            .map_err(|_| damaged("what they are about cannot be read"))?;
        if subject != self.subject {
            return Err(FitError::OtherStatistics {
                expected: self.subject.to_string(),
                found: subject.to_string(),
            });
        }
        let (frames, rest) = split_word(rest).ok_or(damaged("they end early"))?;
        let numbers: Vec<f64> = (rest.as_chunks::<8>().0.iter())
            .map(|word| f64::from_le_bytes(*word))
            .collect();
        let (terms, labels) = (subject.terms, subject.labels);
        let triangle = terms * (terms + 1) / 2;
        if numbers.len() != 1 + triangle + terms * labels + labels
            || !numbers.iter().all(|number| number.is_finite())
        {
            return Err(damaged(
                "their sums are not as many as they should be, or not finite",
            ));
        }
        let mut read = self.clone();
        read.frames = u64::from_le_bytes(frames);
        read.weight = numbers[0];
        let mut at = 1;
        for row in 0..terms {
            for column in 0..=row {
                read.xx[(row, column)] = numbers[at];
                read.xx[(column, row)] = numbers[at];
                at += 1;
            }
        }
        let (xy, yy) = numbers[at..].split_at(terms * labels);
        (read.xy.iter_mut().zip(xy)).for_each(|(sum, number)| *sum = *number);
        read.yy.copy_from_slice(yy);
        Ok(read)
    }
}

fn split_word(bytes: &[u8]) -> Option<([u8; 8], &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<8>()?;
    Some((*word, rest))
}
