//! Puts the networks that ship into the program, so that an installed `concert`
//! works without its checkout: in release builds (`cargo install`), which carry
//! some 35 MB for it; not in dev builds, whose many test binaries stand in the
//! checkout anyway. `--no-default-features` without `embedded_models`, or
//! `CONCERT_EMBED_MODELS=0`, leaves them out; `CONCERT_EMBED_MODELS=1` takes
//! them in whatever the profile.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const FOLDERS: [&str; 2] = ["encoders", "readouts"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CONCERT_EMBED_MODELS");
    let models = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("models");
    let mut files = Vec::new();
    if wanted() {
        for folder in FOLDERS {
            println!("cargo::rerun-if-changed=models/{folder}");
            files.extend(files_in(&models.join(folder))?);
        }
        files.sort();
    }
    let mut hasher = DefaultHasher::new();
    let mut list = String::new();
    for file in &files {
        let name = file.strip_prefix(&models).unwrap_or(file);
        (name, fs::read(file)?).hash(&mut hasher);
        let (name, path) = (name.display().to_string(), file.display().to_string());
        let _ = writeln!(list, "    ({name:?}, include_bytes!({path:?})),");
    }
    let id = format!("{:016x}", hasher.finish());
    let code = format!(
        "/// Which files they are.\npub(super) const ID: &str = {id:?};\n\
         /// Path below a folder of models, and bytes.\n\
         pub(super) static FILES: &[(&str, &[u8])] = &[\n{list}];\n"
    );
    fs::write(
        Path::new(&variable("OUT_DIR")).join("embedded_models.rs"),
        code,
    )
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn wanted() -> bool {
    let has_feature = env::var_os("CARGO_FEATURE_EMBEDDED_MODELS").is_some();
    match variable("CONCERT_EMBED_MODELS").as_str() {
        "0" => false,
        "1" => has_feature,
        _ => has_feature && variable("PROFILE") == "release",
    }
}

fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}
