use half::f16;

use super::representations::{Representation, RepresentationLayout};
use concert_models::card::{Card, EncoderCard};
use concert_models::rng::Rng;

/// A card with planes at two grids, tokens and a vector.
pub(crate) fn small_card() -> EncoderCard {
    small_card_of_width(32)
}

/// The same with an input of this width, px.
pub(crate) fn small_card_of_width(width: usize) -> EncoderCard {
    let text = r#"kind = "encoder"
name = "tiny"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
size_bytes = 3

[provenance]
weights = "none"
licence = "Apache-2.0"
trained_on = "nothing"

[input]
tensor = "image"
width = 32
height = 32
layout = "nchw"
channels = "rgb"
fit = "stretch"
mean = [127.0, 127.0, 127.0]
std = [128.0, 128.0, 128.0]

[[level]]
name = "fine"
tensor = "fine"
shape = [1, 3, 8, 8]
stride = 4

[[level]]
name = "tokens"
tensor = "tokens"
shape = [1, 17, 5]

[[level]]
name = "vector"
tensor = "vector"
shape = [1, 2]
"#;
    let text = text.replace("width = 32", &format!("width = {width}"));
    match Card::parse(&text, "tiny.toml").unwrap() {
        Card::Encoder(card) => card,
        other => panic!("a {}", other.kind()),
    }
}

pub(crate) fn small_layout() -> RepresentationLayout {
    RepresentationLayout::of(&[&small_card()]).unwrap()
}

pub(crate) fn representation(layout: &RepresentationLayout, rng: &mut Rng) -> Representation {
    let values = (0..layout.len()).map(|_| f16::from_f32(rng.normal()));
    Representation(values.collect())
}

mod whole {
    use std::path::Path;

    use concert_policies::Task;

    use super::{RepresentationLayout, small_card, small_card_of_width, small_layout};
    use crate::dataset::{DataSet, Label};
    use crate::fit::{
        CachedFrame, Effort, Encoders, FitError, FitNotes, FitProgress, FitRequest, FittedReadout,
        LinearFit, MAX_BYTES, WarmReadout, fit, fit_cached, spaced_frames,
    };
    use concert_models::card::FitKind;
    use concert_models::engine::NetworkFile;
    use concert_models::fake::{FakeEngine, FakeNetwork};
    use concert_models::onnx::{CheckLimits, check};
    use concert_models::pair::fit_together;
    use concert_models::store::{Encoder, Store};

    const SIDE: u32 = 32;

    /// Frames whose red says how deep it is: 1 m + 3 m × red; every fifth column
    /// has no depth, and there red lies.
    fn write_data(folder: &Path, frames: u32) {
        let intrinsics = "30 0 15.5\n0 30 15.5\n0 0 1\n";
        std::fs::write(folder.join("camera-intrinsics.txt"), intrinsics).unwrap();
        for frame in 0..frames {
            let red = |u: u32, v: u32| ((u * 5 + v * 3 + frame * 17) % 160 + 40) as u8;
            let colour = image::RgbImage::from_fn(SIDE, SIDE, |u, v| {
                let lies = u % 5 == 4;
                let red = red(u, v);
                image::Rgb([red, if lies { 255 } else { 90 }, (v * 7) as u8])
            });
            let depth = image::ImageBuffer::from_fn(SIDE, SIDE, |u, v| {
                let metres = 1.0 + 3.0 * f32::from(red(u, v)) / 255.0;
                let unknown = u % 5 == 4;
                image::Luma([if unknown {
                    0u16
                } else {
                    (metres * 1000.0) as u16
                }])
            });
            let place = |ending: &str| folder.join(format!("frame-{frame:06}.{ending}.png"));
            colour.save(place("color")).unwrap();
            depth.save(place("depth")).unwrap();
        }
    }

    /// The small encoder: means of the channels per cell.
    fn engine() -> FakeEngine {
        let mut engine = FakeEngine::default();
        let inputs: [(&str, &[usize]); 1] = [("image", &[1, 3, 32, 32])];
        let outputs: [(&str, &[usize]); 3] = [
            ("fine", &[1, 3, 8, 8]),
            ("tokens", &[1, 17, 5]),
            ("vector", &[1, 2]),
        ];
        let network = FakeNetwork::new(&inputs, &outputs, |inputs, outputs| {
            let image = inputs[0].1;
            let mean = |channel: usize, at: usize, per_row: usize| {
                let side = 32 / per_row;
                let (top, left) = (at / per_row * side, at % per_row * side);
                let cell = |k: usize| (top + k / side) * 32 + left + k % side;
                let sum: f32 = (0..side * side)
                    .map(|k| image[channel * 1024 + cell(k)])
                    .sum();
                sum / (side * side) as f32
            };
            for (name, values) in outputs {
                match *name {
                    "fine" => (0..192).for_each(|k| values[k] = mean(k / 64, k % 64, 8)),
                    "tokens" => (5..85).for_each(|k| values[k] = mean(k % 3, (k - 5) / 5, 4)),
                    _ => values.fill(1.0),
                }
            }
            Ok(())
        });
        engine.register("tiny", network);
        engine
    }

    fn encoder() -> Encoder {
        let card = small_card();
        let file = NetworkFile {
            name: "tiny".to_owned(),
            path: "tiny.onnx".into(),
            sha256: card.origin.sha256.clone(),
            bytes: Vec::new().into(),
        };
        Encoder { card, file }
    }

    fn fit_folder(
        folder: &Path,
        kind: Option<FitKind>,
        warm: Option<&WarmReadout>,
        steps: usize,
    ) -> Result<FittedReadout, FitError> {
        let data = DataSet::open(folder).unwrap();
        let frames = spaced_frames(&data, None);
        let mut engine = engine();
        let mut encoders = Encoders::load(&mut engine, &[encoder()])?;
        let target = Task::find("depth_zbuffer").unwrap();
        let mut request = FitRequest::new(target, &data, &frames);
        request.kind = kind;
        request.warm_start = warm;
        request.augmentation.views_per_frame = 2;
        request.effort = Effort {
            steps,
            warm_steps: steps,
            ..Effort::default()
        };
        fit(&mut encoders, &request, &mut |_| true)
    }

    /// Mean relative error of the plain frames, over known pixels.
    fn error(fitted: &FittedReadout, folder: &Path) -> f64 {
        let data = DataSet::open(folder).unwrap();
        let mut engine = engine();
        let mut encoders = Encoders::load(&mut engine, &[encoder()]).unwrap();
        let (mut sum, mut count) = (0.0, 0.0);
        for index in 0..data.frames() {
            let example = data.sequences()[0].read(index).unwrap();
            let frame = encoders.encode(&example.image).unwrap();
            let output = fitted.predict(&frame, Some(30.0));
            for (at, metres) in example.depth.unwrap().metres.iter().enumerate() {
                let (u, v) = (at % 32, at / 32);
                let found = output[v / 4 * 8 + u / 4];
                if !metres.is_nan() {
                    sum += f64::from((found - metres).abs() / metres);
                    count += 1.0;
                }
            }
        }
        sum / count
    }

    #[test]
    fn a_linear_readout_finds_what_the_levels_say() {
        let folder = tempfile::tempdir().unwrap();
        write_data(folder.path(), 10);
        let fitted = fit_folder(folder.path(), Some(FitKind::Ridge), None, 0).unwrap();
        let held_out = fitted.held_out.as_ref().unwrap();
        assert!(held_out.value < 0.5 * held_out.constant, "{held_out:?}");
        // Cells are 4 px: within one, depth differs by some 5 %.
        let error = error(&fitted, folder.path());
        assert!(error < 0.08, "{error}");
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_descent_learns() {
        let folder = tempfile::tempdir().unwrap();
        write_data(folder.path(), 8);
        let descent = || fit_folder(folder.path(), Some(FitKind::Convolutional), None, 90).unwrap();
        let (first, second) = (descent(), descent());
        assert!(first.onnx == second.onnx);
        let error = error(&first, folder.path());
        assert!(error < 0.15, "{error}");
    }

    #[test]
    fn a_fit_begins_with_the_weights_of_a_file_and_not_with_those_of_another_encoder() {
        let folder = tempfile::tempdir().unwrap();
        write_data(folder.path(), 6);
        let kind = Some(FitKind::Convolutional);
        let first = fit_folder(folder.path(), kind, None, 30).unwrap();
        let card = first.card(&FitNotes::new(None, 1.0, 1, vec![]));
        let network = || check(&first.onnx, &CheckLimits::default()).unwrap();
        let mut warm = WarmReadout::new(&card, network()).unwrap();
        // With other frames the levels are scaled otherwise; the net must say
        // the same.
        let scaling = crate::fit::convolutional::Scaling {
            channels: (first.layout.views.iter())
                .map(|view| vec![[0.3, 1.7]; view.channels])
                .collect(),
        };
        let net = &first.model.net;
        let weights =
            crate::fit::export::weights_of(&warm.network, "r", net, &scaling, None).unwrap();
        let same = crate::fit::model::Model {
            weights,
            scaling,
            ..first.model.clone()
        };
        for sample in &first.reference_samples {
            let mut space = same.workspace();
            let a = same.run(&first.layout, sample, 1.0, &mut space);
            let b = first.model.run(&first.layout, sample, 1.0, &mut space);
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 1e-3, "{a} but {b}");
            }
        }
        let begun = fit_folder(folder.path(), kind, Some(&warm), 30).unwrap();
        assert!(begun.tried.iter().any(|(what, _)| what.contains("warm")));
        warm.encoders[0].1 = "0".repeat(64);
        let error = fit_folder(folder.path(), kind, Some(&warm), 3).unwrap_err();
        assert!(matches!(error, FitError::OtherEncoder { .. }), "{error}");
    }

    #[test]
    fn what_is_saved_is_found_by_the_store_and_fits_its_encoder() {
        let folder = tempfile::tempdir().unwrap();
        write_data(folder.path(), 6);
        let fitted = fit_folder(folder.path(), Some(FitKind::Ridge), None, 0).unwrap();
        let out = tempfile::tempdir().unwrap();
        let data = vec![concert_models::card::FitData::new(
            "d".into(),
            "0".repeat(64),
            6,
        )];
        let notes = FitNotes::new(Some("home".to_owned()), 1.5, 1, data);
        let saved = fitted.save(out.path(), &notes).unwrap();
        assert_eq!(saved.name, "depth_zbuffer_from_tiny@home");
        let store = Store::new(vec![out.path().to_owned()]);
        let readout = store.readout(&saved.name).unwrap();
        fit_together(&readout.card, &[small_card()]).unwrap();
        assert_eq!(readout.card.reference_focal_px(), Some(32.0));
        assert!(readout.card.fit.unwrap().lambda.is_some());
        let left: Vec<_> = std::fs::read_dir(out.path().join("readouts"))
            .unwrap()
            .collect();
        assert_eq!(left.len(), 2, "nothing but network and card: {left:?}");
        // Where nothing can be written, nothing is.
        let blocked = tempfile::tempdir().unwrap();
        std::fs::write(blocked.path().join("readouts"), "a file").unwrap();
        let error = fitted.save(blocked.path(), &notes).unwrap_err();
        assert!(matches!(error, FitError::Write { .. }), "{error}");
    }

    #[test]
    fn a_linear_fit_goes_on_frame_by_frame_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        write_data(folder.path(), 10);
        let data = DataSet::open(folder.path()).unwrap();
        let mut engine = engine();
        let mut encoders = Encoders::load(&mut engine, &[encoder()]).unwrap();
        let target = Task::find("depth_zbuffer").unwrap();
        let examples: Vec<_> = (0..10)
            .map(|at| data.sequences()[0].read(at).unwrap())
            .collect();
        let frames: Vec<_> = (examples.iter())
            .map(|example| encoders.encode(&example.image).unwrap())
            .collect();
        let layout = encoders.layout().clone();
        let mut linear = LinearFit::new(target, &layout, None, &frames[..4]).unwrap();
        let mut statistics = linear.statistics().unwrap();
        let mut errors = Vec::new();
        for (at, (example, frame)) in examples.iter().zip(&frames).enumerate() {
            if at == 5 {
                // The process ends here and begins anew.
                let (kept, scale) = (statistics.to_bytes(), linear.scale());
                linear = LinearFit::from_scale(target, &layout, None, &scale).unwrap();
                statistics = linear.statistics().unwrap().read(&kept).unwrap();
            }
            let label = Label::of(target, example).unwrap().unwrap();
            if at > 0 {
                let readout = linear.readout(&statistics, 0.1).unwrap();
                errors.push(linear.error(&readout.predict(frame, Some(30.0)), &label));
            }
            linear.add(&mut statistics, frame, &label, Some(30.0), 1.0);
        }
        assert_eq!(statistics.frames(), 10);
        assert!(errors[8] < 0.08 && errors[8] <= errors[0], "{errors:?}");
        assert!(LinearFit::from_scale(target, &layout, None, &[1.0; 3]).is_err());
    }

    #[test]
    fn a_fit_that_is_stopped_stops() {
        let folder = tempfile::tempdir().unwrap();
        write_data(folder.path(), 6);
        let data = DataSet::open(folder.path()).unwrap();
        let frames = spaced_frames(&data, Some(4));
        assert_eq!(frames, [(0, 0), (0, 2), (0, 3), (0, 5)]);
        let mut engine = engine();
        let mut encoders = Encoders::load(&mut engine, &[encoder()]).unwrap();
        let target = Task::find("normal").unwrap();
        let request = FitRequest::new(target, &data, &frames);
        for stop_at in ["encoded", "comparing", "fitting"] {
            let stopped = fit(&mut encoders, &request, &mut |progress| match progress {
                FitProgress::Encoded { .. } => stop_at != "encoded",
                FitProgress::Comparing { .. } => stop_at != "comparing",
                FitProgress::Fitting { .. } => stop_at != "fitting",
            });
            assert!(matches!(stopped, Err(FitError::Stopped)), "{stop_at}");
        }
    }

    #[test]
    fn data_that_teaches_nothing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write_data(folder.path(), 1);
        let one = fit_folder(folder.path(), None, None, 3)
            .unwrap_err()
            .to_string();
        assert!(one.contains("at least 2"), "{one}");
        let folder = tempfile::tempdir().unwrap();
        write_data(folder.path(), 4);
        let same = image::ImageBuffer::from_pixel(SIDE, SIDE, image::Luma([1500u16]));
        for frame in 0..4 {
            let name = format!("frame-{frame:06}.depth.png");
            same.save(folder.path().join(name)).unwrap();
        }
        let same = fit_folder(folder.path(), None, None, 3)
            .unwrap_err()
            .to_string();
        assert!(same.contains("nothing to learn"), "{same}");
    }

    /// Frames of layout "frames" in a data set of the apartment: one red square, a can,
    /// somewhere on grey; a green one, a wall, beside it.
    fn write_boxes(folder: &Path, frames: u32) {
        let sequence = folder.join("seed-000001");
        std::fs::create_dir(&sequence).unwrap();
        for frame in 0..frames {
            let (left, top) = ((frame * 7) % 19, (frame * 5) % 17);
            let square = |u: u32, v: u32, side: u32| {
                (left..left + side).contains(&u) && (top..top + side).contains(&v)
            };
            let number = |u: u32, v: u32| match (square(u, v, 12), square(31 - u, 31 - v, 10)) {
                (true, _) => 2u16,
                (_, true) => 1,
                _ => 0,
            };
            let colour = image::RgbImage::from_fn(SIDE, SIDE, |u, v| match number(u, v) {
                2 => image::Rgb([220, 40, 40]),
                1 => image::Rgb([40, 200, 60]),
                _ => image::Rgb([110, 110, 120]),
            });
            let instance =
                image::ImageBuffer::from_fn(SIDE, SIDE, |u, v| image::Luma([number(u, v)]));
            let semantic =
                image::GrayImage::from_fn(SIDE, SIDE, |u, v| image::Luma([number(u, v) as u8]));
            let place = |ending: &str| sequence.join(format!("frame-{frame:06}.{ending}.png"));
            colour.save(place("color")).unwrap();
            instance.save(place("instance")).unwrap();
            semantic.save(place("semantic")).unwrap();
        }
        let index = format!(
            "{{\"version\":1,\"classes\":[[0,\"nothing\"],[1,\"wall\"],[2,\"can\"]],\
             \"sequences\":[{{\"folder\":\"seed-000001\",\"seed\":1,\"first_frame\":0,\
             \"frames\":{frames}}}]}}"
        );
        std::fs::write(folder.join("dataset.json"), index).unwrap();
    }

    fn fit_boxes(
        folder: &Path,
        kind: Option<FitKind>,
        steps: usize,
    ) -> Result<FittedReadout, FitError> {
        let data = DataSet::open(folder).unwrap();
        let frames = spaced_frames(&data, None);
        let mut engine = engine();
        let mut encoders = Encoders::load(&mut engine, &[encoder()])?;
        let target = Task::find("object_detection").unwrap();
        let mut request = FitRequest::new(target, &data, &frames);
        request.kind = kind;
        request.augmentation.views_per_frame = 2;
        request.effort = Effort {
            steps,
            dropout: 0.0,
            ..Effort::default()
        };
        fit(&mut encoders, &request, &mut |_| true)
    }

    #[test]
    fn boxes_are_learnt_from_a_few_frames_of_instances() {
        let folder = tempfile::tempdir().unwrap();
        write_boxes(folder.path(), 20);
        let (before, after) = (
            fit_boxes(folder.path(), None, 1).unwrap(),
            fit_boxes(folder.path(), None, 160).unwrap(),
        );
        let error = |fitted: &FittedReadout| fitted.held_out.as_ref().unwrap().value;
        assert_eq!(after.classes.as_deref(), Some(&["can".to_owned()][..]));
        assert_eq!(after.output_shape, [1, 48, 6]);
        assert_eq!(after.held_out.as_ref().unwrap().constant, 1.0);
        assert!(error(&before) > 0.9, "{}", error(&before));
        assert!(error(&after) < 0.3, "{}", error(&after));
        // The file is a network that the check allows, with its labels beside it.
        check(&after.onnx, &CheckLimits::default()).unwrap();
        let out = tempfile::tempdir().unwrap();
        let data = concert_models::card::FitData::new("d".into(), "0".repeat(64), 20);
        let notes = FitNotes::new(None, 1.0, 1, vec![data]);
        let saved = after.save(out.path(), &notes).unwrap();
        let labels = saved
            .network
            .with_file_name(format!("{}.labels.txt", saved.name));
        assert_eq!(std::fs::read_to_string(labels).unwrap(), "can\n");
    }

    #[test]
    fn boxes_have_no_closed_form_and_data_without_things_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write_boxes(folder.path(), 4);
        let error = fit_boxes(folder.path(), Some(FitKind::Ridge), 3).unwrap_err();
        assert!(matches!(error, FitError::NoClosedForm { .. }), "{error}");
        let index = folder.path().join("dataset.json");
        let text = std::fs::read_to_string(&index).unwrap();
        std::fs::write(&index, text.replace("can", "ceiling")).unwrap();
        let error = fit_boxes(folder.path(), None, 3).unwrap_err().to_string();
        assert!(error.contains("looks for can, cup"), "{error}");
        assert!(
            error.contains("the data names nothing, wall, ceiling"),
            "{error}"
        );
    }

    #[test]
    fn boxes_of_frames_that_were_encoded_before_have_the_numbers_of_what_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        write_boxes(folder.path(), 4);
        let data = DataSet::open(folder.path()).unwrap();
        let frames = spaced_frames(&data, None);
        let target = Task::find("object_detection").unwrap();
        let mut engine = engine();
        let mut encoders = Encoders::load(&mut engine, &[encoder()]).unwrap();
        let cached = (0..4).map(|index| {
            let example = data.sequences()[0].read(index).unwrap();
            CachedFrame {
                representation: encoders.encode(&example.image).unwrap(),
                label: Label::of(target, &example).unwrap().unwrap(),
                camera: None,
                size: (32, 32),
            }
        });
        let cached: Vec<_> = cached.collect();
        let mut request = FitRequest::new(target, &data, &frames);
        request.effort.steps = 1;
        let layout = encoders.layout().clone();
        let fitted = fit_cached(&layout, &request, cached, &mut |_| true).unwrap();
        assert_eq!(fitted.classes.as_deref(), Some(&["can".to_owned()][..]));
        // Every can is missed by who says nothing: so there are some.
        assert_eq!(fitted.held_out.as_ref().unwrap().constant, 1.0);
    }

    #[test]
    fn memory_is_counted_with_the_labels() {
        let folder = tempfile::tempdir().unwrap();
        write_boxes(folder.path(), 4);
        let data = DataSet::open(folder.path()).unwrap();
        // Representations alone would fit in twice.
        let layout = small_layout();
        let label_bytes = (1 + 4 + 1) * 64 * 4;
        let count = MAX_BYTES / (layout.bytes() + label_bytes) + 1;
        assert!(2 * count * layout.bytes() < MAX_BYTES);
        let frames = vec![(0, 0); count];
        let mut engine = engine();
        let mut encoders = Encoders::load(&mut engine, &[encoder()]).unwrap();
        let target = Task::find("object_detection").unwrap();
        let request = FitRequest::new(target, &data, &frames);
        let error = fit(&mut encoders, &request, &mut |_| false).unwrap_err();
        let FitError::TooMuchMemory { bytes, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(bytes, (count * (layout.bytes() + label_bytes)) as u64);
    }

    #[test]
    fn boxes_are_refused_where_only_a_closed_form_or_no_class_is_there() {
        let target = Task::find("object_detection").unwrap();
        let layout = small_layout();
        let frame = super::representation(&layout, &mut concert_models::rng::Rng::from_seed(3));
        let frames = [frame];
        let can = ["can".to_owned()];
        let error = LinearFit::new(target, &layout, Some(&can), &frames)
            .err()
            .unwrap();
        assert!(matches!(error, FitError::NoClosedForm { .. }), "{error}");
        let error = LinearFit::new(target, &layout, None, &frames)
            .err()
            .unwrap();
        assert!(matches!(error, FitError::NoClasses { .. }), "{error}");
    }

    #[test]
    fn an_input_that_is_no_whole_number_of_cells_is_refused_with_both_sides() {
        let layout = RepresentationLayout::of(&[&small_card_of_width(34)]).unwrap();
        let target = Task::find("object_detection").unwrap();
        let can = ["can".to_owned()];
        let error = crate::fit::training_set::objective(target, &layout, Some(&can)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "object_detection is read off cells of 4x4 px, but the input of tiny is 34x32 px: both \
             sides must be multiples of 4"
        );
    }
}
