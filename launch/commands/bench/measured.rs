//! From frames that were sent, outputs that came and networks that ran, to
//! figures.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::schedule::Sent;
use super::series::{Figures, Series};
use crate::commands::bench_part::protocol::Received;
use crate::trace::Span;

/// Figures of one output.
#[derive(Debug, Clone, Serialize)]
pub(super) struct OutputFigures {
    /// Key below the prefix.
    pub(super) key: String,
    /// From the frame's due time to the receiver having it.
    pub(super) latency: Figures,
    /// Age of the newest output just before the next one came.
    pub(super) peak_age: Figures,
    /// Outputs that came.
    pub(super) received: u64,
    /// Frames of its camera without this output.
    pub(super) frames_without: u64,
    /// Outputs that were made and did not come, as gaps in their numbers say.
    pub(super) lost_on_the_way: u64,
    /// Mean size of the payload, bytes.
    pub(super) payload_bytes: f64,
    /// Cumulative distribution of the latency.
    #[serde(skip)]
    pub(super) distribution: Vec<[f64; 2]>,
}

/// Figures of one stage.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StageFigures {
    /// Encoder, readout, or one of those that stand before and after them.
    pub(super) stage: String,
    /// The thread that runs it; null where it is no one's.
    pub(super) thread: Option<String>,
    /// How long it takes.
    pub(super) time: Figures,
}

/// What became of the frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct FrameFigures {
    /// Published.
    pub(super) sent: u64,
    /// At least one output came of them.
    pub(super) with_outputs: u64,
    /// Frames that outputs came of, a second.
    pub(super) rate_hz: f64,
    /// From a frame's due time to the last of its outputs.
    pub(super) to_last_output: Figures,
    /// From its due time to the camera having published it: the benchmark's own
    /// lateness, which counts in every latency.
    pub(super) camera: Figures,
}

/// Everything that was measured of one stretch of frames.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) frames: FrameFigures,
    pub(super) outputs: Vec<OutputFigures>,
    pub(super) stages: Vec<StageFigures>,
    /// One frame from end to end: that of the median time to the last output.
    pub(super) timeline: Option<Timeline>,
}

/// One frame, from its due time.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    /// When its camera had published it.
    pub(super) put: Duration,
    /// What ran for it: name, thread, begin and end.
    pub(super) spans: Vec<(Arc<str>, Arc<str>, [Duration; 2])>,
    /// When each of its outputs came.
    pub(super) outputs: Vec<(String, Duration)>,
}

/// A frame and the outputs that came of it.
struct Frame<'a> {
    sent: &'a Sent,
    outputs: Vec<&'a Received>,
}

/// Puts together what belongs together.
///
/// `keys` are the outputs, most important first, of `cameras` cameras by turns.
pub(super) fn measure(
    sent: &[Sent],
    received: &[Received],
    spans: &[Span],
    keys: &[String],
    cameras: usize,
) -> Measured {
    let mut frames: Vec<Frame> = sent
        .iter()
        .map(|sent| Frame {
            sent,
            outputs: Vec::new(),
        })
        .collect();
    let by_stamp: HashMap<i64, usize> = sent
        .iter()
        .enumerate()
        .map(|(index, sent)| (sent.stamp_ns, index))
        .collect();
    let mut by_key: BTreeMap<&str, Vec<(&Sent, &Received)>> = BTreeMap::new();
    for output in received {
        let Some(&index) = by_stamp.get(&output.stamp_ns) else {
            continue;
        };
        frames[index].outputs.push(output);
        let came = by_key.entry(output.key.as_str()).or_default();
        came.push((frames[index].sent, output));
    }
    let of_key = |(index, key): (usize, &String)| {
        let camera = index % cameras.max(1);
        let due = sent.iter().filter(|sent| sent.camera == camera).count();
        let came = by_key.get(key.as_str()).map_or(&[][..], Vec::as_slice);
        output_figures(key, due as u64, came)
    };
    let figures = frame_figures(&frames);
    Measured {
        outputs: keys.iter().enumerate().map(of_key).collect(),
        stages: stages(&frames, spans),
        timeline: timeline(&frames, spans),
        frames: figures,
    }
}

fn output_figures(key: &str, due: u64, came: &[(&Sent, &Received)]) -> OutputFigures {
    let latency = |(sent, output): &(&Sent, &Received)| output.at().saturating_sub(sent.due);
    let latencies: Series = came.iter().map(latency).collect();
    // Just before the next came, the newest was the one before.
    let ages = came
        .windows(2)
        .map(|pair| pair[1].1.at().saturating_sub(pair[0].0.due));
    let ages: Series = ages.collect();
    let gaps = came.windows(2).map(|pair| {
        let between = pair[1].1.sequence.saturating_sub(pair[0].1.sequence);
        between.saturating_sub(1)
    });
    let bytes: usize = came.iter().map(|(_, output)| output.bytes).sum();
    OutputFigures {
        key: key.to_owned(),
        latency: latencies.figures(),
        peak_age: ages.figures(),
        received: came.len() as u64,
        frames_without: due.saturating_sub(came.len() as u64),
        lost_on_the_way: gaps.sum(),
        payload_bytes: bytes as f64 / came.len().max(1) as f64,
        distribution: latencies.distribution(),
    }
}

fn frame_figures(frames: &[Frame]) -> FrameFigures {
    let last = frames.iter().filter_map(Frame::to_last_output);
    let last: Series = last.collect();
    let camera = frames.iter().map(|frame| frame.sent.put - frame.sent.due);
    let camera: Series = camera.collect();
    let with_outputs = frames.iter().filter(|frame| !frame.outputs.is_empty());
    let with_outputs = with_outputs.count() as u64;
    let ends = frames.first().zip(frames.last());
    let span = ends.map_or(0.0, |(first, last)| {
        // The last frame has its interval, too.
        let between = (last.sent.due - first.sent.due).as_secs_f64();
        between * frames.len() as f64 / (frames.len() - 1).max(1) as f64
    });
    FrameFigures {
        sent: frames.len() as u64,
        with_outputs,
        rate_hz: if span > 0.0 {
            with_outputs as f64 / span
        } else {
            0.0
        },
        to_last_output: last.figures(),
        camera: camera.figures(),
    }
}

impl Frame<'_> {
    fn last_output(&self) -> Option<Duration> {
        self.outputs.iter().map(|output| output.at()).max()
    }

    fn to_last_output(&self) -> Option<Duration> {
        Some(self.last_output()?.saturating_sub(self.sent.due))
    }

    /// When its plan began at the earliest: it waited so long after it came.
    fn earliest_begin(&self) -> Option<Duration> {
        let wait = self.outputs.iter().map(|output| output.wait_us).max()?;
        Some(self.sent.began + Duration::from_micros(wait))
    }

    /// What ran for it: the first run of each name after its plan began.
    fn spans<'s>(&self, spans: &'s [Span]) -> Vec<&'s Span> {
        let Some((begin, end)) = self.earliest_begin().zip(self.last_output()) else {
            return Vec::new();
        };
        let from = spans.partition_point(|span| span.end < begin);
        let within = spans[from..].iter().take_while(|span| span.end <= end);
        let within = within.filter(|span| span.begin >= begin);
        // It begins with an encoder; readouts before that are of the frame before.
        let within = within.skip_while(|span| span.name.contains("_from_"));
        let mut first: Vec<&Span> = Vec::new();
        for span in within {
            if !first.iter().any(|known| known.name == span.name) {
                first.push(span);
            }
        }
        first
    }
}

/// Every network that ran while frames were measured, in the order of a frame, and
/// what stands before and after them.
fn stages(frames: &[Frame], spans: &[Span]) -> Vec<StageFigures> {
    let stage = |stage: &str, thread: Option<String>, series: &Series| StageFigures {
        stage: stage.to_owned(),
        thread,
        time: series.figures(),
    };
    let outputs = || frames.iter().filter(|frame| !frame.outputs.is_empty());
    let most = |of: fn(&Received) -> u64| {
        let each = outputs().map(move |frame| {
            let times = frame.outputs.iter().map(|output| of(output));
            Duration::from_micros(times.max().unwrap_or(0))
        });
        each.collect::<Series>()
    };
    let put = frames.iter().map(|frame| frame.sent.put - frame.sent.began);
    let mut all = vec![
        stage("camera: publish", None, &put.collect()),
        stage("wait for the frame's turn", None, &most(|o| o.wait_us)),
        stage("preprocessing", None, &most(|o| o.preprocess_us)),
    ];
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
        return all;
    };
    // From the first frame on that something came of: of the one before, the rest
    // may still run.
    let mut ran = frames.iter().map(|frame| frame.spans(spans));
    let begin = ran.find_map(|ran| Some(ran.first()?.begin));
    let begin = begin.unwrap_or(first.sent.began);
    let end = frames.iter().filter_map(Frame::last_output).max();
    let end = end.unwrap_or(last.sent.put);
    let mut order: Vec<&Arc<str>> = Vec::new();
    let mut by_name: HashMap<&Arc<str>, (Series, BTreeMap<&str, u64>)> = HashMap::new();
    let within = spans.iter();
    for span in within.filter(|span| span.begin >= begin && span.end <= end) {
        let (series, threads) = by_name.entry(&span.name).or_insert_with(|| {
            order.push(&span.name);
            Default::default()
        });
        series.add(span.end - span.begin);
        *threads.entry(&span.thread).or_default() += 1;
    }
    for name in order {
        let (series, threads) = &by_name[name];
        let threads: Vec<_> = threads.keys().copied().collect();
        all.push(stage(name, Some(threads.join(", ")), series));
    }
    let handed: Series = outputs()
        .filter_map(|frame| handed_over(frame, spans))
        .collect();
    all.push(stage("publish and receive", None, &handed));
    all
}

/// From the end of the last network of a frame to its last output at the receiver.
fn handed_over(frame: &Frame, spans: &[Span]) -> Option<Duration> {
    let ended = frame.spans(spans).iter().map(|span| span.end).max()?;
    Some(frame.last_output()?.saturating_sub(ended))
}

fn timeline(frames: &[Frame], spans: &[Span]) -> Option<Timeline> {
    let most = frames.iter().map(|frame| frame.outputs.len()).max()?;
    let full = frames.iter().filter(|frame| frame.outputs.len() == most);
    let mut full: Vec<_> = full.collect();
    full.sort_by_key(|frame| frame.to_last_output());
    let frame = full.get(full.len() / 2).filter(|_| most > 0)?;
    let due = frame.sent.due;
    let since = |at: Duration| at.saturating_sub(due);
    let ran = frame.spans(spans).into_iter().map(|span| {
        let (name, thread) = (Arc::clone(&span.name), Arc::clone(&span.thread));
        (name, thread, [since(span.begin), since(span.end)])
    });
    let outputs = frame.outputs.iter();
    let outputs = outputs.map(|output| (output.key.clone(), since(output.at())));
    Some(Timeline {
        put: since(frame.sent.put),
        spans: ran.collect(),
        outputs: outputs.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Frame `n`, due at `n` × 10 ms, published `late` ms after that.
    fn sent(n: u32, late: u32) -> Sent {
        let due = n * 10 * MS;
        Sent {
            camera: 0,
            stamp_ns: i64::from(n),
            due,
            began: due + late * MS,
            put: due + late * MS,
        }
    }

    /// The `sequence`th output of a key, of frame `n`, at `at` ms.
    fn output(key: &str, n: u32, sequence: u64, at: u64) -> Received {
        Received {
            key: key.to_owned(),
            at_ns: at * 1_000_000,
            stamp_ns: i64::from(n),
            sequence,
            bytes: 100,
            wait_us: 0,
            preprocess_us: 1000,
        }
    }

    fn span(name: &str, begin: u32, end: u32) -> Span {
        Span {
            name: name.into(),
            thread: "perceive".into(),
            begin: begin * MS,
            end: end * MS,
        }
    }

    fn of(sent: &[Sent], received: &[Received], spans: &[Span]) -> Measured {
        let keys = ["a".to_owned(), "b".to_owned()];
        measure(sent, received, spans, &keys, 1)
    }

    #[test]
    fn a_stall_is_charged_to_every_frame_that_it_delays() {
        // The camera stood still for 30 ms and made up for it in a burst; each
        // output came 2 ms after its frame was published.
        let sent = [
            sent(0, 0),
            sent(1, 30),
            sent(2, 20),
            sent(3, 10),
            sent(4, 0),
        ];
        let came = [(0, 2), (1, 42), (2, 42), (3, 42), (4, 42)];
        let came = came.map(|(n, at)| output("a", n, u64::from(n), at));
        let measured = of(&sent, &came, &[]);
        let latency = measured.outputs[0].latency;
        assert!((latency.max_millis - 32.0).abs() < 0.1, "{latency:?}");
        // 2, 32, 22, 12, 2: what a closed loop would call 2 ms each.
        assert!((latency.mean_millis - 14.0).abs() < 0.1, "{latency:?}");
        assert!((measured.frames.camera.max_millis - 30.0).abs() < 0.1);
    }

    #[test]
    fn frames_that_were_replaced_count_in_peak_age_and_rate_and_not_in_latency() {
        let sent: Vec<_> = (0..6).map(|n| sent(n, 0)).collect();
        // Of every other frame nothing came.
        let came = [0, 2, 4].map(|n| output("a", n, u64::from(n) / 2, u64::from(n) * 10 + 8));
        let measured = of(&sent, &came, &[]);
        let a = &measured.outputs[0];
        assert_eq!((a.received, a.frames_without, a.lost_on_the_way), (3, 3, 0));
        assert!((a.latency.p50_millis - 8.0).abs() < 0.1);
        assert!((a.peak_age.p50_millis - 28.0).abs() < 0.1, "{a:?}");
        assert_eq!((measured.frames.sent, measured.frames.with_outputs), (6, 3));
        assert!(
            (measured.frames.rate_hz - 50.0).abs() < 0.1,
            "{:?}",
            measured.frames
        );
        let b = &measured.outputs[1];
        assert_eq!((b.received, b.frames_without, b.latency.count), (0, 6, 0));
    }

    #[test]
    fn what_was_made_and_did_not_come_is_told_by_the_gaps() {
        let sent: Vec<_> = (0..3).map(|n| sent(n, 0)).collect();
        let came = [output("a", 0, 7, 5), output("a", 2, 9, 25)];
        let measured = of(&sent, &came, &[]);
        assert_eq!(measured.outputs[0].lost_on_the_way, 1);
        // Outputs of frames of another stretch are not ours.
        let others = [output("a", 77, 1, 5)];
        assert_eq!(of(&sent, &others, &[]).outputs[0].received, 0);
    }

    #[test]
    fn stages_and_the_timeline_are_those_of_the_frames() {
        let sent: Vec<_> = (0..2).map(|n| sent(n, 0)).collect();
        let spans = [
            // Of the frame before.
            span("a_from_encoder", 0, 1),
            span("encoder", 1, 4),
            span("a_from_encoder", 4, 5),
            span("encoder", 11, 16),
            span("a_from_encoder", 16, 17),
        ];
        let came = [
            output("a", 0, 0, 7),
            output("b", 0, 0, 8),
            output("a", 1, 1, 19),
        ];
        let measured = of(&sent, &came, &spans);
        let names: Vec<_> = measured.stages.iter().map(|s| s.stage.as_str()).collect();
        let want = [
            "camera: publish",
            "wait for the frame's turn",
            "preprocessing",
            "encoder",
            "a_from_encoder",
            "publish and receive",
        ];
        assert_eq!(names, want);
        let encoder = &measured.stages[3];
        assert_eq!(encoder.thread.as_deref(), Some("perceive"));
        assert!((encoder.time.mean_millis - 4.0).abs() < 0.1, "{encoder:?}");
        // 8 - 5 and 19 - 17.
        assert!((measured.stages[5].time.mean_millis - 2.5).abs() < 0.1);
        let timeline = measured.timeline.expect("a frame");
        assert_eq!(timeline.outputs.len(), 2, "the frame with most outputs");
        assert_eq!(&*timeline.spans[0].0, "encoder");
        assert_eq!(timeline.spans[0].2, [MS, 4 * MS]);
    }

    #[test]
    fn nothing_measured_has_figures_of_nothing() {
        let measured = of(&[], &[], &[]);
        assert_eq!(measured.frames, FrameFigures::default());
        assert!(measured.timeline.is_none());
    }
}
