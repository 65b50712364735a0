//! The networks of a policy, from the store to a plan.

use std::path::PathBuf;

use concert_models::card::Origin;
use concert_models::store::Store;
use concert_policies::Policy;
use concert_runtime::{PartsError, Planned, plan_at_start, plan_from_store};
use serde_json::{Value, json};

use crate::report::{Failure, Refuse};

/// Reads and checks every network that a policy needs, on every core, and brings
/// them into running order.
///
/// # Errors
/// The first network that is missing, is not what its card says, or was not
/// made for the others.
pub(crate) fn plan(policy: &Policy, folders: Vec<PathBuf>) -> Result<Planned, Failure> {
    plan_at_start(policy, &Store::new(folders)).or_refuse()
}

/// As [`plan`], for a policy that came while another one runs: on this thread
/// alone.
pub(crate) fn try_plan(policy: &Policy, folders: Vec<PathBuf>) -> Result<Planned, PartsError> {
    plan_from_store(policy, &Store::new(folders))
}

/// Name, hash, weights, licence and training data of every network, and what the
/// classes of each pixel are called.
pub(crate) fn provenance(planned: &Planned) -> Value {
    let plan = &planned.plan;
    let provenance = planned.origins.iter().map(|origin| {
        let mut json = origin_json(origin);
        // Who draws a map of classes wants to know what they are.
        let mut named = plan.pixel_classes();
        if let Some((_, labels)) = named.find(|(hash, _)| *hash == origin.1.sha256) {
            json["labels"] = json!(labels);
        }
        json
    });
    provenance.collect()
}

fn origin_json((name, origin): &(String, Origin)) -> Value {
    let provenance = &origin.provenance;
    json!({
        "name": name, "sha256": origin.sha256, "weights": provenance.weights,
        "licence": provenance.licence, "trained_on": provenance.trained_on,
    })
}
