//! A camera that plays image files.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use concert_models::Intrinsics;
use concert_models::image_file::{DecodeLimits, DepthImage};

use super::file_stamps::FileStamps;
use super::intrinsics_file::IntrinsicsFile;
use super::pace::Pace;
use super::picture_file::{Depth, Picture};
use super::{CameraError, Framer, ImageSource, fault};
use crate::camera::{Camera, Capture};
use crate::clock::Clock;
use crate::frame::Frame;
use crate::time::Timestamp;

/// Time between listings of folders whose images are played for ever.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Settings of a camera that plays image files.
#[derive(Debug, Clone)]
pub struct ImagesOptions {
    /// Frames per second; above 0, at most 1000.
    pub rate_hz: f64,
    /// Behaviour after the last image.
    pub rounds: Rounds,
    /// Stamps of the frames.
    pub stamps: Stamps,
    /// Coordinate frame of the camera; ends in `_optical`.
    pub frame_id: Arc<str>,
    /// The camera's intrinsics; where none are given, those in
    /// `camera-intrinsics.txt` beside the images of each folder, which belong to
    /// images of the size of the first usable one there.
    pub intrinsics: Option<Intrinsics>,
    /// Larger files are refused unread, larger images before any pixel is
    /// decoded.
    pub limits: DecodeLimits,
    /// Up to this many bytes of pixels are decoded at opening and kept, so
    /// that playing costs no decoding; 0 keeps nothing.
    pub cache_bytes: usize,
    /// True where `NAME.depth.png` (16-bit grey, millimetres) is read with
    /// `NAME.color.*`. A frame whose depth is missing or unusable comes without.
    pub depth: bool,
}

impl Default for ImagesOptions {
    /// 30 Hz, for ever, stamped with the time of delivery, nothing kept, with
    /// depth where there is some.
    fn default() -> Self {
        Self {
            rate_hz: 30.0,
            rounds: Rounds::Endless,
            stamps: Stamps::Now,
            frame_id: "camera_optical".into(),
            intrinsics: None,
            limits: DecodeLimits::default(),
            cache_bytes: 0,
            depth: true,
        }
    }
}

/// Behaviour after the last image, and after those that came into their
/// folder since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounds {
    /// The camera ends.
    Once,
    /// The first image follows.
    Endless,
}

/// Stamps of frames made of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamps {
    /// The robot's clock at delivery.
    Now,
    /// Times in the file names, where all of them have one: seconds
    /// (`1311868169.163498.png`) or nanoseconds since the Unix epoch; else the
    /// number at the end of the name (`frame-000012.color.jpg`) counted at the
    /// rate from the time of opening; else as `Now`. Later rounds are moved
    /// forward, so that time never runs back at their seams.
    File,
}

/// Plays image files at a rate.
pub struct ImagesCamera {
    source: ImageSource,
    files: Vec<PathBuf>,
    /// As long as `files`; decoded images that are kept.
    cache: Vec<Option<Picture>>,
    /// True where an image was turned, which is said once.
    has_turned: bool,
    /// True where the last depth image that was looked for could not be used.
    depth_fails: bool,
    /// As long as `files`, where the names tell time.
    stamps: Option<FileStamps>,
    /// Intrinsics of the folder that is played.
    intrinsics_file: Option<IntrinsicsFile>,
    played_folder: PathBuf,
    opened: Timestamp,
    looked: Duration,
    options: ImagesOptions,
    framer: Framer,
    pace: Pace,
    clock: Arc<dyn Clock>,
    next: usize,
    round: u64,
}

impl ImagesCamera {
    /// Lists the files and prepares to play them; the first is due at once.
    ///
    /// # Errors
    /// A source without images or that cannot be read, a rate or intrinsics
    /// that cannot be.
    pub fn open(
        source: ImageSource,
        options: ImagesOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CameraError> {
        let files = source.files()?;
        let framer = Framer::new(&options.frame_id, options.intrinsics)?;
        if options.intrinsics.is_none() {
            let folders: BTreeSet<&Path> = files.iter().map(|file| folder_of(file)).collect();
            for folder in folders {
                IntrinsicsFile::beside(folder)?;
            }
        }
        let opened = clock.now();
        let pace = Pace::starting(clock.monotonic(), options.rate_hz)?;
        let stamps = match options.stamps {
            Stamps::Now => None,
            Stamps::File => FileStamps::of(&files, opened, &pace),
        };
        let mut camera = Self {
            cache: vec![None; files.len()],
            has_turned: false,
            depth_fails: false,
            source,
            files,
            stamps,
            intrinsics_file: None,
            // No folder: that of the first file is another one.
            played_folder: PathBuf::new(),
            opened,
            looked: clock.monotonic(),
            options,
            framer,
            pace,
            clock,
            next: 0,
            round: 0,
        };
        camera.fill_cache();
        // Decoding took its time; the schedule begins now.
        camera.pace = Pace::starting(camera.clock.monotonic(), camera.options.rate_hz)?;
        Ok(camera)
    }

    /// Number of images in one round, as far as is known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Never: a camera without images is refused at opening.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// A file that cannot be decoded is refused when its turn comes.
    fn fill_cache(&mut self) {
        let mut left = self.options.cache_bytes;
        for (file, kept) in self.files.iter().zip(&mut self.cache) {
            if left == 0 {
                return;
            }
            if let Ok(picture) = Picture::read(file, self.options.depth, &self.options.limits) {
                if picture.size_bytes() > left {
                    return;
                }
                left -= picture.size_bytes();
                *kept = Some(picture);
            }
        }
    }

    fn load(&mut self, index: usize) -> Result<Frame, String> {
        let arrived = self.clock.monotonic();
        let stamp = match &self.stamps {
            Some(stamps) => stamps.at(index, self.round),
            None => self.clock.now(),
        };
        let Picture {
            image,
            depth,
            is_turned,
        } = match &self.cache[index] {
            Some(picture) => picture.clone(),
            None => Picture::read(&self.files[index], self.options.depth, &self.options.limits)?,
        };
        if is_turned && !std::mem::replace(&mut self.has_turned, true) {
            let file = self.files[index].display();
            tracing::info!("{file}: turned as its EXIF orientation says");
        }
        self.enter_folder(index);
        if let Some(file) = self.intrinsics_file.take() {
            match file.of(&image) {
                Ok(intrinsics) => self.framer.intrinsics = Some(intrinsics),
                Err(reason) => tracing::warn!("intrinsics left out: {reason}"),
            }
        }
        let depth = self.usable(depth);
        let frame = self.framer.frame(image, stamp, arrived)?;
        Ok(Frame { depth, ..frame })
    }

    /// Looks for the intrinsics of another folder where its first image comes.
    fn enter_folder(&mut self, index: usize) {
        let folder = folder_of(&self.files[index]);
        if self.options.intrinsics.is_some() || *folder == *self.played_folder {
            return;
        }
        self.framer.intrinsics = None;
        self.intrinsics_file = IntrinsicsFile::beside(folder).unwrap_or_else(|error| {
            tracing::warn!("intrinsics left out: {error}");
            None
        });
        self.played_folder = folder.to_owned();
    }

    /// Adds the images that came since the folders were listed, at most once
    /// every `pause`.
    fn look_again(&mut self, pause: Duration) {
        let now = self.clock.monotonic();
        if now.saturating_sub(self.looked) < pause {
            return;
        }
        self.looked = now;
        // What cannot be listed any more is played as long as it can be read.
        let found = self.source.files().unwrap_or_default();
        let known: HashSet<&PathBuf> = self.files.iter().collect();
        let mut new = found;
        new.retain(|file| !known.contains(file));
        if new.is_empty() {
            return;
        }
        tracing::info!("{}: {} more images", self.source, new.len());
        self.files.append(&mut new);
        self.cache.resize(self.files.len(), None);
        if self.stamps.is_some() {
            self.stamps = FileStamps::of(&self.files, self.opened, &self.pace);
        }
    }

    /// Depth that cannot be used is left out; the first of a row is logged,
    /// and whoever needs it counts every one.
    fn usable(&mut self, depth: Depth) -> Option<Arc<DepthImage>> {
        match depth {
            Depth::None => None,
            Depth::Image(depth) => {
                self.depth_fails = false;
                Some(depth)
            }
            Depth::Unusable(reason) => {
                if !std::mem::replace(&mut self.depth_fails, true) {
                    tracing::warn!("depth left out: {reason}");
                }
                None
            }
        }
    }
}

impl Camera for ImagesCamera {
    fn describe(&self) -> String {
        let count = self.files.len();
        let rate = self.options.rate_hz;
        let kept = self.cache.iter().flatten().count();
        format!(
            "images {} ({count}, {kept} kept decoded) at {rate} Hz",
            self.source
        )
    }

    fn next_frame(&mut self, timeout: Duration) -> Capture {
        if self.next == self.files.len() && self.options.rounds == Rounds::Once {
            self.look_again(Duration::ZERO);
            if self.next == self.files.len() {
                return Capture::Ended;
            }
        }
        if self.pace.wait(&*self.clock, timeout).is_none() {
            return Capture::Nothing;
        }
        if self.next == self.files.len() {
            self.look_again(LOOK_AGAIN);
        }
        if self.next == self.files.len() {
            self.next = 0;
            self.round += 1;
        }
        let index = self.next;
        let frame = self.load(index);
        self.next += 1;
        match frame {
            Ok(frame) => Capture::Frame(frame),
            Err(reason) => Capture::Refused(fault(self.files[index].display().to_string(), reason)),
        }
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
#[path = "images_tests.rs"]
mod tests;
