//! The state of a learner as a file, for the next process: scale, statistics and
//! counts. Frames are not kept.

use serde::{Deserialize, Serialize};

use super::super::FitError;
use super::super::linear::LinearFit;
use super::super::objective::Objective;
use super::super::statistics::{MAX_TERMS, Statistics, terms};
use super::{FOLDS, Learner, Stage};
use concert_models::digest::sha256_hex;

/// The first bytes of a file; the number is the version.
const MAGIC: &[u8; 8] = b"CNCRTLN1";
/// Longest header, bytes.
const MAX_HEADER: usize = 64 << 10;
/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    target: String,
    /// Name and SHA-256.
    encoders: Vec<(String, String)>,
    learnt: u64,
    held_out: u64,
    blocks: u64,
    digest: String,
    /// Numbers of the scale.
    scale: usize,
    /// Bytes of the statistics of each fold.
    folds: [usize; FOLDS],
}

impl Header {
    fn subject(&self) -> String {
        let encoders = self.encoders.iter();
        let encoders = encoders.map(|(name, sha256)| {
            let short = sha256.get(..12).unwrap_or(sha256);
            format!("{name} {short}")
        });
        let encoders: Vec<_> = encoders.collect();
        format!("{} from {}", self.target, encoders.join(", "))
    }
}

impl Learner {
    /// The state as a file; `None` while nothing is worth keeping.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let Stage::Learning(learning) = &self.stage else {
            return None;
        };
        let scale = learning.linear.scale();
        let folds = learning.folds.each_ref().map(Statistics::to_bytes);
        let header = Header {
            scale: scale.len(),
            folds: folds.each_ref().map(Vec::len),
            ..self.header()
        };
        let header = serde_json::to_vec(&header).ok()?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(&header);
        bytes.extend(scale.iter().flat_map(|number| number.to_le_bytes()));
        // Statistics carry digests of their own.
        let digest = sha256_hex(&bytes);
        bytes.extend(digest.as_bytes());
        folds.iter().for_each(|fold| bytes.extend(fold));
        Some(bytes)
    }

    /// Goes on from what [`to_bytes`](Self::to_bytes) gave; to be called before
    /// the first frame.
    ///
    /// # Errors
    /// [`FitError::OtherStatistics`] where they are about another target or
    /// other encoders, [`FitError::DamagedStatistics`]; nothing changes then.
    pub fn resume(&mut self, bytes: &[u8]) -> Result<(), FitError> {
        let (header, scale, folds) = parts(bytes)?;
        let own = self.header();
        if (&header.target, &header.encoders) != (&own.target, &own.encoders) {
            return Err(FitError::OtherStatistics {
                expected: own.subject(),
                found: header.subject(),
            });
        }
        let linear = LinearFit::from_scale(self.target, &self.layout, None, &scale)?;
        let empty = linear.statistics()?;
        let folds = [empty.read(folds[0])?, empty.read(folds[1])?];
        self.stage = Stage::Learning(Box::new(self.new_learning(linear, folds)?));
        self.learnt = header.learnt;
        self.held_out = header.held_out;
        // The next frame begins a block of its own.
        self.block.number = header.blocks.saturating_add(1);
        self.digest = header.digest;
        Ok(())
    }

    /// Most bytes that [`to_bytes`](Self::to_bytes) can give.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        let terms = terms(&self.layout).min(MAX_TERMS) as u64;
        let labels = self.labels() as u64;
        let fold = 8 * (terms * (terms + 1) / 2 + terms * labels + labels + 16);
        let slack = 2 * MAX_HEADER as u64 + 8 * terms;
        FOLDS as u64 * (fold + MAX_HEADER as u64) + slack
    }

    fn labels(&self) -> usize {
        let form = super::super::training_set::objective(self.target, &self.layout, None);
        form.map_or(1, |(objective, _): (Objective, _)| objective.channels())
    }

    fn header(&self) -> Header {
        let encoders = self.layout.encoders();
        let encoders = encoders.map(|(name, sha256)| (name.to_owned(), sha256.to_owned()));
        Header {
            target: self.target.name.to_owned(),
            encoders: encoders.collect(),
            learnt: self.learnt,
            held_out: self.held_out,
            blocks: self.block.number,
            digest: self.digest.clone(),
            scale: 0,
            folds: [0; FOLDS],
        }
    }
}

type Parts<'a> = (Header, Vec<f32>, [&'a [u8]; FOLDS]);

fn parts(bytes: &[u8]) -> Result<Parts<'_>, FitError> {
    let damaged = |reason: &'static str| FitError::DamagedStatistics { reason };
    let short = || damaged("the file ends too early");
    let rest = bytes.strip_prefix(MAGIC);
    let rest = rest.ok_or_else(|| damaged("they do not begin as statistics of this version"))?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_HEADER {
        return Err(damaged("their header is too long"));
    }
    let (header, rest) = rest.split_at_checked(length).ok_or_else(short)?;
    let header: Header =
        serde_json::from_slice(header).map_err(|_| damaged("their header is none"))?;
    let scale_bytes = header.scale.checked_mul(4).ok_or_else(short)?;
    let (scale, rest) = rest.split_at_checked(scale_bytes).ok_or_else(short)?;
    let (digest, rest) = rest.split_at_checked(DIGITS).ok_or_else(short)?;
    let whole = MAGIC.len() + 8 + length + scale_bytes;
    if sha256_hex(&bytes[..whole]).as_bytes() != digest {
        return Err(damaged("their digest is another"));
    }
    let (first, rest) = rest.split_at_checked(header.folds[0]).ok_or_else(short)?;
    if rest.len() != header.folds[1] {
        return Err(damaged("they are not as long as their header says"));
    }
    let words = scale.as_chunks::<4>().0.iter();
    let scale = words.map(|word| f32::from_le_bytes(*word)).collect();
    Ok((header, scale, [first, rest]))
}
