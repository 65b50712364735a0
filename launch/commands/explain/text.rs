//! An explanation for people.

use concert_policies::Policy;
use concert_policies::explain::{Cost, ExplainedOutput, Explanation, Why};
use concert_policies::profile::Profile;

pub(super) fn lines(
    policy: &Policy,
    explanation: &Explanation,
    profile: Option<&Profile>,
) -> Vec<String> {
    let mut lines = vec![format!("policy {}, hash {}", policy.name(), policy.hash())];
    if let Some(description) = policy.description() {
        lines.push(description.escape_debug().to_string());
    }
    if let Some(profile) = profile {
        lines.push(format!("costs on {}", profile.device().escape_debug()));
    }
    lines.push(String::new());
    lines.extend(encoders(explanation));
    lines.push(String::new());
    lines.extend(outputs(explanation));
    if let Some(total) = &explanation.cost {
        lines.push(format!(
            "together {:.2} ms per frame, {:.1} MB",
            total.frame_millis,
            megabytes(total)
        ));
    }
    lines.extend(explanation.outputs.iter().filter_map(kept));
    if let Some(why) = &explanation.why {
        lines.push(String::new());
        lines.extend(reasons(why));
    }
    lines.extend(explanation.notes.iter().map(|note| format!("note: {note}")));
    lines
}

fn megabytes(cost: &Cost) -> f64 {
    cost.memory_bytes as f64 / 1e6
}

fn encoders(explanation: &Explanation) -> Vec<String> {
    let encoder = explanation.encoders.iter().map(|encoder| {
        let cost = encoder.cost.map_or(String::new(), |cost| {
            format!(" ({:.2} ms, {:.1} MB)", cost.frame_millis, megabytes(&cost))
        });
        let sharing = match encoder.read_by.len() {
            1 => "read by",
            _ => "shared by",
        };
        format!(
            "encoder {}{cost} {sharing} {}",
            encoder.source,
            encoder.read_by.join(", ")
        )
    });
    encoder.collect()
}

fn outputs(explanation: &Explanation) -> Vec<String> {
    let heads = [
        "output", "from", "order", "affinity", "gain", "quality", "own ms", "saved ms", "saved MB",
        "next ms",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(explanation.outputs.iter().map(row));
    let mut widths = [0; 10];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    // Columns without any number are left out.
    let is_told = |column: usize| rows[1..].iter().any(|row| row[column] != "-");
    let told: Vec<_> = (0..heads.len()).filter(|&column| is_told(column)).collect();
    let line = |row: &[String; 10]| {
        let cells = told.iter().map(|&column| {
            let width = widths[column];
            match column {
                0 | 1 => format!("{:<width$}", row[column]),
                _ => format!("{:>width$}", row[column]),
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn row(output: &ExplainedOutput) -> [String; 10] {
    let from: Vec<_> = output.sources.iter().map(String::as_str).collect();
    let from: Vec<_> = from
        .into_iter()
        .chain(output.inputs.iter().copied())
        .collect();
    let number = |value: Option<f64>, digits: usize| {
        value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
    };
    let millis = |cost: Option<Cost>| number(cost.map(|cost| cost.frame_millis), 2);
    [
        output.target.to_owned(),
        from.join(" + "),
        output.order.to_string(),
        number(output.affinity, 4),
        number(output.gain, 3),
        number(output.quality, 3),
        millis(output.readout_cost),
        millis(output.saved_by_dropping),
        number(output.saved_by_dropping.as_ref().map(megabytes), 1),
        millis(output.next_from_same_sources),
    ]
}

/// Why dropping an output saves little.
fn kept(output: &ExplainedOutput) -> Option<String> {
    let saved = output.saved_with_dependents?;
    Some(format!(
        "{} is computed for {} as well; dropping all of them saves {:.2} ms, {:.1} MB",
        output.target,
        output.needed_by.join(", "),
        saved.frame_millis,
        megabytes(&saved)
    ))
}

fn reasons(why: &Why) -> Vec<String> {
    let mut lines = Vec::new();
    match (why.objective, why.policy_objective, why.is_optimal) {
        (None, ..) => lines.push(format!("the problem is {}", why.status.name())),
        (Some(best), _, Some(true)) => {
            lines.push(format!(
                "the best policy for the problem, proved: {best:.6}"
            ));
        }
        (Some(best), Some(own), _) => lines.push(format!(
            "worth {own:.6}; the best for the problem is worth {best:.6} ({})",
            why.status.name()
        )),
        (Some(best), None, _) => lines.push(format!(
            "the best for the problem is worth {best:.6} ({}); this one is not one of its answers",
            why.status.name()
        )),
    }
    lines.extend(why.differences.iter().map(|line| format!("  {line}")));
    if let (Some(second), Some(sources)) = (why.runner_up_objective, &why.runner_up_sources) {
        let unique = match why.unique {
            Some(true) => "",
            Some(false) => "; worth the same, so the choice is not unique",
            None => "; whether the choice is unique is not known",
        };
        lines.push(format!(
            "runner-up: {second:.6} with {}{unique}",
            sources.join(", ")
        ));
    }
    let budgets = why.device_budgets;
    let limits = [
        budgets
            .frame_millis
            .map(|most| format!("{most} ms per frame")),
        budgets
            .memory_bytes
            .map(|most| format!("{:.1} MB", most / 1e6)),
        budgets
            .frame_millijoules
            .map(|most| format!("{most} mJ per frame")),
    ];
    let limits: Vec<_> = limits.into_iter().flatten().collect();
    if !limits.is_empty() {
        lines.push(format!(
            "within what the problem takes of the device: {}",
            limits.join(", ")
        ));
    }
    if let Some(more) = &why.one_more {
        let or_nothing = |names: &[String]| match names.is_empty() {
            true => "nothing".to_owned(),
            false => names.join(", "),
        };
        lines.push(match more.rise > 1e-9 {
            true => format!(
                "a budget of {} would be worth {:.6} more: {} comes, {} goes; better served: {}",
                more.budget,
                more.rise,
                or_nothing(&more.added),
                or_nothing(&more.removed),
                or_nothing(&more.changed_targets)
            ),
            false => format!("a budget of {} would buy nothing", more.budget),
        });
    }
    lines
}
