//! The policy that a runtime says it runs, as a page draws it.

use std::collections::BTreeMap;

use concert_policies::{Policy, PolicyError, Transfer};
use serde_json::{Value, json};

/// Beginning of the names of readouts that a runtime learnt itself.
const LEARNT: &str = "learnt";
/// Most networks whose origin is told.
const MAX_NETWORKS: usize = 64;

/// The policy that runs.
pub(super) struct Running {
    /// Hash, 64 hexadecimal digits.
    pub(super) hash: String,
    /// Targets, most important first.
    pub(super) targets: Vec<&'static str>,
    /// Names of classes, by the hash of the readout.
    pub(super) labels: BTreeMap<String, Vec<String>>,
    /// For a page.
    pub(super) json: Value,
}

impl Running {
    /// Reads what is answered at `<prefix>/policy`.
    ///
    /// # Errors
    /// A policy that this program does not understand.
    pub(super) fn read(answer: &Value) -> Result<Self, PolicyError> {
        let text = answer["policy"].as_str().unwrap_or_default();
        let policy = Policy::parse(text, "policy")?;
        let networks = answer["provenance"].as_array().into_iter().flatten();
        let networks: Vec<&Value> = networks.take(MAX_NETWORKS).collect();
        let hash = policy.hash().to_string();
        let transfers: Vec<_> = policy.transfers().iter().map(transfer).collect();
        let origins: Vec<_> = networks.iter().map(|network| origin(network)).collect();
        let json = json!({
            "name": policy.name(), "description": policy.description(), "hash": hash,
            "toml": text, "transfers": transfers, "networks": origins,
        });
        Ok(Self {
            hash,
            targets: (policy.transfers().iter())
                .map(|transfer| transfer.target().name)
                .collect(),
            labels: networks.into_iter().filter_map(labels).collect(),
            json,
        })
    }
}

fn transfer(transfer: &Transfer) -> Value {
    let inputs: Vec<_> = transfer.inputs().iter().map(|input| input.name()).collect();
    let variant = transfer.variant();
    json!({
        "target": transfer.target().name, "sources": transfer.sources(), "inputs": inputs,
        "rate_hz": transfer.rate_hz(), "readout": transfer.readout_name(),
        "learnt": variant.is_some_and(|variant| variant.starts_with(LEARNT)),
    })
}

fn origin(network: &Value) -> Value {
    let text = |name: &str| network[name].as_str().unwrap_or("unknown").to_owned();
    json!({ "name": text("name"), "trained_on": text("trained_on"), "licence": text("licence") })
}

fn labels(network: &Value) -> Option<(String, Vec<String>)> {
    let labels = network["labels"].as_array()?;
    let names = labels.iter().take(256);
    let names = names.map(|name| name.as_str().unwrap_or_default().to_owned());
    Some((network["sha256"].as_str()?.to_owned(), names.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_drawn_from_what_the_runtime_answers() {
        let text = Policy::shipped_text("demo").expect("it ships");
        let text = text.replacen(
            "sources = [\"home_multi\"]",
            "sources = [\"home_multi\"]\nreadout = \"learnt_3\"",
            1,
        );
        let provenance = json!([
            { "name": "home_multi", "sha256": "aa", "trained_on": "homes", "licence": "MIT" },
            { "name": "segment_semantic_from_home_multi", "sha256": "bb", "labels": ["wall", 3] },
        ]);
        let running = Running::read(&json!({ "policy": text, "provenance": provenance }));
        let running = running.expect("a policy");
        assert_eq!(running.targets[0], "depth_zbuffer");
        assert_eq!(running.json["transfers"][0]["learnt"], true);
        assert_eq!(running.json["transfers"][1]["learnt"], false);
        assert_eq!(
            running.json["transfers"][3]["inputs"],
            json!(["depth_zbuffer", "normal"])
        );
        assert_eq!(running.labels["bb"], ["wall", ""]);
        assert!(Running::read(&json!({ "policy": "nonsense" })).is_err());
        assert!(Running::read(&Value::Null).is_err());
    }
}
