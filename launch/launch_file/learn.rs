//! The table `[learn]` of a launch file, checked.

use std::time::Duration;

use concert_fitting::fit::LearnRules;
use concert_policies::Task;

/// What is learnt from the camera's depth while it is served.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnEntry {
    /// At least one, each once, of [`LearnEntry::TARGETS`].
    pub targets: Vec<&'static Task>,
    /// Where what is learnt is kept, as written; `None` for the default.
    pub folder: Option<String>,
    /// Least time between two refits.
    pub refit_every: Duration,
    /// Least time between two frames that are looked at.
    pub interval: Duration,
    /// Blocks, margin, forgetting.
    pub rules: LearnRules,
}

impl LearnEntry {
    /// Targets whose labels follow from depth and intrinsics.
    pub const TARGETS: [&'static str; 5] = [
        "depth_zbuffer",
        "normal",
        "edge_occlusion",
        "reshading",
        "curvature",
    ];

    /// These targets, with the usual times and rules.
    #[must_use]
    pub fn of(targets: &[&'static Task]) -> Self {
        Self {
            targets: targets.to_vec(),
            folder: None,
            refit_every: Duration::from_secs(20),
            interval: Duration::from_millis(200),
            rules: LearnRules::default(),
        }
    }
}
