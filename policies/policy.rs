//! The set of transfers that a robot runs.

use std::path::Path;

use crate::document::Kind;
use crate::fault::PolicyError;
use crate::hash::PolicyHash;
use crate::raw::RawPolicy;
use crate::task::Task;
use crate::transfer::Transfer;

/// Greatest size of a policy file, in bytes (256 KiB). The TOML reader needs up
/// to 100 times as much memory for a text of nothing but punctuation.
pub const MAX_POLICY_BYTES: u64 = 256 << 10;
pub(crate) const KIND: Kind = Kind {
    name: "policy",
    max_bytes: MAX_POLICY_BYTES,
};
/// Most transfers in one policy.
pub const MAX_TRANSFERS: usize = 1000;
/// Longest name of a policy, source or variant, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// Longest name of a readout, in bytes: a file name has 255, the ending 5.
pub const MAX_READOUT_NAME_BYTES: usize = 250;
/// Greatest supervision budget and max order.
pub const MAX_SUPERVISION_BUDGET: usize = 1000;
/// Greatest rate of a target, in outputs per second.
pub const MAX_RATE_HZ: f64 = 1000.0;

/// Policies that ship with Concert: name and text.
const SHIPPED: &[(&str, &str)] = &[
    ("apartment", include_str!("shipped/apartment.toml")),
    ("apartment_k1", include_str!("shipped/apartment_k1.toml")),
    ("apartment_k2", include_str!("shipped/apartment_k2.toml")),
    ("apartment_k3", include_str!("shipped/apartment_k3.toml")),
    ("corridor_k1", include_str!("shipped/corridor_k1.toml")),
    ("corridor_k2", include_str!("shipped/corridor_k2.toml")),
    ("corridor_k3", include_str!("shipped/corridor_k3.toml")),
    ("demo", include_str!("shipped/demo.toml")),
    ("fetch_soda", include_str!("shipped/fetch_soda.toml")),
    ("first_light", include_str!("shipped/first_light.toml")),
    ("home", include_str!("shipped/home.toml")),
];

/// A checked policy: the transfers of a robot, most important first, under a
/// supervision budget and a max order.
///
/// # Invariants
/// Only [`Policy::parse`] makes one, so whoever holds one need not check again:
///
/// * There are from 1 to [`MAX_TRANSFERS`] transfers, most important first; their
///   targets are distinct and known.
/// * Each transfer has at most `max_order` sources, sorted and distinct, and at
///   least one source or input.
/// * All transfers together have at most `supervision_budget` distinct sources.
/// * Inputs name targets of the policy, without a cycle, or the camera.
/// * Names are safe as parts of file names.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) supervision_budget: usize,
    pub(crate) max_order: usize,
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) encoders: Vec<String>,
    pub(crate) evaluation_order: Vec<usize>,
    pub(crate) hash: PolicyHash,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// As [`Policy::parse`], and for anything but a readable regular file of at
    /// most [`MAX_POLICY_BYTES`] of UTF-8, of which no more is read.
    pub fn read(path: impl AsRef<Path>) -> Result<Policy, PolicyError> {
        Policy::read_with_text(path).map(|(policy, _)| policy)
    }

    /// Reads a policy file, and gives its text, too, for whoever hands it on.
    ///
    /// # Errors
    /// As [`Policy::read`].
    pub fn read_with_text(path: impl AsRef<Path>) -> Result<(Policy, String), PolicyError> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let text = KIND.read(path);
        let text = text.map_err(|fault| PolicyError::new(&origin, None, fault.into()))?;
        Ok((Policy::parse(&text, &origin)?, text))
    }

    /// A policy that ships with Concert, by name.
    pub fn shipped(name: &str) -> Option<Policy> {
        let (name, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
        Policy::parse(text, &format!("policies/shipped/{name}.toml")).ok()
    }

    /// The text of a policy that ships with Concert, by name.
    pub fn shipped_text(name: &str) -> Option<&'static str> {
        let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
        Some(text)
    }

    /// Names of the policies that ship with Concert.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// The JSON Schema of a policy file, for editors and other tools. It says
    /// less than [`Policy::parse`] checks: not the rules between entries.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(RawPolicy).to_value()
    }

    /// Name of the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Purpose of the policy, in the words of its author.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Most source encoders that may run in all.
    pub fn supervision_budget(&self) -> usize {
        self.supervision_budget
    }

    /// Most sources that one readout may read; the supervision budget where the
    /// file says nothing, which is no further limit.
    pub fn max_order(&self) -> usize {
        self.max_order
    }

    /// The transfers, most important first.
    pub fn transfers(&self) -> &[Transfer] {
        &self.transfers
    }

    /// The transfer to this target, if the policy has one.
    pub fn transfer(&self, target: &Task) -> Option<&Transfer> {
        self.transfers.iter().find(|t| t.target == target)
    }

    /// The same policy with another variant of the readout to `target`; `None`
    /// for the one without a variant. Nothing changes where no transfer leads
    /// to it.
    ///
    /// # Errors
    /// A variant that cannot be part of a file name.
    pub fn with_variant(
        &self,
        target: &Task,
        variant: Option<&str>,
    ) -> Result<Policy, PolicyError> {
        let mut other = self.clone();
        for transfer in &mut other.transfers {
            if transfer.target == target {
                transfer.readout = variant.map(str::to_owned);
            }
        }
        Policy::parse(&other.to_toml(), &self.name)
    }

    /// The same policy with at most so many outputs a second of each target, above 0;
    /// its name says so: `NAME-5hz`. A name that would be too long is cut.
    ///
    /// # Errors
    /// A rate that no policy may have.
    pub fn with_max_rate(&self, hertz: f64) -> Result<Policy, PolicyError> {
        let mut other = self.clone();
        for transfer in &mut other.transfers {
            let rate_hz = transfer.rate_hz.map_or(hertz, |own| own.min(hertz));
            transfer.rate_hz = Some(rate_hz);
        }
        let end = format!("-{hertz}hz").replace('.', "_");
        let room = MAX_NAME_BYTES.saturating_sub(end.len());
        other.name.truncate(room);
        other.name.push_str(&end);
        Policy::parse(&other.to_toml(), &self.name)
    }

    /// The same policy with at most so many outputs a second of `target`; `None` for one of
    /// every frame. Nothing changes where no transfer leads to it.
    ///
    /// # Errors
    /// A rate that no policy may have.
    pub fn with_rate(&self, target: &Task, rate_hz: Option<f64>) -> Result<Policy, PolicyError> {
        let mut other = self.clone();
        for transfer in &mut other.transfers {
            if transfer.target == target {
                transfer.rate_hz = rate_hz;
            }
        }
        Policy::parse(&other.to_toml(), &self.name)
    }

    /// Names of the encoders to run: the union of all sources, sorted.
    pub fn encoders(&self) -> &[String] {
        &self.encoders
    }

    /// Identity of the policy.
    pub fn hash(&self) -> PolicyHash {
        self.hash
    }
}
