//! Frozen encoders, loaded and wired, that turn images into representations.

use super::FitError;
use super::representations::{Representation, RepresentationLayout};
use concert_models::contract::InputContract;
use concert_models::engine::{Engine, Network, Slot, Wiring};
use concert_models::image::Image;
use concert_models::preprocess::Preprocessor;
use concert_models::store::Encoder;

/// Encoders, loaded and wired, that turn images into representations.
pub struct Encoders<'e> {
    engine: &'e mut dyn Engine,
    layout: RepresentationLayout,
    stages: Vec<Stage>,
    level: Vec<f32>,
}

struct Stage {
    preprocessor: Preprocessor,
    image: Slot,
    levels: Vec<Slot>,
    network: Box<dyn Network>,
}

impl<'e> Encoders<'e> {
    /// Loads the encoders of a fit.
    ///
    /// # Errors
    /// As [`RepresentationLayout::of`], and what the engine refuses.
    pub fn load(engine: &'e mut dyn Engine, encoders: &[Encoder]) -> Result<Self, FitError> {
        let mut encoders: Vec<&Encoder> = encoders.iter().collect();
        encoders.sort_by(|a, b| a.card.name.cmp(&b.card.name));
        let cards: Vec<_> = encoders.iter().map(|encoder| &encoder.card).collect();
        let layout = RepresentationLayout::of(&cards)?;
        let mut stages = Vec::new();
        for encoder in encoders {
            stages.push(Stage::load(engine, encoder)?);
        }
        Ok(Self {
            engine,
            layout,
            stages,
            level: Vec::new(),
        })
    }

    /// The layout of the levels that are read of the encoders.
    #[must_use]
    pub fn layout(&self) -> &RepresentationLayout {
        &self.layout
    }

    /// The input contracts of the encoders, sorted by their names.
    #[must_use]
    pub fn contracts(&self) -> Vec<InputContract> {
        let pins = self.layout.pins.iter();
        pins.map(|pin| pin.input.clone()).collect()
    }

    /// Runs every encoder on an image.
    ///
    /// # Errors
    /// What preprocessing or the engine fails at, and numbers that are not
    /// finite.
    pub fn encode(&mut self, image: &Image) -> Result<Representation, FitError> {
        let mut values: Vec<f32> = Vec::with_capacity(self.layout.len());
        let mut read = 0;
        for stage in &mut self.stages {
            let mut prepared = Ok(());
            let preprocessor = &mut stage.preprocessor;
            self.engine.fill(stage.image, &mut |bytes| {
                prepared = preprocessor.run(image, bytes);
            })?;
            prepared?;
            stage.network.run(0)?;
            for slot in &stage.levels {
                let bytes = self.engine.view(*slot)?;
                self.level.clear();
                self.level
                    .extend(bytemuck::pod_collect_to_vec::<u8, f32>(&bytes));
                for view in self.layout.views.iter().filter(|view| view.read == read) {
                    view.gather(&self.level, &mut values);
                }
                read += 1;
            }
        }
        Representation::of(values)
    }
}

impl Stage {
    fn load(engine: &mut dyn Engine, encoder: &Encoder) -> Result<Self, FitError> {
        let card = &encoder.card;
        let image = engine.slot(&card.input.spec())?;
        let mut wiring = Wiring {
            inputs: vec![(card.input.tensor().to_owned(), image)],
            outputs: Vec::new(),
        };
        let mut levels = Vec::new();
        for level in &card.levels {
            let slot = engine.slot(&level.spec())?;
            wiring.outputs.push((level.tensor.clone(), slot));
            levels.push(slot);
        }
        let network = engine.load(&encoder.file, &[wiring])?;
        Ok(Self {
            preprocessor: Preprocessor::new(&card.input),
            image,
            levels,
            network,
        })
    }
}
