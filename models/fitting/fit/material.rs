//! Labelled frames as a fit wants them: every frame seen in a few ways, run
//! through the encoders once, with its label on the output's grid.

use concert_policies::Task;

use super::FitError;
use super::dice::Dice;
use super::kernels::Grid;
use super::objective::Objective;
use super::representations::{Encoders, Layout, Representation};
use crate::dataset::{DataSet, Example, Label, LabelKind, Survey};
use concert_models::geometry::Intrinsics;
use concert_models::image::{Image, PixelFormat};

/// Curvatures are compressed by tanh (k / this), in 1/m.
const CURVATURE_SCALE: f32 = 10.0;
/// Most memory that representations may take, bytes.
pub const MAX_BYTES: usize = 2 << 30;
/// Focal length of the first encoder's input for which metric outputs are
/// written down, as a share of √(width · height).
const REFERENCE_FOCAL: f64 = 1.0;

/// One way in which one frame was seen.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Which of the frames that were asked for.
    pub(crate) frame: usize,
    /// Whether it is the frame as it is.
    pub(crate) plain: bool,
    pub(crate) representation: Representation,
    /// As [`Objective`] says.
    pub(crate) label: Vec<f32>,
}

/// Everything that a fit learns from.
#[derive(Debug, Clone)]
pub(crate) struct Material {
    pub(crate) objective: Objective,
    /// The output's grid.
    pub(crate) grid: Grid,
    pub(crate) entries: Vec<Entry>,
    /// Frames with a label, in the order of time.
    pub(crate) frames: usize,
    pub(crate) reference_focal_px: Option<f64>,
    pub(crate) shortcomings: Shortcomings,
    pub(crate) classes: Option<Vec<String>>,
}

/// What some of the frames lack.
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

/// How frames are seen besides as they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Views {
    /// Ways in which each frame is seen, itself included.
    pub per_frame: usize,
    /// Greatest share of a side that is cut away.
    pub zoom: f64,
    /// Greatest change of brightness and contrast, as a share.
    pub light: f32,
}

impl Default for Views {
    fn default() -> Self {
        Self {
            per_frame: 6,
            zoom: 0.3,
            light: 0.2,
        }
    }
}

/// What is to be read of which frames.
pub(crate) struct Wanted<'a> {
    pub(crate) target: &'static Task,
    pub(crate) data: &'a DataSet,
    /// Sequence and frame in it, in the order of time.
    pub(crate) frames: &'a [(usize, usize)],
    pub(crate) views: Views,
    pub(crate) seed: u64,
}

impl Wanted<'_> {
    /// Reads, labels and encodes every frame; `report` is told of every frame
    /// done and ends it all by returning false.
    pub(crate) fn gather(
        &self,
        encoders: &mut Encoders<'_>,
        report: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Material, FitError> {
        let layout = encoders.layout().clone();
        let classes = classes(self.target, self.data)?;
        let (mut objective, grid) = objective(self.target, &layout, classes)?;
        let views = self.bounded(&layout)?;
        let reference = reference_focal_px(self.target, &layout);
        let mut survey = Survey::new(self.target);
        let mut dice = Dice::new(self.seed);
        let mut material = Material {
            objective,
            grid,
            entries: Vec::new(),
            frames: 0,
            reference_focal_px: reference,
            shortcomings: Shortcomings::default(),
            classes: classes.map(<[String]>::to_vec),
        };
        for (at, (sequence, index)) in self.frames.iter().enumerate() {
            let example = self.data.sequences()[*sequence].read(*index)?;
            let label = Label::of(self.target, &example)?;
            survey.add(label.as_ref());
            if let Some(label) = label.filter(|label| label.known() > 0.0) {
                let lacks = &mut material.shortcomings;
                let unknown = reference.is_some() && example.intrinsics.is_none();
                lacks.uncalibrated += usize::from(unknown);
                lacks.rescaled += usize::from(example.depth_scaled_from.is_some());
                let seen = Seen {
                    example: &example,
                    label: &label,
                    target: self.target,
                };
                for number in 0..views {
                    let how = How::draw(number, self.views, &label, &mut dice);
                    let entry = seen.entry(&how, &material, encoders)?;
                    material.entries.push(entry);
                }
                material.frames += 1;
            } else {
                material.shortcomings.unlabelled += 1;
            }
            if !report(at + 1) {
                return Err(FitError::Stopped);
            }
        }
        survey.check()?;
        if let Some(classes) = classes {
            survey.check_classes(classes.len())?;
        }
        if material.frames < 2 {
            return Err(FitError::TooFewFrames {
                target: self.target.name,
                frames: material.frames,
            });
        }
        if let Objective::Edge { share } = &mut objective {
            *share = mean(&material.entries);
            material.objective = objective;
        }
        Ok(material)
    }

    /// Ways per frame that memory allows.
    fn bounded(&self, layout: &Layout) -> Result<usize, FitError> {
        let allowed = MAX_BYTES / layout.bytes().max(1) / self.frames.len().max(1);
        if allowed == 0 {
            return Err(FitError::TooMuchMemory {
                frames: self.frames.len(),
                bytes: layout.bytes() as u64 * self.frames.len() as u64,
                limit: MAX_BYTES as u64,
            });
        }
        Ok(self.views.per_frame.clamp(1, allowed))
    }
}

/// Names of the classes of a target that has some.
pub(crate) fn classes<'a>(
    target: &Task,
    data: &'a DataSet,
) -> Result<Option<&'a [String]>, FitError> {
    let classes = match target.name {
        "segment_semantic" => data.semantic_classes(),
        "class_scene" | "class_object" => data.classes(),
        _ => return Ok(None),
    };
    let target = target.name;
    match classes {
        Some(classes) if classes.len() >= 2 => Ok(Some(classes)),
        Some(classes) => Err(FitError::TooFewClasses {
            target,
            classes: classes.join(", "),
        }),
        None => Err(FitError::NoClasses { target }),
    }
}

/// The objective of a target, and the grid of its output.
pub(crate) fn objective(
    target: &'static Task,
    layout: &Layout,
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
        target => return Err(FitError::NoSuchTarget { target }),
    })
}

/// The focal length for which a metric target is written down, px.
pub(crate) fn reference_focal_px(target: &Task, layout: &Layout) -> Option<f64> {
    let (width, height) = layout.input;
    let metric = target.name == "depth_zbuffer";
    metric.then(|| (REFERENCE_FOCAL * ((width * height) as f64).sqrt()).round())
}

pub(crate) fn mean(entries: &[Entry]) -> f32 {
    let known = entries.iter().flat_map(|entry| &entry.label);
    let known = known.filter(|label| !label.is_nan());
    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), x| {
        (sum + f64::from(*x), count + 1.0)
    });
    (sum / f64::max(count, 1.0)) as f32
}

/// How one frame is seen.
struct How {
    /// Left, top, width and height of what is shown, as shares.
    part: [f64; 4],
    mirrored: bool,
    /// Stored value to shown value, per channel.
    light: Option<Box<[[u8; 256]; 3]>>,
}

impl How {
    /// The first way is the frame itself; the others are cut, mirrored or not,
    /// and lit by lot.
    fn draw(number: usize, views: Views, label: &Label, dice: &mut Dice) -> Self {
        let whole = [0.0, 0.0, 1.0, 1.0];
        if number == 0 {
            return Self {
                part: whole,
                mirrored: false,
                light: None,
            };
        }
        let mirrored = dice.below(2) == 1;
        let side = 1.0 - views.zoom * f64::from(dice.unit());
        let rest = 1.0 - side;
        let (x, y) = (f64::from(dice.unit()) * rest, f64::from(dice.unit()) * rest);
        // A class of the whole picture may be decided by what would be cut off.
        let of_whole = label.width == 1;
        Self {
            part: if of_whole { whole } else { [x, y, side, side] },
            mirrored,
            light: Some(light(views.light, dice)),
        }
    }
}

fn light(most: f32, dice: &mut Dice) -> Box<[[u8; 256]; 3]> {
    let gamma = dice.between(-most, most).exp();
    let gain = 1.0 + dice.between(-most, most);
    let mut table = Box::new([[0; 256]; 3]);
    for line in table.iter_mut() {
        let gain = gain * (1.0 + 0.25 * dice.between(-most, most));
        for (stored, shown) in line.iter_mut().enumerate() {
            let light = (stored as f32 / 255.0).powf(gamma) * gain;
            *shown = (light * 255.0).round().clamp(0.0, 255.0) as u8;
        }
    }
    table
}

/// A labelled frame.
struct Seen<'a> {
    example: &'a Example,
    label: &'a Label,
    target: &'static Task,
}

impl Seen<'_> {
    fn entry(
        &self,
        how: &How,
        material: &Material,
        encoders: &mut Encoders<'_>,
    ) -> Result<Entry, FitError> {
        let image = &self.example.image;
        let (width, height) = (image.width(), image.height());
        let part = Part::of(how.part, width, height);
        let plain = part.is_whole(width, height) && !how.mirrored && how.light.is_none();
        let shown;
        let image = if plain {
            image
        } else {
            shown = part.show(image, how)?;
            &shown
        };
        let label = part.label(self.label, how.mirrored, (width, height));
        let label = label.resized(material.grid.width, material.grid.height);
        let reference = material.reference_focal_px;
        let focal = reference.map(|reference| {
            let camera = self.example.intrinsics.as_ref();
            let layout = encoders.layout();
            camera.map_or(1.0, |camera| part.focal_px(camera, layout) / reference)
        });
        let label = written(label, self.target, focal.unwrap_or(1.0) as f32);
        Ok(Entry {
            frame: material.frames,
            plain,
            representation: encoders.encode(image)?,
            label,
        })
    }
}

/// The label as the objective wants it.
pub(crate) fn written(label: Label, target: &Task, focal: f32) -> Vec<f32> {
    let mut values = label.values;
    match target.name {
        "depth_zbuffer" => values.iter_mut().for_each(|metres| {
            // Below a centimetre nothing is measured.
            let known = *metres > 0.01;
            *metres = if known {
                (*metres / focal).ln()
            } else {
                f32::NAN
            };
        }),
        "curvature" => {
            let compress = |k: &mut f32| *k = (*k / CURVATURE_SCALE).tanh();
            values.iter_mut().for_each(compress);
        }
        _ => {}
    }
    values
}

/// A part of a picture, in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Part {
    fn of([left, top, width, height]: [f64; 4], whole_width: usize, whole_height: usize) -> Self {
        let pixels = |share: f64, whole: usize| (share * whole as f64).round() as usize;
        let width = pixels(width, whole_width).clamp(1, whole_width);
        let height = pixels(height, whole_height).clamp(1, whole_height);
        Self {
            left: pixels(left, whole_width).min(whole_width - width),
            top: pixels(top, whole_height).min(whole_height - height),
            width,
            height,
        }
    }

    fn is_whole(self, width: usize, height: usize) -> bool {
        (self.width, self.height) == (width, height)
    }

    /// The part as a picture of its own.
    fn show(self, image: &Image, how: &How) -> Result<Image, FitError> {
        let offsets = match image.format() {
            PixelFormat::Rgb8 | PixelFormat::Rgba8 => [0, 1, 2],
            PixelFormat::Bgr8 | PixelFormat::Bgra8 => [2, 1, 0],
            PixelFormat::Grey8 => [0, 0, 0],
            other @ PixelFormat::Yuyv => return Err(FitError::PixelFormat { format: other }),
        };
        let bytes = image.format().bytes_per_pixel();
        let mut pixels = Vec::with_capacity(self.width * self.height * 3);
        for y in 0..self.height {
            let row = image.row(self.top + y);
            for x in 0..self.width {
                let at = self.left + if how.mirrored { self.width - 1 - x } else { x };
                for (channel, offset) in offsets.iter().enumerate() {
                    let stored = row[at * bytes + offset];
                    let light = how.light.as_ref();
                    pixels.push(light.map_or(stored, |table| table[channel][usize::from(stored)]));
                }
            }
        }
        let image = Image::packed(self.width, self.height, PixelFormat::Rgb8, pixels);
        image.map_err(|error| FitError::Image(error.to_string()))
    }

    /// The part of a label of the whole picture.
    fn label(self, label: &Label, mirrored: bool, whole: (usize, usize)) -> Label {
        if label.kind == LabelKind::Whole || (label.width, label.height) != whole {
            return label.clone();
        }
        let mut values = Vec::with_capacity(label.channels * self.width * self.height);
        for channel in 0..label.channels {
            let plane = label.plane(channel);
            // Of a mirrored normal, the first axis points the other way.
            let turned = mirrored && label.kind == LabelKind::Normal && channel == 0;
            let sign = if turned { -1.0 } else { 1.0 };
            for y in 0..self.height {
                let row = &plane[(self.top + y) * label.width + self.left..][..self.width];
                match mirrored {
                    false => values.extend(row.iter().map(|x| x * sign)),
                    true => values.extend(row.iter().rev().map(|x| x * sign)),
                }
            }
        }
        Label {
            channels: label.channels,
            width: self.width,
            height: self.height,
            values,
            kind: label.kind,
        }
    }

    /// √(fx · fy) of the part, in pixels of the first encoder's input.
    fn focal_px(self, camera: &Intrinsics, layout: &Layout) -> f64 {
        let contract = &layout.pins[0].input;
        focal_px(camera, contract, self.width, self.height)
    }
}

/// √(fx · fy) of a camera whose picture, or a part of it of this size in the
/// camera's own pixels, is shown to an encoder, in pixels of its input.
#[must_use]
pub fn focal_px(
    camera: &Intrinsics,
    contract: &concert_models::contract::InputContract,
    width: usize,
    height: usize,
) -> f64 {
    let image_from_input = contract.image_from_input(width, height);
    let [[x, ..], [_, y, _]] = image_from_input.0;
    (camera.fx / x * camera.fy / y).sqrt()
}
