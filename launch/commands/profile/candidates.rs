//! Which readouts are measured, and the policies that run them.

use std::fmt::Write as _;

use anyhow::{Context, anyhow};
use concert_models::card::{Card, ReadFrom};
use concert_policies::{Input, Policy, Transfer, readout_inputs};

/// A readout as it is to be measured: the entry of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Name of the target.
    pub(super) target: &'static str,
    /// The sources that it reads, sorted.
    pub(super) sources: Vec<String>,
    /// What else it reads.
    pub(super) inputs: Vec<Input>,
    /// The variant.
    pub(super) variant: Option<String>,
}

impl Candidate {
    pub(super) fn of_transfer(transfer: &Transfer) -> Self {
        Self {
            target: transfer.target().name,
            sources: transfer.sources().to_vec(),
            inputs: transfer.inputs().to_vec(),
            variant: transfer.variant().map(str::to_owned),
        }
    }

    /// The readout of a card; `None` for an encoder's. Of the inputs that it may
    /// leave out it reads another target's output where `has` says that there is
    /// such a readout, else the camera's depth.
    pub(super) fn of_card(card: &Card, has: &dyn Fn(&str) -> bool) -> Option<Self> {
        let (target, pins, reads): (_, _, Vec<_>) = match card {
            Card::Readout(card) => {
                let reads = card.reads.iter().map(|read| (&read.from, false));
                (card.target, &card.encoders, reads.collect())
            }
            Card::Geometric(card) => {
                let reads = card.reads.iter().map(|read| (&read.from, read.optional));
                (card.target, &card.encoders, reads.collect())
            }
            Card::Encoder(_) => return None,
        };
        let inputs = reads.iter().filter_map(|(from, optional)| match from {
            ReadFrom::Input(input) => Some((*input, *optional)),
            _ => None,
        });
        let is_there = |input: &Input| match input {
            Input::Target(task) => has(task.name),
            Input::CameraDepth => true,
        };
        let (left_out, read): (Vec<_>, Vec<_>) = inputs.partition(|(_, optional)| *optional);
        let mut inputs: Vec<Input> = read.into_iter().map(|(input, _)| input).collect();
        let mut one = left_out.into_iter().map(|(input, _)| input);
        inputs.extend(one.find(is_there));
        inputs.sort();
        inputs.dedup();
        let mut sources: Vec<_> = pins.iter().map(|pin| pin.source.clone()).collect();
        sources.sort();
        let variant = card.name().split_once('@');
        Some(Self {
            target: target.name,
            sources,
            inputs,
            variant: variant.map(|(_, variant)| variant.to_owned()),
        })
    }

    /// `TARGET_from_A+B[@VARIANT]`.
    pub(super) fn name(&self) -> String {
        let from = match self.sources.is_empty() {
            true => readout_inputs(&self.inputs),
            false => self.sources.join("+"),
        };
        let variant = self.variant.as_ref();
        let variant = variant.map_or(String::new(), |variant| format!("@{variant}"));
        format!("{}_from_{from}{variant}", self.target)
    }

    fn entry(&self) -> String {
        let inputs: Vec<_> = self.inputs.iter().map(|input| input.name()).collect();
        let mut entry = format!(
            "[[transfer]]\ntarget = {:?}\nsources = {:?}\ninputs = {inputs:?}\n",
            self.target, self.sources
        );
        if let Some(variant) = &self.variant {
            let _ = writeln!(entry, "readout = {variant:?}");
        }
        entry
    }

    /// The readout, and before it all whose outputs it reads, each the first of
    /// `known` with that target.
    ///
    /// # Errors
    /// An input that nothing gives, or readouts that read each other.
    pub(super) fn with_inputs(&self, known: &[Candidate]) -> anyhow::Result<Vec<Candidate>> {
        let mut all = Vec::new();
        self.gather(known, &mut all, 0)?;
        Ok(all)
    }

    fn gather(
        &self,
        known: &[Candidate],
        all: &mut Vec<Candidate>,
        depth: usize,
    ) -> anyhow::Result<()> {
        if depth > known.len() {
            return Err(anyhow!("readout {} reads itself", self.name()));
        }
        for input in &self.inputs {
            let Input::Target(task) = input else { continue };
            let Some(giver) = known.iter().find(|other| other.target == task.name) else {
                return Err(anyhow!(
                    "readout {} reads the target {}, which no readout here gives",
                    self.name(),
                    task.name
                ));
            };
            giver.gather(known, all, depth + 1)?;
        }
        if !all.contains(self) {
            all.push(self.clone());
        }
        Ok(())
    }
}

/// Readouts that run together: a policy has one for each target.
pub(super) fn groups(closures: Vec<Vec<Candidate>>) -> Vec<Vec<Candidate>> {
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    for closure in closures {
        let agrees =
            |one: &Candidate, other: &Candidate| one.target != other.target || one == other;
        let fits = |group: &&mut Vec<Candidate>| {
            let mut pairs = group
                .iter()
                .flat_map(|one| closure.iter().map(move |two| (one, two)));
            pairs.all(|(one, two)| agrees(one, two))
        };
        match groups.iter_mut().find(fits) {
            Some(group) => {
                for one in closure {
                    if !group.contains(&one) {
                        group.push(one);
                    }
                }
            }
            None => groups.push(closure),
        }
    }
    groups
}

/// A policy of these readouts, every one due on every frame.
///
/// # Errors
/// What makes no policy: two readouts of a target, unsafe names.
pub(super) fn policy(readouts: &[Candidate]) -> anyhow::Result<Policy> {
    let mut sources: Vec<_> = readouts.iter().flat_map(|one| &one.sources).collect();
    sources.sort();
    sources.dedup();
    let entries: String = readouts.iter().map(Candidate::entry).collect();
    let text = format!(
        "name = \"profile\"\nsupervision_budget = {}\n{entries}",
        sources.len().max(1)
    );
    Policy::parse(&text, "profile").context("the readouts make no policy")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(policy: &str) -> Vec<Candidate> {
        let policy = Policy::shipped(policy).expect("a policy");
        policy
            .transfers()
            .iter()
            .map(Candidate::of_transfer)
            .collect()
    }

    #[test]
    fn a_readout_comes_with_all_that_it_reads() {
        let known = of("home");
        let odometry = &known[0];
        assert_eq!(odometry.name(), "odometry_from_xfeat");
        let all = odometry.with_inputs(&known).expect("its inputs");
        let names: Vec<_> = all.iter().map(Candidate::name).collect();
        assert_eq!(
            names,
            ["depth_zbuffer_from_home_multi", "odometry_from_xfeat"]
        );
        let error = odometry.with_inputs(&known[..1]).expect_err("no depth");
        assert!(error.to_string().contains("depth_zbuffer"), "{error}");
        assert!(policy(&all).is_ok());
    }

    #[test]
    fn two_readouts_of_one_target_run_in_two_groups() {
        let known = of("home");
        let mut other = known[1].clone();
        other.variant = Some("mine".to_owned());
        let closures = known
            .iter()
            .map(|one| one.with_inputs(&known).expect("inputs"));
        let mut closures: Vec<_> = closures.collect();
        closures.push(vec![other.clone()]);
        let groups = groups(closures);
        assert_eq!((groups.len(), groups[0].len()), (2, known.len()));
        assert_eq!(groups[1], [other]);
    }
}
