//! Labelled frames as a fit wants them: every frame seen in a few ways, run
//! through the encoders once, with its label on the output's grid.

use concert_policies::{OutputKind, Task};

use super::FitError;
use super::augmentation::{Augmentation, Crop, Transform};
use super::descent::Sample;
use super::encoders::Encoders;
use super::kernels::Grid;
use super::objective::Objective;
use super::objective::boxes::{CELL_PX, DETECTED};
use super::representations::{Representation, RepresentationLayout};
use crate::dataset::{DataSet, Example, Label, ObjectBox, Survey};
use concert_models::rng::Rng;

/// Curvatures are compressed by tanh (k / this), in 1/m.
const CURVATURE_SCALE: f32 = 10.0;
/// Most memory that representations and labels may take, bytes.
pub const MAX_BYTES: usize = 2 << 30;
/// Focal length of the first encoder's input for which metric outputs are
/// written down, as a share of √(width · height).
const REFERENCE_FOCAL: f64 = 1.0;

/// One way in which one frame was seen.
#[derive(Debug, Clone)]
pub(crate) struct TrainingSample {
    /// Index of its frame among those that were asked for.
    pub(crate) frame: usize,
    /// True where it is the frame as it is.
    pub(crate) plain: bool,
    pub(crate) representation: Representation,
    /// As [`Objective`] says.
    pub(crate) label: Vec<f32>,
}

impl TrainingSample {
    /// The part that the loss looks at.
    pub(crate) fn as_sample(&self) -> Sample<'_> {
        Sample {
            representation: &self.representation,
            label: &self.label,
        }
    }
}

/// Everything that a fit learns from.
#[derive(Debug, Clone)]
pub(crate) struct TrainingSet {
    pub(crate) objective: Objective,
    /// The output's grid.
    pub(crate) grid: Grid,
    pub(crate) samples: Vec<TrainingSample>,
    /// Frames with a label, in the order of time.
    pub(crate) frames: usize,
    pub(crate) reference_focal_px: Option<f64>,
    pub(crate) shortcomings: Shortcomings,
    pub(crate) classes: Option<Vec<String>>,
}

/// Counts of frames that lack something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shortcomings {
    /// Frames without any known label: they teach nothing.
    pub unlabelled: usize,
    /// Frames of a metric target whose camera is unknown: for them, the
    /// reference focal length is assumed.
    pub uncalibrated: usize,
    /// Frames whose depth was scaled to another size, their picture's.
    pub rescaled: usize,
}

/// The frames that a training set is made of, and their augmentation.
pub(crate) struct TrainingSetRequest<'a> {
    pub(crate) target: &'static Task,
    pub(crate) data: &'a DataSet,
    /// Sequence and frame in it, in the order of time.
    pub(crate) frames: &'a [(usize, usize)],
    /// Classes of the readout that the fit may begin with.
    pub(crate) known_classes: &'a [String],
    pub(crate) augmentation: Augmentation,
    pub(crate) seed: u64,
}

impl TrainingSetRequest<'_> {
    /// Reads, labels and encodes every frame; `report` is told of every frame
    /// done and ends it all by returning false.
    pub(crate) fn gather(
        &self,
        encoders: &mut Encoders<'_>,
        report: &mut dyn FnMut(usize) -> bool,
    ) -> Result<TrainingSet, FitError> {
        let layout = encoders.layout().clone();
        let classes = classes(self.target, self.data, self.known_classes)?;
        let numbers = numbers_of(self.target, self.data, classes.as_deref());
        let unlabelled = unlabelled(&numbers, classes.as_deref());
        let (mut objective, grid) = objective(self.target, &layout, classes.as_deref())?;
        let label_bytes = objective.label_channels() * grid.cells() * size_of::<f32>();
        let views = self.affordable_views(layout.bytes() + label_bytes)?;
        let reference = reference_focal_px(self.target, &layout);
        let mut survey = Survey::new(self.target);
        let mut rng = Rng::from_seed(self.seed);
        let mut training_set = TrainingSet {
            objective,
            grid,
            samples: Vec::new(),
            frames: 0,
            reference_focal_px: reference,
            shortcomings: Shortcomings::default(),
            classes: classes.clone(),
        };
        for (at, (sequence, index)) in self.frames.iter().enumerate() {
            let example = self.data.sequences()[*sequence].read(*index)?;
            let label = Label::of(self.target, &example)?;
            let label = label.map(|label| looked_for(label, &numbers));
            survey.add(label.as_ref());
            if let Some(label) = label.filter(|label| label.known_share() > 0.0) {
                let lacks = &mut training_set.shortcomings;
                let unknown = reference.is_some() && example.intrinsics.is_none();
                lacks.uncalibrated += usize::from(unknown);
                lacks.rescaled += usize::from(example.depth_scaled_from.is_some());
                let frame = LabelledFrame {
                    example: &example,
                    label: &label,
                    unlabelled: &unlabelled,
                };
                for number in 0..views {
                    let transform = Transform::random(number, self.augmentation, &label, &mut rng);
                    let sample = frame.sample(&transform, &training_set, encoders)?;
                    training_set.samples.push(sample);
                }
                training_set.frames += 1;
            } else {
                training_set.shortcomings.unlabelled += 1;
            }
            if !report(at + 1) {
                return Err(FitError::Stopped);
            }
        }
        survey.check()?;
        if let Some(classes) = &classes {
            survey.check_classes(classes.len())?;
        }
        if training_set.frames < 2 {
            return Err(FitError::TooFewFrames {
                target: self.target.name,
                frames: training_set.frames,
            });
        }
        if let Objective::Edge { share } = &mut objective {
            *share = mean(&training_set.samples);
            training_set.objective = objective;
        }
        Ok(training_set)
    }

    /// Ways per frame that memory allows, where one takes so many bytes: its
    /// representation and its label, which of boxes is the larger.
    fn affordable_views(&self, sample_bytes: usize) -> Result<usize, FitError> {
        let allowed = MAX_BYTES / sample_bytes.max(1) / self.frames.len().max(1);
        if allowed == 0 {
            return Err(FitError::TooMuchMemory {
                frames: self.frames.len(),
                bytes: sample_bytes as u64 * self.frames.len() as u64,
                limit: MAX_BYTES as u64,
            });
        }
        Ok(self.augmentation.views_per_frame.clamp(1, allowed))
    }
}

/// Names of the classes of a target that has some: of boxes, those of the readout that a
/// fit begins with, if any, and after them those that are looked for and it does not know.
pub(crate) fn classes(
    target: &Task,
    data: &DataSet,
    known: &[String],
) -> Result<Option<Vec<String>>, FitError> {
    let classes = match target.output {
        OutputKind::ClassMap => data.semantic_classes(),
        OutputKind::Classes => data.classes(),
        OutputKind::Boxes2d => {
            let named = data.object_classes().ok_or(FitError::NoClasses {
                target: target.name,
            })?;
            let is_named = |class: &str| named.iter().any(|name| name == class);
            let looked_for = DETECTED.iter().filter(|class| is_named(class));
            let looked_for = looked_for.map(|class| (*class).to_owned());
            // What boxes alone are labelled with is wanted, whatever it is.
            let own = data.own_object_classes().iter().cloned();
            let mut classes: Vec<String> = Vec::new();
            for class in looked_for.chain(own) {
                if !classes.contains(&class) {
                    classes.push(class);
                }
            }
            if !classes.is_empty() {
                // What is known already stays known, and keeps its place.
                classes.retain(|class| !known.contains(class));
                classes.splice(0..0, known.iter().cloned());
            }
            return match classes.is_empty() {
                true => Err(FitError::NothingDetected {
                    target: target.name,
                    classes: named.join(", "),
                    known: DETECTED.join(", "),
                }),
                false => Ok(Some(classes)),
            };
        }
        OutputKind::Dense { .. }
        | OutputKind::Points { .. }
        | OutputKind::RoomLayout
        | OutputKind::Vector { .. }
        | OutputKind::Odometry => return Ok(None),
    };
    let target = target.name;
    match classes {
        Some(classes) if classes.len() >= 2 => Ok(Some(classes.to_vec())),
        Some(classes) => Err(FitError::TooFewClasses {
            target,
            classes: classes.join(", "),
        }),
        None => Err(FitError::NoClasses { target }),
    }
}

/// Of boxes: for every class of the data set its number among those that are looked for.
pub(super) fn numbers_of(
    target: &Task,
    data: &DataSet,
    classes: Option<&[String]>,
) -> Vec<Option<usize>> {
    match (target.output, data.object_classes(), classes) {
        (OutputKind::Boxes2d, Some(named), Some(classes)) => {
            let number = |name: &String| classes.iter().position(|class| class == name);
            named.iter().map(number).collect()
        }
        _ => Vec::new(),
    }
}

/// Of boxes: classes that no class of the data set is, and of which labels say nothing.
fn unlabelled(numbers: &[Option<usize>], classes: Option<&[String]>) -> Vec<usize> {
    let count = match numbers.is_empty() {
        true => 0,
        false => classes.map_or(0, <[String]>::len),
    };
    (0..count)
        .filter(|class| !numbers.contains(&Some(*class)))
        .collect()
}

/// A label of boxes with those alone that are looked for; another as it is.
pub(super) fn looked_for(label: Label, numbers: &[Option<usize>]) -> Label {
    label.map_objects(|object| {
        let class = numbers.get(object.class).copied().flatten()?;
        Some(ObjectBox { class, ..object })
    })
}

/// The objective of a target, and the grid of its output.
pub(crate) fn objective(
    target: &'static Task,
    layout: &RepresentationLayout,
    classes: Option<&[String]>,
) -> Result<(Objective, Grid), FitError> {
    let count = classes.map_or(0, <[String]>::len);
    let dense = super::convolutional::output_grid(layout);
    Ok(match target.name {
        "depth_zbuffer" => (Objective::LogDepth, dense),
        "normal" => (Objective::Normal, dense),
        "edge_occlusion" => (Objective::Edge { share: 0.1 }, dense),
        "reshading" => (Objective::Unit, dense),
        "curvature" => {
            let scale = CURVATURE_SCALE;
            (Objective::Compressed { scale }, dense)
        }
        "segment_semantic" => (Objective::Classes { count }, dense),
        "class_scene" | "class_object" => (Objective::Classes { count }, Grid::new(1, 1)),
        _ if target.output == OutputKind::Boxes2d => {
            check_cells(target, layout, dense)?;
            match count {
                0 => {
                    return Err(FitError::NoClasses {
                        target: target.name,
                    });
                }
                classes => (Objective::Boxes { classes }, dense),
            }
        }
        target => return Err(FitError::NoSuchTarget { target }),
    })
}

/// Refuses inputs that are no whole number of cells of boxes: then a cell's place in the
/// output is not that in the picture.
fn check_cells(
    target: &'static Task,
    layout: &RepresentationLayout,
    grid: Grid,
) -> Result<(), FitError> {
    let side = CELL_PX as usize;
    match layout.input == (side * grid.width, side * grid.height) {
        true => Ok(()),
        false => Err(FitError::CellSize {
            target: target.name,
            source_name: layout.sources().next().unwrap_or_default().to_owned(),
            input: layout.input,
            side,
        }),
    }
}

/// The focal length for which a metric target is written down, px.
pub(crate) fn reference_focal_px(target: &Task, layout: &RepresentationLayout) -> Option<f64> {
    let (width, height) = layout.input;
    let metric = target.name == "depth_zbuffer";
    metric.then(|| (REFERENCE_FOCAL * ((width * height) as f64).sqrt()).round())
}

pub(crate) fn mean(samples: &[TrainingSample]) -> f32 {
    let known = samples.iter().flat_map(|sample| &sample.label);
    let known = known.filter(|label| !label.is_nan());
    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), x| {
        (sum + f64::from(*x), count + 1.0)
    });
    (sum / f64::max(count, 1.0)) as f32
}

/// A labelled frame.
struct LabelledFrame<'a> {
    example: &'a Example,
    label: &'a Label,
    /// Classes that it says nothing of.
    unlabelled: &'a [usize],
}

impl LabelledFrame<'_> {
    fn sample(
        &self,
        transform: &Transform,
        training_set: &TrainingSet,
        encoders: &mut Encoders<'_>,
    ) -> Result<TrainingSample, FitError> {
        let image = &self.example.image;
        let (width, height) = (image.width(), image.height());
        let crop = Crop::of(transform.part, width, height);
        let plain =
            crop.is_whole(width, height) && !transform.mirrored && transform.jitter.is_none();
        let shown;
        let image = if plain {
            image
        } else {
            shown = crop.crop_image(image, transform)?;
            &shown
        };
        let label = crop.crop_label(self.label, transform.mirrored, (width, height));
        let label = label.resize(training_set.grid.width, training_set.grid.height);
        let reference = training_set.reference_focal_px;
        let focal = reference.map(|reference| {
            let camera = self.example.intrinsics.as_ref();
            let layout = encoders.layout();
            camera.map_or(1.0, |camera| crop.focal_px(camera, layout) / reference)
        });
        let focal = focal.unwrap_or(1.0) as f32;
        let mut label = training_set.objective.encode(label, focal);
        for class in self.unlabelled {
            let cells = training_set.grid.cells();
            label[class * cells..][..cells].fill(f32::NAN);
        }
        Ok(TrainingSample {
            frame: training_set.frames,
            plain,
            representation: encoders.encode(image)?,
            label,
        })
    }
}
