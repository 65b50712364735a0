//! Where networks and their cards lie, and the checks between a file and use.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use concert_policies::document::{Kind, ReadFault, shown};

use crate::card::{
    Card, CardError, EncoderCard, GeometricCard, MAX_CARD_BYTES, MAX_NETWORK_BYTES, ReadFrom,
    ReadoutCard, is_safe_name,
};
use crate::digest::sha256_hex;
use crate::engine::NetworkFile;
use crate::onnx::{CheckError, CheckLimits, check_for};

/// Longest file of class names, in bytes.
const MAX_LABELS_BYTES: usize = 4 << 20;
/// First line of a pointer of Git LFS, up to its version.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
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

/// What realises a transfer.
#[derive(Debug, Clone)]
pub enum Realisation {
    /// A small network.
    Network(Box<Readout>),
    /// Geometry, of which there is a card alone.
    Geometric(Box<GeometricCard>),
}

/// Which of the two folders of a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkKind {
    /// Image to representation.
    Encoder,
    /// Representation to output.
    Readout,
}

impl NetworkKind {
    fn folder(self) -> &'static str {
        match self {
            NetworkKind::Encoder => "encoders",
            NetworkKind::Readout => "readouts",
        }
    }
}

impl fmt::Display for NetworkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NetworkKind::Encoder => "encoder",
            NetworkKind::Readout => "readout",
        })
    }
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

/// Why a network could not be taken from the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A name that cannot be a file's.
    #[error("{kind} `{name}` cannot be a file name: only a-z, 0-9, _, and + and @ in readouts")]
    UnsafeName {
        /// Encoder or readout.
        kind: NetworkKind,
        /// The name, shortened.
        name: String,
    },
    /// No card in any folder.
    #[error("{kind} {name} was not found in {searched}{suggestion}")]
    NotFound {
        /// Encoder or readout.
        kind: NetworkKind,
        /// The name.
        name: String,
        /// The folders, in order.
        searched: String,
        /// Names that come near, with the words around them.
        suggestion: String,
    },
    /// A card whose network is missing.
    #[error(
        "{card} describes {name}, but {name}.onnx lies neither beside it nor in {searched}{hint}"
    )]
    NoNetwork {
        /// The card's file.
        card: String,
        /// The name.
        name: String,
        /// The folders, in order.
        searched: String,
        /// What to do.
        hint: String,
    },
    /// A file that cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A card that breaks a rule.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A card in the wrong place.
    #[error("{path} is the card of {found}, but its file name says {expected}")]
    WrongCard {
        /// The card's file.
        path: String,
        /// What the card says.
        found: String,
        /// What its place says.
        expected: String,
    },
    /// A file larger than such a file may be.
    #[error("{path} takes {bytes} bytes, but at most {limit} are allowed")]
    TooLong {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
        /// Most bytes allowed.
        limit: usize,
    },
    /// A network of another size than its card says.
    #[error("{path} takes {found} bytes, but its card says {expected}")]
    WrongSize {
        /// The network's file.
        path: String,
        /// Its size.
        found: u64,
        /// The card's.
        expected: usize,
    },
    /// What a clone without Git LFS leaves in place of a network.
    #[error(
        "{path} is a pointer of Git LFS with {found} bytes, not the network of {expected} bytes that \
         its card describes: run `git lfs pull` in its checkout"
    )]
    Pointer {
        /// The network's file.
        path: String,
        /// Its size.
        found: u64,
        /// The card's.
        expected: usize,
    },
    /// A network of another hash than its card says.
    #[error("{path} has sha256 {found}, but its card says {expected}")]
    WrongHash {
        /// The network's file.
        path: String,
        /// Its hash.
        found: String,
        /// The card's.
        expected: String,
    },
    /// A network that the graph check refuses.
    #[error("{path}: {fault}")]
    Graph {
        /// The network's file.
        path: String,
        /// What is wrong with it.
        #[source]
        fault: Box<CheckError>,
    },
    /// Class names that do not fit the output.
    #[error("{path} has {found} names, but output {tensor} has {expected} classes")]
    Labels {
        /// The file of names.
        path: String,
        /// Names in it.
        found: usize,
        /// The output.
        tensor: String,
        /// Its classes.
        expected: usize,
    },
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

    /// Where networks that are fetched go: `concert/models` in the user's data
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

    /// What realises the transfer of this name, `TARGET_from_A+B[@VARIANT]`.
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
            bytes: bytes.into(),
        })
    }
}

/// Whether a name can only be a file of the folder: no separators, no dots.
fn is_network_name(kind: NetworkKind, name: &str) -> bool {
    match kind {
        NetworkKind::Encoder => is_safe_name(name),
        NetworkKind::Readout => {
            (1..=concert_policies::MAX_READOUT_NAME_BYTES).contains(&name.len())
                && name.split(['+', '@']).all(|part| {
                    !part.is_empty()
                        && (part.bytes())
                            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
                })
        }
    }
}

fn wrong_card(path: &Path, card: &Card, kind: NetworkKind, name: &str) -> StoreError {
    StoreError::WrongCard {
        path: path.display().to_string(),
        found: format!("{} {}", card.kind(), card.name()),
        expected: format!("{kind} {name}"),
    }
}

fn read_card(path: &Path, kind: NetworkKind, name: &str) -> Result<Card, StoreError> {
    let text = read_text(path, MAX_CARD_BYTES)?;
    let card = Card::parse(&text, &path.display().to_string())?;
    let right_kind = matches!(
        (&card, kind),
        (Card::Encoder(_), NetworkKind::Encoder)
            | (Card::Readout(_) | Card::Geometric(_), NetworkKind::Readout)
    );
    if !right_kind || card.name() != name {
        return Err(wrong_card(path, &card, kind, name));
    }
    Ok(card)
}

fn labels(card_path: &Path, card: &ReadoutCard) -> Result<Option<Arc<[String]>>, StoreError> {
    let Some(file) = &card.output.labels else {
        return Ok(None);
    };
    let path = card_path.with_file_name(file);
    let text = read_text(&path, MAX_LABELS_BYTES)?;
    let names: Arc<[String]> = text.lines().map(|line| line.trim().to_owned()).collect();
    let classes = match card.target.output {
        concert_policies::OutputKind::Classes => card.output.shape[1],
        // One label per pixel leaves open how many classes there are.
        concert_policies::OutputKind::ClassMap if card.output.shape[1] > 1 => card.output.shape[1],
        _ => names.len(),
    };
    if names.len() != classes {
        return Err(StoreError::Labels {
            path: path.display().to_string(),
            found: names.len(),
            tensor: card.output.tensor.clone(),
            expected: classes,
        });
    }
    Ok(Some(names))
}

fn read_error(path: &Path, reason: impl ToString) -> StoreError {
    StoreError::Read {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

fn read_text(path: &Path, limit: usize) -> Result<String, StoreError> {
    let kind = Kind {
        name: "file",
        max_bytes: limit as u64,
    };
    kind.read(path).map_err(|fault| match fault {
        ReadFault::TooLong { bytes, .. } => StoreError::TooLong {
            path: path.display().to_string(),
            bytes,
            limit,
        },
        fault => read_error(path, fault),
    })
}

fn read_network(path: &Path, expected: usize) -> Result<Vec<u8>, StoreError> {
    let (file, size) = open(path)?;
    let wrong_size = |found| StoreError::WrongSize {
        path: path.display().to_string(),
        found,
        expected,
    };
    if size != expected as u64 || expected > MAX_NETWORK_BYTES {
        return Err(match is_pointer(&file) {
            true => StoreError::Pointer {
                path: path.display().to_string(),
                found: size,
                expected,
            },
            false => wrong_size(size),
        });
    }
    let mut bytes = Vec::with_capacity(expected + 1);
    // One byte more, to see that the file did not grow meanwhile.
    (file.take(expected as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| read_error(path, error))?;
    match bytes.len() == expected {
        true => Ok(bytes),
        false => Err(wrong_size(bytes.len() as u64)),
    }
}

/// Whether a file begins as a pointer of Git LFS does.
fn is_pointer(file: &File) -> bool {
    let mut start = Vec::new();
    let read = file.take(LFS_POINTER.len() as u64).read_to_end(&mut start);
    read.is_ok() && start == LFS_POINTER
}

/// A regular file (or a link to one) and its size; opening anything else, a
/// pipe say, might never return.
fn open(path: &Path) -> Result<(File, u64), StoreError> {
    let read_error = |error: std::io::Error| read_error(path, error);
    let metadata = std::fs::metadata(path).map_err(read_error)?;
    if !metadata.is_file() {
        return Err(StoreError::Read {
            path: path.display().to_string(),
            reason: "not a regular file".to_owned(),
        });
    }
    Ok((File::open(path).map_err(read_error)?, metadata.len()))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
