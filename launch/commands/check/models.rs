//! Which files a policy needs, and which of them stand ready.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use concert_models::card::{EncoderCard, EncoderPin};
use concert_models::pair::{fit_together, geometry_fits};
use concert_models::store::{Realisation, Store, StoreError};
use concert_policies::Policy;
use serde::Serialize;

/// A network that a policy needs, opened and held to its card as loading does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ModelFile {
    /// `encoders/xfeat` or `readouts/…`.
    name: String,
    /// The network's file, where it is as its card says.
    path: Option<PathBuf>,
    card: bool,
    network: bool,
    /// Its card says that it is computed by geometry, without a network.
    geometric: bool,
    /// Why it cannot be used, as a line that begins with one word for it.
    fault: Option<String>,
}

/// Where the network lies; nowhere where geometry takes its place.
type Opened = Result<Option<PathBuf>, StoreError>;

impl ModelFile {
    fn new(name: String, opened: Opened, misfit: Option<String>, alone: Option<&Path>) -> Self {
        let mut file = Self {
            name,
            path: None,
            card: true,
            network: true,
            geometric: false,
            fault: misfit.map(|misfit| format!("refused  {misfit}")),
        };
        match opened {
            Ok(path) => {
                file.geometric = path.is_none();
                file.network = path.is_some();
                file.path = path;
            }
            Err(StoreError::NotFound { .. }) => {
                file.card = false;
                file.network = alone.is_some();
                file.fault = Some(match alone {
                    Some(path) => format!(
                        "no card  {}, but a network runs only with its card",
                        path.display()
                    ),
                    None => format!("missing  {}", file.name),
                });
            }
            Err(error @ StoreError::NoNetwork { .. }) => {
                file.network = false;
                file.fault = Some(format!("missing  {error}"));
            }
            Err(error) => file.fault = Some(format!("refused  {error}")),
        }
        file
    }

    /// Tells whether card and network are there and as they should be; a geometric
    /// readout has no network.
    pub(crate) fn is_ready(&self) -> bool {
        self.fault.is_none()
    }
}

impl fmt::Display for ModelFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.fault, &self.path) {
            (Some(fault), _) => f.write_str(fault),
            (None, Some(path)) => write!(f, "found    {}", path.display()),
            (None, None) => write!(f, "found    {}, geometry", self.name),
        }
    }
}

/// Opens what policies need, each file once.
pub(crate) struct ModelCheck {
    store: Store,
    seen: BTreeMap<String, ModelFile>,
}

impl ModelCheck {
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self {
            store: Store::new(folders),
            seen: BTreeMap::new(),
        }
    }

    /// The networks that a policy needs, encoders first.
    pub(crate) fn files(&mut self, policy: &Policy) -> Vec<ModelFile> {
        let mut files = Vec::new();
        for source in policy.encoders() {
            files.push(self.file(format!("encoders/{source}"), |store| {
                let encoder = store.encoder(source);
                (encoder.map(|encoder| Some(encoder.file.path)), None)
            }));
        }
        for transfer in policy.evaluation_order() {
            let name = transfer.readout_name();
            files.push(self.file(format!("readouts/{name}"), |store| readout(store, &name)));
        }
        files
    }

    fn file(
        &mut self,
        name: String,
        open: impl FnOnce(&Store) -> (Opened, Option<String>),
    ) -> ModelFile {
        if let Some(file) = self.seen.get(&name) {
            return file.clone();
        }
        let (opened, misfit) = open(&self.store);
        let roots = self.store.roots().iter();
        let mut alone = roots.map(|root| root.join(format!("{name}.onnx")));
        let alone = alone.find(|path| path.is_file());
        let file = ModelFile::new(name.clone(), opened, misfit, alone.as_deref());
        self.seen.insert(name, file.clone());
        file
    }
}

/// A readout, and why it is not for the encoders that are there.
fn readout(store: &Store, name: &str) -> (Opened, Option<String>) {
    // An encoder that is missing has a row of its own.
    let pinned = |pins: &[EncoderPin]| -> Option<Vec<EncoderCard>> {
        let cards = pins.iter().map(|pin| store.encoder_card(&pin.source));
        cards.map(|card| card.ok().map(|(_, card)| card)).collect()
    };
    let (path, fits) = match store.realisation(name) {
        Ok(Realisation::Network(readout)) => {
            let cards = pinned(&readout.card.encoders);
            let fits = cards.map(|cards| fit_together(&readout.card, &cards));
            (Some(readout.file.path), fits)
        }
        Ok(Realisation::Geometric(card)) => {
            let cards = pinned(&card.encoders);
            (None, cards.map(|cards| geometry_fits(&card, &cards)))
        }
        Err(error) => return (Err(error), None),
    };
    let misfit = fits.and_then(Result::err).map(|error| error.to_string());
    (Ok(path), misfit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
    }

    fn texts(folder: &Path) -> Vec<String> {
        let policy = Policy::shipped("first_light").expect("a policy");
        let files = ModelCheck::new(vec![folder.to_owned()]).files(&policy);
        files.iter().map(ModelFile::to_string).collect()
    }

    #[test]
    fn what_is_missing_is_told_from_what_has_no_card() {
        let folder = tempfile::tempdir().expect("a folder");
        let encoders = folder.path().join("encoders");
        std::fs::create_dir(&encoders).expect("a folder");
        for file in ["xfeat.toml", "xfeat.onnx"] {
            std::fs::copy(shipped().join("encoders").join(file), encoders.join(file))
                .expect("a copy");
        }
        std::fs::write(encoders.join("efficientnet_lite0.onnx"), "").expect("a file");
        let texts = texts(folder.path());
        assert!(texts[0].starts_with("no card  "), "{texts:?}");
        assert!(texts[1].starts_with("found    "), "{texts:?}");
        assert_eq!(texts[2], "missing  readouts/keypoints2d_from_xfeat");
        assert_eq!(texts.len(), 5);
        std::fs::remove_file(encoders.join("xfeat.onnx")).expect("removed");
        let texts = self::texts(folder.path());
        assert!(texts[1].starts_with("missing  "), "{texts:?}");
    }

    #[test]
    fn what_stands_in_place_of_a_network_is_not_found_good() {
        let folder = tempfile::tempdir().expect("a folder");
        let encoders = folder.path().join("encoders");
        std::fs::create_dir(&encoders).expect("a folder");
        let card = shipped().join("encoders/xfeat.toml");
        std::fs::copy(card, encoders.join("xfeat.toml")).expect("a copy");
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        std::fs::write(encoders.join("xfeat.onnx"), pointer).expect("a file");
        let text = texts(folder.path()).remove(1);
        assert!(text.starts_with("refused  "), "{text}");
        assert!(
            text.contains("pointer of Git LFS") && text.contains("git lfs pull"),
            "{text}"
        );
        // As large as the card says, and not the network.
        let network = std::fs::read(shipped().join("encoders/xfeat.onnx")).expect("a network");
        std::fs::write(encoders.join("xfeat.onnx"), vec![0; network.len()]).expect("a file");
        let text = texts(folder.path()).remove(1);
        assert!(text.contains("has sha256"), "{text}");
    }

    #[test]
    fn a_geometric_readout_is_not_said_to_miss_its_network() {
        let mut check = ModelCheck::new(vec![shipped()]);
        for name in ["home", "apartment"] {
            let policy = Policy::shipped(name).expect("a policy");
            for file in check.files(&policy) {
                assert!(file.is_ready(), "{file}");
            }
        }
    }
}
