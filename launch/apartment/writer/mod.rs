//! Data sets: pictures and labels as files, layout "frames".
//!
//! A *sequence* is one home seen by one camera: `camera-intrinsics.txt` (3×3,
//! px) and per frame `frame-NNNNNN.` followed by
//!
//! | ending | content |
//! |---|---|
//! | `color.png`, `color.jpg` | the picture |
//! | `depth.png` | u16, mm along the optical axis, 0 unknown |
//! | `pose.txt` | 4×4 `world_from_optical` (camera-to-world), m |
//! | `normal.png` | 8 bit RGB, `n * 127.5 + 127.5`, optical frame, towards the camera |
//! | `semantic.png` | 8 bit, class numbers as in `dataset.json` |
//! | `instance.png` | u16, object numbers within the sequence |
//! | `edge_occlusion.png` | 8 bit, 0 or 255 |
//! | `curvature.png` | 8 bit RGB: k1, k2 as `127 + 127 * tanh(k / 10 per m)`, blue 127 |
//! | `reshading.png` | 8 bit, `255 * reshading` |
//! | `layout.json` | room cuboid, vanishing points, room and its class of scene, time, ego-motion |
//!
//! `dataset.json` in the data set's folder names the sequences' folders, seeds,
//! cameras, classes of objects and classes of scenes; `named` of a sequence gives
//! objects that were put there in a colour a class of their own (`[17, "red cup"]`):
//! boxes have it, pixels have that of cups.

mod census;
mod encode;
mod files;
mod options;
mod views;

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use census::Census;
use files::{Disk, Frame};
use serde::Serialize;
use views::poses;

use crate::camera::{Development, Pinhole};
use crate::class::Class;
use crate::error::ApartmentError;
use crate::home::{Home, Redraw, RoomKind};
use crate::labels::Labels;
use crate::randomise::Randomisation;
use crate::renderer::Renderer;

pub use census::ClassCount;
pub use options::{Arrangement, ColourFormat, DataSetOptions, Views};

/// Time between two tellings of progress while a home is made.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Progress of the writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteProgress {
    /// Frames written.
    pub frames: u64,
    /// Frames in all.
    pub total: u64,
    /// The home in progress.
    pub seed: u64,
}

/// Summary of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Whole frames.
    pub frames: u64,
    /// Set if it was cancelled before the end.
    pub cancelled: bool,
    /// Homes of which at least one frame was written.
    pub homes: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Seeds whose first draws were refused, and why.
    pub redraws: Vec<(u64, Vec<Redraw>)>,
    /// The classes that are to be seen, in the order of their numbers.
    pub classes: Vec<ClassCount>,
}

#[derive(Serialize)]
struct Index<'a> {
    version: u32,
    frames: u64,
    complete: bool,
    classes: Vec<(u8, &'static str)>,
    /// Kinds of rooms, as `class_scene` calls them.
    scenes: [&'static str; RoomKind::ALL.len()],
    views: Views,
    randomisation: &'a Randomisation,
    sequences: &'a [SequenceEntry],
    seen: Vec<ClassCount>,
}

#[derive(Serialize)]
struct SequenceEntry {
    folder: String,
    seed: u64,
    first_frame: u64,
    frames: u64,
    camera: Pinhole,
    development: Development,
    redraws: Vec<Redraw>,
    /// Objects that have a class of their own: number and name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    named: Vec<(u16, String)>,
}

/// Writes a data set; `progress` is called after every frame, and ten times a
/// second while a home is made, and may stop it.
/// `dataset.json` is written last, also after a stop.
///
/// # Errors
/// Bad options, an impossible home, and any failure of the file system (a full
/// disk) with the file that could not be written. The half-written frame's
/// files are removed, the frames before it stay.
pub fn write_data_set(
    options: &DataSetOptions,
    progress: &mut dyn FnMut(WriteProgress) -> ControlFlow<()>,
) -> Result<Written, ApartmentError> {
    write_to(&mut Disk::default(), options, progress)
}

fn write_to(
    files: &mut Disk,
    options: &DataSetOptions,
    progress: &mut dyn FnMut(WriteProgress) -> ControlFlow<()>,
) -> Result<Written, ApartmentError> {
    options.check()?;
    files.folder(&options.folder)?;
    let mut writing = Writing {
        files,
        options,
        progress,
        frames: 0,
        cancelled: false,
        redraws: Vec::new(),
        sequences: Vec::new(),
        census: Census::new(),
    };
    match writing.homes() {
        Ok(()) => writing.index(!writing.cancelled)?,
        Err(error) => {
            // What is whole stays readable, where there is room to say so.
            if writing.frames > 0 && writing.index(false).is_err() {
                writing.files.remove(&writing.index_path());
            }
            return Err(error);
        }
    }
    Ok(Written {
        frames: writing.frames,
        cancelled: writing.cancelled,
        homes: writing.sequences.iter().filter(|s| s.frames > 0).count() as u64,
        bytes: writing.files.bytes(),
        redraws: writing.redraws,
        classes: writing.census.counts(),
    })
}

/// A data set while it is being written.
struct Writing<'a> {
    files: &'a mut Disk,
    options: &'a DataSetOptions,
    progress: &'a mut dyn FnMut(WriteProgress) -> ControlFlow<()>,
    frames: u64,
    cancelled: bool,
    redraws: Vec<(u64, Vec<Redraw>)>,
    sequences: Vec<SequenceEntry>,
    census: Census,
}

impl Writing<'_> {
    fn homes(&mut self) -> Result<(), ApartmentError> {
        let options = self.options;
        let seeds = options.seeds.end - options.seeds.start;
        for (index, seed) in options.seeds.clone().enumerate() {
            let share =
                options.frames * (index as u64 + 1) / seeds - options.frames * index as u64 / seeds;
            let Some(home) = self.home(seed)? else {
                self.cancelled = true;
                break;
            };
            if !home.redraws().is_empty() {
                self.redraws.push((seed, home.redraws().to_vec()));
            }
            self.sequence(&home, share)?;
            if self.cancelled {
                break;
            }
        }
        Ok(())
    }

    /// The home of a seed; `None` where a stop was asked for while it was made,
    /// which takes seconds: then it is made for nobody.
    fn home(&mut self, seed: u64) -> Result<Option<Home>, ApartmentError> {
        let (to, from) = sync_channel(1);
        let (randomisation, light) = (self.options.randomisation.clone(), self.options.light);
        rayon::spawn(move || {
            let make = || Home::generate(seed, &randomisation, light);
            // Nobody may be there to take it any more.
            let _ = to.send(catch_unwind(AssertUnwindSafe(make)));
        });
        loop {
            match from.recv_timeout(LOOK_EVERY) {
                Ok(Ok(home)) => return home.map(Some),
                Ok(Err(panic)) => resume_unwind(panic),
                // It is only put down after it was sent.
                Err(_) if self.tell(seed).is_break() => return Ok(None),
                Err(_) => {}
            }
        }
    }

    fn tell(&mut self, seed: u64) -> ControlFlow<()> {
        (self.progress)(WriteProgress {
            frames: self.frames,
            total: self.options.frames,
            seed,
        })
    }

    fn index_path(&self) -> PathBuf {
        self.options.folder.join("dataset.json")
    }

    fn index(&mut self, complete: bool) -> Result<(), ApartmentError> {
        let index = Index {
            version: 1,
            frames: self.frames,
            complete,
            classes: Class::ALL.iter().map(|c| (c.id(), c.name())).collect(),
            scenes: RoomKind::ALL.map(RoomKind::scene),
            views: self.options.views,
            randomisation: &self.options.randomisation,
            sequences: &self.sequences,
            seen: self.census.counts(),
        };
        let path = self.index_path();
        let text = serde_json::to_vec_pretty(&index).map_err(|error| ApartmentError::Encode {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        self.files.write(&path, &text, self.frames)
    }

    fn sequence(&mut self, home: &Home, share: u64) -> Result<(), ApartmentError> {
        let (options, seed) = (self.options, home.seed());
        let begun = self.begin(home)?;
        let mut renderer = Renderer::new();
        let mut before: Option<Labels> = None;
        for (number, poses) in (0..).zip(poses(options, home, share)) {
            let noise = seed.wrapping_mul(1_000_003).wrapping_add(number);
            let capture =
                renderer.blurred(home, &begun.camera, &poses, &begun.development, noise)?;
            let number = begun.first_frame + number;
            let mut frame = Frame::new(self.files, &begun.folder, number, self.frames);
            let before = before.replace(capture.labels.clone());
            let written =
                encode::frame(&mut frame, home, &capture, before.as_ref(), options.colour);
            if written.is_err() {
                frame.discard();
            }
            written?;
            self.census.note(&capture.labels);
            self.frames += 1;
            if let Some(sequence) = self.sequences.last_mut() {
                sequence.frames += 1;
            }
            if self.tell(seed).is_break() {
                self.cancelled = self.frames < options.frames;
                break;
            }
        }
        Ok(())
    }

    /// Makes the folder of a home's frames, and notes them in the index.
    fn begin(&mut self, home: &Home) -> Result<Begun, ApartmentError> {
        let (options, seed) = (self.options, home.seed());
        let flat = options.arrangement == Arrangement::Flat;
        let camera_seed = if flat { options.seeds.start } else { seed };
        let camera = options
            .randomisation
            .camera(camera_seed, options.width, options.height)?;
        let name = if flat {
            ".".to_owned()
        } else {
            format!("seed-{seed:06}")
        };
        let begun = Begun {
            folder: options.folder.join(&name),
            first_frame: if flat { self.frames } else { 0 },
            camera,
            development: options.randomisation.develop(seed, options.development),
        };
        self.files.folder(&begun.folder)?;
        let path = begun.folder.join("camera-intrinsics.txt");
        let text = encode::intrinsics(&camera);
        self.files.write(&path, text.as_bytes(), self.frames)?;
        self.census.next_home();
        self.sequences.push(SequenceEntry {
            folder: name,
            seed,
            first_frame: begun.first_frame,
            frames: 0,
            camera,
            development: begun.development,
            redraws: home.redraws().to_vec(),
            named: home.named().to_vec(),
        });
        Ok(begun)
    }
}

/// Folder that the frames of one home go to, and how they are taken.
struct Begun {
    folder: PathBuf,
    first_frame: u64,
    camera: Pinhole,
    development: Development,
}

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;
