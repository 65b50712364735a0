//! Where models are looked for.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use concert_models::store::Store;

use crate::embedded_models;

/// Environment variable with folders, separated as in `PATH`.
pub(crate) const MODELS_VARIABLE: &str = "CONCERT_MODELS";
/// Where packages install models.
const INSTALLED: &str = "/usr/share/concert/models";
/// Where the models of the checkout are that this program was built in.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");

/// Folders in which models are looked for, first to last: `--models`,
/// `CONCERT_MODELS`, `models` of the launch file, the policy's folder and
/// `models` in it, the user's data folder, the checkout that this program was
/// built in or, where that is gone, the networks inside the program,
/// `/usr/share/concert/models`. Each has `encoders/` and `readouts/`
/// below it; those that are not there are left out, except where the user named
/// them.
#[must_use]
pub(crate) fn model_folders(
    named: &[PathBuf],
    launch: &[PathBuf],
    policy: Option<&Path>,
) -> Vec<PathBuf> {
    let variable = std::env::var_os(MODELS_VARIABLE).unwrap_or_default();
    folders(named, &variable, launch, policy, &standing())
}

/// Folders that do not depend on what is run.
fn standing() -> Vec<PathBuf> {
    let checkout = PathBuf::from(CHECKOUT);
    let shipped = match checkout.join("encoders").is_dir() {
        true => Some(checkout),
        false => embedded_models::folder(),
    };
    let user = Store::user_folder().into_iter();
    user.chain(shipped).chain([INSTALLED.into()]).collect()
}

fn folders(
    named: &[PathBuf],
    variable: &OsStr,
    launch: &[PathBuf],
    policy: Option<&Path>,
    standing: &[PathBuf],
) -> Vec<PathBuf> {
    let mut all = named.to_vec();
    let variable = std::env::split_paths(variable);
    all.extend(variable.filter(|path| !path.as_os_str().is_empty()));
    all.extend(launch.iter().cloned());
    let beside = policy.and_then(Path::parent).map(|folder| {
        let here = folder.as_os_str().is_empty();
        if here {
            PathBuf::from(".")
        } else {
            folder.to_owned()
        }
    });
    let found = beside
        .into_iter()
        .flat_map(|folder| [folder.clone(), folder.join("models")])
        .chain(standing.iter().cloned())
        .filter(|folder| folder.join("encoders").is_dir() || folder.join("readouts").is_dir());
    all.extend(found);
    let mut distinct: Vec<PathBuf> = Vec::new();
    for folder in all {
        if !distinct.contains(&folder) {
            distinct.push(folder);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_comes_first_and_what_is_not_there_is_left_out() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = |name: &str| {
            let folder = root.path().join(name);
            std::fs::create_dir_all(folder.join("encoders")).expect("a folder");
            folder
        };
        let (user, beside) = (folder("user"), folder("robot/models"));
        let variable = std::env::join_paths(["/b", "/a", "/c"]).expect("a list");
        let got = folders(
            &["/a".into()],
            &variable,
            &["/launch".into()],
            Some(&root.path().join("robot/policy.toml")),
            &[user.clone(), "/nowhere".into(), user.clone()],
        );
        let want: [PathBuf; 6] = [
            "/a".into(),
            "/b".into(),
            "/c".into(),
            "/launch".into(),
            beside,
            user,
        ];
        assert_eq!(got, want);
    }
}
