//! C1: what Concert adds to bare `Session::run` of the same networks in one
//! loop, same threads, interleaved frame by frame. C11: Rust allocations per
//! frame after warm-up.
//!
//!     cargo bench --bench overhead            # add `-- --json` for one JSON object
//!
//! Prints medians and p99 of both, their ratio, and the allocations. The bare
//! loop gets its input tensors ready-made; Concert's own preprocessing is
//! measured inside its frames and printed apart.

#[path = "../models/allocations.rs"]
mod allocations;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allocations::allocations;
use anyhow::{Context, Result};
use concert_models::card::Level;
use concert_models::contract::{Channels, Fit, InputContract, Layout as TensorLayout};
use concert_models::digest::sha256_hex;
use concert_models::onnx::build::GraphBuilder;
use concert_models::store::Store;
use concert_models::{Image, NetworkFile, PixelFormat, TensorSpec};
use concert_policies::{Policy, Task};
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::library::{LibraryRequest, find_or_fetch};
use concert_runtime::io::onnxruntime::ort::session::Session;
use concert_runtime::io::onnxruntime::ort::session::builder::GraphOptimizationLevel;
use concert_runtime::io::onnxruntime::ort::value::TensorRef;
use concert_runtime::io::onnxruntime::{Environment, OrtEngine, Provider};
use concert_runtime::parts::{EncoderPart, Maker, NamedTensor, PartInput, ReadPart, ReadoutPart};
use concert_runtime::{
    Clock, Frame, LaneName, NoWatch, Output, OutputSink, Pipeline, Plan, Timestamp, plan_from_store,
};

/// Takes every output and keeps none.
struct Everyone;

impl OutputSink for Everyone {
    fn wants(&self, _target: usize) -> bool {
        true
    }
    fn deliver(&mut self, _target: usize, _output: &mut Output) {}
}

#[derive(serde::Serialize)]
struct Row {
    networks: String,
    readouts: usize,
    frames: usize,
    bare_p50_micros: f64,
    bare_p99_micros: f64,
    concert_p50_micros: f64,
    concert_p99_micros: f64,
    preprocess_p50_micros: f64,
    /// Median over the frames of (Concert − its preprocessing) / bare.
    ratio_p50: f64,
    /// Median over the frames of Concert − its preprocessing − bare.
    overhead_micros: f64,
    allocations_per_frame: f64,
}

fn main() -> Result<()> {
    let as_json = std::env::args().any(|argument| argument == "--json");
    let library = find_or_fetch(&LibraryRequest::default(), &mut |_| {})?;
    let environment = Environment::start(&library, None)?;
    let mut rows = Vec::new();
    for readouts in [1, 4, 16] {
        rows.push(identity(&environment, readouts)?);
    }
    rows.push(shipped(&environment)?);
    if as_json {
        println!(
            "{}",
            serde_json::json!({ "rows": rows, "onnxruntime": library.version, "threads": environment.threads() })
        );
        return Ok(());
    }
    println!(
        "onnxruntime {}, {} threads; medians of interleaved frames, µs",
        library.version,
        environment.threads()
    );
    println!(
        "{:<28}{:>10}{:>10}{:>12}{:>12}{:>10}{:>10}{:>8}{:>9}",
        "networks",
        "bare p50",
        "bare p99",
        "concert p50",
        "concert p99",
        "of it pre",
        "added",
        "ratio",
        "allocs"
    );
    for row in rows {
        println!(
            "{:<28}{:>10.1}{:>10.1}{:>12.1}{:>12.1}{:>10.1}{:>10.1}{:>8.3}{:>9.2}",
            row.networks,
            row.bare_p50_micros,
            row.bare_p99_micros,
            row.concert_p50_micros,
            row.concert_p99_micros,
            row.preprocess_p50_micros,
            row.overhead_micros,
            row.ratio_p50,
            row.allocations_per_frame
        );
    }
    Ok(())
}

/// An encoder and readouts that only copy: what is left is what we add.
fn identity(environment: &Environment, readouts: usize) -> Result<Row> {
    let network = |input: &str, output: &str, shape: &[usize]| {
        let built = GraphBuilder::new("identity")
            .input(input, shape)
            .output(output, shape);
        built
            .node("Identity", &[input], &[output], &[])
            .build_bytes()
    };
    let file = |name: &str, bytes: Vec<u8>| NetworkFile {
        name: name.to_owned(),
        path: name.into(),
        sha256: sha256_hex(&bytes),
        bytes: bytes.into(),
    };
    let shape = [1, 3, 32, 32];
    let contract = InputContract::new(
        "image",
        32,
        32,
        TensorLayout::Nchw,
        Channels::Rgb,
        Fit::Stretch,
        &[0.0; 3],
        &[255.0; 3],
    )?;
    let encoder = EncoderPart {
        source: "same".to_owned(),
        file: file("same", network("image", "level", &shape)),
        contract,
        levels: vec![Level {
            name: "level".to_owned(),
            tensor: "level".to_owned(),
            shape: shape.to_vec(),
            stride: None,
        }],
    };
    let targets: Vec<&Task> = Task::all()
        .iter()
        .filter(|task| task.can_be_target())
        .take(readouts)
        .collect();
    let mut text = "name = \"identity\"\nsupervision_budget = 1\n".to_owned();
    let mut parts = BTreeMap::new();
    for (index, target) in targets.iter().enumerate() {
        text += &format!(
            "[[transfer]]\ntarget = \"{}\"\nsources = [\"same\"]\n",
            target.name
        );
        let name = format!("{}_from_same", target.name);
        // A name of its own, so that no two readouts are one network.
        let output = format!("out{index}");
        let part = ReadoutPart {
            relative_error: None,
            maker: Maker::Network,
            file: file(&name, network("level", &output, &shape)),
            reads: vec![ReadPart {
                tensor: "level".to_owned(),
                optional: false,
                from: PartInput::Level {
                    source: "same".to_owned(),
                    level: "level".to_owned(),
                    frames_back: 0,
                },
            }],
            output: NamedTensor {
                tensor: output,
                spec: TensorSpec::f32(&shape),
            },
            labels: Arc::from(Vec::new()),
        };
        parts.insert(name, part);
    }
    let policy = Policy::parse(&text, "identity")?;
    let mut files = vec![encoder.file.clone()];
    files.extend(
        policy
            .transfers()
            .iter()
            .map(|transfer| parts[&transfer.readout_name()].file.clone()),
    );
    let plan = Plan::make(
        &policy,
        &BTreeMap::from([("same".to_owned(), encoder)]),
        &parts,
    )?;
    let inputs: Vec<Vec<(String, Vec<usize>)>> =
        std::iter::once(vec![("image".to_owned(), shape.to_vec())])
            .chain((0..readouts).map(|_| vec![("level".to_owned(), shape.to_vec())]))
            .collect();
    compare(
        environment,
        plan,
        &files,
        &inputs,
        format!("identity, {readouts} readouts"),
        readouts,
        3000,
    )
}

/// The shipped policy: two encoders, three readouts.
fn shipped(environment: &Environment) -> Result<Row> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let store = Store::new(vec![root]);
    let policy = Policy::shipped("first_light").context("the policy first_light is not shipped")?;
    // Every frame, so that both sides do the same work.
    let text = policy
        .to_toml()
        .lines()
        .filter(|line| !line.starts_with("rate_hz"))
        .collect::<Vec<_>>()
        .join("\n");
    let policy = Policy::parse(&text, "first_light at every frame")?;
    let plan = plan_from_store(&policy, &store)?.plan;
    let mut files = Vec::new();
    let mut inputs = Vec::new();
    for source in policy.encoders() {
        let encoder = store.encoder(source)?;
        inputs.push(vec![(
            encoder.card.input.tensor().to_owned(),
            encoder.card.input.spec().shape,
        )]);
        files.push(encoder.file);
    }
    for transfer in policy.transfers() {
        let readout = store.readout(&transfer.readout_name())?;
        let shape = |read: &concert_models::card::Read| {
            let concert_models::card::ReadFrom::Level { source, level, .. } = &read.from else {
                anyhow::bail!("{} reads more than levels", readout.card.name);
            };
            let encoder = store.encoder(source)?;
            let level = encoder.card.level(level).context("no such level")?;
            Ok((read.tensor.clone(), level.shape.clone()))
        };
        inputs.push(
            readout
                .card
                .reads
                .iter()
                .map(shape)
                .collect::<Result<_>>()?,
        );
        files.push(readout.file);
    }
    let readouts = policy.transfers().len();
    compare(
        environment,
        plan,
        &files,
        &inputs,
        "first_light (k = 2)".to_owned(),
        readouts,
        150,
    )
}

/// A loop as anyone would write it: ready inputs, `Session::run`, outputs dropped.
struct Bare {
    sessions: Vec<(Session, Inputs)>,
}

/// Name and values of each input.
type Inputs = Vec<(String, ndarray::ArrayD<f32>)>;

impl Bare {
    fn new(
        environment: &Environment,
        files: &[NetworkFile],
        inputs: &[Vec<(String, Vec<usize>)>],
    ) -> Result<Self> {
        let mut sessions = Vec::new();
        for (file, inputs) in files.iter().zip(inputs) {
            let builder =
                Session::builder(environment.ort()).map_err(|error| anyhow::anyhow!("{error}"))?;
            let mut builder = builder
                .with_optimization_level(GraphOptimizationLevel::All)
                .map_err(|error| anyhow::anyhow!("{error}"))?;
            let session = builder
                .commit_from_memory(&file.bytes)
                .map_err(|error| anyhow::anyhow!("{error}"))?;
            let inputs = inputs.iter().map(|(name, shape)| {
                // Not constant: some kernels are quicker on zeros.
                let values = (0..shape.iter().product::<usize>())
                    .map(|i| ((i * 2_654_435_761) % 1000) as f32 / 1000.0);
                Ok((
                    name.clone(),
                    ndarray::ArrayD::from_shape_vec(shape.clone(), values.collect())?,
                ))
            });
            sessions.push((session, inputs.collect::<Result<_>>()?));
        }
        Ok(Self { sessions })
    }

    fn frame(&mut self) -> Result<()> {
        for (session, inputs) in &mut self.sessions {
            let values = inputs.iter().map(|(name, array)| {
                Ok((
                    name.as_str(),
                    TensorRef::from_array_view(array.view())
                        .map_err(|error| anyhow::anyhow!("{error}"))?,
                ))
            });
            let values = values.collect::<Result<Vec<_>>>()?;
            std::hint::black_box(
                session
                    .run(values)
                    .map_err(|error| anyhow::anyhow!("{error}"))?,
            );
        }
        Ok(())
    }
}

fn photographs() -> Result<Vec<Image>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut images = Vec::new();
    for path in [
        "launch/photographs/coffee.jpg",
        "tests/photographs/astronaut.jpg",
        "tests/photographs/chelsea.jpg",
        "tests/photographs/rocket.jpg",
    ] {
        let photograph = image::open(root.join(path))?.resize_exact(
            640,
            480,
            image::imageops::FilterType::Triangle,
        );
        images.push(Image::packed(
            640,
            480,
            PixelFormat::Rgb8,
            photograph.into_rgb8().into_raw(),
        )?);
    }
    Ok(images)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn compare(
    environment: &Environment,
    plan: Plan,
    files: &[NetworkFile],
    inputs: &[Vec<(String, Vec<usize>)>],
    networks: String,
    readouts: usize,
    frames: usize,
) -> Result<Row> {
    let mut bare = Bare::new(environment, files, inputs)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let engine = Box::new(OrtEngine::new(environment, &[Provider::Cpu])?);
    let lane = LaneName {
        camera: "bench".to_owned(),
        in_keys: false,
    };
    let mut pipeline = Pipeline::prepare(
        plan,
        engine,
        &[lane],
        Arc::clone(&clock),
        Arc::new(NoWatch),
        None,
    )?;
    let images = photographs()?;
    let frame = |sequence: usize| Frame {
        sequence: sequence as u64,
        stamp: Timestamp::from_nanos(sequence as i64 * 33_333_333),
        arrived: clock.monotonic(),
        frame_id: "bench_optical".into(),
        image: images[sequence % images.len()].clone(),
        intrinsics: None,
        distorted: false,
        depth: None,
    };
    let warm_up = frames / 10 + 5;
    let (mut ours, mut theirs, mut pre) = (Vec::new(), Vec::new(), Vec::new());
    let mut allocated = 0;
    for sequence in 0..warm_up + frames {
        let frame = frame(sequence);
        let before = allocations();
        let started = Instant::now();
        let report = pipeline.step(0, &frame, Duration::from_millis(33), &mut Everyone);
        let took = started.elapsed();
        let preprocess: Duration = report.preprocess.iter().flatten().sum();
        let counted = allocations() - before;
        let started = Instant::now();
        bare.frame()?;
        let bare_took = started.elapsed();
        if sequence >= warm_up {
            allocated += counted;
            ours.push(took);
            pre.push(preprocess);
            theirs.push(bare_took);
        }
    }
    let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
    let pairs = ours.iter().zip(&pre).zip(&theirs);
    let ratios = pairs
        .clone()
        .map(|((ours, pre), theirs)| micros(*ours - *pre) / micros(*theirs));
    let added = pairs.map(|((ours, pre), theirs)| micros(*ours) - micros(*pre) - micros(*theirs));
    Ok(Row {
        networks,
        readouts,
        frames,
        ratio_p50: quantile(ratios.collect(), 0.5),
        overhead_micros: quantile(added.collect(), 0.5),
        bare_p50_micros: quantile(theirs.iter().map(|d| micros(*d)).collect(), 0.5),
        bare_p99_micros: quantile(theirs.iter().map(|d| micros(*d)).collect(), 0.99),
        concert_p50_micros: quantile(ours.iter().map(|d| micros(*d)).collect(), 0.5),
        concert_p99_micros: quantile(ours.iter().map(|d| micros(*d)).collect(), 0.99),
        preprocess_p50_micros: quantile(pre.iter().map(|d| micros(*d)).collect(), 0.5),
        allocations_per_frame: allocated as f64 / frames as f64,
    })
}

fn quantile(mut values: Vec<f64>, quantile: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get((last as f64 * quantile).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}
