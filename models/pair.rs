//! Check that a readout and the encoders at hand were made for each other.

use crate::card::{EncoderCard, EncoderPin, GeometricCard, ReadFrom, ReadoutCard};

/// Reason why a readout cannot run on these encoders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// An encoder is missing.
    #[error("readout {readout} needs encoder {source_name}, but there is only {available}")]
    NoEncoder {
        /// The readout.
        readout: String,
        /// The encoder.
        source_name: String,
        /// Encoders given.
        available: String,
    },
    /// Another network of the same name.
    #[error(
        "readout {readout} was made for encoder {source_name} with sha256 {expected}, \
         but the one at hand has {found}"
    )]
    WrongHash {
        /// The readout.
        readout: String,
        /// The encoder.
        source_name: String,
        /// The readout's pin.
        expected: String,
        /// The encoder's.
        found: String,
    },
    /// The encoder is shown something else.
    #[error(
        "readout {readout} was made for encoder {source_name} with input {expected}, \
         but the one at hand takes {found}"
    )]
    WrongInput {
        /// The readout.
        readout: String,
        /// The encoder.
        source_name: String,
        /// The readout's pin.
        expected: String,
        /// The encoder's.
        found: String,
    },
    /// The encoder does not make what is read.
    #[error(
        "readout {readout} reads level {level} of encoder {source_name}, which has {available}"
    )]
    NoLevel {
        /// The readout.
        readout: String,
        /// The encoder.
        source_name: String,
        /// The level.
        level: String,
        /// The encoder's levels.
        available: String,
    },
}

/// Checks that every encoder that the readout pins is among `encoders`, is the
/// very one (hash and input contract), and makes every level that is read.
///
/// # Errors
/// The first pin that does not hold.
pub fn fit_together(readout: &ReadoutCard, encoders: &[EncoderCard]) -> Result<(), PairError> {
    check_pins(&readout.name, &readout.encoders, encoders)?;
    let reads = readout.reads.iter().map(|read| &read.from);
    check_levels(&readout.name, reads, encoders)
}

/// Checks as [`fit_together`] does, for a geometric readout.
///
/// # Errors
/// The first pin that does not hold.
pub fn geometry_fits(readout: &GeometricCard, encoders: &[EncoderCard]) -> Result<(), PairError> {
    check_pins(&readout.name, &readout.encoders, encoders)?;
    let reads = readout.reads.iter().map(|read| &read.from);
    check_levels(&readout.name, reads, encoders)
}

fn check_pins(
    readout: &str,
    pins: &[EncoderPin],
    encoders: &[EncoderCard],
) -> Result<(), PairError> {
    for pin in pins {
        let (readout, source_name) = (readout.to_owned(), pin.source.clone());
        let Some(encoder) = find(encoders, &pin.source) else {
            let names: Vec<_> = encoders.iter().map(|card| card.name.as_str()).collect();
            return Err(PairError::NoEncoder {
                readout,
                source_name,
                available: match names.is_empty() {
                    true => "none".to_owned(),
                    false => names.join(", "),
                },
            });
        };
        if encoder.origin.sha256 != pin.sha256 {
            return Err(PairError::WrongHash {
                readout,
                source_name,
                expected: pin.sha256.clone(),
                found: encoder.origin.sha256.clone(),
            });
        }
        if encoder.input != pin.input {
            return Err(PairError::WrongInput {
                readout,
                source_name,
                expected: pin.input.to_string(),
                found: encoder.input.to_string(),
            });
        }
    }
    Ok(())
}

fn check_levels<'a>(
    readout: &str,
    reads: impl Iterator<Item = &'a ReadFrom>,
    encoders: &[EncoderCard],
) -> Result<(), PairError> {
    for read in reads {
        let ReadFrom::Level { source, level, .. } = read else {
            continue;
        };
        // A read names a pinned encoder, and all of those were found.
        let Some(encoder) = find(encoders, source) else {
            continue;
        };
        if encoder.level(level).is_none() {
            let names = encoder.levels.iter().map(|level| level.name.as_str());
            return Err(PairError::NoLevel {
                readout: readout.to_owned(),
                source_name: source.clone(),
                level: level.clone(),
                available: names.collect::<Vec<_>>().join(", "),
            });
        }
    }
    Ok(())
}

fn find<'a>(encoders: &'a [EncoderCard], name: &str) -> Option<&'a EncoderCard> {
    encoders.iter().find(|card| card.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Card;
    use crate::card::tests::{ENCODER, READOUT};

    fn encoder(from: &str, to: &str) -> EncoderCard {
        match Card::parse(&ENCODER.replacen(from, to, 1), "e.toml").unwrap() {
            Card::Encoder(card) => card,
            other => panic!("a {}", other.kind()),
        }
    }

    fn readout() -> ReadoutCard {
        match Card::parse(READOUT, "r.toml").unwrap() {
            Card::Readout(card) => card,
            other => panic!("a {}", other.kind()),
        }
    }

    #[test]
    fn a_readout_fits_the_encoder_it_was_made_for_and_no_other() {
        let fit = |encoders: &[EncoderCard]| fit_together(&readout(), encoders);
        let message = |from, to| fit(&[encoder(from, to)]).unwrap_err().to_string();
        assert_eq!(fit(&[encoder("", "")]), Ok(()));
        assert_eq!(
            fit(&[]).unwrap_err().to_string(),
            "readout class_object_from_tiny needs encoder tiny, but there is only none"
        );
        assert!(message("ba78", "ba79").contains("with sha256 ba78"));
        assert!(message("width = 288", "width = 256").contains("takes image 256x224"));
        let mut other = encoder("", "");
        other.levels.pop();
        assert_eq!(
            fit(&[other]).unwrap_err().to_string(),
            "readout class_object_from_tiny reads level tokens of encoder tiny, which has stride4"
        );
    }
}
