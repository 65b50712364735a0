//! Representations of frames by frozen encoders: computed once, kept in memory at
//! half precision, and read by every fit.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::FitError;
use super::kernels::Grid;
use concert_models::card::{EncoderCard, EncoderPin, Read, ReadFrom};
use concert_models::contract::InputContract;

/// The order of the numbers of a level over the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrangement {
    /// `[1, channels, height, width]`.
    Planes,
    /// The tokens of a transformer, `[1, tokens, channels]`, row by row over
    /// the frame, after `skipped` tokens of no place.
    Tokens {
        /// Tokens before the first that has a place.
        skipped: usize,
    },
    /// The first token of a transformer, which has no place.
    FirstToken,
    /// `[1, channels]`.
    Vector,
}

/// One input of a readout as the fit sees it: planes over the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// The index into [`RepresentationLayout::reads`] that it is taken from.
    pub(crate) read: usize,
    /// Its order there.
    pub(crate) arrangement: Arrangement,
    /// Channels.
    pub(crate) channels: usize,
    /// Cells over the frame.
    pub(crate) grid: Grid,
}

impl View {
    fn len(&self) -> usize {
        self.channels * self.grid.cells()
    }

    /// Puts the view's numbers back into its level's.
    fn scatter(&self, values: &[f32], level: &mut [f32]) {
        match self.arrangement {
            Arrangement::Planes | Arrangement::Vector => level.copy_from_slice(values),
            Arrangement::FirstToken => level[..self.channels].copy_from_slice(values),
            Arrangement::Tokens { skipped } => {
                let tokens = &mut level[skipped * self.channels..];
                for (channel, plane) in values.chunks_exact(self.grid.cells()).enumerate() {
                    let places = tokens[channel..].iter_mut().step_by(self.channels);
                    places.zip(plane).for_each(|(place, value)| *place = *value);
                }
            }
        }
    }

    /// The view's numbers out of its level's.
    pub(super) fn gather(&self, level: &[f32], into: &mut Vec<f32>) {
        match self.arrangement {
            Arrangement::Planes | Arrangement::Vector => into.extend_from_slice(level),
            Arrangement::FirstToken => into.extend_from_slice(&level[..self.channels]),
            Arrangement::Tokens { skipped } => {
                let tokens = &level[skipped * self.channels..];
                for channel in 0..self.channels {
                    into.extend(tokens[channel..].iter().step_by(self.channels));
                }
            }
        }
    }
}

/// The levels of a set of encoders that are read, as planes over the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepresentationLayout {
    /// The encoders, sorted by name.
    pub(crate) pins: Vec<EncoderPin>,
    /// Every level of every encoder, as the readout's card names it, with its
    /// shape.
    pub(crate) reads: Vec<(Read, Vec<usize>)>,
    /// The levels as planes.
    pub(crate) views: Vec<View>,
    /// Width and height of the first encoder's input, px.
    pub(crate) input: (usize, usize),
}

impl RepresentationLayout {
    /// The layout of all levels of these encoders.
    ///
    /// # Errors
    /// No encoder, one twice, encoders that see different parts of the frame,
    /// or a level whose shape says nothing about its place in the frame.
    pub fn of(cards: &[&EncoderCard]) -> Result<Self, FitError> {
        let mut cards = cards.to_vec();
        cards.sort_by(|a, b| a.name.cmp(&b.name));
        let Some(first) = cards.first() else {
            return Err(FitError::NoSource);
        };
        if let Some(both) = cards.windows(2).find(|two| two[0].name == two[1].name) {
            let source = both[0].name.clone();
            return Err(FitError::TwiceTheSource {
                source_name: source,
            });
        }
        let input = (first.input.width(), first.input.height());
        let mut layout = Self {
            pins: Vec::new(),
            reads: Vec::new(),
            views: Vec::new(),
            input,
        };
        for card in cards.iter().copied() {
            layout.add(card, first)?;
        }
        Ok(layout)
    }

    fn add(&mut self, card: &EncoderCard, first: &EncoderCard) -> Result<(), FitError> {
        use concert_models::contract::Fit;
        let (fit, wanted) = (card.input.fit(), first.input.fit());
        let same_shape = |a: &EncoderCard, b: &EncoderCard| {
            a.input.width() * b.input.height() == a.input.height() * b.input.width()
        };
        if fit != wanted || (fit != Fit::Stretch && !same_shape(card, first)) {
            return Err(FitError::DifferentParts {
                first: first.name.clone(),
                first_input: first.input.to_string(),
                second: card.name.clone(),
                second_input: card.input.to_string(),
            });
        }
        self.pins.push(EncoderPin {
            source: card.name.clone(),
            sha256: card.origin.sha256.clone(),
            input: card.input.clone(),
        });
        for level in &card.levels {
            let views = arrange(&level.shape).ok_or_else(|| FitError::UnplacedLevel {
                source_name: card.name.clone(),
                level: level.name.clone(),
                shape: level.shape.clone(),
            })?;
            let read = self.reads.len();
            for (arrangement, channels, grid) in views {
                self.views.push(View {
                    read,
                    arrangement,
                    channels,
                    grid,
                });
            }
            let read = Read {
                tensor: format!("{}_{}", card.name, level.name),
                from: ReadFrom::Level {
                    source: card.name.clone(),
                    level: level.name.clone(),
                    frames_back: 0,
                },
            };
            self.reads.push((read, level.shape.clone()));
        }
        Ok(())
    }

    /// Numbers of one representation.
    #[must_use]
    pub fn len(&self) -> usize {
        self.views.iter().map(View::len).sum()
    }

    /// True where there is nothing to read; never so for a checked layout.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers of one read, as the encoder gave them (in half precision).
    pub(crate) fn level(&self, representation: &Representation, read: usize) -> Vec<f32> {
        let shape = &self.reads[read].1;
        let mut level = vec![0.0; shape.iter().product()];
        for (at, view) in self.views.iter().enumerate() {
            if view.read != read {
                continue;
            }
            let mut values = vec![0.0; view.len()];
            representation.read(self, at, &mut values);
            view.scatter(&values, &mut level);
        }
        level
    }

    /// Source and level of each read, in the order that
    /// [`represent`](Self::represent) wants them in.
    pub fn levels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.reads.iter().filter_map(|(read, _)| match &read.from {
            ReadFrom::Level { source, level, .. } => Some((source.as_str(), level.as_str())),
            _ => None,
        })
    }

    /// Name and SHA-256 of every encoder, sorted by name.
    pub fn encoders(&self) -> impl Iterator<Item = (&str, &str)> {
        let pins = self.pins.iter();
        pins.map(|pin| (pin.source.as_str(), pin.sha256.as_str()))
    }

    /// The input contract of the first encoder.
    #[must_use]
    pub fn contract(&self) -> &InputContract {
        &self.pins[0].input
    }

    /// The representation of levels that encoders made elsewhere, one per entry
    /// of [`levels`](Self::levels), row-major.
    ///
    /// # Errors
    /// [`FitError::OtherLevel`] for a level of another size or none, and
    /// [`FitError::NotFinite`].
    pub fn represent(&self, levels: &[&[f32]]) -> Result<Representation, FitError> {
        let mut values = Vec::with_capacity(self.len());
        for (at, (read, shape)) in self.reads.iter().enumerate() {
            let found = levels.get(at).map_or(0, |level| level.len());
            let expected = shape.iter().product();
            if found != expected {
                return Err(FitError::OtherLevel {
                    level: read.tensor.clone(),
                    expected,
                    found,
                });
            }
            for view in self.views.iter().filter(|view| view.read == at) {
                view.gather(levels[at], &mut values);
            }
        }
        Representation::of(values)
    }

    /// Bytes that one representation takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len() * size_of::<f16>()
    }
}

/// The views of a level of this shape.
fn arrange(shape: &[usize]) -> Option<Vec<(Arrangement, usize, Grid)>> {
    let one = Grid::new(1, 1);
    match *shape {
        [1, channels, height, width] => Some(vec![(
            Arrangement::Planes,
            channels,
            Grid::new(height, width),
        )]),
        [1, tokens, channels] => {
            let side = tokens.isqrt();
            let grid = Grid::new(side, side);
            if side * side == tokens {
                return Some(vec![(Arrangement::Tokens { skipped: 0 }, channels, grid)]);
            }
            let skipped = tokens - side * side;
            // A class token, and perhaps a few registers.
            (skipped <= 8).then(|| {
                vec![
                    (Arrangement::Tokens { skipped }, channels, grid),
                    (Arrangement::FirstToken, channels, one),
                ]
            })
        }
        [1, channels] => Some(vec![(Arrangement::Vector, channels, one)]),
        _ => None,
    }
}

/// The levels of one frame, at half precision; the views of the
/// [`RepresentationLayout`], one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct Representation(pub(crate) Vec<f16>);

impl Representation {
    /// The numbers of all views, one after another.
    pub(super) fn of(mut values: Vec<f32>) -> Result<Self, FitError> {
        if !values.iter().all(|value| value.is_finite()) {
            return Err(FitError::NotFinite);
        }
        let mut halves = vec![f16::ZERO; values.len()];
        // What half precision cannot hold is held as its greatest number.
        values
            .iter_mut()
            .for_each(|value| *value = value.clamp(-65504.0, 65504.0));
        halves.convert_from_f32_slice(&values);
        Ok(Self(halves))
    }

    /// View number `view` in single precision, appended to nothing: `into` is
    /// overwritten.
    pub(crate) fn read(&self, layout: &RepresentationLayout, view: usize, into: &mut [f32]) {
        let start: usize = layout.views[..view].iter().map(View::len).sum();
        let values = &self.0[start..start + layout.views[view].len()];
        values.convert_to_f32_slice(into);
    }
}
