//! The engine's promises, against the real ONNX Runtime: found or fetched as
//! a user's would be. Says "skipped" where there is neither library nor network.
#![cfg(feature = "onnxruntime")]

#[path = "../../tests/common/skip.rs"]
mod skip;

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Barrier};

use concert_models::digest::sha256_hex;
use concert_models::onnx::{Dim, GraphBuilder};
use concert_models::store::Store;
use concert_models::{DType, Engine, EngineError, NetworkFile, Slot, TensorSpec, Wiring};
use concert_runtime::Spinning;
use concert_runtime::io::library::{
    self, Library, LibraryError, LibraryProgress, LibraryRequest, Places,
};
use concert_runtime::io::onnxruntime::{Environment, OptimisedCache, OrtEngine, Provider};
use concert_runtime::io::thread::spawn;

fn library() -> Option<Library> {
    match library::find_or_fetch(&LibraryRequest::default(), &mut |_| {}) {
        Ok(library) => Some(library),
        Err(error @ (LibraryError::Fetch { .. } | LibraryError::NoPip { .. })) => {
            skip::skip(format_args!("{error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn engine_on(providers: &[Provider]) -> Option<OrtEngine> {
    let environment = Environment::start(&library()?, NonZeroUsize::new(2)).unwrap();
    Some(OrtEngine::new(&environment, providers).unwrap())
}

fn engine() -> Option<OrtEngine> {
    engine_on(&[Provider::Cpu])
}

fn wiring(inputs: &[(&str, Slot)], outputs: &[(&str, Slot)]) -> Wiring {
    let owned = |wired: &[(&str, Slot)]| {
        wired
            .iter()
            .map(|&(name, slot)| (name.to_owned(), slot))
            .collect()
    };
    Wiring {
        inputs: owned(inputs),
        outputs: owned(outputs),
    }
}

fn put(engine: &mut OrtEngine, slot: Slot, values: &[f32]) {
    let source: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect();
    engine
        .fill(slot, &mut |bytes| bytes.copy_from_slice(&source))
        .unwrap();
}

fn get(engine: &mut OrtEngine, slot: Slot) -> Vec<f32> {
    let bytes = engine.view(slot).unwrap();
    assert_eq!(bytes.as_ptr().align_offset(64), 0);
    bytes
        .chunks_exact(4)
        .map(|value| f32::from_ne_bytes(value.try_into().unwrap()))
        .collect()
}

fn network(name: &str, bytes: Vec<u8>) -> NetworkFile {
    NetworkFile {
        name: name.to_owned(),
        path: PathBuf::from(format!("{name}.onnx")),
        sha256: sha256_hex(&bytes),
        bytes: bytes.into(),
    }
}

/// `y` is `operator(x)`, both of `shape`.
fn unary(operator: &str, shape: &[usize]) -> NetworkFile {
    let graph = GraphBuilder::new(operator)
        .input("x", shape)
        .output("y", shape)
        .node(operator, &["x"], &["y"], &[]);
    network(operator, graph.build_bytes())
}

#[test]
fn what_is_viewed_cannot_be_overwritten() {
    let Some(mut engine) = engine() else { return };
    let spec = TensorSpec::f32(&[1, 4]);
    let [x, y] = [(); 2].map(|()| engine.slot(&spec).unwrap());
    let wired = [wiring(&[("x", x)], &[("y", y)])];
    let mut network = engine.load(&unary("Neg", &[1, 4]), &wired).unwrap();
    put(&mut engine, x, &[1.0; 4]);
    network.run(0).unwrap();
    let view = engine.view(y).unwrap();
    let before = view.to_vec();
    let error = network.run(0).unwrap_err().to_string();
    assert!(error.contains("still holds a view"), "{error}");
    // Another thread waits until the view is gone.
    let other = spawn("other", move || network.run(0).map(|()| network)).unwrap();
    assert_eq!(*view, *before);
    drop(view);
    let mut network = other.join().unwrap().unwrap();
    network.run(0).unwrap();
}

#[test]
fn one_encoders_representation_reaches_two_readouts_through_its_slot() {
    let Some(mut engine) = engine() else { return };
    let spec = TensorSpec::f32(&[1, 4]);
    let [frame, representation, first, second] = [(); 4].map(|()| engine.slot(&spec).unwrap());
    let shape = [1, 4];
    let mut encoder = engine
        .load(
            &unary("Abs", &shape),
            &[wiring(&[("x", frame)], &[("y", representation)])],
        )
        .unwrap();
    let mut negate = engine
        .load(
            &unary("Neg", &shape),
            &[wiring(&[("x", representation)], &[("y", first)])],
        )
        .unwrap();
    let mut root = engine
        .load(
            &unary("Sqrt", &shape),
            &[wiring(&[("x", representation)], &[("y", second)])],
        )
        .unwrap();
    let place = engine.view(representation).unwrap().as_ptr();
    for factor in [1.0, 4.0] {
        put(
            &mut engine,
            frame,
            &[-4.0, 9.0, -16.0, 0.0].map(|x: f32| x * factor),
        );
        encoder.run(0).unwrap();
        negate.run(0).unwrap();
        root.run(0).unwrap();
        let scaled = |values: [f32; 4], factor: f32| values.map(|value| value * factor).to_vec();
        assert_eq!(
            get(&mut engine, representation),
            scaled([4.0, 9.0, 16.0, 0.0], factor)
        );
        assert_eq!(
            get(&mut engine, first),
            scaled([-4.0, -9.0, -16.0, -0.0], factor)
        );
        assert_eq!(
            get(&mut engine, second),
            scaled([2.0, 3.0, 4.0, 0.0], factor.sqrt())
        );
    }
    assert_eq!(engine.view(representation).unwrap().as_ptr(), place);
    assert_eq!(encoder.placement().provider, "cpu");
    assert_eq!(encoder.placement().nodes, [("cpu".to_owned(), 1)]);
}

#[test]
fn a_ring_of_two_wirings_takes_turns() {
    let Some(mut engine) = engine() else { return };
    let spec = TensorSpec::f32(&[2]);
    let [frame, even, odd, difference] = [(); 4].map(|()| engine.slot(&spec).unwrap());
    let mut encoder = engine
        .load(
            &unary("Abs", &[2]),
            &[
                wiring(&[("x", frame)], &[("y", even)]),
                wiring(&[("x", frame)], &[("y", odd)]),
            ],
        )
        .unwrap();
    let subtract = GraphBuilder::new("motion")
        .input("now", &[2])
        .input("before", &[2])
        .output("moved", &[2])
        .node("Sub", &["now", "before"], &["moved"], &[]);
    let subtract = network("motion", subtract.build_bytes());
    let mut motion = engine
        .load(
            &subtract,
            &[
                wiring(&[("now", even), ("before", odd)], &[("moved", difference)]),
                wiring(&[("now", odd), ("before", even)], &[("moved", difference)]),
            ],
        )
        .unwrap();
    for (turn, values, expected) in [
        (0, [-3.0, 5.0], [3.0, 5.0]),
        (1, [-4.0, 9.0], [1.0, 4.0]),
        (0, [6.0, 6.0], [2.0, -3.0]),
    ] {
        put(&mut engine, frame, &values);
        encoder.run(turn).unwrap();
        motion.run(turn).unwrap();
        assert_eq!(get(&mut engine, difference), expected);
    }
    let error = motion.run(2).unwrap_err().to_string();
    assert!(error.contains("2 wirings, and number 2"), "{error}");
}

#[test]
fn a_slot_of_another_shape_is_refused_with_both_shapes() {
    let Some(mut engine) = engine() else { return };
    let narrow = engine.slot(&TensorSpec::f32(&[1, 3])).unwrap();
    let wide = engine.slot(&TensorSpec::f32(&[1, 4])).unwrap();
    let axes = [Dim::Unknown, Dim::Fixed(4)];
    let open = GraphBuilder::new("open")
        .input_dims("x", DType::F32, &axes)
        .output_dims("y", DType::F32, &axes)
        .node("Abs", &["x"], &["y"], &[]);
    let open = network("open", open.build_bytes());
    let error = engine
        .load(&open, &[wiring(&[("x", wide)], &[("y", narrow)])])
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "output y of network open is f32 [?, 4], but its slot is f32 [1, 3]"
    );
    let bytes = TensorSpec {
        dtype: DType::U8,
        shape: vec![1, 4],
    };
    let bytes = engine.slot(&bytes).unwrap();
    let error = engine
        .load(&open, &[wiring(&[("x", bytes)], &[("y", wide)])])
        .err()
        .unwrap();
    assert!(
        matches!(error, EngineError::ShapeMismatch { .. }),
        "{error}"
    );
}

#[test]
fn a_tensor_that_the_network_has_not_is_refused_with_those_it_has() {
    let Some(mut engine) = engine() else { return };
    let spec = TensorSpec::f32(&[2]);
    let [read, written] = [(); 2].map(|()| engine.slot(&spec).unwrap());
    let error = engine
        .load(
            &unary("Abs", &[2]),
            &[wiring(&[("x", read)], &[("z", written)])],
        )
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "network Abs has no output named z; it has y"
    );
}

#[test]
fn wirings_that_leave_out_or_alias_a_tensor_are_refused() {
    let Some(mut engine) = engine() else { return };
    let spec = TensorSpec::f32(&[2]);
    let [read, written] = [(); 2].map(|()| engine.slot(&spec).unwrap());
    let cases = [
        (wiring(&[], &[("y", written)]), "no slot for input x"),
        (wiring(&[("x", read)], &[]), "no slot for any output"),
        (
            wiring(&[("x", read)], &[("y", read)]),
            "output y would overwrite another of its tensors",
        ),
        (
            wiring(&[("x", read)], &[("y", Slot(9))]),
            "output y names slot 9 of 2",
        ),
    ];
    for (wiring, reason) in cases {
        let error = engine.load(&unary("Abs", &[2]), &[wiring]).err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("network Abs is wired wrongly: {reason}")
        );
    }
}

#[test]
fn a_terminated_network_says_so_and_runs_again_after_rearming() {
    let Some(mut engine) = engine() else { return };
    let spec = TensorSpec::f32(&[2]);
    let [read, written] = [(); 2].map(|()| engine.slot(&spec).unwrap());
    let mut network = engine
        .load(
            &unary("Abs", &[2]),
            &[wiring(&[("x", read)], &[("y", written)])],
        )
        .unwrap();
    put(&mut engine, read, &[-1.0, -2.0]);
    let terminator = network.terminator();
    terminator.terminate();
    let error = network.run(0).unwrap_err();
    assert!(matches!(error, EngineError::Terminated { .. }), "{error}");
    assert_eq!(get(&mut engine, written), [0.0, 0.0]);
    terminator.rearm();
    network.run(0).unwrap();
    assert_eq!(get(&mut engine, written), [1.0, 2.0]);
}

#[test]
fn a_run_under_way_is_ended_from_another_thread() {
    let Some(mut engine) = engine() else { return };
    let shape = [256, 256];
    let names: Vec<String> = (0..200).map(|index| format!("t{index}")).collect();
    let mut graph = GraphBuilder::new("long")
        .input("t0", &shape)
        .output("t199", &shape);
    for pair in names.windows(2) {
        let (from, to) = (pair[0].as_str(), pair[1].as_str());
        graph = graph.node("MatMul", &[from, from], &[to], &[]);
    }
    let spec = TensorSpec::f32(&shape);
    let [read, written] = [(); 2].map(|()| engine.slot(&spec).unwrap());
    let wiring = wiring(&[("t0", read)], &[("t199", written)]);
    let mut long = engine
        .load(&network("long", graph.build_bytes()), &[wiring])
        .unwrap();
    let terminator = long.terminator();
    let started = Arc::new(Barrier::new(2));
    let seen = Arc::clone(&started);
    let runs = spawn("runs", move || {
        seen.wait();
        loop {
            if let Err(error) = long.run(0) {
                return error;
            }
        }
    })
    .unwrap();
    started.wait();
    terminator.terminate();
    let error = runs.join().unwrap();
    assert!(matches!(error, EngineError::Terminated { .. }), "{error}");
}

#[test]
fn what_is_no_network_is_an_error_that_names_it() {
    let Some(mut engine) = engine() else { return };
    let error = engine
        .load(&network("garbage", vec![0xff; 64]), &[Wiring::default()])
        .err()
        .unwrap();
    assert!(matches!(error, EngineError::Load { .. }), "{error}");
    assert!(error.to_string().contains("network garbage"), "{error}");
}

#[test]
fn a_tensor_without_memory_is_refused() {
    let Some(mut engine) = engine() else { return };
    let error = engine.slot(&TensorSpec::f32(&[usize::MAX, 2])).unwrap_err();
    assert!(matches!(error, EngineError::OutOfMemory { .. }), "{error}");
}

/// Tells whether this machine could run CUDA: then the refusals below do not happen.
fn has_cuda(library: &Library) -> bool {
    library
        .path
        .with_file_name("libonnxruntime_providers_cuda.so")
        .exists()
}

#[test]
fn a_provider_that_cannot_be_had_is_passed_over_and_recorded() {
    let Some(library) = library() else { return };
    if has_cuda(&library) {
        skip::cannot(format_args!("this library has CUDA"));
        return;
    }
    let Some(mut engine) = engine_on(&[Provider::Cuda, Provider::Cpu]) else {
        return;
    };
    let spec = TensorSpec::f32(&[2]);
    let [read, written] = [(); 2].map(|()| engine.slot(&spec).unwrap());
    let network = engine
        .load(
            &unary("Abs", &[2]),
            &[wiring(&[("x", read)], &[("y", written)])],
        )
        .unwrap();
    assert_eq!(network.placement().provider, "cpu");
    let refusals = engine.refusals();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert_eq!(refusals[0].provider, Provider::Cuda);
    assert!(
        refusals[0].to_string().starts_with("cuda refused Abs: "),
        "{}",
        refusals[0]
    );
    let described = engine.describe();
    assert!(
        described.contains("providers cuda, cpu; cuda refused Abs: "),
        "{described}"
    );
}

#[test]
fn a_chain_without_a_provider_that_can_be_had_is_an_error() {
    let Some(library) = library() else { return };
    if has_cuda(&library) {
        skip::cannot(format_args!("this library has CUDA"));
        return;
    }
    let Some(mut engine) = engine_on(&[Provider::Cuda]) else {
        return;
    };
    let spec = TensorSpec::f32(&[2]);
    let [read, written] = [(); 2].map(|()| engine.slot(&spec).unwrap());
    let error = engine
        .load(
            &unary("Abs", &[2]),
            &[wiring(&[("x", read)], &[("y", written)])],
        )
        .err()
        .unwrap();
    let text = error.to_string();
    assert!(
        text.starts_with("network Abs could not be loaded on any of cuda: cuda: "),
        "{text}"
    );
}

#[test]
fn siblings_share_networks_but_not_slots() {
    let Some(mut first) = engine() else { return };
    let mut second = first.sibling();
    let spec = TensorSpec::f32(&[2]);
    let file = unary("Abs", &[2]);
    let mut networks = Vec::new();
    for engine in [&mut first, &mut second] {
        let [read, written] = [(); 2].map(|()| engine.slot(&spec).unwrap());
        let wiring = wiring(&[("x", read)], &[("y", written)]);
        networks.push(engine.load(&file, &[wiring]).unwrap());
    }
    put(&mut first, Slot(0), &[-1.0, -2.0]);
    put(&mut second, Slot(0), &[-3.0, -4.0]);
    networks
        .iter_mut()
        .for_each(|network| network.run(0).unwrap());
    assert_eq!(get(&mut first, Slot(1)), [1.0, 2.0]);
    assert_eq!(get(&mut second, Slot(1)), [3.0, 4.0]);
    // A network keeps what it needs after its engine is gone.
    drop((first, second));
    networks
        .iter_mut()
        .for_each(|network| network.run(0).unwrap());
}

/// The shipped encoder `xfeat`, with slots for its image and its descriptors.
fn xfeat(engine: &mut OrtEngine) -> (NetworkFile, Wiring, [Slot; 2]) {
    let models = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../models"));
    let encoder = Store::new(vec![models]).encoder("xfeat").unwrap();
    let level = encoder.card.level("descriptors").unwrap();
    let image = engine.slot(&encoder.card.input.spec()).unwrap();
    let descriptors = engine.slot(&level.spec()).unwrap();
    let wired = wiring(
        &[(encoder.card.input.tensor(), image)],
        &[(&level.tensor, descriptors)],
    );
    let pixels = (0..3 * 288 * 384_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 8) as f32);
    let pixels: Vec<f32> = pixels.map(|n| n / (1 << 24) as f32).collect();
    put(engine, image, &pixels);
    (encoder.file, wired, [image, descriptors])
}

#[test]
fn an_optimised_network_from_the_cache_gives_the_same_bits() {
    let Some(library) = library() else { return };
    let environment = Environment::start(&library, NonZeroUsize::new(2)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = OptimisedCache::new(folder.path().join("optimised"), &library).unwrap();
    let engine = || {
        let cache = Some(cache.clone());
        OrtEngine::with_cache(&environment, &[Provider::Cpu], cache).unwrap()
    };
    let run = |engine: &mut OrtEngine, has_bytes: bool| {
        let (mut file, wired, [_, descriptors]) = xfeat(engine);
        if !has_bytes {
            file.bytes = Arc::from([]);
        }
        engine.preloader().unwrap().preload(&file, 1);
        let mut network = engine.load(&file, &[wired]).unwrap();
        assert!(
            !network.is_shared(),
            "only preloaded, so its first run is to come"
        );
        network.run(0).unwrap();
        (network.placement().clone(), get(engine, descriptors))
    };
    let (mut plain, mut first) = (engine_on(&[Provider::Cpu]).unwrap(), engine());
    let expected = run(&mut plain, true);
    assert!(expected.1.iter().any(|value| *value != 0.0));
    assert_eq!(run(&mut first, true), expected);
    let kept: Vec<_> = fs::read_dir(folder.path().join("optimised"))
        .unwrap()
        .collect();
    let [Ok(kept)] = kept.as_slice() else {
        panic!("{kept:?}");
    };
    // From what was kept alone.
    assert_eq!(run(&mut engine(), false), expected);
    let mut damaged = fs::read(kept.path()).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(kept.path(), &damaged).unwrap();
    assert_eq!(run(&mut engine(), true), expected);
    assert!(
        fs::read(kept.path()).unwrap() != damaged,
        "it was not made anew"
    );
    assert_eq!(run(&mut engine(), false), expected);
}

#[test]
fn networks_that_run_side_by_side_give_the_bits_that_they_give_alone() {
    let Some(mut engine) = engine() else { return };
    assert_eq!(engine.side_by_side(), 2);
    let (file, wired, [_, descriptors]) = xfeat(&mut engine);
    engine.load(&file, &[wired]).unwrap().run(0).unwrap();
    let expected = get(&mut engine, descriptors);
    let [one, two] = [(); 2].map(|()| {
        let (file, wired, [_, descriptors]) = xfeat(&mut engine);
        let network = engine.load_beside(&file, &[wired], 2).unwrap();
        (network, descriptors)
    });
    assert!(
        two.0.is_shared(),
        "with each other, though not with who has all threads"
    );
    let runs = [one, two].map(|(mut network, descriptors)| {
        let run = move || (0..3).try_for_each(|_| network.run(0));
        (spawn("beside", run).unwrap(), descriptors)
    });
    for (run, descriptors) in runs {
        run.join().unwrap().unwrap();
        assert!(get(&mut engine, descriptors) == expected);
    }
}

#[test]
fn a_second_environment_with_other_threads_is_refused() {
    let Some(library) = library() else { return };
    let threads = NonZeroUsize::new(2);
    let first = Environment::start(&library, threads).unwrap();
    assert_eq!(
        Environment::start(&library, threads).unwrap().threads(),
        first.threads()
    );
    let error = Environment::start(&library, NonZeroUsize::new(3)).unwrap_err();
    assert!(error.to_string().contains("2 threads already"), "{error}");
    let error = Environment::start_spinning(&library, threads, Spinning::On).unwrap_err();
    let text = error.to_string();
    let (before, after) = ("already, spinning off", "with 2, spinning on, cannot");
    assert!(text.contains(before) && text.contains(after), "{text}");
}

/// Runs a test of this file in a process of its own, without the variable.
#[test]
fn with_telemetry_on_the_library_is_not_loaded() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--quiet", "telemetry_is_on"])
        .env_remove(concert_runtime::io::onnxruntime::TELEMETRY_VARIABLE)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
#[ignore = "a part of the test before, in a process of its own"]
fn telemetry_is_on() {
    let error = library::find_or_fetch(&LibraryRequest::default(), &mut |_| {}).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("ORT_DISABLE_TELEMETRY=1 must be"), "{text}");
    let by_hand = Library {
        path: PathBuf::from("/nonexistent/libonnxruntime.so"),
        version: library::PINNED_VERSION.to_owned(),
        origin: library::LibraryOrigin::Explicit,
    };
    let text = Environment::start(&by_hand, None).unwrap_err().to_string();
    assert!(text.contains("ORT_DISABLE_TELEMETRY=1 must be"), "{text}");
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    assert!(!maps.contains("libonnxruntime"), "the library is in memory");
}

/// A cache of the test's own, filled from the user's where that holds the
/// library, so that nothing is fetched twice.
fn copied_cache(library: &Library) -> Option<(tempfile::TempDir, Places)> {
    let source = library.path.parent()?;
    let mut places = Places::of_this_machine().ok()?;
    if !source.starts_with(&places.cache) {
        skip::skip(format_args!("the library is not the cached one"));
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join(source.file_name()?);
    fs::create_dir(&target).unwrap();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, target.join(path.file_name().unwrap())).unwrap();
    }
    folder.path().clone_into(&mut places.cache);
    places.variables.clear();
    places.system.clear();
    Some((folder, places))
}

#[test]
fn a_cached_library_is_used_without_network_but_not_once_it_was_changed() {
    let Some(library) = library() else { return };
    let Some((folder, places)) = copied_cache(&library) else {
        return;
    };
    let request = LibraryRequest {
        offline: true,
        ..LibraryRequest::default()
    };
    let found = library::find_or_fetch_in(&request, &places, &mut |_| {}).unwrap();
    assert!(found.path.starts_with(folder.path()));
    assert_eq!(found.version, library.version);

    let changed = places
        .cache
        .join(found.path.parent().unwrap().file_name().unwrap())
        .join("libonnxruntime_providers_shared.so");
    fs::write(&changed, b"changed").unwrap();
    let mut seen = Vec::new();
    let error =
        library::find_or_fetch_in(&request, &places, &mut |step| seen.push(step)).unwrap_err();
    assert!(matches!(error, LibraryError::Offline { .. }), "{error}");
    let [LibraryProgress::Skipped { reason, .. }] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert!(reason.contains("has sha256"), "{reason}");
    assert!(reason.contains(changed.to_str().unwrap()), "{reason}");
}

#[test]
fn two_processes_that_find_a_changed_cache_fetch_once_and_both_get_the_pinned_library() {
    let Some(library) = library() else { return };
    let Some((folder, places)) = copied_cache(&library) else {
        return;
    };
    let changed = places
        .cache
        .join(library.path.parent().unwrap().file_name().unwrap())
        .join(library.path.file_name().unwrap());
    fs::write(&changed, b"changed").unwrap();
    // The lock belongs to the open file, so two threads exclude each other as
    // two processes do.
    let both = [places.clone(), places].map(|places| {
        spawn("fetch", move || {
            let mut fetches = 0;
            let request = LibraryRequest::default();
            let found = library::find_or_fetch_in(&request, &places, &mut |step| {
                fetches += usize::from(matches!(step, LibraryProgress::Fetching { .. }));
            });
            (found, fetches)
        })
        .unwrap()
    });
    let mut fetches = 0;
    for thread in both {
        let (found, fetched) = thread.join().unwrap();
        match found {
            Ok(found) => assert_eq!(found.path, changed),
            Err(error @ LibraryError::Fetch { .. }) => {
                skip::skip(format_args!("{error}"));
                return;
            }
            Err(error) => panic!("{error}"),
        }
        fetches += fetched;
    }
    assert_eq!(fetches, 1);
    assert_eq!(
        fs::metadata(&changed).unwrap().len(),
        fs::metadata(&library.path).unwrap().len()
    );
    assert!(!folder.path().join("incoming").exists());
}
