//! Whether ONNX Runtime is there, and what it can run on.

use std::path::Path;

use concert_models::onnx::GraphBuilder;
use concert_models::{Engine, NetworkFile, TensorSpec, Wiring};
use concert_runtime::io::library::{self, LibraryRequest};
use concert_runtime::io::onnxruntime::{Environment, OrtEngine, Provider};
use concert_runtime::io::pip;

use super::Row;
use crate::cli::Global;

pub(super) fn rows(global: &Global) -> Vec<Row> {
    let request = LibraryRequest {
        explicit: global.onnxruntime.clone(),
        gpu: global.gpu,
        // A doctor looks and does not fetch.
        offline: true,
    };
    let library = match library::find_or_fetch(&request, &mut |_| {}) {
        Ok(library) => library,
        Err(library::LibraryError::Offline { .. }) => return vec![not_there()],
        Err(error) => {
            return vec![Row::fail(
                "onnxruntime",
                error.to_string(),
                "name another with --onnxruntime PATH",
            )];
        }
    };
    let found = format!(
        "{} at {}, {}",
        library.version,
        library.path.display(),
        library.origin
    );
    let mut rows = vec![Row::ok("onnxruntime", found)];
    match Environment::start(&library, global.threads) {
        Err(error) => rows.push(Row::fail(
            "providers",
            error.to_string(),
            "see what onnxruntime says",
        )),
        Ok(environment) => {
            let wanted = if global.gpu {
                &[Provider::TensorRt, Provider::Cuda, Provider::Cpu][..]
            } else {
                &[Provider::Cpu]
            };
            rows.extend(
                wanted
                    .iter()
                    .map(|provider| try_provider(&environment, *provider)),
            );
        }
    }
    rows
}

fn not_there() -> Row {
    if pip::is_there(Path::new("python3")).is_ok() {
        let found = format!(
            "not yet there; {} is fetched on first use",
            library::PINNED_VERSION
        );
        return Row::warn(
            "onnxruntime",
            found,
            "nothing, where the network can be reached",
        );
    }
    Row::fail(
        "onnxruntime",
        "not there, and no pip to fetch it with",
        "install python3-pip, or name a library with --onnxruntime PATH",
    )
}

/// Loads a network of one node on one provider, and runs it.
fn try_provider(environment: &Environment, provider: Provider) -> Row {
    match run_on(environment, provider) {
        Ok(where_it_ran) => Row::ok(
            "providers",
            format!("{provider}: a network ran on {where_it_ran}"),
        ),
        Err(reason) => Row::fail(
            "providers",
            format!("{provider}: {reason}"),
            "use another provider, or a library that has this one",
        ),
    }
}

fn run_on(environment: &Environment, provider: Provider) -> Result<String, String> {
    let bytes = GraphBuilder::new("doctor")
        .input("x", &[1, 4])
        .output("y", &[1, 4])
        .node("Abs", &["x"], &["y"], &[])
        .build_bytes();
    let file = NetworkFile {
        name: "doctor".to_owned(),
        path: "doctor".into(),
        sha256: concert_models::digest::sha256_hex(&bytes),
        bytes: bytes.into(),
    };
    let text = |error: concert_models::EngineError| error.to_string();
    let mut engine = OrtEngine::new(environment, &[provider]).map_err(text)?;
    let spec = TensorSpec::f32(&[1, 4]);
    let (x, y) = (
        engine.slot(&spec).map_err(text)?,
        engine.slot(&spec).map_err(text)?,
    );
    let wiring = Wiring {
        inputs: vec![("x".to_owned(), x)],
        outputs: vec![("y".to_owned(), y)],
    };
    let mut network = engine.load(&file, &[wiring]).map_err(text)?;
    let input: Vec<u8> = [-2.0f32; 4]
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect();
    engine
        .fill(x, &mut |bytes| bytes.copy_from_slice(&input))
        .map_err(text)?;
    network.run(0).map_err(text)?;
    let want: Vec<u8> = [2.0f32; 4]
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect();
    if *engine.view(y).map_err(text)? != *want {
        return Err("a network of one node gave a wrong result".to_owned());
    }
    let placement = network.placement();
    let nodes = placement
        .nodes
        .iter()
        .map(|(name, count)| format!("{name} ({count} nodes)"));
    let nodes: Vec<_> = nodes.collect();
    Ok(if nodes.is_empty() {
        placement.provider.clone()
    } else {
        nodes.join(", ")
    })
}
