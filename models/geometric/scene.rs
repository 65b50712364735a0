//! Views of a frame that a geometric readout sees, and what it says.

use crate::geometry::{Affine2, Intrinsics};

/// One tensor that a readout reads, borrowed for the time of one estimate.
#[derive(Debug, Clone, Copy)]
pub struct SceneView<'a> {
    /// Part that it has in the method: `descriptors`, `depth`, …
    pub role: &'a str,
    /// Outermost axis first.
    pub shape: &'a [usize],
    /// Row-major, as many as the shape says.
    pub values: &'a [f32],
    /// Maps a cell of the tensor's last two axes (of the network's input, for
    /// points) to a pixel of the camera image.
    pub image_from_pixel: Affine2,
    /// Error of what a readout makes: the mean relative error that its card states,
    /// measured on data that it was not fitted on, or 0.3 where the card states
    /// none; it means something for depth alone. `None` of what a sensor measures.
    pub relative_error: Option<f64>,
}

/// One frame, as far as a geometric readout reads it.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Stamp of the frame, ns since the Unix epoch.
    pub stamp_nanos: i64,
    /// Width and height of the camera image, px.
    pub image_size: (usize, usize),
    /// The camera's intrinsics for that image, where they are known.
    pub intrinsics: Option<Intrinsics>,
    /// Views that are read, in any order.
    pub views: &'a [SceneView<'a>],
}

/// Remarks on an estimate that is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutputFlags {
    /// Lengths have an unknown unit.
    pub scale_unknown: bool,
    /// Tracking had been lost since the last estimate: the motion meanwhile is
    /// unknown, and the covariance says so.
    pub after_gap: bool,
    /// Certainty of each side of a room, in percent: ahead, behind, left, right,
    /// ceiling, floor; 0 where it is not in view.
    pub face_percent: Option<[u8; 6]>,
}

/// Reason why there is no estimate for a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unable {
    /// It needs more frames first.
    #[error("warming: {0}")]
    Warming(String),
    /// It has lost track, and says when it has found it again.
    #[error("lost: {0}")]
    Lost(String),
    /// Views were given that it cannot read.
    #[error("{0}")]
    Unusable(String),
}

/// Something that makes one target out of views by geometry alone. It keeps
/// its own state: one for every camera.
pub trait Geometric: Send {
    /// Estimates into `out`, which has as many values as the method's output
    /// shape says. Takes bounded time and memory whatever it is given; copies
    /// what it keeps.
    ///
    /// # Errors
    /// Why there is no estimate for this frame; `out` is worth nothing then.
    fn estimate(&mut self, scene: &Scene<'_>, out: &mut [f32]) -> Result<OutputFlags, Unable>;

    /// Forgets all frames before, as after a start.
    fn forget(&mut self);
}

/// Focal length, in widths of the image, of a camera that nobody measured:
/// that of a view 60° wide.
pub const ASSUMED_FOCAL_WIDTHS: f64 = 0.866;

impl<'a> Scene<'a> {
    /// The view of this role, if it is there and of this many axes.
    pub(super) fn view(&self, role: &str, axes: usize) -> Option<&'a SceneView<'a>> {
        let view = self.views.iter().find(|view| view.role == role)?;
        let needed = view.shape.iter().product::<usize>();
        (view.shape.len() == axes && needed == view.values.len()).then_some(view)
    }

    /// As [`view`](Self::view), of the shape `[1, channels, h, w]`.
    ///
    /// # Errors
    /// Where it is missing or has another number of channels.
    pub(super) fn dense(&self, role: &str, channels: usize) -> Result<Dense<'a>, Unable> {
        match self.view(role, 4).map(|view| (view, view.shape)) {
            Some((view, &[1, c, height, width])) if c == channels && height > 1 && width > 1 => {
                Ok(Dense {
                    width,
                    height,
                    values: view.values,
                    image_from_pixel: view.image_from_pixel,
                    relative_error: view.relative_error,
                })
            }
            _ => Err(Unable::Unusable(format!(
                "{role} is not there as f32 [1, {channels}, h, w]"
            ))),
        }
    }

    /// The camera's intrinsics, or those of an assumed one.
    pub(super) fn intrinsics(&self) -> Intrinsics {
        self.intrinsics.unwrap_or_else(|| {
            let (width, height) = self.image_size;
            let focal = ASSUMED_FOCAL_WIDTHS * width as f64;
            Intrinsics {
                fx: focal,
                fy: focal,
                cx: 0.5 * (width as f64 - 1.0),
                cy: 0.5 * (height as f64 - 1.0),
                width,
                height,
            }
        })
    }
}

/// A view of one value (or several) per pixel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dense<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: &'a [f32],
    pub(super) image_from_pixel: Affine2,
    pub(super) relative_error: Option<f64>,
}
