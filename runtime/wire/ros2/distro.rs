//! The distributions of ROS 2 that are spoken to.

use super::type_hash::{service_hash, type_hash};

/// A distribution of ROS 2 whose `rmw_zenoh_cpp` is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distro {
    /// 2022: types have no hash.
    Humble,
    /// 2024.
    Jazzy,
    /// 2025.
    Kilted,
    /// 2026.
    Lyrical,
}

impl Distro {
    /// All of them, oldest first.
    pub const ALL: [Self; 4] = [Self::Humble, Self::Jazzy, Self::Kilted, Self::Lyrical];
    /// Stands in keys for the hash of a type where types have none.
    pub const NO_HASH: &str = "TypeHashNotSupported";

    /// Name, as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Humble => "humble",
            Self::Jazzy => "jazzy",
            Self::Kilted => "kilted",
            Self::Lyrical => "lyrical",
        }
    }

    /// The distribution of a name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|distro| distro.name() == name)
    }

    /// Last part of the key of a topic of this type; `None` for a type whose
    /// definition is not known here. The definitions are the same from Jazzy on.
    #[must_use]
    pub fn hash_of(self, message_type: &str) -> Option<String> {
        self.or_none(|| type_hash(message_type))
    }

    /// As [`hash_of`](Self::hash_of), of a service.
    #[must_use]
    pub fn hash_of_service(self, service_type: &str) -> Option<String> {
        self.or_none(|| service_hash(service_type))
    }

    fn or_none(self, hash: impl FnOnce() -> Option<String>) -> Option<String> {
        match self {
            Self::Humble => Some(Self::NO_HASH.to_owned()),
            Self::Jazzy | Self::Kilted | Self::Lyrical => hash(),
        }
    }
}
