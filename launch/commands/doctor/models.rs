//! Whether the shipped policies find their models, each as its card says.

use concert_policies::Policy;

use super::Row;
use crate::cli::Global;
use crate::commands::check::models::{ModelCheck, ModelFile};
use crate::model_folders::model_folders;

pub(super) fn rows(global: &Global) -> Vec<Row> {
    let folders = model_folders(&global.models, &[], None);
    let shown: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    let mut check = ModelCheck::new(folders);
    let policies = Policy::shipped_names().filter_map(Policy::shipped);
    let of_policy = |policy: Policy| {
        let files = check.files(&policy);
        let faults: Vec<_> = files.iter().filter(|file| !file.is_ready()).collect();
        let name = policy.name();
        if faults.is_empty() {
            return Row::ok(
                "models",
                format!(
                    "{name}: all {} networks are as their cards say, in {}",
                    files.len(),
                    shown.join(", ")
                ),
            );
        }
        let lines: Vec<_> = faults.iter().copied().map(ModelFile::to_string).collect();
        let found = format!(
            "{name}: {} of {} networks cannot be used: {}",
            faults.len(),
            files.len(),
            lines.join("; ")
        );
        Row::fail(
            "models",
            found,
            "name their folder with --models or CONCERT_MODELS, or see `concert models list`",
        )
    };
    policies.map(of_policy).collect()
}
