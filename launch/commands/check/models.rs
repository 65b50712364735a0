//! Which files a policy needs, and which of them stand ready.

use std::fmt;
use std::path::{Path, PathBuf};

use concert_models::card::{Card, MAX_CARD_BYTES};
use concert_policies::Policy;
use serde::Serialize;

/// A network that a policy needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ModelFile {
    /// `encoders/xfeat` or `readouts/…`.
    name: String,
    /// The folder's path and the name, without ending; `None` where neither
    /// card nor network is found.
    path: Option<PathBuf>,
    card: bool,
    network: bool,
    /// Its card says that it is computed by geometry, without a network.
    geometric: bool,
}

impl ModelFile {
    fn find(name: String, folders: &[PathBuf]) -> Self {
        let exists = |path: &Path, ending: &str| {
            let mut path = path.as_os_str().to_owned();
            path.push(ending);
            Path::new(&path).is_file()
        };
        // As the store does: the first folder with a card decides.
        let found = folders.iter().map(|folder| folder.join(&name));
        let found = found.map(|path| (exists(&path, ".toml"), exists(&path, ".onnx"), path));
        let first = found
            .into_iter()
            .find(|(card, network, _)| *card || *network);
        match first {
            Some((card, network, path)) => Self {
                name,
                geometric: card && !network && is_geometric(&path),
                path: Some(path),
                card,
                network,
            },
            None => Self {
                name,
                path: None,
                card: false,
                network: false,
                geometric: false,
            },
        }
    }

    /// `encoders/NAME` or `readouts/NAME`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether card and network are there; a geometric readout needs none.
    pub(crate) fn is_ready(&self) -> bool {
        self.card && (self.network || self.geometric)
    }
}

impl fmt::Display for ModelFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(path) = &self.path else {
            return write!(f, "missing  {}", self.name);
        };
        match (self.card, self.network) {
            (true, true) => write!(f, "found    {}.onnx", path.display()),
            (true, false) if self.geometric => {
                write!(f, "found    {}.toml, geometry", path.display())
            }
            (true, false) => {
                let name = self.name.rsplit('/').next().unwrap_or_default();
                write!(
                    f,
                    "missing  {}.onnx, but its card is there: try `concert models pull {name}`",
                    path.display()
                )
            }
            _ => write!(
                f,
                "no card  {}.onnx, but a network runs only with its card",
                path.display()
            ),
        }
    }
}

fn is_geometric(path: &Path) -> bool {
    let mut path = path.as_os_str().to_owned();
    path.push(".toml");
    let path = Path::new(&path);
    let small = std::fs::metadata(path)
        .is_ok_and(|file| file.is_file() && file.len() <= MAX_CARD_BYTES as u64);
    let text = small.then(|| std::fs::read_to_string(path).ok()).flatten();
    let card = text.and_then(|text| Card::parse(&text, &path.display().to_string()).ok());
    matches!(card, Some(Card::Geometric(_)))
}

/// The networks that a policy needs, encoders first.
pub(crate) fn model_files(policy: &Policy, folders: &[PathBuf]) -> Vec<ModelFile> {
    let encoders = policy
        .encoders()
        .iter()
        .map(|source| format!("encoders/{source}"));
    let readouts = policy
        .evaluation_order()
        .map(|t| format!("readouts/{}", t.readout_name()));
    let names = encoders.chain(readouts);
    names.map(|name| ModelFile::find(name, folders)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_from_what_can_be_pulled() {
        let folder = tempfile::tempdir().expect("a folder");
        let encoders = folder.path().join("encoders");
        std::fs::create_dir(&encoders).expect("a folder");
        for file in ["xfeat.toml", "xfeat.onnx", "efficientnet_lite0.toml"] {
            std::fs::write(encoders.join(file), "").expect("a file");
        }
        let policy = Policy::shipped("first_light").expect("a policy");
        let files = model_files(&policy, &[folder.path().to_owned()]);
        let texts: Vec<_> = files.iter().map(ModelFile::to_string).collect();
        assert!(
            texts[0].ends_with("try `concert models pull efficientnet_lite0`"),
            "{texts:?}"
        );
        assert!(
            texts[1].starts_with("found ") && files[1].is_ready(),
            "{texts:?}"
        );
        assert_eq!(texts[2], "missing  readouts/keypoints2d_from_xfeat");
        assert_eq!(files.len(), 5);
    }

    #[test]
    fn a_geometric_readout_is_not_said_to_miss_its_network() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        for name in ["home", "apartment"] {
            let policy = Policy::shipped(name).expect("a policy");
            for file in model_files(&policy, std::slice::from_ref(&shipped)) {
                assert!(file.is_ready(), "{file}");
            }
        }
    }
}
