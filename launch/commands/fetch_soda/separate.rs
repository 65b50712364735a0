//! One network per task: the same outputs, each readout with an encoder of its
//! own, as a robot has it that shares nothing. The encoders are copies under
//! other names, so that quality is the same and only the sharing is gone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use toml::{Table, Value};

use crate::cli::Global;
use crate::launch_file::LaunchFile;
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::report::{Failure, Refuse};

/// Writes the policy of a launch file without sharing, and copies of its
/// networks; gives the launch file to serve and the folder of models.
pub(super) fn write(
    launch: &Path,
    folder: &Path,
    global: &Global,
) -> Result<(PathBuf, PathBuf), Failure> {
    let file = LaunchFile::read(launch).or_refuse()?;
    let choice = PolicyChoice::of_launch(&file).or_refuse()?;
    let folders = model_folders(&global.models, &file.models(), choice.path.as_deref());
    let models = folder.join("models");
    for kind in ["encoders", "readouts"] {
        std::fs::create_dir_all(models.join(kind)).context("no folder for copies")?;
    }
    let policy = without_sharing(&choice.text, &folders, &models)?;
    let policy_file = folder.join("separate.toml");
    write_text(&policy_file, &policy)?;
    let text = std::fs::read_to_string(launch).context("the launch file is gone")?;
    let mut table: Table = text.parse().context("the launch file is no TOML")?;
    let path = policy_file.to_string_lossy().into_owned();
    table.insert("policy".to_owned(), Value::String(path));
    let launch = folder.join("separate_launch.toml");
    write_text(&launch, &table.to_string())?;
    Ok((launch, models))
}

/// The policy with an encoder per target.
fn without_sharing(text: &str, folders: &[PathBuf], models: &Path) -> anyhow::Result<String> {
    let mut policy: Table = text.parse().context("the policy is no TOML")?;
    let mut encoders = BTreeSet::new();
    let transfers = policy.get_mut("transfer").and_then(Value::as_array_mut);
    for transfer in transfers.into_iter().flatten() {
        let table = transfer.as_table_mut().context("a transfer is no table")?;
        let target = table.get("target").and_then(Value::as_str);
        let target = target.context("a transfer has no target")?.to_owned();
        let sources = table.get("sources").and_then(Value::as_array);
        let Some([Value::String(source)]) = sources.map(Vec::as_slice) else {
            continue;
        };
        let source = source.clone();
        let readout = format!("{target}_from_{source}");
        let own = format!("{target}_alone");
        if !copy_readout(folders, models, &readout, (&source, &own, &target))? {
            // A geometric one reads by its source's name, and shares it with
            // nobody.
            encoders.insert(source);
            continue;
        }
        copy_encoder(folders, models, &source, &own)?;
        let sources = Value::Array(vec![Value::String(own.clone())]);
        table.insert("sources".to_owned(), sources);
        encoders.insert(own);
    }
    let budget = i64::try_from(encoders.len()).unwrap_or(i64::MAX);
    policy.insert("supervision_budget".to_owned(), Value::Integer(budget));
    Ok(policy.to_string())
}

/// The file of a model, in the first folder that has it.
fn find(folders: &[PathBuf], kind: &str, file: &str) -> Option<PathBuf> {
    let mut all = folders.iter().map(|folder| folder.join(kind).join(file));
    all.find(|path| path.is_file())
}

fn card(folders: &[PathBuf], kind: &str, name: &str) -> anyhow::Result<Table> {
    let path = find(folders, kind, &format!("{name}.toml"));
    let path = path.ok_or_else(|| anyhow!("there is no card {kind}/{name}.toml"))?;
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    text.parse().with_context(|| path.display().to_string())
}

fn copy_encoder(folders: &[PathBuf], models: &Path, source: &str, own: &str) -> anyhow::Result<()> {
    let mut card = card(folders, "encoders", source)?;
    card.insert("name".to_owned(), Value::String(own.to_owned()));
    copy_network(folders, models, ("encoders", source, own), &card)
}

/// Whether there is a network to copy: a geometric readout has none.
fn copy_readout(
    folders: &[PathBuf],
    models: &Path,
    readout: &str,
    (source, own, target): (&str, &str, &str),
) -> anyhow::Result<bool> {
    if find(folders, "readouts", &format!("{readout}.onnx")).is_none() {
        return Ok(false);
    }
    let mut card = card(folders, "readouts", readout)?;
    let name = format!("{target}_from_{own}");
    card.insert("name".to_owned(), Value::String(name.clone()));
    for list in ["encoder", "read"] {
        let entries = card.get_mut(list).and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            let named = entry.get_mut("source");
            if let Some(named) = named.filter(|named| named.as_str() == Some(source)) {
                *named = Value::String(own.to_owned());
            }
        }
    }
    copy_network(folders, models, ("readouts", readout, &name), &card)?;
    Ok(true)
}

/// Copies a network, the files that its card names, and the card.
fn copy_network(
    folders: &[PathBuf],
    models: &Path,
    (kind, from, to): (&str, &str, &str),
    card: &Table,
) -> anyhow::Result<()> {
    let network = find(folders, kind, &format!("{from}.onnx"));
    let network = network.ok_or_else(|| anyhow!("there is no network {kind}/{from}.onnx"))?;
    copy(&network, &models.join(kind).join(format!("{to}.onnx")))?;
    let beside = ["LICENSE.txt", "labels.txt"].map(|end| format!("{from}.{end}"));
    for file in beside {
        if let Some(path) = find(folders, kind, &file) {
            copy(&path, &models.join(kind).join(&file))?;
        }
    }
    write_text(
        &models.join(kind).join(format!("{to}.toml")),
        &card.to_string(),
    )
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::copy(from, to).with_context(|| format!("{} to {}", from.display(), to.display()))?;
    Ok(())
}

fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
