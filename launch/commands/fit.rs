//! `concert fit`: a new readout from a few labelled frames.

pub(crate) mod args;
mod progress;
mod sources;

use std::path::PathBuf;

use anyhow::anyhow;
use concert_fitting::fit::{
    Augmentation, Effort, Encoders, FitError, FitNotes, FitRequest, FittedReadout, SavedReadout,
    Trial, WarmReadout, pixel_encoder, random_encoder, spaced_frames, trial,
};
use concert_models::card::FitData;
use concert_models::onnx::{CheckLimits, check};
use concert_models::store::{Encoder, Store};
use concert_policies::{OutputKind, Task};
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use serde_json::{Value, json};

use self::progress::Bars;
use self::sources::Comparison;
use super::data;
use crate::assemble::EngineChoice;
use crate::cli::Global;
use crate::launch_file::Provider;
use crate::model_folders::model_folders;
use crate::report::{Failure, Refuse, Report};
use crate::stop::Stop;

pub(crate) use args::FitArgs;

pub(crate) fn run(args: &FitArgs, global: &Global) -> Result<Report, Failure> {
    let clock = SystemClock::start();
    let begin = clock.monotonic();
    let out = args.out.clone().or_else(Store::user_folder);
    let out = out.ok_or_else(|| {
        Failure::refused(anyhow!(
            "no data folder of the user is known: say where with --out DIR"
        ))
    })?;
    let store = Store::new(model_folders(&global.models, &[], None));
    let encoders = args.sources.iter().map(|source| store.encoder(source));
    let encoders = encoders.collect::<Result<Vec<_>, _>>().or_refuse()?;
    let data = match &args.coco {
        Some(coco) => data::photographs(coco, &args.data, args.intrinsics)?,
        None => data::open(&args.data, args.intrinsics, args.depth_units)?,
    };
    let frames = spaced_frames(&data, args.frames.map(usize::from));
    let sound = data::sound(&data, &frames, &[args.target])?;
    let (frames, damaged) = (sound.frames, sound.left_out.len());
    let stop = Stop::on_signals()?;
    let provider = Provider::Cpu;
    let threads = global.threads.map(usize::from);
    let mut engine = EngineChoice::start(&[provider], threads, global)?.engine;
    let request = FitRequest {
        kind: args.kind.one(),
        augmentation: Augmentation {
            views_per_frame: args
                .views
                .map_or(Augmentation::default().views_per_frame, |n| n as usize),
            ..Augmentation::default()
        },
        effort: Effort {
            steps: args.steps.map_or(Effort::default().steps, |n| n as usize),
            warm_steps: args
                .steps
                .map_or(Effort::default().warm_steps, |n| n as usize),
            ..Effort::default()
        },
        seed: args.seed,
        ..FitRequest::new(args.target, &data, &frames)
    };
    let baselines = baselines(args, &encoders)?;
    let mut bars = Bars::new(global);
    let mut told = |progress| {
        bars.show(progress);
        !stop.is_raised()
    };
    let fitted = sources::fit_best(
        &mut *engine,
        (&encoders, &request),
        &|encoders| match args.from_scratch {
            true => Ok(None),
            false => warm_start(args.target, encoders, &store).map(Some),
        },
        &mut told,
    );
    let (fitted, comparison) = fitted?;
    let seconds = (clock.monotonic().saturating_sub(begin)).as_secs_f64();
    fitted.verify(&mut *engine)?;
    let data_entry = FitData::new(
        name_of(&args.data),
        data.hash_of(frames.iter().copied()).or_refuse()?,
        frames.len(),
    );
    let seconds = (seconds * 100.0).round() / 100.0;
    let notes = FitNotes::new(args.variant.clone(), seconds, args.seed, vec![data_entry]);
    let saved = fitted.save(&out, &notes)?;
    // Of the encoders themselves first: like is held against like.
    let mut trials = Vec::new();
    for tried in baselines {
        let mut loaded = Encoders::load(&mut *engine, &tried).or_refuse()?;
        let trial = trial(&mut loaded, &request, &mut |progress| {
            bars.show(progress);
            !stop.is_raised()
        });
        trials.push((tried[0].card.name.clone(), trial.map_err(failure)?));
    }
    bars.finish();
    let seconds = (seconds, &comparison);
    Ok(report(&fitted, &saved, seconds, &trials, damaged))
}

/// The encoders, and what they are held against to see what they are worth;
/// nothing where that is not asked.
fn baselines(args: &FitArgs, encoders: &[Encoder]) -> Result<Vec<Vec<Encoder>>, Failure> {
    if !args.gain {
        return Ok(Vec::new());
    }
    let pixels = pixel_encoder(&encoders[0]).or_refuse()?;
    let random = random_encoder(&encoders[0], args.seed).or_refuse()?;
    Ok(vec![encoders.to_vec(), vec![pixels], vec![random]])
}

/// Refuses faults of the data and labels; the rest are failures.
fn failure(error: FitError) -> Failure {
    match error {
        FitError::Stopped | FitError::Engine(_) | FitError::NotFinite => Failure::failed(error),
        _ => Failure::refused(error),
    }
}

pub(super) fn name_of(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| {
        let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
        let name = whole.file_name().unwrap_or(whole.as_os_str());
        let shown = name.to_string_lossy();
        shown
            .chars()
            .filter(|c| !c.is_control())
            .collect::<String>()
    };
    let names: Vec<_> = paths.iter().map(name).collect();
    let all = names.join(", ");
    match all.trim() {
        "" => "data".to_owned(),
        all => all.chars().take(400).collect(),
    }
}

/// The readout of the same target and sources that is found without a variant;
/// why there is none to begin with, in words.
fn warm_start(target: &Task, encoders: &[Encoder], store: &Store) -> Result<WarmReadout, String> {
    let mut sources: Vec<_> = (encoders.iter())
        .map(|encoder| encoder.card.name.as_str())
        .collect();
    sources.sort_unstable();
    let name = format!("{}_from_{}", target.name, sources.join("+"));
    let readout = store.readout(&name).map_err(|error| error.to_string())?;
    let network = check(&readout.file.bytes, &CheckLimits::default());
    let network = network.map_err(|error| format!("{name}: {error}"))?;
    let linear = || format!("{name} is linear: no network goes on from it");
    let warm = WarmReadout::new(&readout.card, network).ok_or_else(linear)?;
    let warm = match target.output {
        OutputKind::Boxes2d => warm.with_labels(readout.labels.clone()),
        _ => warm,
    };
    for encoder in encoders {
        let (own, found) = (&encoder.card.name, &encoder.card.origin.sha256);
        let pin = warm.encoders.iter().find(|(source, _)| source == own);
        if pin.is_none_or(|(_, sha256)| sha256 != found) {
            let pinned = pin.map_or("none", |(_, sha256)| sha256.as_str());
            return Err(format!(
                "{name} was made for {own} with sha256 {pinned}, but the one at hand has {found}"
            ));
        }
    }
    Ok(warm)
}

fn report(
    fitted: &FittedReadout,
    saved: &SavedReadout,
    (seconds, comparison): (f64, &Comparison),
    trials: &[(String, Trial)],
    damaged: usize,
) -> Report {
    let mut lines = vec![format!(
        "{} fitted on {} frames in {seconds:.1} s",
        saved.name, fitted.frames
    )];
    let quality = report_quality(fitted, &mut lines);
    let gain = report_gain(trials, &mut lines);
    lines.push(format!("kind: {}", fitted.kind.name()));
    if let Some(lambda) = fitted.lambda {
        lines.push(format!("lambda: {lambda}"));
    }
    let not_begun = fitted.not_begun.as_ref().or(comparison.not_begun.as_ref());
    lines.extend(describe_start(fitted, not_begun));
    lines.extend(comparison.lines());
    if let Some(focal) = fitted.reference_focal_px {
        lines.push(format!(
            "metric for a focal length of {focal:.1} px, scaled to the camera's"
        ));
    }
    lines.extend(data::left_out_line(
        damaged,
        fitted.frames + fitted.shortcomings.unlabelled,
    ));
    lines.extend(describe_shortcomings(fitted));
    lines.push(format!("readout: {}", saved.network.display()));
    lines.push(format!("card: {}", saved.card.display()));
    let tried: serde_json::Map<_, _> = (fitted.tried.iter())
        .map(|(what, value)| ((*what).to_owned(), json!(value)))
        .collect();
    let lacks = fitted.shortcomings;
    let json = json!({
        "seconds": seconds,
        "readout": saved.network,
        "card": saved.card,
        "name": saved.name,
        "kind": fitted.kind.name(),
        "frames": fitted.frames,
        "lambda": fitted.lambda,
        "warm_start": fitted.warm_start.as_ref().map(|warm| &warm.readout),
        "warm_start_share": fitted.warm_start.as_ref().and_then(|warm| warm.share),
        "not_begun": not_begun,
        "sources": comparison.kept,
        "compared": comparison.json(),
        "reference_focal_px": fitted.reference_focal_px,
        "damaged_frames": damaged,
        "unlabelled_frames": lacks.unlabelled,
        "uncalibrated_frames": lacks.uncalibrated,
        "rescaled_frames": lacks.rescaled,
        "tried": tried,
        "quality": quality,
        "gain": gain,
    });
    Report::done(json, lines.join("\n"))
}

/// Adds the errors on held-out blocks to the lines, and returns them for `--json`.
fn report_quality(fitted: &FittedReadout, lines: &mut Vec<String>) -> Value {
    let Some(held_out) = &fitted.held_out else {
        return json!({});
    };
    let measure = &held_out.measure;
    lines.push(format!("{:<28} {measure} on held-out blocks", "kind"));
    for (what, value) in &fitted.tried {
        lines.push(format!("{what:<28} {value:.4}"));
    }
    lines.push(format!(
        "{:<28} {:.4}",
        "constant predictor", held_out.constant
    ));
    json!({
        "measure": measure,
        "held_out": held_out.value,
        "constant": held_out.constant,
        "frames": held_out.frames,
        measure: held_out.value,
    })
}

/// Adds the encoders' gain over their baselines to the lines, and returns it for
/// `--json`; the first trial is the encoders' own.
fn report_gain(trials: &[(String, Trial)], lines: &mut Vec<String>) -> Value {
    let mut gain = json!({});
    let Some(((_, own), baselines)) = trials.split_first() else {
        return gain;
    };
    lines.push("a small network from initial weights on the same frames, from:".to_owned());
    lines.push(format!("  {:<26} {:.4}", "these encoders", own.error));
    gain["error"] = json!(own.error);
    for (baseline, trial) in baselines {
        let share = trial.gain_of(&own.frames);
        let shown = share.map_or("no frame to compare".to_owned(), |share| {
            format!("gain {share:.2}: worse on so many of the frames")
        });
        lines.push(format!("  {baseline:<26} {:.4}  {shown}", trial.error));
        gain[baseline] = json!({ "error": trial.error, "gain": share });
    }
    gain
}

/// Lines that tell of the weights that the fit began with.
fn describe_start(fitted: &FittedReadout, not_begun: Option<&String>) -> Vec<String> {
    let warm = fitted.warm_start.as_ref().map(|warm| match warm.share {
        Some(share) => format!(
            "began with: {}, and went {:.0} % of the way to what these frames alone led to",
            warm.readout,
            100.0 * share
        ),
        None => format!("began with: {}", warm.readout),
    });
    let reason = not_begun.map(|reason| format!("begun with initial weights: {reason}"));
    warm.into_iter().chain(reason).collect()
}

/// Lines that tell of labels and cameras that frames lacked, and what follows.
fn describe_shortcomings(fitted: &FittedReadout) -> Vec<String> {
    let (lacks, frames) = (fitted.shortcomings, fitted.frames);
    let mut lines = Vec::new();
    if lacks.unlabelled > 0 {
        let all = frames + lacks.unlabelled;
        lines.push(format!(
            "{} of {all} frames have no label, or no known value in it: they teach nothing",
            lacks.unlabelled
        ));
    }
    if lacks.rescaled > 0 {
        lines.push(format!(
            "{} of {frames} frames have depth of another size than their picture: the nearest \
             pixel was taken, and the camera's intrinsics were scaled to the picture",
            lacks.rescaled
        ));
    }
    if lacks.uncalibrated > 0 {
        lines.push(format!(
            "{} of {frames} frames have no intrinsics: the reference focal length was assumed for \
             them, so metres hold for this camera alone",
            lacks.uncalibrated
        ));
    }
    lines
}
