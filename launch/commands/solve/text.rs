//! An answer of the solver, for people.

use concert_policies::solve::{Answer, AnswerTransfer, Axis, Front, SolveStatus};

/// Lines that say what was chosen, how each target is served, and why.
pub(super) fn answer(answer: &Answer) -> Vec<String> {
    let mut lines = vec![headline(answer)];
    if answer.transfers.is_empty() {
        let each = answer.unservable.iter().map(|unservable| {
            let least = unservable.smallest_budget;
            let least = least.map_or(String::new(), |least| format!("; alone it needs {least}"));
            format!("  {}: {}{least}", unservable.target, unservable.reason)
        });
        lines.extend(each);
        if let Some(least) = answer.smallest_budget {
            lines.push(format!("smallest budget that serves every target: {least}"));
        }
    } else {
        lines.push(format!("sources: {}", answer.sources_used.join(", ")));
        let is_idle = |source: &&String| !answer.sources_used.contains(source);
        let idle: Vec<_> = answer.sources.iter().filter(is_idle).cloned().collect();
        if !idle.is_empty() {
            lines.push(format!(
                "idle roots, which no target needs: {}",
                idle.join(", ")
            ));
        }
        lines.push(String::new());
        lines.extend(table(&answer.transfers));
        lines.push(String::new());
        lines.push(means(answer));
        if let Some(usage) = answer.usage {
            let energy = usage.frame_millijoules;
            let energy = energy.map_or(String::new(), |energy| {
                format!(", {energy:.1} mJ per frame")
            });
            lines.push(format!(
                "takes {:.3} ms per frame on average, {:.1} MB of memory{energy}",
                usage.frame_millis,
                usage.memory_bytes / 1e6
            ));
        }
        lines.push(proof(answer));
        lines.extend(runner_up(answer));
    }
    lines.extend(answer.notes.iter().map(|note| format!("note: {note}")));
    lines
}

/// A line per point of a front: what each cost buys, and what changes.
pub(super) fn front(front: &Front) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(reason) = &front.reason {
        lines.push(format!("{}: {reason}", front.status.name()));
    }
    if !front.points.is_empty() {
        let heads = format!(
            "{:>8}  {:>14}  {:>14}  {:>6}  {:>7}  sources",
            "cost", "objective", "greedy", "gain", "quality"
        );
        lines.push(heads);
    }
    let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.3}"));
    if front.axis == Axis::FrameMillis
        && let Some(heads) = lines.last_mut()
    {
        heads.insert_str(0, &format!("{:>10}  ", "ms/frame"));
    }
    let mut before: &[String] = &[];
    for point in &front.points {
        let unproved = if point.bound > point.objective {
            " (not proved)"
        } else {
            ""
        };
        let greedy = point.greedy_objective;
        let greedy = greedy.map_or("-".to_owned(), |greedy| format!("{greedy:.10}"));
        let usage = point
            .usage
            .map(|usage| format!("{:>10.3}  ", usage.frame_millis));
        let usage = usage.unwrap_or_default();
        lines.push(format!(
            "{usage}{:>8}  {:>14.10}  {greedy:>14}  {:>6}  {:>7}  {}{unproved}",
            rounded(point.cost),
            point.objective,
            share(point.gain),
            share(point.quality),
            changes(before, &point.sources_used)
        ));
        before = &point.sources_used;
    }
    let proved = match front.status {
        SolveStatus::Optimal => "every point is proved, and none is missing",
        _ => "cut short: points may be missing or not the best",
    };
    if !front.points.is_empty() {
        lines.push(format!("{proved} ({:.3} s)", front.seconds));
    }
    lines.extend(front.notes.iter().map(|note| format!("note: {note}")));
    lines
}

/// Which sources come and go from one point to the next.
fn changes(before: &[String], after: &[String]) -> String {
    let come = after.iter().filter(|source| !before.contains(source));
    let go = before.iter().filter(|source| !after.contains(source));
    let come = come.map(|source| format!("+{source}"));
    let all: Vec<_> = come.chain(go.map(|source| format!("-{source}"))).collect();
    all.join(" ")
}

fn headline(answer: &Answer) -> String {
    let (status, reason) = (answer.status.name(), answer.reason.as_deref());
    match (answer.objective, answer.cost) {
        (Some(objective), Some(cost)) => format!(
            "{status}: objective {objective:.10} at a cost of {} of at most {}",
            rounded(cost),
            rounded(answer.budget)
        ),
        _ => format!("{status}: {}", reason.unwrap_or("nothing was found")),
    }
}

/// Costs are sums of decimals: shown without their rounding.
fn rounded(cost: f64) -> f64 {
    (cost * 1e9).round() / 1e9
}

fn table(transfers: &[AnswerTransfer]) -> Vec<String> {
    let widest = |of: fn(&AnswerTransfer) -> usize, least: usize| {
        transfers.iter().map(of).max().unwrap_or(0).max(least)
    };
    let targets = widest(|transfer| transfer.target.chars().count(), 6);
    let sources = widest(|transfer| transfer.sources.join(" + ").chars().count(), 7);
    let weighed = transfers.iter().any(|transfer| transfer.importance != 1.0);
    let line = |target: &str, from: &str, numbers: [String; 5]| {
        let [order, value, importance, gain, quality] = numbers;
        let importance = if weighed {
            format!("  {importance:>10}")
        } else {
            String::new()
        };
        let line = format!(
            "{target:<targets$}  {from:<sources$}  {order:>5}  {value:>8}{importance}  {gain:>6}  {quality:>7}"
        );
        line.trim_end().to_owned()
    };
    let heads = ["order", "value", "importance", "gain", "quality"].map(str::to_owned);
    let mut lines = vec![line("target", "sources", heads)];
    let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.3}"));
    lines.extend(transfers.iter().map(|transfer| {
        let numbers = [
            transfer.order.to_string(),
            format!("{:.5}", transfer.value),
            transfer.importance.to_string(),
            share(transfer.win_vs_pixels),
            share(transfer.win_vs_task),
        ];
        line(&transfer.target, &transfer.sources.join(" + "), numbers)
    }));
    lines
}

fn means(answer: &Answer) -> String {
    let share = |name, share: Option<f64>, than| match share {
        Some(share) => format!("mean {name} {share:.3} (share of images better than {than})"),
        None => format!("mean {name} not in the table"),
    };
    format!(
        "{}, {}",
        share("gain", answer.gain, "training from pixels"),
        share("quality", answer.quality, "full supervision")
    )
}

fn proof(answer: &Answer) -> String {
    let (nodes, seconds) = (answer.nodes, answer.seconds);
    match (answer.status, answer.bound, answer.gap) {
        (SolveStatus::Feasible, Some(bound), Some(gap)) => format!(
            "not proved: nothing exceeds {bound:.10}, a gap of {gap:.3e} ({nodes} nodes, {seconds:.3} s)"
        ),
        _ => format!("proved: nothing is better ({nodes} nodes, {seconds:.3} s)"),
    }
}

fn runner_up(answer: &Answer) -> Vec<String> {
    let (Some(second), Some(sources)) = (answer.runner_up_objective, &answer.runner_up_sources)
    else {
        return match answer.runner_up_proved {
            true => vec!["no other set of sources is possible".to_owned()],
            false => Vec::new(),
        };
    };
    let only = |one: &[String], other: &[String]| {
        let only = one.iter().filter(|source| !other.contains(source));
        let only: Vec<_> = only.map(String::as_str).collect();
        match only.is_empty() {
            true => "none".to_owned(),
            false => only.join(", "),
        }
    };
    let mut lines = vec![format!(
        "runner-up: {second:.10}, with {} instead of {}",
        only(sources, &answer.sources_used),
        only(&answer.sources_used, sources)
    )];
    match answer.unique {
        Some(false) => lines.push("not unique: the runner-up is worth the same".to_owned()),
        None => lines.push("whether the choice is unique is not known: time ran out".to_owned()),
        Some(true) => {}
    }
    if answer.transfers_unique == Some(false) {
        let text = "some target has another transfer from these sources that is worth the same";
        lines.push(text.to_owned());
    }
    lines
}
