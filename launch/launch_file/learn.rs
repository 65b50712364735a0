//! The table `[learn]` of a launch file, checked.

use std::time::Duration;

use concert_fitting::fit::LearnRules;
use concert_policies::Task;
use concert_policies::document::at;
use toml::Spanned;

use super::fault::{LaunchFault, shown};
use super::raw::RawLearn;
use super::value::{MAX_PATH_BYTES, Placed, number, text_of, texts_of, unknown};

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

    /// Checks the table `[learn]`.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(super) fn parse(raw: &RawLearn) -> Placed<Self> {
        let mut targets: Vec<&'static Task> = Vec::new();
        texts_of("learn targets", Some(&raw.targets), 1)?;
        for text in raw.targets.get_ref() {
            let task = Task::find(text.get_ref());
            let task = task.filter(|task| LearnEntry::TARGETS.contains(&task.name));
            let Some(task) = task else {
                return unknown("target of learn".to_owned(), text, &LearnEntry::TARGETS);
            };
            if targets.contains(&task) {
                let value = shown(text.get_ref());
                let what = "target of learn";
                return at(text.span(), LaunchFault::Duplicate { what, value });
            }
            targets.push(task);
        }
        let mut entry = LearnEntry::of(&targets);
        let folder = raw.folder.as_ref();
        let folder = folder.map(|text| text_of("folder of learn", text, MAX_PATH_BYTES));
        entry.folder = folder.transpose()?;
        let set =
            |key: &str, value: &Option<Spanned<i64>>, least, limit, put: &mut dyn FnMut(u64)| {
                let value = value.as_ref().map(|value| number(key, value, least, limit));
                value
                    .transpose()
                    .map(|value| value.map(|value| put(value as u64)))
            };
        let rules = &mut entry.rules;
        let (refit_every, interval) = (&mut entry.refit_every, &mut entry.interval);
        let millis = Duration::from_millis;
        set(
            "refit_every_millis",
            &raw.refit_every_millis,
            100,
            86_400_000,
            &mut |n| *refit_every = millis(n),
        )?;
        set(
            "interval_millis",
            &raw.interval_millis,
            0,
            60_000,
            &mut |n| *interval = millis(n),
        )?;
        set("block_millis", &raw.block_millis, 0, 600_000, &mut |n| {
            rules.block = millis(n)
        })?;
        set("block_frames", &raw.block_frames, 1, 1000, &mut |n| {
            rules.block_frames = n as usize
        })?;
        set(
            "half_life_frames",
            &raw.half_life_frames,
            10,
            10_000_000,
            &mut |n| rules.half_life_frames = n as f64,
        )?;
        set("margin_percent", &raw.margin_percent, 0, 90, &mut |n| {
            rules.margin = n as f64 / 100.0
        })?;
        set("descent_steps", &raw.descent_steps, 0, 10_000, &mut |n| {
            rules.steps = n as usize
        })?;
        Ok(entry)
    }
}
