//! `concert apartment --write`: pictures with exact labels, as a data set.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use concert_apartment::{
    Arrangement, ColourFormat, DataSetOptions, Views, WriteProgress, Written, write_data_set,
};
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::args::{ApartmentArgs, ArrangementArg, ViewsArg};
use super::failure;
use super::settings::Defaults;
use crate::cli::Global;
use crate::report::{Failure, Refuse, Report};
use crate::simulated_home::say_redraws;
use crate::stop::Stop;

/// How often a line tells how far it has come, where no bar shows.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Frames where nothing else is said.
const DEFAULT_FRAMES: u64 = 100;

pub(super) fn run(folder: &Path, args: &ApartmentArgs, global: &Global) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    let clock = SystemClock::start();
    let options = options(folder, args);
    check_folder(folder).or_refuse()?;
    let bar = bar(options.frames, global.quiet);
    let mut told = clock.monotonic();
    let result = write_data_set(&options, &mut |progress: WriteProgress| {
        let (frames, seed) = (progress.frames, progress.seed);
        bar.set_position(frames);
        bar.set_message(format!("seed {seed}"));
        // Where no bar shows, a line now and then.
        if bar.is_hidden() && clock.monotonic().saturating_sub(told) >= TELL_EVERY {
            told = clock.monotonic();
            tracing::info!("{frames} of {} frames, seed {seed}", options.frames);
        }
        if stop.is_raised() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let written = result.map_err(failure)?;
    for (seed, redraws) in &written.redraws {
        say_redraws(*seed, redraws);
    }
    let seconds = clock.monotonic().as_secs_f64();
    Ok(Report::done(
        as_json(&options, &written, seconds),
        as_text(&options, &written, seconds),
    ))
}

fn options(folder: &Path, args: &ApartmentArgs) -> DataSetOptions {
    let frames = args.frames.unwrap_or(DEFAULT_FRAMES);
    let (width, height) = args.size(&Defaults::WIDE);
    let data_set = &args.data_set;
    DataSetOptions {
        width,
        height,
        randomisation: args.randomisation(&Defaults::WIDE),
        development: args.development(true),
        light: args.homes.light.quality(),
        views: match data_set.views {
            ViewsArg::Scattered => Views::Scattered,
            ViewsArg::Things => Views::Things,
            ViewsArg::Put => Views::Put,
            ViewsArg::Tour => Views::Tour {
                spacing: data_set.spacing,
                shutter: data_set.shutter,
            },
        },
        colour: data_set.jpeg.map_or(ColourFormat::Png, ColourFormat::Jpeg),
        arrangement: match data_set.arrangement {
            ArrangementArg::PerSeed => Arrangement::PerSeed,
            ArrangementArg::Flat => Arrangement::Flat,
        },
        ..DataSetOptions::new(folder, args.seeds.clone(), frames)
    }
}

/// Refuses a folder in which frames lie already: two data sets in one are none.
fn check_folder(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    if !folder.exists() {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("{shown}: cannot be read as a folder"))?;
    for entry in entries {
        let name = entry
            .with_context(|| format!("{shown}: cannot be read"))?
            .file_name();
        let name = name.to_string_lossy();
        if name == "dataset.json" || name.starts_with("frame-") {
            return Err(anyhow!(
                "{shown}: holds {name} already, but a data set needs a folder of its own"
            ));
        }
    }
    Ok(())
}

/// Draws to standard error, and only where that is a terminal.
fn bar(frames: u64, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let template = "{bar:30} {pos}/{len} frames, {per_sec}, {eta} left, {msg}";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(frames).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn as_json(options: &DataSetOptions, written: &Written, seconds: f64) -> Value {
    let histogram = written.classes.iter().map(|count| {
        let counts = json!({
            "frames": count.frames, "objects": count.objects, "pixels": count.pixels,
        });
        (count.class.name().to_owned(), counts)
    });
    let redrawn = written.redraws.iter().map(|(seed, redraws)| {
        let reasons: Vec<_> = redraws.iter().map(|redraw| &redraw.reason).collect();
        json!({ "seed": seed, "reasons": reasons })
    });
    json!({
        "folder": options.folder, "frames": written.frames, "asked": options.frames,
        "complete": !written.cancelled, "homes": written.homes, "seconds": seconds,
        "bytes": written.bytes, "redrawn": redrawn.collect::<Vec<_>>(),
        "classes": histogram.collect::<serde_json::Map<_, _>>(),
    })
}

fn as_text(options: &DataSetOptions, written: &Written, seconds: f64) -> String {
    let mut lines = vec![format!(
        "{}: {} frames of {} homes, {:.1} MB, in {seconds:.1} s ({:.1} frames/s){}",
        options.folder.display(),
        written.frames,
        written.homes,
        written.bytes as f64 / 1e6,
        written.frames as f64 / seconds.max(1e-9),
        if written.cancelled {
            format!("; stopped before all {}", options.frames)
        } else {
            String::new()
        },
    )];
    if !written.redraws.is_empty() {
        let seeds = written.redraws.iter().map(|(seed, _)| seed.to_string());
        lines.push(format!(
            "drawn more than once: seeds {}",
            seeds.collect::<Vec<_>>().join(", ")
        ));
    }
    let mut classes = written.classes.clone();
    classes.sort_by_key(|count| std::cmp::Reverse(count.frames));
    let shown = classes.iter().map(|count| {
        let (name, frames, objects) = (count.class.name(), count.frames, count.objects);
        format!("{name} {frames}/{objects}")
    });
    lines.push(format!(
        "classes, in frames/objects: {}",
        shown.collect::<Vec<_>>().join(", ")
    ));
    lines.join("\n")
}
