//! `concert models`: list, fetch, check, cut, merge and describe networks.

mod merge;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use concert_models::card::Card;
use concert_models::onnx::{self, CheckLimits, Description, Tap};
use concert_models::pull::Progress;
use concert_models::store::{Listed, Store};
use concert_models::whole_file::{check_place, write_whole};
use serde_json::{Value, json};

use super::check::kind::{Kind, read_network};
use crate::cli::{Global, Models};
use crate::model_folders::model_folders;
use crate::report::{Exit, Failure, Refuse, Report};

pub(crate) fn run(command: &Models, global: &Global) -> Result<Report, Failure> {
    match command {
        Models::List => Ok(list(global)),
        Models::Pull { names, into } => pull(names, into.as_deref(), global),
        Models::Check { files } => Ok(check(files, global)),
        Models::Cut { file, taps, out } => cut(file, taps, out),
        Models::Merge { policy, out } => merge::run(policy, out, global),
        Models::Describe { file } => describe(file),
    }
}

fn list(global: &Global) -> Report {
    let folders = model_folders(&global.models, &[], None);
    let shown: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    let listed = Store::new(folders).list();
    let width = listed
        .iter()
        .map(|entry| entry.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for entry in &listed {
        let _ = writeln!(
            text,
            "{:<8} {:<width$}  {}",
            entry.kind.to_string(),
            entry.name,
            state(entry)
        );
    }
    let _ = write!(text, "looked in: {}", shown.join(", "));
    let entries: Vec<Value> = listed.iter().map(listed_json).collect();
    let exit = if listed.iter().any(|entry| entry.card.is_err()) {
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

fn state(entry: &Listed) -> String {
    let card = match &entry.card {
        Ok(card) => card,
        Err(error) => return format!("refused: {error}"),
    };
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

fn listed_json(entry: &Listed) -> Value {
    let mut json = json!({
        "kind": entry.kind, "name": entry.name, "card": entry.card_path, "network": entry.network_path,
    });
    match &entry.card {
        Err(error) => json["error"] = json!(error.to_string()),
        Ok(card) => {
            let origin = card.origin();
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

fn cut(file: &Path, taps: &[String], out: &Path) -> Result<Report, Failure> {
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
    let bytes = onnx::cut(&network, &taps, &[]);
    let bytes = bytes
        .with_context(|| file.display().to_string())
        .or_refuse()?;
    written(out, &bytes)
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

fn describe(file: &Path) -> Result<Report, Failure> {
    let bytes = read_network(file).or_refuse()?;
    let description = onnx::describe(&bytes);
    let description = description
        .with_context(|| file.display().to_string())
        .or_refuse()?;
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
            "tap     {} after node {} ({})",
            tap.value, tap.nodes_before, tap.operator
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
            // It ships: there is nothing to fetch, and nothing went wrong.
            files.push(store.encoder(&card.name).or_refuse()?.file.path);
            continue;
        }
        let spinner = indicatif::ProgressBar::new_spinner();
        spinner.enable_steady_tick(std::time::Duration::from_millis(120));
        let file = concert_models::pull::pull(card, &into, &mut |progress| {
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

fn progress_text(progress: Progress) -> String {
    match progress {
        Progress::Downloading { bytes } => format!("fetching, {} MB so far", bytes / 1_000_000),
        Progress::Checking => "checking".to_owned(),
        Progress::Cutting => "cutting".to_owned(),
        _ => "working".to_owned(),
    }
}
