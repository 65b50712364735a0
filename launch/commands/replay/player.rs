//! Every recorded image through the pipeline, in order and without loss.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use concert_runtime::io::recording::{
    ABOUT, POLICY, Recorded, RecordedFrame, RecordedOutput, RecordingContents, RecordingEnd,
    RecordingEntry, RecordingStream, RecordingWriter, about,
};
use concert_runtime::wire::{self, Attachment};
use concert_runtime::{Clock as _, ManualClock, Output, OutputSink, Pipeline, Timestamp};

use super::cameras::ReplayCameras;
use super::comparison::Comparison;
use super::pictures::Pictures;
use super::subject::Subject;
use crate::cli::Global;
use crate::launch_file::DEFAULT_PREFIX;
use crate::progress::progress;
use crate::report::Failure;
use crate::stop::Stop;

/// Monotonic time between two frames where every target is due that was recorded:
/// longer than any rate's period.
const STEP: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most bytes of outputs that wait for the one that they are compared with.
const MAX_WAITING_BYTES: usize = 1 << 30;

/// Which targets are due on a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schedule {
    /// Those that were recorded of it: of the same policy.
    AsRecorded,
    /// As on a robot, by their rates.
    AsLive,
}

/// Plays a recording.
pub(super) struct Player<'a> {
    pipeline: Pipeline,
    clock: Arc<ManualClock>,
    schedule: Schedule,
    /// Lane by the key of its images.
    lanes: HashMap<String, usize>,
    states: Vec<LaneState>,
    comparisons: BTreeMap<String, Comparison>,
    policy: String,
    contents: &'a RecordingContents,
    counts: FrameCounts,
    out: Option<RecordingWriter<File>>,
    pictures: Option<Pictures>,
    message: Vec<u8>,
}

/// What became of the images of a recording.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FrameCounts {
    pub(super) replayed: u64,
    /// Of the stamp of the one before, as a robot leaves them out.
    pub(super) duplicate: u64,
    pub(super) refused: u64,
    pub(super) backward: u64,
    /// Not the pixels that were perceived: JPEGs.
    pub(super) inexact: u64,
    /// Outputs of targets that the policy does not have.
    pub(super) foreign_outputs: u64,
}

/// A camera's way through the recording.
#[derive(Default)]
struct LaneState {
    /// Name of the camera.
    name: String,
    last: Option<Timestamp>,
    seen: HashSet<i64>,
    /// Keys of the targets, in running order.
    keys: Vec<String>,
    /// Stamps on which each is due; `None` for every one.
    due: Vec<Option<HashSet<i64>>>,
}

/// What came of it.
pub(super) struct Played {
    pub(super) counts: FrameCounts,
    pub(super) comparisons: BTreeMap<String, Comparison>,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        pipeline: Pipeline,
        clock: Arc<ManualClock>,
        contents: &'a RecordingContents,
        cameras: &ReplayCameras,
        subject: &Subject,
        schedule: Schedule,
    ) -> Self {
        let (mut lanes, mut states) = (HashMap::new(), Vec::new());
        let mut comparisons = BTreeMap::new();
        for (lane, camera) in cameras.all().iter().enumerate() {
            lanes.insert(camera.key.clone(), lane);
            let images = contents.topic(&camera.key);
            let images = images.map_or(&[] as &[_], |topic| topic.notes.as_slice());
            let images: HashSet<i64> = images.iter().map(|note| note.stamp.nanos()).collect();
            let mut state = LaneState {
                name: camera.lane.camera.clone(),
                ..LaneState::default()
            };
            for output in pipeline.buffers(lane) {
                let (task, key) = (output.origin.task, output.origin.key.to_string());
                let notes = contents.topic(&key);
                let notes = notes.map_or(&[] as &[_], |topic| topic.notes.as_slice());
                let transfer = subject.policy.transfer(task);
                let is_rated = transfer.is_some_and(|transfer| transfer.rate_hz().is_some());
                let due = notes
                    .iter()
                    .flat_map(|note| [Some(note.stamp), note.previous]);
                let due = due.flatten().map(Timestamp::nanos);
                let is_masked = is_rated && schedule == Schedule::AsRecorded;
                state.due.push(is_masked.then(|| due.collect()));
                state.keys.push(key.clone());
                let recorded = notes.iter().map(|note| note.stamp.nanos());
                let recorded = recorded.filter(|stamp| images.contains(stamp));
                comparisons.insert(
                    key,
                    Comparison::new(task, recorded.collect(), images.clone()),
                );
            }
            states.push(state);
        }
        Self {
            pipeline,
            clock,
            schedule,
            lanes,
            states,
            comparisons,
            policy: subject.policy.hash().to_string(),
            contents,
            counts: FrameCounts::default(),
            out: None,
            pictures: None,
            message: Vec::new(),
        }
    }

    /// Writes the new outputs into a file, if one is named.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn write_to(&mut self, out: Option<&Path>, subject: &Subject) -> anyhow::Result<()> {
        let Some(path) = out else {
            return Ok(());
        };
        let prefix = self.contents.prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
        let mut writer = RecordingWriter::begin(File::create(path)?, prefix)?;
        let of = ("replay_of", self.contents.path.display().to_string());
        let policy = [
            ("policy", subject.policy.to_toml()),
            ("hash", self.policy.clone()),
            ("provenance", subject.provenance.to_string()),
        ];
        writer.metadata(ABOUT, about(prefix, [of]))?;
        let policy = policy.map(|(name, text)| (name.to_owned(), text));
        writer.metadata(POLICY, policy.into())?;
        self.out = Some(writer);
        Ok(())
    }

    /// Writes the images into a folder, if one is named.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn draw_to(&mut self, folder: Option<&Path>) -> anyhow::Result<()> {
        self.pictures = folder.map(Pictures::begin).transpose()?;
        Ok(())
    }

    /// Plays all of it, or until a stop is asked for.
    pub(super) fn play(
        &mut self,
        mut stream: RecordingStream,
        stop: &Stop,
        global: &Global,
    ) -> Result<(), Failure> {
        let images = self.lanes.keys();
        let images = images.filter_map(|key| self.contents.topic(key));
        let total = images.map(|topic| topic.messages as usize).sum();
        let bar = progress(total, "images", global);
        while let Some(recorded) = stream.next_recorded()? {
            if stop.is_raised() {
                break;
            }
            match recorded {
                Recorded::Frame(frame) => {
                    self.frame(*frame)?;
                    bar.inc(1);
                }
                Recorded::Output(output) => self.output(*output),
                Recorded::Refused { topic, reason } => {
                    self.counts.refused += 1;
                    tracing::warn!("{topic}: {reason}");
                }
            }
            self.check_memory()?;
        }
        bar.finish_and_clear();
        if let Some(RecordingEnd::Cut { at, reason }) = stream.end() {
            let file = self.contents.path.display();
            tracing::warn!("{file}: cut at byte {at}: {reason}; what comes before is replayed");
        }
        Ok(())
    }

    /// Ends the file of new outputs; what came of it all.
    pub(super) fn finish(mut self) -> Result<Played, Failure> {
        if let Some(out) = &mut self.out {
            out.finish()?;
        }
        let mut comparisons = self.comparisons;
        comparisons.values_mut().for_each(Comparison::finish);
        Ok(Played {
            counts: self.counts,
            comparisons,
        })
    }

    fn frame(&mut self, recorded: RecordedFrame) -> Result<(), Failure> {
        let Some(&lane) = self.lanes.get(&recorded.key) else {
            return Ok(());
        };
        let mut frame = recorded.frame;
        let state = &mut self.states[lane];
        let last = state.last.replace(frame.stamp);
        if last == Some(frame.stamp) {
            self.counts.duplicate += 1;
            return Ok(());
        }
        if last.is_some_and(|last| frame.stamp < last) {
            // As a robot does: what it holds is not the past of this frame.
            self.counts.backward += 1;
            self.pipeline.forget(lane);
        }
        state.seen.insert(frame.stamp.nanos());
        let passed = last.and_then(|last| last.age_at(frame.stamp));
        let interval = match self.schedule {
            Schedule::AsRecorded => STEP,
            Schedule::AsLive => passed.unwrap_or_default(),
        };
        self.clock.advance(interval);
        self.clock.step_to(frame.stamp);
        frame.arrived = self.clock.monotonic();
        if let Some(pictures) = &mut self.pictures {
            pictures.write(&state.name, &frame)?;
        }
        self.counts.replayed += 1;
        self.counts.inexact += u64::from(!recorded.is_exact);
        let stamp = frame.stamp.nanos();
        let due = state.due.iter();
        let wanted = due.map(|due| due.as_ref().is_none_or(|due| due.contains(&stamp)));
        let mut keep = Keep {
            wanted: wanted.collect(),
            buffers: self.pipeline.buffers(lane),
            delivered: Vec::new(),
        };
        self.pipeline.step(lane, &frame, interval, &mut keep);
        for output in &keep.delivered {
            self.deliver(output)?;
        }
        let came = |key: &String| {
            let mut delivered = keep.delivered.iter();
            delivered.any(|output| *output.origin.key == **key)
        };
        for key in &self.states[lane].keys {
            if let Some(comparison) = self.comparisons.get_mut(key)
                && !came(key)
            {
                comparison.note_nothing_computed(stamp);
            }
        }
        Ok(())
    }

    fn deliver(&mut self, output: &Output) -> Result<(), Failure> {
        let mut message = std::mem::take(&mut self.message);
        let message_type = wire::encode(output, &mut message)?;
        let key = &*output.origin.key;
        if let Some(out) = &mut self.out {
            let mut attachment = Vec::new();
            Attachment::of(output).write(&mut attachment)?;
            let entry = RecordingEntry {
                key,
                message_type,
                payload: &message,
                attachment: &attachment,
                arrived: output.stamp,
            };
            // By the recording's time: a chunk for each second of it.
            let now = Duration::from_nanos(u64::try_from(output.stamp.nanos()).unwrap_or(0));
            out.tick(now)?;
            out.write(&entry, now)?;
        }
        if let Some(comparison) = self.comparisons.get_mut(key) {
            comparison.note_computed(output.stamp.nanos(), &message);
        }
        self.message = message;
        Ok(())
    }

    fn output(&mut self, recorded: RecordedOutput) {
        let Some(comparison) = self.comparisons.get_mut(&recorded.key) else {
            self.counts.foreign_outputs += 1;
            return;
        };
        let made_by = recorded
            .attachment
            .map_or_else(String::new, |said| said.policy);
        let is_other = !made_by.is_empty() && made_by != self.policy;
        if self.schedule == Schedule::AsRecorded && is_other {
            comparison.other_policy += 1;
            return;
        }
        let stamp = recorded.message.stamp.nanos();
        let lane = self
            .states
            .iter()
            .position(|state| state.keys.contains(&recorded.key));
        let was_played = lane.is_some_and(|lane| self.states[lane].seen.contains(&stamp));
        comparison.note_recorded(stamp, recorded.message.data, was_played);
    }

    fn check_memory(&self) -> Result<(), Failure> {
        let waiting: usize = self
            .comparisons
            .values()
            .map(Comparison::waiting_bytes)
            .sum();
        if waiting > MAX_WAITING_BYTES {
            let file = self.contents.path.display();
            return Err(Failure::failed(anyhow!(
                "{file}: outputs of {waiting} bytes lie before or after their images, but at most \
                 {MAX_WAITING_BYTES} may"
            )));
        }
        Ok(())
    }
}

/// Wants what is due, and keeps it.
struct Keep {
    wanted: Vec<bool>,
    buffers: Vec<Output>,
    delivered: Vec<Output>,
}

impl OutputSink for Keep {
    fn wants(&self, target: usize) -> bool {
        self.wanted[target]
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        std::mem::swap(output, &mut self.buffers[target]);
        self.delivered.push(self.buffers[target].clone());
    }
}
