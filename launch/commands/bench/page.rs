//! The report as one page: figures, curves, the machine and every hash. It asks
//! nobody for anything, and is readable on white, on black and on paper.

use std::path::Path;

use concert_policies::document::write_whole;

use super::chart::{Bar, COLOURS, Chart, Curve, time_line};
use super::compare::Compared;
use super::measured::{Measured, Timeline};
use super::report::{About, identity, names};
use super::rig::Subject;
use super::series::Figures;
use super::single::Single;
use crate::draw::escaped;
use crate::report::{Failure, Report};

const STYLE: &str = include_str!("page.css");

/// Writes a page, and says in the report where.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn write(path: &Path, page: &str, report: &mut Report) -> Result<(), Failure> {
    write_whole(path, page.as_bytes())?;
    report.json["html"] = serde_json::json!(path);
    report.text.push_str(&format!("\nwrote {}", path.display()));
    Ok(())
}

/// The page on one policy.
pub(super) fn of_single(about: &About, subject: &Subject, single: &Single, text: &str) -> String {
    let (measured, between) = (&single.measured, &single.between);
    let name = subject.policy.name();
    let title = format!("{name} at {} Hz", about.rate_hz);
    let mut body = header(&title, &[single.sustained.text(), between.load.text()]);
    let frames = measured.frames.with_outputs.max(1) as f64;
    let last = &measured.frames.to_last_output;
    body += &cards(&[
        (millis(last.p50_millis), "due → last output, p50"),
        (millis(last.p99_millis), "p99"),
        (millis(last.max_millis), "max"),
        (
            format!("{:.1} Hz", measured.frames.rate_hz),
            "frames with outputs",
        ),
        (
            millis(1e3 * between.server_cpu_seconds / frames),
            "processor time a frame",
        ),
        (
            mebibytes(between.server_memory.pss_bytes),
            "memory of the server (PSS)",
        ),
    ]);
    body += &distributions(measured);
    body += &measured.timeline.as_ref().map_or(String::new(), one_frame);
    body += &costs(single, subject);
    body += &tables(measured);
    body += &machine(about, &[subject], &single.engine);
    body += &whole_text(text);
    document(&title, &body)
}

/// The page on two policies.
pub(super) fn of_compared(
    about: &About,
    subjects: [&Subject; 2],
    compared: &Compared,
    text: &str,
) -> String {
    let names = names(subjects);
    let [a, b] = &names;
    let title = format!("{a} beside {b} at {} Hz", about.rate_hz);
    let load = compared.between.last().map(|between| between.load.text());
    let mut body = header(&title, &load.into_iter().collect::<Vec<_>>());
    let cards_of = |(name, side): (&String, &super::compare::Side)| {
        let last = side.to_last_output;
        let figures = format!("{} / {}", millis(last.p50_millis), millis(last.p99_millis));
        (figures, format!("{name}: due → last output, p50 / p99"))
    };
    let shown: Vec<_> = names.iter().zip(&compared.sides).map(cards_of).collect();
    let shown: Vec<_> = shown.iter().map(|(f, n)| (f.clone(), n.as_str())).collect();
    body += &cards(&shown);
    let curves = names.iter().zip(&compared.sides);
    let curves: Vec<_> = curves
        .map(|(name, side)| Curve {
            name: name.clone(),
            points: thinned(&side.distribution),
            marked: false,
        })
        .collect();
    body += &distribution_figure(&curves, "Time to the last output of a frame.");
    body += "<h2>Ratios</h2><div class=\"scroll\"><table><thead><tr><th>median of rounds</th>\
             <th>A, ms</th><th>B, ms</th><th>A / B</th><th>95 % of samples</th></tr></thead><tbody>";
    for one in &compared.comparisons {
        let ([a, b], [low, high]) = (one.medians_millis, one.interval);
        body += &format!(
            "<tr><th>{}</th><td>{a:.2}</td><td>{b:.2}</td><td>{:.3}</td><td>{low:.3} to {high:.3}{}</td></tr>",
            escaped(&one.what),
            one.ratio,
            if one.differs() { "" } else { ", no difference" },
        );
    }
    body += "</tbody></table></div>";
    body += &machine(about, &subjects, "");
    body += &whole_text(text);
    document(&title, &body)
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(title)
    )
}

fn header(title: &str, lines: &[String]) -> String {
    let lines = lines
        .iter()
        .map(|line| format!("<p>{}</p>\n", escaped(line)));
    format!(
        "<header>\n<h1>{}</h1>\n{}</header>\n",
        escaped(title),
        lines.collect::<String>()
    )
}

fn cards(cards: &[(String, &str)]) -> String {
    let cards = cards.iter().map(|(figure, name)| {
        format!(
            "<div><strong>{}</strong><span>{}</span></div>\n",
            escaped(figure),
            escaped(name)
        )
    });
    format!(
        "<section class=\"cards\">\n{}</section>\n",
        cards.collect::<String>()
    )
}

fn millis(millis: f64) -> String {
    format!("{millis:.1} ms")
}

fn mebibytes(bytes: Option<u64>) -> String {
    bytes.map_or("not told".to_owned(), |bytes| {
        format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
    })
}

/// A distribution with no more points than a picture shows.
fn thinned(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let step = points.len().div_ceil(160).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points.iter().enumerate();
    let kept = kept.filter(|(index, _)| index % step == 0 || *index == last);
    let begin = points.first().map(|point| [point[0], 0.0]);
    begin
        .into_iter()
        .chain(kept.map(|(_, point)| *point))
        .collect()
}

fn distributions(measured: &Measured) -> String {
    let came = measured.outputs.iter().filter(|output| output.received > 0);
    let curves = came.map(|output| Curve {
        name: output.key.clone(),
        points: thinned(&output.distribution),
        marked: false,
    });
    let note = "Latency of every output: from the moment at which the frame was due to the \
                moment at which another process had the output.";
    distribution_figure(&curves.collect::<Vec<_>>(), note)
}

fn distribution_figure(curves: &[Curve], note: &str) -> String {
    let chart = Chart {
        x_name: "ms",
        y_name: "share of outputs that came within",
        curves,
        y_end: Some(1.0),
        counts: false,
    };
    figure(
        "Latency",
        &chart.draw("Cumulative distribution of latency"),
        note,
        &legend(curves),
    )
}

fn legend(curves: &[Curve]) -> String {
    let names = curves.iter().enumerate();
    keys(names.map(|(index, curve)| (index, curve.name.as_str())))
}

/// What is drawn in which colour.
fn keys<'a>(names: impl Iterator<Item = (usize, &'a str)>) -> String {
    let entries = names.map(|(index, name)| {
        let dash = if index >= COLOURS { " dashed" } else { "" };
        format!(
            "<span class=\"key\"><i class=\"c{}{dash}\"></i>{}</span>\n",
            index % COLOURS,
            escaped(name)
        )
    });
    format!("<p class=\"legend\">{}</p>\n", entries.collect::<String>())
}

fn figure(title: &str, picture: &str, note: &str, legend: &str) -> String {
    format!(
        "<h2>{}</h2>\n<figure>\n{picture}{legend}<figcaption>{}</figcaption>\n</figure>\n",
        escaped(title),
        escaped(note)
    )
}

/// One frame from end to end: the camera, every thread, every output.
fn one_frame(frame: &Timeline) -> String {
    let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let mut rows = vec!["camera".to_owned()];
    let mut bars = vec![Bar {
        row: 0,
        name: "camera publishes".to_owned(),
        mark: String::new(),
        colour: 0,
        millis: [0.0, millis(frame.put)],
    }];
    for (index, (name, thread, span)) in frame.spans.iter().enumerate() {
        let row_name = format!("thread {thread}");
        let row = rows.iter().position(|row| *row == row_name);
        let row = row.unwrap_or_else(|| {
            rows.push(row_name);
            rows.len() - 1
        });
        bars.push(Bar {
            row,
            name: format!("{} {name}", index + 1),
            mark: (index + 1).to_string(),
            colour: 1 + index % (COLOURS - 2),
            millis: span.map(millis),
        });
    }
    for (key, at) in &frame.outputs {
        // From the end of the readout that made it, where that is known.
        let readout = format!("{key}_from_");
        let made = frame
            .spans
            .iter()
            .find(|(name, ..)| name.starts_with(&readout));
        let begin = made.map_or(frame.put, |(.., [_, end])| *end);
        rows.push(format!("→ {key}"));
        bars.push(Bar {
            row: rows.len() - 1,
            name: "publish, receive".to_owned(),
            mark: String::new(),
            colour: COLOURS - 1,
            millis: [millis(begin), millis(*at)],
        });
    }
    let note = "The frame of the median time to its last output: what ran for it on which \
                thread, and when each output was at the receiver. Before the first network: the \
                way to the server, the wait for its turn, preprocessing.";
    let mut named: Vec<(usize, &str)> = Vec::new();
    for bar in &bars {
        if !named.iter().any(|(_, name)| *name == bar.name) {
            named.push((bar.colour, &bar.name));
        }
    }
    figure(
        "One frame",
        &time_line("One frame from end to end", &rows, &bars),
        note,
        &keys(named.into_iter()),
    )
}

fn costs(single: &Single, subject: &Subject) -> String {
    if single.costs.is_empty() {
        return String::new();
    }
    let curve = |name: &str, of: fn(&super::single::OutputsCost) -> f64| Curve {
        name: name.to_owned(),
        points: single
            .costs
            .iter()
            .map(|cost| [cost.outputs as f64, of(cost)])
            .collect(),
        marked: true,
    };
    let curves = [
        curve("processor time of the server a frame", |cost| {
            cost.cpu_millis
        }),
        curve("due → last output, p50", |cost| {
            cost.to_last_output_millis
        }),
    ];
    let chart = Chart {
        x_name: "outputs that somebody listens to, most important first",
        y_name: "ms",
        curves: &curves,
        y_end: None,
        counts: true,
    };
    let names = subject
        .policy
        .transfers()
        .iter()
        .map(|one| one.target().name);
    let note = format!(
        "In their order: {}. An encoder is paid for by the first output that reads it.",
        names.collect::<Vec<_>>().join(", ")
    );
    figure(
        "Cost of outputs",
        &chart.draw("Cost by number of outputs"),
        &note,
        &legend(&curves),
    )
}

fn tables(measured: &Measured) -> String {
    let outputs = || measured.outputs.iter();
    let latency = outputs().map(|output| (output.key.as_str(), output.latency));
    let last = [("to the last output", measured.frames.to_last_output)];
    let age = outputs().map(|output| (output.key.as_str(), output.peak_age));
    let stages = measured.stages.iter();
    let stages = stages.map(|stage| (stage.stage.as_str(), stage.time));
    let camera = [("camera's own lateness", measured.frames.camera)];
    table("Latency, ms", latency.chain(last))
        + &table("Peak age, ms", age)
        + &table("Stages, ms", camera.into_iter().chain(stages))
}

fn table<'a>(title: &str, rows: impl Iterator<Item = (&'a str, Figures)>) -> String {
    let rows = rows.map(|(name, figures)| {
        // Long names break where their words do.
        let name = escaped(name).replace('_', "_<wbr>");
        let millis = figures
            .millis()
            .map(|millis| format!("<td>{millis:.2}</td>"));
        let (count, millis) = (figures.count, millis.concat());
        format!("<tr><th>{name}</th><td>{count}</td>{millis}</tr>\n")
    });
    let columns = Figures::COLUMNS.map(|column| format!("<th>{column}</th>"));
    format!(
        "<h2>{}</h2>\n<div class=\"scroll\"><table><thead><tr><th></th>{}</tr></thead>\n<tbody>\n\
         {}</tbody></table></div>\n",
        escaped(title),
        columns.concat(),
        rows.collect::<String>()
    )
}

/// The computer, the program and every hash.
fn machine(about: &About, subjects: &[&Subject], engine: &str) -> String {
    let row = |name: &str, value: &str, class: &str| {
        format!(
            "<tr><th>{}</th><td class=\"{class}\">{}</td></tr>\n",
            escaped(name),
            escaped(value)
        )
    };
    let mut rows = row("computer", &about.machine.text(), "") + &row("program", &about.program, "");
    if !engine.is_empty() {
        rows += &row("engine", engine, "");
    }
    for subject in subjects {
        let identity = identity(subject);
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let policy = format!("policy {}", text(&identity["policy"]));
        rows += &row(&policy, &text(&identity["policy_hash"]), "hash");
        for network in identity["networks"].as_array().into_iter().flatten() {
            rows += &row(&text(&network["name"]), &text(&network["sha256"]), "hash");
        }
        for frames in &subject.frames {
            rows += &row(&format!("camera {}", frames.camera), &frames.origin, "");
        }
    }
    format!(
        "<h2>What was measured, and where</h2>\n<div class=\"scroll\"><table class=\"facts\"><tbody>\n\
         {rows}</tbody></table></div>\n"
    )
}

fn whole_text(text: &str) -> String {
    format!(
        "<h2>As printed</h2>\n<div class=\"scroll\"><pre>{}</pre></div>\n\
         <p class=\"method\">Open loop: every frame is due at a fixed moment, and latency counts from \
         there. Percentiles are of HDR histograms with three digits; jitter is the mean difference \
         from one to the next; peak age is how old the newest output was when the next one came. \
         Camera, server and receiver are processes of one computer and read one clock.</p>\n",
        escaped_lines(text)
    )
}

/// As [`escaped`], of text whose lines stay lines.
fn escaped_lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_asks_nobody_and_keeps_names_within_their_elements() {
        let body = header("a <b> & c", &["<script>alert(1)</script>".to_owned()]);
        let page = document("t", &body);
        assert!(page.contains("default-src 'none'"));
        for outside in ["http://", "https://", "<script", "<link", "<img", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("a &lt;b&gt; &amp; c"));
    }

    #[test]
    fn a_long_distribution_is_thinned_and_keeps_both_ends() {
        let points: Vec<_> = (1..=5000)
            .map(|n| [f64::from(n), f64::from(n) / 5000.0])
            .collect();
        let thin = thinned(&points);
        assert!(thin.len() < 170, "{}", thin.len());
        assert_eq!((thin[0], thin[thin.len() - 1]), ([1.0, 0.0], [5000.0, 1.0]));
        assert!(thinned(&[]).is_empty());
    }
}
