//! A policy as other programs see it.

use serde::{Serialize, Serializer};

use crate::hash::PolicyHash;
use crate::policy::Policy;
use crate::transfer::Transfer;

/// Summary of what a policy computes, for JSON output; made by [`Policy::summary`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicySummary {
    /// Name of the policy.
    pub name: String,
    /// Purpose of the policy.
    pub description: Option<String>,
    /// Identity of the policy, 64 hexadecimal digits.
    pub hash: PolicyHash,
    /// Most source encoders that may run in all.
    pub supervision_budget: usize,
    /// Most sources that one readout may read.
    pub max_order: usize,
    /// Encoders that run, sorted.
    pub encoders: Vec<String>,
    /// The transfers, most important first.
    pub transfers: Vec<TransferSummary>,
    /// Targets in the order of evaluation.
    pub evaluation_order: Vec<&'static str>,
}

/// One transfer of a [`PolicySummary`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TransferSummary {
    /// Canonical name of the target.
    pub target: &'static str,
    /// Source encoders, sorted.
    pub sources: Vec<String>,
    /// Number of sources.
    pub order: usize,
    /// Most outputs per second; null for one per frame.
    pub rate_hz: Option<f64>,
    /// File name of the readout, without its ending.
    pub readout: String,
    /// Inputs that the readout reads beside representations.
    pub inputs: Vec<&'static str>,
    /// ROS 2 message that carries the output.
    pub message: &'static str,
    /// Unit of the output's values.
    pub unit: &'static str,
}

impl Policy {
    /// Summary of what the policy computes, for JSON output.
    pub fn summary(&self) -> PolicySummary {
        PolicySummary {
            name: self.name.clone(),
            description: self.description.clone(),
            hash: self.hash,
            supervision_budget: self.supervision_budget,
            max_order: self.max_order,
            encoders: self.encoders.clone(),
            transfers: self.transfers.iter().map(Transfer::summary).collect(),
            evaluation_order: self.evaluation_order().map(|t| t.target.name).collect(),
        }
    }
}

impl Transfer {
    /// The transfer, for JSON output.
    pub fn summary(&self) -> TransferSummary {
        TransferSummary {
            target: self.target.name,
            sources: self.sources.clone(),
            order: self.order(),
            rate_hz: self.rate_hz,
            readout: self.readout_name(),
            inputs: self.inputs.iter().map(|input| input.name()).collect(),
            message: self.target.message_type(),
            unit: self.target.unit,
        }
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.summary().serialize(serializer)
    }
}
