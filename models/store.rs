//! Folders of networks and their cards, and the checks between a file and use.

mod error;
mod kind;
mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use concert_policies::document::shown;

use crate::card::{Card, EncoderCard, GeometricCard, MAX_CARD_BYTES, ReadFrom, ReadoutCard};
use crate::digest::sha256_hex;
use crate::engine::NetworkFile;
use crate::onnx::{CheckLimits, check_for};

pub use error::StoreError;
pub use kind::NetworkKind;
use kind::is_network_name;
use read::{labels, read_card, read_network, read_text, wrong_card};

/// Most names that [`Store::list`] looks at in one folder.
const MAX_LISTED: usize = 10_000;

/// The folders in which encoders and readouts are looked for, in order.
///
/// Each holds `encoders/` and `readouts/`; the first that has the card counts.
/// Nothing is remembered between calls.
#[derive(Debug, Clone)]
pub struct Store {
    roots: Vec<PathBuf>,
    /// Card files of readouts that lie elsewhere, by name.
    placed: BTreeMap<String, PathBuf>,
}

/// An encoder, its bytes checked against its card.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// Its card.
    pub card: EncoderCard,
    /// The network.
    pub file: NetworkFile,
}

/// A readout, its bytes checked against its card.
#[derive(Debug, Clone)]
pub struct Readout {
    /// Its card.
    pub card: ReadoutCard,
    /// The network.
    pub file: NetworkFile,
    /// One name per class, where the card has labels.
    pub labels: Option<Arc<[String]>>,
}

/// Realisation of a transfer.
#[derive(Debug, Clone)]
pub enum Realisation {
    /// A small network.
    Network(Box<Readout>),
    /// Geometry, of which there is a card alone.
    Geometric(Box<GeometricCard>),
}

/// One card that a store has.
#[derive(Debug)]
pub struct Listed {
    /// Encoder or readout.
    pub kind: NetworkKind,
    /// Name of its file.
    pub name: String,
    /// The card's file.
    pub card_path: PathBuf,
    /// The network's file, where there is one.
    pub network_path: Option<PathBuf>,
    /// The card, or why it was refused.
    pub card: Result<Card, StoreError>,
}

impl Store {
    /// A store of these folders, the first of them first.
    pub fn new(search: Vec<PathBuf>) -> Self {
        let placed = BTreeMap::new();
        Store {
            roots: search,
            placed,
        }
    }

    /// The same store with a readout that lies anywhere, whatever its files are
    /// called: `path` is its card or its ONNX file, the other stands beside it.
    /// It comes before one of the same name in the folders.
    ///
    /// # Errors
    /// A card that is missing, breaks a rule, or is an encoder's.
    pub fn with_readout(mut self, path: &Path) -> Result<(Self, Card), StoreError> {
        let path = path.with_extension("toml");
        let text = read_text(&path, MAX_CARD_BYTES)?;
        let card = Card::parse(&text, &path.display().to_string())?;
        if let Card::Encoder(_) = card {
            return Err(StoreError::WrongCard {
                path: path.display().to_string(),
                found: format!("{} {}", card.kind(), card.name()),
                expected: "a readout".to_owned(),
            });
        }
        self.placed.insert(card.name().to_owned(), path);
        Ok((self, card))
    }

    /// Folder that networks are fetched into: `concert/models` in the user's data
    /// folder; `None` for a user without a home.
    pub fn user_folder() -> Option<PathBuf> {
        dirs::data_dir().map(|data| data.join("concert").join("models"))
    }

    /// The folders, in order.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// The encoder of this name, read once and checked against its card.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn encoder(&self, name: &str) -> Result<Encoder, StoreError> {
        let (path, card) = self.encoder_card(name)?;
        let file = self.network(NetworkKind::Encoder, &path, &Card::Encoder(card.clone()))?;
        Ok(Encoder { card, file })
    }

    /// The readout of this name, `TARGET_from_A+B[@VARIANT]`, read once and
    /// checked against its card.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn readout(&self, name: &str) -> Result<Readout, StoreError> {
        let (path, card) = self.card(NetworkKind::Readout, name)?;
        if !matches!(card, Card::Readout(_)) {
            return Err(wrong_card(&path, &card, NetworkKind::Readout, name));
        }
        let file = self.network(NetworkKind::Readout, &path, &card)?;
        let Card::Readout(card) = card else {
            return Err(wrong_card(&path, &card, NetworkKind::Readout, name));
        };
        let labels = labels(&path, &card)?;
        Ok(Readout { card, file, labels })
    }

    /// The card of a readout with or without a network, which is not looked at.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn readout_card(&self, name: &str) -> Result<Card, StoreError> {
        Ok(self.card(NetworkKind::Readout, name)?.1)
    }

    /// Realisation of the transfer of this name, `TARGET_from_A+B[@VARIANT]`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn realisation(&self, name: &str) -> Result<Realisation, StoreError> {
        match self.card(NetworkKind::Readout, name)? {
            (_, Card::Geometric(card)) => Ok(Realisation::Geometric(Box::new(card))),
            _ => (self.readout(name)).map(|readout| Realisation::Network(Box::new(readout))),
        }
    }

    /// The card of an encoder, whether or not its network is there, and the
    /// card's file.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn encoder_card(&self, name: &str) -> Result<(PathBuf, EncoderCard), StoreError> {
        match self.card(NetworkKind::Encoder, name)? {
            (path, Card::Encoder(card)) => Ok((path, card)),
            (path, card) => Err(wrong_card(&path, &card, NetworkKind::Encoder, name)),
        }
    }

    /// Every card in every folder, by kind and name; of cards of one name only
    /// the first counts. Networks are not read. Folders that are missing are
    /// passed over.
    pub fn list(&self) -> Vec<Listed> {
        let mut listed = Vec::new();
        for kind in [NetworkKind::Encoder, NetworkKind::Readout] {
            for name in self.names(kind) {
                let Some(card_path) = self.find(kind, &format!("{name}.toml")) else {
                    continue;
                };
                let card = read_card(&card_path, kind, &name);
                let network_path = self.network_path(kind, &card_path, &name);
                listed.push(Listed {
                    kind,
                    name,
                    card_path,
                    network_path,
                    card,
                });
            }
        }
        listed
    }

    /// Opens what [`list`](Self::list) found and holds it to its card, as loading
    /// does.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn verify(&self, listed: &Listed) -> Result<(), StoreError> {
        match listed.kind {
            NetworkKind::Encoder => self.encoder(&listed.name).map(drop),
            NetworkKind::Readout => self.realisation(&listed.name).map(drop),
        }
    }

    fn names(&self, kind: NetworkKind) -> std::collections::BTreeSet<String> {
        let folders = self.roots.iter().map(|root| root.join(kind.folder()));
        let files = folders.filter_map(|folder| std::fs::read_dir(folder).ok());
        let files = files.flat_map(|files| files.take(MAX_LISTED).flatten());
        let name = |file: std::fs::DirEntry| {
            let name = file.file_name();
            let name = name.to_str()?.strip_suffix(".toml")?;
            is_network_name(kind, name).then(|| name.to_owned())
        };
        files.filter_map(name).collect()
    }

    fn find(&self, kind: NetworkKind, file: &str) -> Option<PathBuf> {
        if kind == NetworkKind::Readout
            && let Some((name, ending)) = file.rsplit_once('.')
            && let Some(card) = self.placed.get(name)
        {
            let path = card.with_extension(ending);
            return path.exists().then_some(path);
        }
        let paths = self
            .roots
            .iter()
            .map(|root| root.join(kind.folder()).join(file));
        paths.into_iter().find(|path| path.exists())
    }

    fn card(&self, kind: NetworkKind, name: &str) -> Result<(PathBuf, Card), StoreError> {
        if !is_network_name(kind, name) {
            let name = shown(name, 80);
            return Err(StoreError::UnsafeName { kind, name });
        }
        let path = self.find(kind, &format!("{name}.toml"));
        let path = path.ok_or_else(|| self.not_found(kind, name))?;
        let card = read_card(&path, kind, name)?;
        Ok((path, card))
    }

    fn not_found(&self, kind: NetworkKind, name: &str) -> StoreError {
        let limit = (name.len() / 3).max(2);
        let mut near: Vec<_> = (self.names(kind).into_iter())
            .map(|known| (strsim::osa_distance(&known, name), known))
            .filter(|(distance, _)| *distance <= limit)
            .collect();
        near.sort();
        let near: Vec<_> = near.into_iter().take(3).map(|(_, known)| known).collect();
        StoreError::NotFound {
            kind,
            name: name.to_owned(),
            searched: self.searched(kind),
            suggestion: match near.is_empty() {
                true => String::new(),
                false => format!("; did you mean {}?", near.join(" or ")),
            },
        }
    }

    fn searched(&self, kind: NetworkKind) -> String {
        let folders = self.roots.iter().map(|root| root.join(kind.folder()));
        let folders: Vec<_> = folders.map(|folder| folder.display().to_string()).collect();
        match folders.is_empty() {
            true => "any folder, as none is searched".to_owned(),
            false => folders.join(", "),
        }
    }

    /// Beside the card, or else in any folder: fetched networks lie in the
    /// user's, their cards where they were shipped. The hash decides.
    fn network_path(&self, kind: NetworkKind, card_path: &Path, name: &str) -> Option<PathBuf> {
        let file = format!("{name}.onnx");
        let beside = card_path.with_file_name(&file);
        match beside.exists() {
            true => Some(beside),
            false => self.find(kind, &file),
        }
    }

    /// Shapes that the inputs of a card's network will have, as far as cards tell.
    fn input_shapes(&self, card: &Card) -> Vec<(String, Vec<usize>)> {
        let shape = |from: &ReadFrom| match from {
            ReadFrom::Level { source, level, .. } => {
                let (_, encoder) = self.encoder_card(source).ok()?;
                Some(encoder.level(level)?.shape.clone())
            }
            ReadFrom::Camera(_) => Some(vec![1, 1]),
            ReadFrom::Input(_) => None,
        };
        match card {
            Card::Encoder(card) => {
                let input = &card.input;
                vec![(input.tensor().to_owned(), input.spec().shape)]
            }
            Card::Readout(card) => (card.reads.iter())
                .filter_map(|read| Some((read.tensor.clone(), shape(&read.from)?)))
                .collect(),
            Card::Geometric(_) => Vec::new(),
        }
    }

    fn network(
        &self,
        kind: NetworkKind,
        card_path: &Path,
        card: &Card,
    ) -> Result<NetworkFile, StoreError> {
        let name = card.name();
        let Some(path) = self.network_path(kind, card_path, name) else {
            let pull = matches!(card, Card::Encoder(card) if card.pull.is_some());
            return Err(StoreError::NoNetwork {
                card: card_path.display().to_string(),
                name: name.to_owned(),
                searched: self.searched(kind),
                hint: match pull {
                    true => format!("; fetch it with `concert models pull {name}`"),
                    false => String::new(),
                },
            });
        };
        let origin = card.origin();
        let bytes = read_network(&path, origin.size_bytes)?;
        let sha256 = sha256_hex(&bytes);
        if sha256 != origin.sha256 {
            return Err(StoreError::WrongHash {
                path: path.display().to_string(),
                found: sha256,
                expected: origin.sha256.clone(),
            });
        }
        let inputs = self.input_shapes(card);
        check_for(&bytes, &CheckLimits::default(), &inputs).map_err(|fault| StoreError::Graph {
            path: path.display().to_string(),
            fault: Box::new(fault),
        })?;
        Ok(NetworkFile {
            name: name.to_owned(),
            path,
            sha256,
            bytes,
        })
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
