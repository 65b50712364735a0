//! What became of frames: cameras, networks, outputs, images.

use std::fmt;

use concert_runtime::snapshot::{CameraSnapshot, TargetSnapshot};
use concert_runtime::{CameraCounts, Health, Outcome, Percentiles, Snapshot};

use super::exposition::of;
use super::families::{Families, Labels, plain};

/// States of an output, in the order of their health.
const STATES: [(Health, &str); 4] = [
    (Health::Ok, "ok"),
    (Health::Warn, "warn"),
    (Health::Error, "error"),
    (Health::Stale, "stale"),
];

pub(super) fn cameras(to: &mut Families<'_>, cameras: &[CameraSnapshot]) -> fmt::Result {
    let counts = |list: fn(&CameraCounts) -> Vec<(&'static str, u64)>, name: &'static str| {
        cameras.iter().flat_map(move |camera| {
            let rows = list(&camera.counts).into_iter();
            rows.map(move |(what, count)| {
                (
                    vec![("camera", camera.camera.as_str()), (name, what)],
                    count,
                )
            })
        })
    };
    to.counters(
        "concert_frames_arrived",
        "Frames that came from a camera, usable or not.",
        cameras
            .iter()
            .map(|one| (of_camera(one), one.counts.arrived)),
    )?;
    to.counters(
        "concert_frames",
        "What became of them; the fates add up to what arrived, but for one that waits.",
        counts(fates, "fate"),
    )?;
    to.counters(
        "concert_frames_late",
        "Frames for which the time limit did not suffice.",
        cameras.iter().map(|one| (of_camera(one), one.counts.late)),
    )?;
    to.counters(
        "concert_camera_events",
        "What else is counted of a camera.",
        counts(events, "event"),
    )?;
    to.gauges(
        "concert_camera_rate_hertz",
        "Frames a second, over the last few.",
        cameras.iter().map(|one| (of_camera(one), one.rate_hz)),
    )?;
    to.gauges(
        "concert_camera_state",
        "1 for the state that a camera is in.",
        states(
            cameras
                .iter()
                .map(|one| (("camera", one.camera.as_str()), one.health)),
        ),
    )?;
    to.histograms(
        "concert_frame_wait_seconds",
        "From a frame's arrival to the start of its step.",
        cameras.iter().map(|one| (of_camera(one), &one.wait)),
    )?;
    to.histograms(
        "concert_step_seconds",
        "One frame through the whole plan.",
        cameras.iter().map(|one| (of_camera(one), &one.step)),
    )
}

fn of_camera(camera: &CameraSnapshot) -> Labels<'_> {
    vec![("camera", camera.camera.as_str())]
}

fn fates(counts: &CameraCounts) -> Vec<(&'static str, u64)> {
    vec![
        ("processed", counts.processed),
        ("refused", counts.refused),
        ("duplicate", counts.duplicate),
        ("superseded", counts.superseded),
        ("too_old", counts.too_old),
    ]
}

fn events(counts: &CameraCounts) -> Vec<(&'static str, u64)> {
    vec![
        ("backward_stamp", counts.backward_stamps),
        ("stamp_step", counts.stamp_steps),
        ("format_change", counts.format_changes),
        ("interruption", counts.interruptions),
        ("camera_info_refused", counts.camera_infos_refused),
        ("depth_refused", counts.depths_refused),
    ]
}

/// One sample for each state that something may be in.
fn states<'s>(
    all: impl Iterator<Item = ((&'static str, &'s str), Health)>,
) -> impl Iterator<Item = (Labels<'s>, f64)> {
    all.flat_map(|(label, health)| {
        STATES.map(|(state, name)| {
            let is = f64::from(u8::from(state == health));
            (vec![label, ("state", name)], is)
        })
    })
}

pub(super) fn networks(to: &mut Families<'_>, snapshot: Option<&Snapshot>) -> fmt::Result {
    let encoders = of(snapshot, |snapshot| &snapshot.encoders);
    to.histograms(
        "concert_encoder_run_seconds",
        "One run of a source encoder.",
        encoders
            .iter()
            .map(|one| (vec![("encoder", one.source.as_str())], &one.run)),
    )?;
    to.histograms(
        "concert_preprocess_seconds",
        "A frame to one network's input.",
        snapshot.map(|one| (Vec::new(), &one.preprocess)),
    )
}

/// Durations of one kind of a target.
type Durations = fn(&TargetSnapshot) -> &Percentiles;

pub(super) fn outputs(to: &mut Families<'_>, targets: &[TargetSnapshot]) -> fmt::Result {
    let outcomes = targets.iter().flat_map(|target| {
        Outcome::ALL.map(|outcome| {
            let labels = vec![("output", target.key.as_str()), ("outcome", outcome.name())];
            (labels, target.outcomes.of(outcome))
        })
    });
    to.counters(
        "concert_output_frames",
        "What became of an output on each processed frame.",
        outcomes,
    )?;
    let fates = targets.iter().flat_map(|target| {
        let fates = [
            ("published", target.published),
            ("superseded", target.superseded),
            ("lost_on_bus", target.lost_on_bus),
        ];
        fates.map(|(fate, count)| (vec![("output", target.key.as_str()), ("fate", fate)], count))
    });
    to.counters(
        "concert_outputs",
        "What became of outputs that were delivered.",
        fates,
    )?;
    to.gauges(
        "concert_output_rate_hertz",
        "Outputs a second, over the last few.",
        serving(targets).map(|one| (of_output(one), one.rate_hz)),
    )?;
    to.gauges(
        "concert_output_state",
        "1 for the state that an output is in.",
        states(serving(targets).map(|one| (("output", one.key.as_str()), one.health))),
    )?;
    to.gauges(
        "concert_outputs_shed",
        "Outputs that are given up now because the time limit does not suffice.",
        plain([serving(targets)
            .filter(|one| one.latest == Some(Outcome::Shed))
            .count() as f64]),
    )?;
    let histograms: [(&str, &str, Durations); 3] = [
        (
            "concert_output_age_seconds",
            "From a frame's stamp to the bus having taken the output.",
            |one| &one.age,
        ),
        (
            "concert_output_latency_seconds",
            "From a frame's arrival to the bus having taken the output.",
            |one| &one.latency,
        ),
        (
            "concert_readout_run_seconds",
            "One run of an output's readout.",
            |one| &one.read,
        ),
    ];
    for (name, help, durations) in histograms {
        let samples = targets.iter().map(|one| (of_output(one), durations(one)));
        to.histograms(name, help, samples)?;
    }
    Ok(())
}

fn serving(targets: &[TargetSnapshot]) -> impl Iterator<Item = &TargetSnapshot> {
    targets.iter().filter(|target| !target.ended)
}

fn of_output(target: &TargetSnapshot) -> Labels<'_> {
    vec![("output", target.key.as_str())]
}

pub(super) fn images(to: &mut Families<'_>, snapshot: Option<&Snapshot>) -> fmt::Result {
    let images = of(snapshot, |snapshot| &snapshot.images).iter();
    let fates = images.flat_map(|image| {
        let counts = &image.counts;
        let fates = [
            ("off", counts.off),
            ("no_subscriber", counts.no_subscriber),
            ("not_due", counts.not_due),
            ("published", counts.published),
            ("superseded", counts.superseded),
            ("lost_on_bus", counts.lost_on_bus),
        ];
        fates.map(|(fate, count)| {
            (
                vec![("camera", image.camera.as_str()), ("fate", fate)],
                count,
            )
        })
    });
    to.counters(
        "concert_images",
        "What became of the camera's image of each processed frame.",
        fates,
    )
}
