//! Starts and stops the threads of a runtime.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::bus::Bus;
use crate::camera::Camera;
use crate::camera_image::{ImagePlace, ImagePublishing};
use crate::capture::capture;
use crate::clock::{Clock, lock};
use crate::control::Control;
use crate::frame::Frame;
use crate::io::thread;
use crate::perceive::perceive;
use crate::pipeline::Pipeline;
use crate::publish::publish;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Settings of a runtime; the defaults are those of a launch file.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// A frame that has waited longer than this when its turn comes is dropped.
    pub max_wait: Option<Duration>,
    /// Time between status messages; one more follows each change of health.
    pub status_period: Duration,
    /// Ends by itself after so many processed frames.
    pub frames: Option<u64>,
    /// Publishing of the cameras' images; `None` for not at all.
    pub images: Option<ImagePublishing>,
    /// Frames wait for their turn instead of replacing each other; for lists
    /// of images that are to be seen whole.
    pub lossless: bool,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            max_wait: None,
            status_period: Duration::from_secs(1),
            frames: None,
            images: None,
            lossless: false,
        }
    }
}

/// A running runtime: one thread per camera, one that perceives, one that
/// publishes. Dropping it stops it.
pub struct Runtime {
    shared: Arc<Shared>,
    control: Control,
    threads: Vec<JoinHandle<()>>,
}

impl Runtime {
    /// Starts all threads. Camera number i feeds lane number i of the pipeline.
    ///
    /// # Errors
    /// Where the system refuses a thread; those started by then are stopped.
    pub fn start(
        pipeline: Pipeline,
        cameras: Vec<(String, Box<dyn Camera>)>,
        mut bus: Box<dyn Bus>,
        clock: Arc<dyn Clock>,
        settings: RunSettings,
    ) -> io::Result<Self> {
        if cameras.len() != pipeline.lane_count() {
            let text = format!(
                "{} cameras for {} lanes of the pipeline",
                cameras.len(),
                pipeline.lane_count()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let names = cameras.iter().map(|(name, _)| name.clone()).collect();
        let mut shared = Shared::new(&pipeline, names, clock, settings.frames);
        if let Some(images) = &settings.images {
            shared.images = ImagePlace::of(&shared.cameras, images);
        }
        let shared = Arc::new(shared);
        let mut runtime = Self {
            control: Control::new(Arc::clone(&shared), &pipeline),
            shared: Arc::clone(&shared),
            threads: Vec::new(),
        };
        let publishing = Arc::clone(&shared);
        let period = settings.status_period;
        runtime.spawn("publish", move || {
            let _closes = ClosePublisher(Arc::clone(&publishing));
            publish(&publishing, bus.as_mut(), period)
        })?;
        let perceiving = Arc::clone(&shared);
        runtime.spawn("perceive", move || {
            let _closes = CloseOnExit(Arc::clone(&perceiving));
            perceive(&perceiving, pipeline, settings.max_wait);
        })?;
        for (index, (name, mut camera)) in cameras.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let body = move || {
                let _closes = CloseCamera(Arc::clone(&shared), index);
                capture(&shared, index, camera.as_mut(), settings.lossless);
            };
            runtime.spawn(&format!("camera-{name}"), body)?;
        }
        Ok(runtime)
    }

    /// A thread without which the runtime does not work: a panic ends it all.
    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let (control, own) = (self.control(), name.to_owned());
        let body = move || control.guard(&own, body);
        self.threads.push(thread::spawn(name, body)?);
        Ok(())
    }

    /// Tells whether it has come to its end by itself: every camera ended, the number
    /// of frames asked for were processed, or one of its threads ended that must
    /// not (see [`Snapshot::fault`]).
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.perceive_over.load(Ordering::Acquire)
    }

    /// Waits until it [is over](Self::is_over), `longest` at most; whether it is.
    #[must_use]
    pub fn wait(&self, longest: Duration) -> bool {
        self.shared.wait_until_over(longest)
    }

    /// Handle that changes the policy while it runs, for any thread.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The frame of a camera, in the order of [`start`](Self::start), that was
    /// processed last; its pixels are shared, not copied.
    #[must_use]
    pub fn newest_frame(&self, camera: usize) -> Option<Frame> {
        lock(&self.shared.newest).get(camera)?.clone()
    }

    /// The figures now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// Stops: no further frame is begun, what is computed is published, the
    /// bus says goodbye. Returns the final figures, whose counts add up.
    #[must_use]
    pub fn stop(mut self) -> Snapshot {
        self.join();
        self.shared.snapshot()
    }

    fn join(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.mailbox.close();
        for thread in self.threads.drain(..) {
            // What it panicked at is known already.
            let _ = thread.join();
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.join();
    }
}

/// Lets who swaps go on also where the publisher thread panicked.
struct ClosePublisher(Arc<Shared>);

impl Drop for ClosePublisher {
    fn drop(&mut self) {
        self.0.announce.close();
    }
}

/// Lets nobody wait for a camera whose thread panicked.
struct CloseCamera(Arc<Shared>, usize);

impl Drop for CloseCamera {
    fn drop(&mut self) {
        self.0.mailbox.end(self.1);
    }
}

/// Lets the other threads end also where the perceive thread panicked.
struct CloseOnExit(Arc<Shared>);

impl Drop for CloseOnExit {
    fn drop(&mut self) {
        self.0.end();
    }
}
