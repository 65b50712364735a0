//! Sources to one target.

use crate::task::Task;

/// Estimation of one target: the sources whose representations its readout
/// reads, and when.
///
/// Made only as part of a checked [`Policy`](crate::Policy).
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    pub(crate) target: &'static Task,
    pub(crate) sources: Vec<String>,
    pub(crate) rate_hz: Option<f64>,
    pub(crate) readout: Option<String>,
    pub(crate) inputs: Vec<Input>,
}

/// Something a readout reads beside representations, of the same frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    /// The output of another transfer of the same policy.
    Target(&'static Task),
    /// The depth image of the camera, `camera.depth` in files.
    CameraDepth,
}

impl Input {
    /// Name of the input in a policy file.
    pub fn name(self) -> &'static str {
        match self {
            Input::Target(task) => task.name,
            Input::CameraDepth => "camera.depth",
        }
    }
}

impl Transfer {
    /// The task that is estimated and published.
    pub fn target(&self) -> &'static Task {
        self.target
    }

    /// Names of the source encoders, sorted, each once.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// Number of sources; 0 for a readout that reads its inputs alone.
    pub fn order(&self) -> usize {
        self.sources.len()
    }

    /// Tells whether the target is its own root: its one source is its own network.
    pub fn is_root(&self) -> bool {
        self.sources == [self.target.name]
    }

    /// Most outputs per second, above 0; `None` for one per frame.
    pub fn rate_hz(&self) -> Option<f64> {
        self.rate_hz
    }

    /// Variant of the readout, the part of its name after `@`.
    pub fn variant(&self) -> Option<&str> {
        self.readout.as_deref()
    }

    /// Inputs that the readout reads beside representations, sorted, each once.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// File name of the readout without its ending: `TARGET_from_A+B`, and
    /// `@VARIANT` where one is asked for. Where there are no sources, the
    /// inputs stand in their place (`camera_depth` for the camera's depth).
    pub fn readout_name(&self) -> String {
        let from = match self.sources.is_empty() {
            true => readout_inputs(&self.inputs),
            false => self.sources.join("+"),
        };
        let mut name = format!("{}_from_{from}", self.target.name);
        if let Some(variant) = &self.readout {
            name.push('@');
            name.push_str(variant);
        }
        name
    }
}

/// Text for the inputs of a readout without sources in its name.
pub fn readout_inputs(inputs: &[Input]) -> String {
    let names = inputs.iter().map(|input| input.name().replace('.', "_"));
    names.collect::<Vec<_>>().join("+")
}
