//! `concert measure`: which sources serve which targets, and the policies that
//! follow from it.

pub(crate) mod args;
mod progress;
mod selection;
mod text;

use std::path::{Path, PathBuf};

use concert_fitting::dataset::DataSet;
use concert_fitting::fit::{Effort, FitError, PIXELS, RANDOM, spaced_frames};
use concert_fitting::measure::{MeasureError, MeasureRequest, measure, merge, tables};
use concert_models::store::{Encoder, Store};
use concert_policies::document::write_whole;
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use serde_json::json;

use self::progress::Bars;
use super::data;
use super::fit::name_of;
use crate::assemble::EngineChoice;
use crate::cli::Global;
use crate::launch_file::Provider;
use crate::model_folders::model_folders;
use crate::report::{Failure, Refuse, Report};
use crate::stop::Stop;

pub(crate) use args::MeasureArgs;

pub(crate) fn run(args: &MeasureArgs, global: &Global) -> Result<Report, Failure> {
    let clock = SystemClock::start();
    let begin = clock.monotonic();
    let damaged = if args.merge.is_empty() {
        fit_all(args, global, &clock)?
    } else {
        merge(&args.merge, &args.out).map_err(failure)?;
        0
    };
    if let Some(shard) = args.shard {
        let (number, of, out) = (shard.number, shard.of, args.out.display());
        return Ok(Report::done(
            json!({
                "shard": number, "of": of, "out": args.out, "complete": true,
                "damaged_frames": damaged,
            }),
            format!("shard {number}/{of} is measured; put the shards together with --merge {out}"),
        ));
    }
    report(&args.out, damaged, &clock, begin)
}

/// Measures what is not measured yet.
///
/// Gives the number of damaged frames that were left out.
fn fit_all(args: &MeasureArgs, global: &Global, clock: &SystemClock) -> Result<usize, Failure> {
    let (data, damaged) = open(&args.data, args)?;
    let (held_out, held_out_damaged) = match args.test_data.is_empty() {
        true => (None, 0),
        false => {
            let (data, damaged) = open(&args.test_data, args)?;
            (Some(data), damaged)
        }
    };
    let names = (name_of(&args.data), name_of(&args.test_data));
    let encoders = encoders(args, global)?;
    let stop = Stop::on_signals()?;
    let threads = global.threads.map(usize::from);
    let mut engine = EngineChoice::start(&[Provider::Cpu], threads, global)?.engine;
    let request = MeasureRequest {
        data: (&data, &names.0),
        held_out: held_out.as_ref().map(|data| (data, names.1.as_str())),
        encoders: &encoders,
        targets: &args.targets,
        max_order: usize::from(args.max_order),
        frames: (
            args.frames.map(usize::from),
            args.test_frames.map(usize::from),
        ),
        kind: args.kind.one(),
        steps: args.steps.map_or(Effort::default().steps, |n| n as usize),
        seed: args.seed,
        shard: args.shard,
        out: &args.out,
    };
    let mut bars = Bars::new(global);
    let measured = measure(
        &mut *engine,
        &request,
        &|| clock.monotonic(),
        &mut |progress| {
            bars.show(progress);
            !stop.is_raised()
        },
    );
    bars.finish();
    measured.map_err(failure)?;
    Ok(damaged + held_out_damaged)
}

/// A data set without its damaged frames, and how many these are.
fn open(paths: &[PathBuf], args: &MeasureArgs) -> Result<(DataSet, usize), Failure> {
    let data = data::open(paths, args.intrinsics, args.depth_units)?;
    let sound = data::sound(&data, &spaced_frames(&data, None), &args.targets)?;
    let damaged = sound.left_out.len();
    Ok((data.exclude(&sound), damaged))
}

/// The encoders that are named; `random` and `pixels` are made of them.
fn encoders(args: &MeasureArgs, global: &Global) -> Result<Vec<Encoder>, Failure> {
    let store = Store::new(model_folders(&global.models, &[], None));
    let named = args.sources.iter();
    let real = named.filter(|source| ![RANDOM, PIXELS].contains(&source.as_str()));
    let encoders = real.map(|source| store.encoder(source));
    encoders.collect::<Result<Vec<_>, _>>().or_refuse()
}

/// Refuses faults of what was handed in; the rest are failures.
fn failure(error: MeasureError) -> Failure {
    match error {
        MeasureError::Stopped { .. }
        | MeasureError::Write { .. }
        | MeasureError::Fit(
            FitError::Engine(_)
            | FitError::NotFinite
            | FitError::Write { .. }
            | FitError::Export(_),
        ) => Failure::failed(error),
        _ => Failure::refused(error),
    }
}

/// Makes the table, chooses the policies, and says what came out.
fn report(
    out: &Path,
    damaged: usize,
    clock: &SystemClock,
    begin: std::time::Duration,
) -> Result<Report, Failure> {
    let measurement = tables(out).map_err(failure)?;
    let table = measurement.table().map_err(failure)?;
    let path = |name: &str| out.join(name);
    write(&path("affinities.csv"), &table.to_csv())?;
    write(&path("wins.json"), &json!(measurement).to_string())?;
    let elapsed = || clock.monotonic().saturating_sub(begin);
    let policies = selection::select(&measurement, &table, out, &elapsed)?;
    let mut lines = Vec::new();
    for target in &measurement.targets {
        lines.extend(text::target(target));
    }
    lines.extend(text::policies(&policies));
    let read = [&measurement.settings.fit, &measurement.settings.held_out];
    let read = read.map(|frames| frames.names.len()).iter().sum();
    lines.extend(data::left_out_line(damaged, read));
    lines.push(format!("table: {}", path("affinities.csv").display()));
    let targets: Vec<_> = measurement.targets.iter().map(text::json).collect();
    let policies: Vec<_> = policies.iter().map(selection::Selected::json).collect();
    let json = json!({
        "out": out,
        "table": path("affinities.csv"),
        "wins": path("wins.json"),
        "problem": path("problem.toml"),
        "frames": measurement.settings.fit.names.len(),
        "held_out_frames": measurement.settings.held_out.names.len(),
        "damaged_frames": damaged,
        "targets": targets,
        "policies": policies,
        "seconds": elapsed().as_secs_f64(),
    });
    Ok(Report::done(json, lines.join("\n")))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    Ok(write_whole(path, text.as_bytes())?)
}
