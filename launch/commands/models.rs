//! `concert models`: list, fetch, check, cut, merge and describe networks.

mod args;
mod merge;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use concert_models::card::{Card, ImageInput, encoder_skeleton};
use concert_models::onnx::{self, CheckLimits, Description, Tap};
use concert_models::store::{Listed, Store, StoreError};
use concert_policies::document::{check_place, write_whole};
use concert_runtime::io::pull::PullProgress;
use serde_json::{Value, json};

use super::check::kind::{Kind, read_network};
use crate::cli::Global;
use crate::model_folders::model_folders;
use crate::report::{Exit, Failure, Refuse, Report};

pub(crate) use args::ModelsArgs;

pub(crate) fn run(command: &ModelsArgs, global: &Global) -> Result<Report, Failure> {
    match command {
        ModelsArgs::List => Ok(list(global)),
        ModelsArgs::Pull { names, into } => pull(names, into.as_deref(), global),
        ModelsArgs::Check { files } => Ok(check(files, global)),
        ModelsArgs::Cut {
            file,
            taps,
            size,
            out,
        } => cut(file, taps, *size, out),
        ModelsArgs::Merge { policy, out } => merge::run(policy, out, global),
        ModelsArgs::Describe { file, size } => describe(file, *size),
    }
}

fn list(global: &Global) -> Report {
    let folders = model_folders(&global.models, &[], None);
    let shown: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    let store = Store::new(folders);
    let listed = store.list();
    let faults: Vec<_> = (listed.iter())
        .map(|entry| store.verify(entry).err())
        .collect();
    let width = listed
        .iter()
        .map(|entry| entry.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (entry, fault) in listed.iter().zip(&faults) {
        let _ = writeln!(
            text,
            "{:<8} {:<width$}  {}",
            entry.kind.to_string(),
            entry.name,
            state(entry, fault.as_ref())
        );
    }
    let _ = write!(text, "looked in: {}", shown.join(", "));
    let entries = listed.iter().zip(&faults);
    let entries: Vec<Value> = (entries)
        .map(|(entry, fault)| listed_json(entry, fault.as_ref()))
        .collect();
    // What was never fetched is no fault.
    let refused = |fault: &StoreError| !matches!(fault, StoreError::NoNetwork { .. });
    let exit = if faults.iter().flatten().any(refused) {
        Exit::Failed
    } else {
        Exit::Done
    };
    Report {
        json: json!({ "folders": shown, "networks": entries }),
        text,
        exit,
    }
}

fn state(entry: &Listed, fault: Option<&StoreError>) -> String {
    let card = match (&entry.card, fault) {
        (Err(error), _) => return format!("refused: {error}"),
        (Ok(card), None | Some(StoreError::NoNetwork { .. })) => card,
        (Ok(_), Some(fault)) => return format!("refused: {fault}"),
    };
    if let Card::Geometric(card) = card {
        return format!("geometry, {}: no network is needed", card.method.name());
    }
    let origin = card.origin();
    let size = format!(
        "{:.1} MB, {}",
        origin.size_bytes as f64 / 1e6,
        origin.provenance.licence
    );
    match (&entry.network_path, card) {
        (Some(path), _) => format!("{size}, {}", path.display()),
        (None, Card::Encoder(card)) if card.pull.is_some() => {
            format!("{size}, not fetched: `concert models pull {}`", entry.name)
        }
        (None, _) => format!(
            "{size}, network missing beside {}",
            entry.card_path.display()
        ),
    }
}

fn listed_json(entry: &Listed, fault: Option<&StoreError>) -> Value {
    let mut json = json!({
        "kind": entry.kind, "name": entry.name, "card": entry.card_path, "network": entry.network_path,
    });
    match &entry.card {
        Err(error) => json["error"] = json!(error.to_string()),
        Ok(card) => {
            let origin = card.origin();
            json["fault"] = json!(fault.map(ToString::to_string));
            json["geometric"] = json!(matches!(card, Card::Geometric(_)));
            json["sha256"] = json!(origin.sha256);
            json["size_bytes"] = json!(origin.size_bytes);
            json["licence"] = json!(origin.provenance.licence);
            json["weights"] = json!(origin.provenance.weights);
            json["trained_on"] = json!(origin.provenance.trained_on);
        }
    }
    json
}

fn check(files: &[PathBuf], global: &Global) -> Report {
    let mut texts = Vec::new();
    let mut objects = Vec::new();
    let mut exit = Exit::Done;
    for file in files {
        let error = check_network(file, global).err();
        if error.is_some() {
            exit = Exit::Refused;
        }
        let verdict = error.clone().unwrap_or_else(|| "ok".to_owned());
        texts.push(format!("{}: {verdict}", file.display()));
        objects.push(json!({ "file": file, "ok": error.is_none(), "error": error }));
    }
    Report {
        json: json!({ "files": objects }),
        text: texts.join("\n"),
        exit,
    }
}

/// A card is held to its network, a network to the rules for networks.
fn check_network(file: &Path, global: &Global) -> Result<(), String> {
    if matches!(Kind::of(file), Ok(Kind::Card)) {
        return super::check::card_fault(file, global).map_or(Ok(()), Err);
    }
    let bytes = read_network(file).map_err(|error| error.to_string())?;
    onnx::check(&bytes, &CheckLimits::default()).map_err(|error| error.to_string())?;
    Ok(())
}

/// Reads and checks a network.
fn checked(file: &Path) -> Result<onnx::Checked, Failure> {
    let bytes = read_network(file).or_refuse()?;
    let checked = onnx::check(&bytes, &CheckLimits::default());
    checked
        .with_context(|| file.display().to_string())
        .or_refuse()
}

/// The shape of the image that a network takes, for an image of this size.
fn input_shapes(
    file: &Path,
    network: &onnx::Checked,
    size: Option<(usize, usize)>,
) -> Result<Vec<(String, Vec<usize>)>, Failure> {
    let Some((width, height)) = size else {
        return Ok(Vec::new());
    };
    let image = ImageInput::of(&Description::of(network));
    let image =
        image.map_err(|reason| Failure::refused(anyhow!("{}: {reason}", file.display())))?;
    let shape = image.shape(width, height);
    Ok(vec![(image.tensor, shape)])
}

fn cut(
    file: &Path,
    taps: &[String],
    size: Option<(usize, usize)>,
    out: &Path,
) -> Result<Report, Failure> {
    let taps = taps.iter().map(|tap| {
        // Names of tensors may contain `=`; names of levels may not.
        let (tensor, level) = tap.rsplit_once('=').ok_or_else(|| {
            Failure::refused(anyhow!("--tap is `{tap}`, but must be TENSOR=LEVEL"))
        })?;
        Ok(Tap::new(tensor, level))
    });
    let taps = taps.collect::<Result<Vec<_>, Failure>>()?;
    check_place(out).or_refuse()?;
    let network = checked(file)?;
    let inputs = input_shapes(file, &network, size)?;
    let bytes = onnx::cut(&network, &taps, &inputs);
    let bytes = bytes
        .with_context(|| file.display().to_string())
        .or_refuse()?;
    let mut report = written(out, &bytes)?;
    let from = file.file_name().unwrap_or_default().display().to_string();
    let beside = out.with_extension("toml");
    let said = match card_beside(&beside, out, &bytes, &from) {
        Ok(said) => {
            report.json["card"] = json!(beside);
            said
        }
        Err(reason) => {
            report.json["no_card"] = json!(reason);
            format!("no card was written: {reason}")
        }
    };
    report.text = format!("{}\n{said}", report.text);
    Ok(report)
}

/// Writes the beginning of the encoder's card, where there is none yet.
fn card_beside(card: &Path, out: &Path, bytes: &[u8], from: &str) -> Result<String, String> {
    let name = out.file_stem().unwrap_or_default().display().to_string();
    let network = onnx::check(bytes, &CheckLimits::default()).map_err(|error| error.to_string())?;
    let weights = format!("cut from {}", from.escape_debug());
    let text = encoder_skeleton(&name, bytes, &network, &weights)?;
    let shown = card.display();
    if card.exists() {
        return Err(format!(
            "{shown} is there already: its sha256 and size_bytes are to be those above"
        ));
    }
    write_whole(card, text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(format!(
        "{shown}: fill in what it leaves open, then `concert models check {shown}`"
    ))
}

/// Writes a network and describes what was written.
fn written(out: &Path, bytes: &[u8]) -> Result<Report, Failure> {
    let description = onnx::describe(bytes)?;
    write_whole(out, bytes)?;
    let sha256 = concert_models::digest::sha256_hex(bytes);
    let text = format!(
        "{}\nsha256 {sha256}\n{}",
        out.display(),
        description_text(&description)
    );
    let json = json!({ "file": out, "sha256": sha256, "network": description });
    Ok(Report::done(json, text))
}

fn describe(file: &Path, size: Option<(usize, usize)>) -> Result<Report, Failure> {
    let network = checked(file)?;
    let inputs = input_shapes(file, &network, size)?;
    let description = Description::at(&network, &inputs);
    let text = description_text(&description);
    Ok(Report::done(
        json!({ "file": file, "network": description }),
        text,
    ))
}

/// A network for people: its ends, its size, where it may be cut.
pub(crate) fn description_text(of: &Description) -> String {
    let mut text = String::new();
    let opsets: Vec<_> = of
        .opsets
        .iter()
        .map(|set| format!("{} {}", set.domain, set.version))
        .collect();
    let _ = writeln!(
        text,
        "onnx network, {} nodes, {} parameters, {} bytes, opset {}, by {}",
        of.nodes,
        of.parameters,
        of.file_bytes,
        opsets.join(", "),
        of.producer.escape_debug()
    );
    for input in &of.inputs {
        let _ = writeln!(text, "input   {input}");
    }
    for output in &of.outputs {
        let _ = writeln!(text, "output  {output}");
    }
    for tap in &of.taps {
        let _ = writeln!(
            text,
            "tap     {} after node {} ({}){}",
            tap.value,
            tap.nodes_before,
            tap.operator,
            if tap.narrow { ", all passes here" } else { "" }
        );
    }
    text.trim_end().to_owned()
}

fn pull(names: &[String], into: Option<&Path>, global: &Global) -> Result<Report, Failure> {
    let store = Store::new(model_folders(&global.models, &[], None));
    let into = into.map(Path::to_owned).or_else(Store::user_folder);
    let into = into.ok_or_else(|| {
        Failure::refused(anyhow!(
            "no data folder of the user is known: say where with --into DIR"
        ))
    })?;
    let cards = names.iter().map(|name| store.encoder_card(name));
    // All are looked up before the first is fetched.
    let cards = cards.collect::<Result<Vec<_>, _>>().or_refuse()?;
    let mut files = Vec::new();
    for (_, card) in &cards {
        if card.pull.is_none() {
            // What is shipped is there already, and as its card says.
            files.push(store.encoder(&card.name).or_refuse()?.file.path);
            tracing::info!("{} is shipped: nothing to fetch", card.name);
            continue;
        }
        let spinner = indicatif::ProgressBar::new_spinner();
        spinner.enable_steady_tick(std::time::Duration::from_millis(120));
        let file = concert_runtime::io::pull::pull(card, &into, &mut |progress| {
            spinner.set_message(format!("{}: {}", card.name, progress_text(progress)));
        });
        spinner.finish_and_clear();
        files.push(file?);
    }
    let shown: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    Ok(Report::done(json!({ "files": files }), shown.join("\n")))
}

fn progress_text(progress: PullProgress) -> String {
    match progress {
        PullProgress::Downloading { bytes } => format!("fetching, {} MB so far", bytes / 1_000_000),
        PullProgress::Checking => "checking".to_owned(),
        PullProgress::Cutting => "cutting".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use concert_models::TensorSpec;
    use concert_models::onnx::{Attr, Dim, GraphBuilder};

    use super::*;

    fn shipped() -> Global {
        Global {
            models: vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("models")],
            ..Global::default()
        }
    }

    fn done(command: &ModelsArgs, global: &Global) -> Report {
        let report = run(command, global);
        let report = report.unwrap_or_else(|failure| panic!("{}", failure.message()));
        assert_eq!(report.exit, Exit::Done, "{}", report.text);
        report
    }

    /// A network with an open batch (as -1), which states no types inside.
    fn whole(folder: &Path) -> PathBuf {
        let image = [-1, 3, 16, 16].map(Dim::Fixed);
        let stride = [("strides", Attr::Ints(vec![4, 4]))];
        let bytes = GraphBuilder::new("whole")
            .input_dims("image", concert_models::DType::F32, &image)
            .initializer("w", &TensorSpec::f32(&[8, 3, 1, 1]), vec![0; 8 * 3 * 4])
            .node("Conv", &["image", "w"], &["inside"], &stride)
            .node("GlobalAveragePool", &["inside"], &["end"], &[])
            .output("end", &[1, 8, 1, 1])
            .build_bytes();
        let path = folder.join("whole.onnx");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    #[test]
    fn a_cut_comes_with_the_beginning_of_its_card() {
        let folder = tempfile::tempdir().expect("a folder");
        let encoders = folder.path().join("encoders");
        std::fs::create_dir(&encoders).expect("a folder");
        let cut = |size| ModelsArgs::Cut {
            file: whole(folder.path()),
            taps: vec!["inside=stride4".to_owned()],
            size,
            out: encoders.join("mine.onnx"),
        };
        let report = done(&cut(None), &Global::default());
        assert!(
            report.text.contains("output  stride4 f32 [?, 8, 4, 4]"),
            "{}",
            report.text
        );
        let store = Store::new(vec![folder.path().to_owned()]);
        let encoder = store.encoder("mine").expect("an encoder");
        assert_eq!(encoder.card.levels[0].shape, [1, 8, 4, 4]);
        assert_eq!(encoder.card.levels[0].stride, Some(4));
        // A card that is there is the user's.
        let report = done(&cut(Some((16, 16))), &Global::default());
        assert!(
            report.text.contains("output  stride4 f32 [1, 8, 4, 4]"),
            "{}",
            report.text
        );
        assert!(report.text.contains("is there already"), "{}", report.text);
        let refused = run(&cut(Some((32, 32))), &Global::default());
        let refused = refused.expect_err("a refusal").message();
        assert!(refused.contains("is 16, but 32 is given"), "{refused}");
    }

    #[test]
    fn policies_that_read_the_focal_length_are_merged() {
        let folder = tempfile::tempdir().expect("a folder");
        for policy in ["first_light", "home", "apartment"] {
            let out = folder.path().join("merged.onnx");
            let merge = ModelsArgs::Merge {
                policy: policy.to_owned(),
                out: out.clone(),
            };
            let report = done(&merge, &shipped());
            let bytes = std::fs::read(&out).expect("a network");
            let merged = onnx::describe(&bytes).expect("a sound network");
            let focal =
                |input: &onnx::describe::TensorInfo| input.name.starts_with("depth_zbuffer/");
            if policy != "first_light" {
                assert!(merged.inputs.iter().any(focal), "{}", report.text);
            }
        }
    }

    #[test]
    fn a_list_holds_networks_to_their_cards_and_knows_geometry() {
        let report = done(&ModelsArgs::List, &shipped());
        let line = |name: &str| report.text.lines().find(|line| line.contains(name));
        let odometry = line("odometry_from_xfeat").expect("a line");
        assert!(odometry.contains("no network is needed"), "{odometry}");

        let folder = tempfile::tempdir().expect("a folder");
        let encoders = folder.path().join("encoders");
        std::fs::create_dir(&encoders).expect("a folder");
        let card = shipped().models[0].join("encoders/xfeat.toml");
        std::fs::copy(card, encoders.join("xfeat.toml")).expect("a copy");
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        std::fs::write(encoders.join("xfeat.onnx"), pointer).expect("a file");
        let damaged = Global {
            models: vec![folder.path().to_owned()],
            ..Global::default()
        };
        let report = list(&damaged);
        assert_eq!(report.exit, Exit::Failed);
        let line = report.text.lines().find(|line| line.contains("xfeat "));
        assert!(
            line.is_some_and(|line| line.contains("pointer of Git LFS")),
            "{}",
            report.text
        );
    }

    #[test]
    fn what_is_shipped_need_not_be_fetched() {
        let pull = |name: &str| ModelsArgs::Pull {
            names: vec![name.to_owned()],
            into: None,
        };
        let report = done(&pull("xfeat"), &shipped());
        assert!(report.text.ends_with("xfeat.onnx"), "{}", report.text);
        let unknown = run(&pull("nosuch"), &shipped()).expect_err("a refusal");
        assert_eq!(unknown.exit(), Exit::Refused);
    }
}
