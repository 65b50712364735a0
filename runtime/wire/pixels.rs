//! The pixels of an image, which stand at the end of its message.

/// Pixels of an image as they lie in memory, to be written to where the message is
/// to lie, once. Numbers are written little-endian.
#[derive(Debug, Clone, Copy)]
pub enum Pixels<'a> {
    /// None: the message ends before them.
    None,
    /// Bytes as they are, and zeros after them up to a length.
    Bytes {
        /// The bytes.
        bytes: &'a [u8],
        /// Length in all, bytes.
        length: usize,
    },
    /// Numbers, channel by channel; pixel by pixel in the message.
    Planes {
        /// `channels` planes of equal size.
        values: &'a [f32],
        /// Number of planes.
        channels: usize,
    },
    /// One label for each pixel, to be rounded to a byte.
    Labels(&'a [f32]),
    /// The class of the highest score for each pixel, of at most 256.
    BestClass {
        /// `classes` planes of equal size.
        scores: &'a [f32],
        /// Number of planes.
        classes: usize,
    },
}

impl Pixels<'_> {
    /// Length in the message, bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match *self {
            Self::None => 0,
            Self::Bytes { length, .. } => length,
            Self::Planes { values, .. } => size_of_val(values),
            Self::Labels(labels) => labels.len(),
            Self::BestClass { scores, classes } => scores.len() / classes,
        }
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes them to `to`, which is as long as they are.
    pub fn write(&self, to: &mut [u8]) {
        match *self {
            Self::None => {}
            Self::Bytes { bytes, length } => {
                let (data, padding) = to.split_at_mut(bytes.len().min(length));
                data.copy_from_slice(&bytes[..data.len()]);
                padding.fill(0);
            }
            Self::Planes { values, channels } => write_planes(values, channels, to),
            Self::Labels(labels) => {
                for (byte, label) in to.iter_mut().zip(labels) {
                    *byte = label.round() as u8;
                }
            }
            Self::BestClass { scores, classes } => write_best_classes(scores, classes, to),
        }
    }

    /// Appends them.
    pub fn append(&self, to: &mut Vec<u8>) {
        let begin = to.len();
        to.resize(begin + self.len(), 0);
        self.write(&mut to[begin..]);
    }
}

fn write_planes(values: &[f32], channels: usize, to: &mut [u8]) {
    let (numbers, _) = to.as_chunks_mut::<4>();
    if channels == 1 {
        for (number, value) in numbers.iter_mut().zip(values) {
            *number = value.to_le_bytes();
        }
        return;
    }
    let plane = values.len() / channels;
    for (channel, values) in values.chunks_exact(plane.max(1)).enumerate() {
        let of_channel = numbers.iter_mut().skip(channel).step_by(channels);
        for (number, value) in of_channel.zip(values) {
            *number = value.to_le_bytes();
        }
    }
}

/// The first of equals; a NaN never wins.
fn write_best_classes(scores: &[f32], classes: usize, to: &mut [u8]) {
    let pixels = scores.len() / classes;
    for (pixel, label) in to.iter_mut().enumerate() {
        let score = |class: usize| scores[class * pixels + pixel];
        let best = (1..classes).fold(0, |best, class| {
            let wins = score(class) > score(best) || score(best).is_nan();
            if wins { class } else { best }
        });
        *label = best as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pixels: Pixels<'_>) -> Vec<u8> {
        let mut to = vec![9];
        pixels.append(&mut to);
        assert_eq!(to.len() - 1, pixels.len());
        to.split_off(1)
    }

    #[test]
    fn planes_become_pixels_and_rows_without_padding_get_it() {
        let planes = [1.0, 2.0, 3.0, 4.0_f32];
        let floats = |values: [f32; 4]| values.map(f32::to_le_bytes).concat();
        let of = |channels| {
            written(Pixels::Planes {
                values: &planes,
                channels,
            })
        };
        assert_eq!(of(1), floats([1.0, 2.0, 3.0, 4.0]));
        assert_eq!(of(2), floats([1.0, 3.0, 2.0, 4.0]));
        assert_eq!(of(4), floats([1.0, 2.0, 3.0, 4.0]));
        let bytes = Pixels::Bytes {
            bytes: &[1, 2, 3],
            length: 5,
        };
        assert_eq!(written(bytes), [1, 2, 3, 0, 0]);
        assert_eq!(written(Pixels::Labels(&[1.2, 254.6])), [1, 255]);
        assert!(written(Pixels::None).is_empty());
    }

    #[test]
    fn the_best_class_is_the_first_of_equals_and_never_nan() {
        let scores = [f32::NAN, 1.0, 2.0, 0.5, 1.0, 2.0, f32::NAN, 3.0, 2.0];
        let labels = written(Pixels::BestClass {
            scores: &scores,
            classes: 3,
        });
        assert_eq!(labels, [1, 2, 0]);
    }
}
