//! The chain of policies of a launch file: read and checked before anything runs,
//! then stepped through while it serves. When to step is decided in
//! [`concert_runtime::degradation`].

mod driver;

use std::path::PathBuf;

use anyhow::anyhow;
use concert_models::Engine;
use concert_policies::{Input, Policy};
use serde_json::{Value, json};

use crate::assemble::{self, EngineChoice};
use crate::cli::Global;
use crate::launch_file::{DegradationEntry, Fallback, LaunchFile, Provider};
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::report::{Failure, Refuse};

pub(crate) use driver::{Degradation, Means};

/// Per position, the engine that runs its networks.
type Engines = Vec<Box<dyn Engine>>;

/// A policy of a chain, ready to be swapped in.
pub(crate) struct Link {
    pub(crate) policy: Policy,
    /// The text that it was parsed from.
    text: String,
    /// Most outputs a second, where it is the same as a policy before with a limit.
    max_rate_hz: Option<f64>,
    /// Hash of the policy without that limit.
    whole: String,
    providers: Vec<Provider>,
}

/// A chain of policies, best first; at least two, no two alike.
pub(crate) struct PolicyChain {
    entry: DegradationEntry,
    links: Vec<Link>,
    folders: Vec<PathBuf>,
}

impl PolicyChain {
    /// The chain of a launch file, if it has one; `choice` is its policy.
    ///
    /// # Errors
    /// Refuses a policy that is missing, that is no step down, or that reads what a
    /// camera does not give; and learning beside it.
    pub(crate) fn of(
        launch: &LaunchFile,
        choice: &PolicyChoice,
        global: &Global,
    ) -> Result<Option<Self>, Failure> {
        let Some(entry) = launch.degradation() else {
            return Ok(None);
        };
        let refused = |reason: String| {
            let origin = launch.origin();
            Err(Failure::refused(anyhow!("{origin}: degradation: {reason}")))
        };
        #[cfg(feature = "fitting")]
        if launch.learn().is_some() {
            let text = "learning exchanges readouts of the policy, and a chain exchanges the \
                        policy: one of [learn] and [degradation] may be there";
            return refused(text.to_owned());
        }
        let mut folders = model_folders(&global.models, &launch.models(), choice.path.as_deref());
        let mut links = vec![Link::first(choice, launch)];
        for fallback in &entry.fallbacks {
            let (link, path) = Link::of(fallback, launch)?;
            let beside = model_folders(&global.models, &launch.models(), path.as_deref());
            let more = beside.into_iter().filter(|one| !folders.contains(one));
            let more: Vec<PathBuf> = more.collect();
            folders.extend(more);
            if let Some(reason) = link
                .fault_after(&links)
                .or_else(|| link.camera_fault(launch))
            {
                return refused(reason);
            }
            links.push(link);
        }
        Ok(Some(Self {
            entry: entry.clone(),
            links,
            folders,
        }))
    }

    /// The policies, best first.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.links.iter().map(|link| &link.policy)
    }

    /// Folders in which the networks of all of them are looked for.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Reads and checks the networks of every policy but the first.
    ///
    /// # Errors
    /// The first network that is missing, is not what its card says, or was not made
    /// for the others.
    pub(crate) fn check_networks(&self) -> Result<(), Failure> {
        for policy in self.policies().skip(1) {
            assemble::plan(policy, self.folders.clone())?;
        }
        Ok(())
    }

    /// Per policy, an engine: the first one's siblings, or with providers of its own;
    /// and per policy the number of its engine.
    ///
    /// # Errors
    /// An engine that cannot be had.
    fn engines(
        &self,
        first: &dyn Engine,
        (launch, global): (&LaunchFile, &Global),
    ) -> Result<(Engines, Vec<usize>), Failure> {
        let mut known: Vec<(&[Provider], Box<dyn Engine>)> =
            vec![(launch.providers(), first.sibling())];
        let mut numbers = Vec::new();
        for link in &self.links {
            let found = known
                .iter()
                .position(|(these, _)| **these == link.providers[..]);
            let number = match found {
                Some(number) => number,
                None => {
                    let engine = EngineChoice::beside(launch, &link.providers, global)?;
                    known.push((&link.providers[..], engine));
                    known.len() - 1
                }
            };
            numbers.push(number);
        }
        let engines = numbers.iter().map(|&number| known[number].1.sibling());
        Ok((engines.collect(), numbers))
    }

    /// For people: what is stepped down to, what that leaves out, and when.
    pub(crate) fn lines(&self) -> Vec<String> {
        let rules = &self.entry.rules;
        let name = |link: &Link| match link.providers == self.links[0].providers {
            true => link.policy.name().to_owned(),
            false => format!(
                "{} on {}",
                link.policy.name(),
                link.provider_names().join(", ")
            ),
        };
        let names: Vec<_> = self.links.iter().map(name).collect();
        let mut lines = vec![
            format!("steps down under load: {}", names.join(", then ")),
            format!(
                "  down after {:.1} s in which more than {:.0} % of the frames are late or \
                 dropped, or of heat{}; up after {:.1} s of calm",
                rules.down_after.as_secs_f64(),
                rules.late_share * 100.0,
                match self.entry.max_celsius {
                    Some(celsius) => format!(" (from {celsius} °C on)"),
                    None => String::new(),
                },
                rules.up_after.as_secs_f64()
            ),
        ];
        lines.extend(self.links.windows(2).filter_map(|pair| {
            let lost = pair[1].lacks(&pair[0]);
            let (name, before) = (pair[1].policy.name(), pair[0].policy.name());
            (!lost.is_empty())
                .then(|| format!("  {name} does without {} of {before}", lost.join(", ")))
        }));
        lines
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        let rules = &self.entry.rules;
        let mut before: Option<&Link> = None;
        let chain = self.links.iter().map(|link| {
            let lacks = before.map(|before| link.lacks(before));
            before = Some(link);
            json!({
                "policy": link.policy.name(), "hash": link.policy.hash().to_string(),
                "max_rate_hz": link.max_rate_hz, "does_without": lacks.unwrap_or_default(),
                "providers": link.provider_names(),
            })
        });
        json!({
            "chain": chain.collect::<Vec<_>>(), "late_percent": rules.late_share * 100.0,
            "down_after_millis": rules.down_after.as_millis(),
            "up_after_millis": rules.up_after.as_millis(), "max_celsius": self.entry.max_celsius,
        })
    }
}

impl Link {
    fn first(choice: &PolicyChoice, launch: &LaunchFile) -> Self {
        Self {
            policy: choice.policy.clone(),
            text: choice.text.clone(),
            max_rate_hz: None,
            whole: choice.policy.hash().to_string(),
            providers: launch.providers().to_vec(),
        }
    }

    /// The policy of a fallback, and its file.
    fn of(fallback: &Fallback, launch: &LaunchFile) -> Result<(Self, Option<PathBuf>), Failure> {
        let name = &fallback.policy;
        let choice = PolicyChoice::of(name, &launch.resolve(name)).or_refuse()?;
        let whole = choice.policy.hash().to_string();
        let providers = fallback.providers.as_deref().unwrap_or(launch.providers());
        let (policy, text) = match fallback.max_rate_hz {
            None => (choice.policy, choice.text),
            Some(hertz) => {
                let slower = choice.policy.with_max_rate(hertz).or_refuse()?;
                let text = slower.to_toml();
                (slower, text)
            }
        };
        let link = Self {
            policy,
            text,
            max_rate_hz: fallback.max_rate_hz,
            whole,
            providers: providers.to_vec(),
        };
        Ok((link, choice.path))
    }

    /// Why it is no step down after these.
    fn fault_after(&self, before: &[Link]) -> Option<String> {
        let name = self.policy.name();
        let alike = |other: &&Link| other.whole == self.whole && other.providers == self.providers;
        before
            .iter()
            .filter(alike)
            .find_map(|other| match (other.max_rate_hz, self.max_rate_hz) {
                (None, None) => Some(format!(
                    "policy {name} stands in the chain twice, but may stand once"
                )),
                (Some(above), None) => Some(format!(
                    "policy {name} is no step down: it has no max_rate_hz, that of the same \
                     policy before it is {above}"
                )),
                (Some(above), Some(rate)) if rate >= above => Some(format!(
                    "policy {name} is no step down: its max_rate_hz is {rate}, that of the same \
                     policy before it {above}, but must be lower"
                )),
                _ => None,
            })
    }

    /// Why the cameras do not do for it.
    fn camera_fault(&self, launch: &LaunchFile) -> Option<String> {
        let mut inputs = self.policy.transfers().iter().flat_map(|one| one.inputs());
        if !inputs.any(|input| *input == Input::CameraDepth) {
            return None;
        }
        let mut cameras = launch.cameras().iter();
        let without = cameras.find(|camera| !camera.kind().source().carries_depth(launch))?;
        Some(format!(
            "policy {} reads camera.depth, but camera {} of kind {} gives none",
            self.policy.name(),
            without.name(),
            without.kind().name()
        ))
    }

    fn provider_names(&self) -> Vec<&'static str> {
        let providers = self.providers.iter();
        providers.map(|provider| provider.name()).collect()
    }

    /// Targets of a policy that this one does without.
    fn lacks(&self, before: &Link) -> Vec<&'static str> {
        let targets = before.policy.transfers().iter().map(|one| one.target());
        let lost = targets.filter(|target| self.policy.transfer(target).is_none());
        lost.map(|target| target.name).collect()
    }
}
