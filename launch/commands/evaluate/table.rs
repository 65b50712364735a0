//! Measures frame by frame: as a file, and a few of them for the terminal.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use concert_fitting::quality::{Measures, TaskQuality};
use concert_policies::Task;
use concert_policies::document::WholeFile;

/// Most frames that are shown on a terminal.
const SHOWN: usize = 12;

/// Measures of each frame, written as they come, and in their place when all
/// are there.
pub(super) struct Table {
    file: Option<BufWriter<WholeFile>>,
    /// The file's path, as it is shown.
    path: String,
    /// First measure of each target, by frame.
    shown: Vec<(String, Vec<Option<f64>>)>,
    total: usize,
    seen: usize,
    heads: Vec<String>,
}

impl Table {
    /// A table of these targets over so many frames, also into a CSV file.
    pub(super) fn new(
        path: Option<&Path>,
        tasks: &[&'static Task],
        total: usize,
    ) -> anyhow::Result<Self> {
        let file = path.map(WholeFile::begin).transpose()?;
        let mut file = file.map(BufWriter::new);
        let mut heads = Vec::new();
        let mut line = "frame".to_owned();
        for task in tasks {
            let names = columns(task);
            if let Some(first) = names.first() {
                heads.push(format!("{} {first}", task.name));
            }
            for name in names {
                line.push_str(&format!(",{}.{name}", task.name));
            }
        }
        if let Some(file) = &mut file {
            writeln!(file, "{line},step_ms")?;
        }
        Ok(Self {
            file,
            path: path
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
            shown: Vec::new(),
            total,
            seen: 0,
            heads,
        })
    }

    /// Adds a frame: for each target its measures, or none.
    pub(super) fn add(
        &mut self,
        frame: &str,
        rows: &[(&'static Task, Option<Measures>)],
        step_ms: f64,
    ) -> anyhow::Result<()> {
        let mut line = quote(frame);
        let mut firsts = Vec::new();
        for (task, measures) in rows {
            let names = columns(task);
            let value = |name| measures.as_ref().and_then(|all| all.get(name));
            if let Some(first) = names.first() {
                firsts.push(value(first));
            }
            for name in names {
                let value = value(name).filter(|value| value.is_finite());
                let value = value.map(|value| value.to_string()).unwrap_or_default();
                line.push_str(&format!(",{value}"));
            }
        }
        if let Some(file) = &mut self.file {
            writeln!(file, "{line},{step_ms:.2}")
                .with_context(|| format!("cannot write {}", self.path))?;
        }
        let step = self.total.div_ceil(SHOWN).max(1);
        if self.seen.is_multiple_of(step) {
            self.shown.push((frame.to_owned(), firsts));
        }
        self.seen += 1;
        Ok(())
    }

    /// Ends the file, and gives the lines for a terminal.
    pub(super) fn finish(mut self) -> anyhow::Result<Vec<String>> {
        if let Some(file) = self.file.take() {
            let file = file.into_inner().map_err(|failed| failed.into_error());
            let file = file.with_context(|| format!("cannot write {}", self.path))?;
            file.place()?;
        }
        if self.heads.is_empty() {
            return Ok(Vec::new());
        }
        let width = self
            .shown
            .iter()
            .map(|(frame, _)| frame.chars().count())
            .max();
        let width = width.unwrap_or(0).max(5);
        let mut lines = vec![format!("{:width$}  {}", "frame", self.heads.join("  "))];
        for (frame, values) in &self.shown {
            let mut line = format!("{frame:width$}");
            for (value, head) in values.iter().zip(&self.heads) {
                let text = value.map_or_else(|| "-".to_owned(), number);
                line.push_str(&format!("  {text:>width$}", width = head.len()));
            }
            lines.push(line);
        }
        Ok(lines)
    }
}

/// Names of a frame's measures.
fn columns(task: &'static Task) -> Vec<&'static str> {
    let names = TaskQuality::new(task).map(|quality| quality.measures().values);
    names
        .unwrap_or_default()
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

/// A number of three or four places.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        _ if value.is_nan() => "-".to_owned(),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

fn quote(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
