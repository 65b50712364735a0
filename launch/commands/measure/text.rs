//! The report of a measurement, for people and for programs.

use concert_fitting::measure::{MeasuredTarget, MeasuredTransfer};
use serde_json::{Value, json};

use super::selection::Selected;

/// Measures that are shown, of those that a target has.
const SHOWN: [&str; 6] = ["abs_rel", "mean_deg", "f1", "top1", "pixel_accuracy", "l1"];

/// A table of the transfers to one target, the best first.
pub(super) fn target(target: &MeasuredTarget) -> Vec<String> {
    let measure = shown_measure(target);
    let mut lines = vec![
        format!(
            "{} on {} frames, compared by {}",
            target.target,
            target.frames.len(),
            target.loss
        ),
        format!(
            "  {:<40} {:>8} {:>6} {:>14} {:>8}",
            "sources", "affinity", "gain", measure, "estimate"
        ),
    ];
    let mut rows: Vec<&MeasuredTransfer> = target.transfers.iter().collect();
    rows.sort_by(|a, b| b.affinity.total_cmp(&a.affinity));
    for row in rows {
        let value = row.measures.get(measure).copied().flatten();
        lines.push(format!(
            "  {:<40} {:>8.4} {:>6} {:>14} {:>8}",
            row.sources.join(" + "),
            row.affinity,
            number(row.win_vs_pixels, 2),
            number(value, 3),
            number(row.estimate, 2),
        ));
    }
    lines.push(format!(
        "  rank correlation of estimate and affinity: {} ({} without random and pixels)",
        number(target.estimate_rank_correlation, 2),
        number(target.estimate_rank_correlation_without_baselines, 2),
    ));
    lines.push(String::new());
    lines
}

/// The policies that were chosen.
pub(super) fn policies(policies: &[Selected]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in policies {
        let sources = one.answer.sources_used.join(", ");
        let same = one.same_as.map_or(String::new(), |k| {
            format!("; the same as with {k}: more encoders add nothing")
        });
        lines.push(format!(
            "k = {}: {sources}, objective {:.4}, gain {}{same}",
            one.budget,
            one.answer.objective.unwrap_or(f64::NAN),
            number(one.answer.gain, 3)
        ));
        if one.same_as.is_none() {
            lines.extend(one.answer.transfers.iter().map(|transfer| {
                format!("  {:<20} {}", transfer.target, transfer.sources.join(" + "))
            }));
        }
        lines.push(format!("  policy: {}", one.path.display()));
    }
    lines
}

/// A target without the loss of each frame, which stand in `wins.json`.
pub(super) fn json(target: &MeasuredTarget) -> Value {
    let transfers = target.transfers.iter().map(|row| {
        json!({
            "sources": row.sources,
            "order": row.sources.len(),
            "kind": row.kind,
            "affinity": row.affinity,
            "gain": row.win_vs_pixels,
            "quality": null,
            "estimate": row.estimate,
            "measures": row.measures,
            "seconds": row.seconds,
        })
    });
    json!({
        "target": target.target,
        "loss": target.loss,
        "held_out_frames": target.frames.len(),
        "transfers": transfers.collect::<Vec<_>>(),
        "estimate_rank_correlation": target.estimate_rank_correlation,
        "estimate_rank_correlation_without_baselines":
            target.estimate_rank_correlation_without_baselines,
    })
}

fn shown_measure(target: &MeasuredTarget) -> &'static str {
    let has = |name: &&str| {
        let mut rows = target.transfers.iter();
        rows.any(|row| row.measures.contains_key(*name))
    };
    SHOWN.into_iter().find(has).unwrap_or("l1")
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}
