//! A snapshot as the status that is published.

use crate::camera_image::ImageSnapshot;
use crate::consistency::ConsistencySnapshot;
use crate::counts::Outcome;
use crate::degradation::DegradationSnapshot;
use crate::health::Health;
use crate::learning::LearningSnapshot;
use crate::shadow_stats::ShadowSnapshot;
use crate::snapshot::{CameraSnapshot, Snapshot, TargetSnapshot};
use crate::status::{Status, StatusEntry};
use crate::time::Timestamp;

impl Status {
    /// A snapshot as a status of this moment.
    #[must_use]
    pub fn of(snapshot: &Snapshot, stamp: Timestamp) -> Self {
        let mut entries = vec![whole(snapshot)];
        entries.extend(snapshot.cameras.iter().map(camera_entry));
        entries.extend(snapshot.targets.iter().map(target_entry));
        entries.extend(snapshot.images.iter().map(ImageSnapshot::entry));
        entries.extend(snapshot.shadow.iter().map(shadow_entry));
        entries.extend(snapshot.consistency.iter().map(consistency_entry));
        entries.extend(snapshot.learning.iter().map(LearningSnapshot::entry));
        entries.extend(snapshot.degradation.iter().map(DegradationSnapshot::entry));
        Self { stamp, entries }
    }
}

fn shadow_entry(shadow: &ShadowSnapshot) -> StatusEntry {
    let figures = [
        ("policy", shadow.policy.clone()),
        ("policy_hash", shadow.policy_hash.clone()),
        ("runs", shadow.runs.to_string()),
        ("skipped", shadow.skipped.to_string()),
        ("step_p99_millis", format!("{:.3}", shadow.step.p99_millis)),
    ];
    let mut values: Vec<_> = figures.map(|(name, value)| (name.to_owned(), value)).into();
    values.extend(shadow.targets.iter().map(|target| {
        let name = format!("{}/{}", target.key, target.measure.name());
        (name, format!("{:.4} of {}", target.mean, target.compared))
    }));
    StatusEntry {
        name: "shadow".to_owned(),
        health: Health::Ok,
        message: String::new(),
        values,
    }
}

fn consistency_entry(pair: &ConsistencySnapshot) -> StatusEntry {
    let values = [
        ("checks", pair.checks.to_string()),
        ("median_deg", format!("{:.1}", pair.median_deg)),
        ("smooth_deg", format!("{:.1}", pair.smooth_deg)),
    ];
    StatusEntry {
        name: format!("consistency/{}/depth_zbuffer+normal", pair.camera),
        health: Health::Ok,
        message: format!(
            "normals are {:.1} degrees from those that follow from depth",
            pair.smooth_deg
        ),
        values: values.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

fn whole(snapshot: &Snapshot) -> StatusEntry {
    StatusEntry {
        name: "concert".to_owned(),
        health: snapshot.health,
        message: snapshot.message.clone(),
        values: vec![
            ("policy".to_owned(), snapshot.policy.clone()),
            ("policy_hash".to_owned(), snapshot.policy_hash.clone()),
            ("swaps".to_owned(), snapshot.swaps.to_string()),
            (
                "stuck_threads".to_owned(),
                snapshot.stuck_threads.to_string(),
            ),
            ("seconds".to_owned(), format!("{:.1}", snapshot.seconds)),
        ],
    }
}

fn camera_entry(camera: &CameraSnapshot) -> StatusEntry {
    let counts = &camera.counts;
    let values = [
        ("arrived", counts.arrived),
        ("processed", counts.processed),
        ("refused", counts.refused),
        ("duplicate", counts.duplicate),
        ("superseded", counts.superseded),
        ("too_old", counts.too_old),
        ("late", counts.late),
        ("backward_stamps", counts.backward_stamps),
        ("stamp_steps", counts.stamp_steps),
        ("format_changes", counts.format_changes),
        ("interruptions", counts.interruptions),
        ("camera_infos_refused", counts.camera_infos_refused),
        ("depths_refused", counts.depths_refused),
    ];
    let mut values: Vec<_> = values
        .map(|(name, count)| (name.to_owned(), count.to_string()))
        .into();
    values.push(("rate_hz".to_owned(), format!("{:.1}", camera.rate_hz)));
    StatusEntry {
        name: format!("camera/{}", camera.camera),
        health: camera.health,
        message: camera.message.clone(),
        values,
    }
}

fn target_entry(target: &TargetSnapshot) -> StatusEntry {
    let outcomes = Outcome::ALL.iter();
    let mut values: Vec<(String, String)> = outcomes
        .map(|&outcome| {
            (
                outcome.name().to_owned(),
                target.outcomes.of(outcome).to_string(),
            )
        })
        .collect();
    let more = [
        ("published", target.published.to_string()),
        ("superseded", target.superseded.to_string()),
        ("lost_on_bus", target.lost_on_bus.to_string()),
        ("rate_hz", format!("{:.1}", target.rate_hz)),
        (
            "latency_p50_millis",
            format!("{:.3}", target.latency.p50_millis),
        ),
        (
            "latency_p99_millis",
            format!("{:.3}", target.latency.p99_millis),
        ),
    ];
    values.extend(more.map(|(name, value)| (name.to_owned(), value)));
    StatusEntry {
        name: format!("target/{}", target.key),
        health: target.health,
        message: target.message.clone(),
        values,
    }
}
