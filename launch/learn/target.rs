//! One target that is learnt.

use std::time::Duration;

use anyhow::{anyhow, bail};
use concert_fitting::dataset::{DepthFault, Example, Label, LabelFiles};
use concert_fitting::fit::{
    FrameUse, KnownReadout, LearnRules, Learner, ReadoutWatch, Representation,
    RepresentationLayout, focal_px,
};
use concert_models::card::Card;
use concert_models::onnx::{CheckLimits, check};
use concert_models::store::Store;
use concert_policies::{Policy, Task};
use concert_runtime::Observation;

use super::folder::Folder;

/// A target with its sources and the readout that serves first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subject {
    /// The target.
    pub(crate) task: &'static Task,
    /// The sources of its transfer, sorted.
    pub(crate) sources: Vec<String>,
    /// The variant that is there first.
    pub(crate) first: Option<String>,
}

impl Subject {
    /// The subject that a policy makes of a target.
    ///
    /// # Errors
    /// No transfer to it, or one without sources.
    pub(crate) fn of(policy: &Policy, task: &'static Task) -> anyhow::Result<Self> {
        let Some(transfer) = policy.transfer(task) else {
            let targets: Vec<_> = policy.transfers().iter().map(|t| t.target().name).collect();
            bail!(
                "policy {} has no transfer to {}, which is to be learnt; its targets are {}",
                policy.name(),
                task.name,
                targets.join(", ")
            );
        };
        if transfer.sources().is_empty() {
            bail!(
                "policy {}: {} reads no source, so there is no representation to learn it from",
                policy.name(),
                task.name
            );
        }
        Ok(Self {
            task,
            sources: transfer.sources().to_vec(),
            first: transfer.variant().map(str::to_owned),
        })
    }

    /// `TARGET_from_A+B`.
    pub(crate) fn stem(&self) -> String {
        format!("{}_from_{}", self.task.name, self.sources.join("+"))
    }

    /// The name of the readout with this variant.
    pub(crate) fn readout(&self, variant: Option<&str>) -> String {
        match variant {
            Some(variant) => format!("{}@{variant}", self.stem()),
            None => self.stem(),
        }
    }
}

/// One target that is learnt.
pub(crate) struct LearnedTarget {
    subject: Subject,
    pub(crate) learner: Learner,
    /// The watch over the readout that serves; taken by the thread that watches.
    pub(crate) watch: Option<ReadoutWatch>,
    /// The variant that the learner takes to serve.
    pub(crate) serving: Option<String>,
    /// True once it was said that a camera's intrinsics are unknown.
    uncalibrated: bool,
    /// Time at which the next refit is due.
    pub(crate) due: Duration,
}

/// The use of a frame that a target looked at.
#[derive(Debug)]
pub(crate) enum Looked {
    /// As the learner says.
    Taken(FrameUse),
    /// The frame carries no depth.
    WithoutDepth,
    /// The frame cannot be used, and why.
    Unusable(String),
}

impl LearnedTarget {
    /// Begins with the readout that serves first.
    ///
    /// # Errors
    /// Encoders or a readout that are missing or refused, and a readout that
    /// is no small network.
    pub(crate) fn first(
        store: &Store,
        subject: Subject,
        rules: LearnRules,
    ) -> anyhow::Result<Self> {
        let cards = subject.sources.iter();
        let cards = cards.map(|source| Ok(store.encoder_card(source)?.1));
        let cards = cards.collect::<anyhow::Result<Vec<_>>>()?;
        let layout = RepresentationLayout::of(&cards.iter().collect::<Vec<_>>())?;
        let first = open_readout(store, &subject.readout(subject.first.as_deref()))?;
        let watch = ReadoutWatch::new(subject.task, &layout, &first)?;
        let learner = Learner::new(subject.task, &layout, first, rules)?;
        Ok(Self {
            watch: Some(watch),
            serving: subject.first.clone(),
            subject,
            learner,
            uncalibrated: false,
            due: Duration::ZERO,
        })
    }

    /// The subject that is learnt.
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Goes on from what was kept; says what came of it.
    pub(crate) fn resume(&mut self, folder: &Folder) {
        let stem = self.subject.stem();
        let kept = folder.kept_statistics(&stem, self.learner.max_bytes());
        let resumed = kept.and_then(|kept| match kept {
            Some(bytes) => Ok(self.learner.resume(&bytes).map(|()| true)?),
            None => Ok(false),
        });
        match resumed {
            Ok(true) => tracing::info!(
                "learning {stem} goes on from {} frames that were learnt before",
                self.learner.frames_learnt()
            ),
            Ok(false) => tracing::info!("learning {stem} begins"),
            Err(error) => tracing::warn!(
                "learning {stem} begins anew: what was kept cannot be used: {error:#}"
            ),
        }
    }

    /// Tells the learner which variant serves.
    pub(crate) fn serve(&mut self, store: &Store, variant: Option<&str>) -> anyhow::Result<()> {
        let readout = match variant == self.subject.first.as_deref() {
            true => None,
            false => Some(open_readout(store, &self.subject.readout(variant))?),
        };
        self.learner.serve(readout)?;
        self.serving = variant.map(str::to_owned);
        Ok(())
    }

    /// Looks at a frame.
    pub(crate) fn look(&mut self, observation: &Observation) -> Looked {
        match label_of(self.subject.task, observation) {
            Ok(None) => Looked::WithoutDepth,
            Ok(Some(label)) => match self.learn(observation, &label) {
                Ok(taken) => Looked::Taken(taken),
                Err(error) => Looked::Unusable(format!("{error:#}")),
            },
            Err(error) => Looked::Unusable(format!("{error:#}")),
        }
    }

    /// Predicts the target for a frame with the readout of the last refit; see
    /// [`Learner::predict`].
    pub(crate) fn predict(&self, observation: &Observation) -> Option<(Vec<f32>, [usize; 2])> {
        let (representation, focal) = represent(self.learner.layout(), observation).ok()?;
        self.learner.predict(&representation, focal)
    }

    fn learn(&mut self, observation: &Observation, label: &Label) -> anyhow::Result<FrameUse> {
        let (representation, focal) = represent(self.learner.layout(), observation)?;
        let is_metric = self.subject.task.name == "depth_zbuffer";
        if is_metric && focal.is_none() && !std::mem::replace(&mut self.uncalibrated, true) {
            tracing::warn!(
                "{}: the camera's intrinsics are not known, so the reference focal length is \
                 assumed: metres that are learnt hold for this camera alone",
                self.subject.stem()
            );
        }
        let now = observation.frame.arrived;
        Ok(self.learner.add(representation, label, focal, now)?)
    }
}

/// The label of a frame; `None` where it carries no depth.
pub(super) fn label_of(
    task: &'static Task,
    observation: &Observation,
) -> anyhow::Result<Option<Label>> {
    let frame = &observation.frame;
    let Some(depth) = &frame.depth else {
        return Ok(None);
    };
    let size = (frame.image.width(), frame.image.height());
    if let Some(fault) = DepthFault::of(depth, size) {
        return Err(fault.into());
    }
    let example = Example {
        name: format!("frame {}", frame.sequence),
        image: frame.image.clone(),
        depth: Some(depth.clone()),
        depth_scaled_from: None,
        intrinsics: frame.intrinsics,
        world_from_optical: None,
        pose_fault: None,
        stamp_seconds: None,
        class: None,
        objects: None,
        named: std::sync::Arc::default(),
        files: LabelFiles::default(),
    };
    Ok(Label::of(task, &example)?)
}

/// The representation of a frame, and the focal length that it was seen with, px
/// of the first encoder's input.
pub(super) fn represent(
    layout: &RepresentationLayout,
    observation: &Observation,
) -> anyhow::Result<(Representation, Option<f64>)> {
    for (source, sha256) in layout.encoders() {
        let made = observation
            .levels
            .iter()
            .find(|level| level.source == source);
        let found = made.map_or("none", |level| level.sha256.as_str());
        if found != sha256 {
            bail!("encoder {source} has sha256 {found}, but {sha256} is learnt from");
        }
    }
    let levels = layout.levels().map(|(source, level)| {
        let mut copies = observation.levels.iter();
        let copy = copies.find(|copy| copy.source == source && copy.level == level);
        copy.map_or(&[][..], |copy| copy.values.as_slice())
    });
    let levels: Vec<&[f32]> = levels.collect();
    let representation = layout.represent(&levels)?;
    let frame = &observation.frame;
    let (width, height) = (frame.image.width(), frame.image.height());
    let camera = frame.intrinsics.as_ref();
    let focal = camera.map(|camera| focal_px(camera, layout.contract(), width, height));
    Ok((representation, focal))
}

/// The readout of this name, if it is no geometry.
pub(super) fn open_readout(store: &Store, name: &str) -> anyhow::Result<KnownReadout> {
    if let Card::Geometric(_) = store.readout_card(name)? {
        return Err(anyhow!(
            "{name} is geometry: there is nothing in it to learn"
        ));
    }
    let readout = store.readout(name)?;
    let network = check(&readout.file.bytes, &CheckLimits::default())?;
    Ok(KnownReadout::new(&readout.card, network))
}
