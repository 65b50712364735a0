//! Whether the shipped policies find their models.

use concert_policies::Policy;

use super::Row;
use crate::cli::Global;
use crate::commands::check::models::{ModelFile, model_files};
use crate::model_folders::model_folders;

pub(super) fn rows(global: &Global) -> Vec<Row> {
    let folders = model_folders(&global.models, &[], None);
    let shown: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    let policies = Policy::shipped_names().filter_map(Policy::shipped);
    let of_policy = |policy: Policy| {
        let files = model_files(&policy, &folders);
        let missing: Vec<_> = files.iter().filter(|file| !file.is_ready()).collect();
        let name = policy.name();
        if missing.is_empty() {
            return Row::ok(
                "models",
                format!(
                    "{name}: all {} networks, in {}",
                    files.len(),
                    shown.join(", ")
                ),
            );
        }
        let names: Vec<_> = missing.iter().map(|file| ModelFile::name(file)).collect();
        let found = format!(
            "{name}: {} of {} networks missing: {}",
            missing.len(),
            files.len(),
            names.join(", ")
        );
        Row::fail(
            "models",
            found,
            "name their folder with --models or CONCERT_MODELS, or see `concert models list`",
        )
    };
    policies.map(of_policy).collect()
}
