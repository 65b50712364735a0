//! The table `[degradation]` of a launch file, checked.

use std::time::Duration;

use concert_policies::document::at;
use concert_runtime::DegradationRules;
use toml::Spanned;

use super::Provider;
use super::fault::{LaunchFault, shown};
use super::parse::providers;
use super::raw::{RawDegradation, RawFallback};
use super::value::{MAX_PATH_BYTES, Placed, number, rate_of, text_of};

/// Most policies below the first.
const MAX_FALLBACKS: usize = 8;

/// What is stepped down to, and when.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DegradationEntry {
    /// At least one, best first; no two alike, and none like the launch file's own.
    pub(crate) fallbacks: Vec<Fallback>,
    pub(crate) rules: DegradationRules,
    /// Temperature that is too hot, °C, where the zones' own trip points are higher.
    pub(crate) max_celsius: Option<f64>,
}

/// A policy that takes less than those before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fallback {
    /// The name of one that ships with Concert, or a path.
    pub(crate) policy: String,
    /// Most outputs a second of each target.
    pub(crate) max_rate_hz: Option<f64>,
    /// In place of the launch file's providers.
    pub(crate) providers: Option<Vec<Provider>>,
}

impl DegradationEntry {
    /// Checks the table of a launch file with this policy and these providers.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(super) fn parse(raw: &RawDegradation, policy: &str, own: &[Provider]) -> Placed<Self> {
        let (count, limit) = (raw.fallback.get_ref().len(), MAX_FALLBACKS);
        if !(1..=limit).contains(&count) {
            let what = "fallbacks of degradation";
            let fault = LaunchFault::Count {
                what,
                count,
                least: 1,
                limit,
            };
            return at(raw.fallback.span(), fault);
        }
        let best = Fallback {
            policy: policy.to_owned(),
            max_rate_hz: None,
            providers: None,
        };
        let mut chain = vec![best];
        for raw in raw.fallback.get_ref() {
            let fallback = Fallback::parse(raw, own)?;
            if chain.contains(&fallback) {
                let value = shown(&fallback.policy);
                let what = "policy of the chain";
                return at(raw.policy.span(), LaunchFault::Duplicate { what, value });
            }
            chain.push(fallback);
        }
        let usual = DegradationRules::default();
        let optional = |key: &str, value: &Option<Spanned<i64>>, least, limit| -> Placed<_> {
            let value = value.as_ref().map(|value| number(key, value, least, limit));
            value.transpose()
        };
        let millis = |key: &str, value, least, limit, usual| -> Placed<Duration> {
            let millis = optional(key, value, least, limit)?;
            Ok(millis.map_or(usual, |millis| Duration::from_millis(millis as u64)))
        };
        let (down, up) = (&raw.down_after_millis, &raw.up_after_millis);
        let late = optional("late_percent", &raw.late_percent, 1, 90)?;
        let celsius = optional("max_celsius", &raw.max_celsius, 30, 150)?;
        Ok(Self {
            fallbacks: chain.split_off(1),
            rules: DegradationRules {
                late_share: late.map_or(usual.late_share, |percent| percent as f64 / 100.0),
                down_after: millis("down_after_millis", down, 100, 600_000, usual.down_after)?,
                up_after: millis("up_after_millis", up, 100, 3_600_000, usual.up_after)?,
            },
            max_celsius: celsius.map(|celsius| celsius as f64),
        })
    }
}

impl Fallback {
    fn parse(raw: &RawFallback, own: &[Provider]) -> Placed<Self> {
        let rate = raw.max_rate_hz.as_ref();
        let rate = rate.map(|rate| rate_of("max_rate_hz of a fallback".to_owned(), rate));
        let named = raw.providers.as_ref();
        let named = named.map(|named| providers(Some(named))).transpose()?;
        if let (Some(written), Some(named)) = (&raw.providers, &named) {
            let foreign = |one: &&Provider| !own.contains(one) && **one != Provider::Cpu;
            if let Some(foreign) = named.iter().find(foreign) {
                let own: Vec<_> = own.iter().map(|provider| provider.name()).collect();
                let fault = LaunchFault::ForeignProvider {
                    provider: foreign.name(),
                    own: own.join(", "),
                };
                return at(written.span(), fault);
            }
        }
        Ok(Self {
            policy: text_of("policy of a fallback", &raw.policy, MAX_PATH_BYTES)?,
            max_rate_hz: rate.transpose()?,
            // The same ones are no others.
            providers: named.filter(|named| named != own),
        })
    }
}
