//! Measures how good a fitted readout is on frames that come later, for 5, 10, 20 and 50
//! labelled frames, and what the frozen encoder is worth: beside the best
//! constant, an untrained encoder, and the same network from pixels.
//!
//!     cargo bench --bench fit_curve -- --data ../shared/data/corridor --first 70 --test-from 75
//!         [--counts 5,10,20,50] [--target depth_zbuffer] [--sources efficientnet_lite0]
//!         [--kind auto|ridge|convolutional] [--steps N] [--views N] [--warm NAME] [--models DIR]
//!         [--baselines] [--test-data DIR]
//!
//! Measured as `concert evaluate` does, at the labels' full resolution.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use concert_fitting::dataset::{DataSet, Label};
use concert_fitting::fit::{
    Encoders, FitRequest, WarmReadout, fit, focal_px, pixel_encoder, random_encoder, spaced_frames,
};
use concert_fitting::quality::{
    ConstantFit, Filter, Measures, TaskQuality, class_numbers, resample,
};
use concert_models::Affine2;
use concert_models::card::FitKind;
use concert_models::onnx::{CheckLimits, check};
use concert_models::store::{Encoder, Store};
use concert_policies::{OutputKind, Task};
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::library::{LibraryRequest, find_or_fetch};
use concert_runtime::io::onnxruntime::{Environment, OrtEngine, Provider};

struct Arguments(Vec<String>);

impl Arguments {
    fn text(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|given| given == name)?;
        self.0.get(at + 1).map(String::as_str)
    }

    fn number(&self, name: &str) -> Result<Option<usize>> {
        let text = self.text(name);
        text.map(|text| text.parse().with_context(|| format!("{name} {text}")))
            .transpose()
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|given| given == name)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments(std::env::args().skip(1).collect());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = arguments
        .text("--data")
        .unwrap_or("../shared/data/corridor");
    let data = root.join(data);
    if !data.is_dir() {
        println!("skipped: {} is not there", data.display());
        return Ok(());
    }
    let target = arguments.text("--target").unwrap_or("depth_zbuffer");
    let target = Task::find(target).ok_or_else(|| anyhow!("no task {target}"))?;
    let test_data = arguments.text("--test-data").map(|path| root.join(path));
    let bench = Bench {
        target,
        train: DataSet::open(&data)?,
        test: DataSet::open(test_data.as_deref().unwrap_or(&data))?,
        first: arguments.number("--first")?,
        test_from: match test_data {
            Some(_) => 0,
            None => arguments.number("--test-from")?.unwrap_or(75),
        },
        arguments: &arguments,
    };
    let mut folders: Vec<PathBuf> = arguments
        .text("--models")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    folders.push(root.join("models"));
    let store = Store::new(folders);
    let sources = arguments.text("--sources").unwrap_or("efficientnet_lite0");
    let mut encoders = Vec::new();
    for source in sources.split(',') {
        encoders.push(store.encoder(source)?);
    }
    let request = LibraryRequest {
        explicit: None,
        gpu: false,
        offline: false,
    };
    let library = find_or_fetch(&request, &mut |_| {})?;
    let environment = Environment::start(&library, None)?;
    let mut engine = OrtEngine::new(&environment, &[Provider::Cpu])?;
    let warm = match arguments.text("--warm") {
        Some(name) => {
            let readout = store.readout(name)?;
            let network = check(&readout.file.bytes, &CheckLimits::default())?;
            WarmReadout::new(&readout.card, network)
        }
        None => None,
    };
    bench.curve(sources, &mut engine, &encoders, warm.as_ref())?;
    if arguments.has("--baselines") {
        let baselines = [
            random_encoder(&encoders[0], 1)?,
            pixel_encoder(&encoders[0])?,
        ];
        for baseline in baselines {
            let name = baseline.card.name.clone();
            bench.curve(&name, &mut engine, &[baseline], None)?;
        }
    }
    Ok(())
}

struct Bench<'a> {
    target: &'static Task,
    train: DataSet,
    test: DataSet,
    first: Option<usize>,
    test_from: usize,
    arguments: &'a Arguments,
}

impl Bench<'_> {
    fn curve(
        &self,
        name: &str,
        engine: &mut OrtEngine,
        encoders: &[Encoder],
        warm: Option<&WarmReadout>,
    ) -> Result<()> {
        let counts = self.arguments.text("--counts").unwrap_or("5,10,20,50");
        for count in counts.split(',') {
            let count: usize = count.parse()?;
            let mut all = spaced_frames(&self.train, None);
            all.truncate(self.first.unwrap_or(all.len()));
            let count = count.min(all.len());
            let frames: Vec<_> = (0..count)
                .map(|k| all[(2 * k + 1) * all.len() / (2 * count)])
                .collect();
            let clock = SystemClock::start();
            let begin = clock.monotonic();
            let mut loaded = Encoders::load(engine, encoders)?;
            let mut request = FitRequest::new(self.target, &self.train, &frames);
            request.warm_start = warm;
            request.kind = match self.arguments.text("--kind") {
                Some("ridge") => Some(FitKind::Ridge),
                Some("convolutional") => Some(FitKind::Convolutional),
                _ => None,
            };
            if let Some(steps) = self.arguments.number("--steps")? {
                request.effort.steps = steps;
                request.effort.warm_steps = steps;
            }
            if let Some(rate) = self.arguments.text("--rate") {
                request.effort.learning_rate = rate.parse()?;
                request.effort.warm_learning_rate = request.effort.learning_rate;
            }
            if let Some(dropout) = self.arguments.text("--dropout") {
                request.effort.dropout = dropout.parse()?;
            }
            if let Some(zoom) = self.arguments.text("--zoom") {
                request.augmentation.max_crop = zoom.parse()?;
            }
            if let Some(views) = self.arguments.number("--views")? {
                request.augmentation.views_per_frame = views;
            }
            let fitted = fit(&mut loaded, &request, &mut |_| true)?;
            let seconds = clock.monotonic().saturating_sub(begin).as_secs_f64();
            let (found, constant) = self.measure(&fitted, &mut loaded, &frames)?;
            let began = fitted.warm_start.as_ref().map_or("", |_| ", warm");
            let tried: Vec<_> = (fitted.tried.iter())
                .map(|(what, error)| format!("{what} {error:.4}"))
                .collect();
            println!(
                "{name:<20} {count:>3} frames  {}  (constant {})  {}{began}  {seconds:.1} s  [{}]",
                format_measures(&found),
                format_measures(&constant),
                fitted.kind.name(),
                tried.join(", ")
            );
        }
        Ok(())
    }

    fn measure(
        &self,
        fitted: &concert_fitting::fit::FittedReadout,
        encoders: &mut Encoders<'_>,
        frames: &[(usize, usize)],
    ) -> Result<(Measures, Measures)> {
        let mut constant = ConstantFit::new(self.target);
        for (sequence, index) in frames {
            let example = self.train.sequences()[*sequence].read(*index)?;
            if let Some(truth) = Label::of(self.target, &example)? {
                constant.add(&truth);
            }
        }
        let no_measure = || anyhow!("{} has no measure per frame", self.target.name);
        let mut quality = TaskQuality::new(self.target).ok_or_else(no_measure)?;
        let mut of_constant = quality.clone();
        let limit = 40;
        let mut tests: Vec<_> = spaced_frames(&self.test, None);
        tests.drain(..self.test_from.min(tests.len()));
        let step = tests.len().div_ceil(limit).max(1);
        let contract = encoders.contracts()[0].clone();
        for (sequence, index) in tests.into_iter().step_by(step) {
            let example = self.test.sequences()[sequence].read(index)?;
            let Some(truth) = Label::of(self.target, &example)? else {
                continue;
            };
            let image = &example.image;
            let (width, height) = (image.width(), image.height());
            let focal =
                (example.intrinsics).map(|camera| focal_px(&camera, &contract, width, height));
            let output = fitted.predict(&encoders.encode(image)?, focal);
            let scores = fitted.output_shape[1];
            let predicted = match self.target.output {
                OutputKind::Classes => output,
                kind => {
                    let of = &fitted.output_shape;
                    let size = (of[3], of[2]);
                    let input_from_output =
                        Affine2::stretch(size, (contract.width(), contract.height()));
                    let image_from_output = contract
                        .image_from_input(width, height)
                        .after(&input_from_output);
                    let (values, channels, filter) = match kind {
                        OutputKind::ClassMap => (
                            class_numbers(&output, of[1], size.0 * size.1),
                            1,
                            Filter::Nearest,
                        ),
                        _ => (output, of[1], Filter::Bilinear),
                    };
                    let full = (truth.width, truth.height);
                    resample(&values, channels, size, &image_from_output, full, filter)
                }
            };
            quality.add(&truth, &predicted)?;
            if let Some(same) = constant.prediction(&truth, scores) {
                of_constant.add(&truth, &same)?;
            }
        }
        Ok((quality.measures(), of_constant.measures()))
    }
}

fn format_measures(measures: &Measures) -> String {
    let names = [
        "abs_rel",
        "delta_1",
        "mean_deg",
        "median_deg",
        "f1",
        "miou",
        "top1",
        "l1",
    ];
    let shown = names.iter().filter_map(|name| {
        let value = measures.get(name)?;
        Some(format!("{name} {value:.4}"))
    });
    shown.collect::<Vec<_>>().join(" ")
}
