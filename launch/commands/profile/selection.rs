//! What is measured: encoders, and readouts in groups that run together.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::anyhow;
use concert_models::card::Card;
use concert_models::store::{Encoder, NetworkKind, Store};
use concert_runtime::{Plan, plan_from_store};

use super::args::ProfileArgs;
use super::candidates::{Candidate, groups, policy};
use crate::cli::Global;
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::report::{Failure, Refuse};

/// What is measured, read and checked.
pub(super) struct Selection {
    pub(super) encoders: Vec<Encoder>,
    /// Plans, and the readouts in them.
    pub(super) groups: Vec<(Plan, Vec<Candidate>)>,
    /// The readouts that were asked for; others run only because these read them.
    pub(super) wanted: Vec<Candidate>,
    /// What cannot be measured though nobody named it, and why.
    pub(super) skipped: Vec<(String, String)>,
}

/// What is looked at before anything is loaded.
struct Wish {
    wanted: Vec<Candidate>,
    known: Vec<Candidate>,
    sources: BTreeSet<String>,
    /// True where what cannot be had was named, and so is refused.
    strict: bool,
}

impl Selection {
    pub(super) fn of(args: &ProfileArgs, global: &Global) -> Result<Self, Failure> {
        let (store, wish) = match args.policies.is_empty() {
            false => of_policies(args, global)?,
            true => of_store(args, global)?,
        };
        let mut skipped = Vec::new();
        let mut closures = Vec::new();
        let mut wanted = Vec::new();
        let mut sources = wish.sources;
        for candidate in wish.wanted {
            let closure = candidate.with_inputs(&wish.known).and_then(|closure| {
                plan_from_store(&policy(&closure)?, &store)?;
                Ok(closure)
            });
            match closure {
                Ok(closure) => {
                    let read = closure.iter().flat_map(|one| &one.sources);
                    sources.extend(read.cloned());
                    closures.push(closure);
                    wanted.push(candidate);
                }
                Err(error) if wish.strict => return Err(Failure::refused(error)),
                Err(error) => skipped.push((candidate.name(), format!("{error:#}"))),
            }
        }
        let mut encoders = Vec::new();
        for source in &sources {
            match store.encoder(source) {
                Ok(encoder) => encoders.push(encoder),
                Err(error) if wish.strict => return Err(Failure::refused(error)),
                Err(error) => skipped.push((source.clone(), error.to_string())),
            }
        }
        if encoders.is_empty() && wanted.is_empty() {
            let reasons: Vec<_> = skipped.iter().map(|(_, reason)| reason.as_str()).collect();
            return Err(Failure::refused(anyhow!(
                "there is nothing to measure: {}",
                reasons.first().unwrap_or(&"no model was found")
            )));
        }
        // Large ones first, so that small ones are not measured into what the
        // large ones left behind.
        encoders.sort_by_key(|encoder| std::cmp::Reverse(encoder.file.bytes.len()));
        let mut planned = Vec::new();
        for group in groups(closures) {
            let plan = plan_from_store(&policy(&group).or_refuse()?, &store).or_refuse()?;
            planned.push((plan.plan, group));
        }
        Ok(Self {
            encoders,
            groups: planned,
            wanted,
            skipped,
        })
    }
}

fn of_policies(args: &ProfileArgs, global: &Global) -> Result<(Store, Wish), Failure> {
    let mut wanted: Vec<Candidate> = Vec::new();
    let mut folders = Vec::new();
    for name in &args.policies {
        let choice = PolicyChoice::of(name, Path::new(name)).or_refuse()?;
        folders.extend(model_folders(&global.models, &[], choice.path.as_deref()));
        for transfer in choice.policy.transfers() {
            let candidate = Candidate::of_transfer(transfer);
            if !wanted.contains(&candidate) {
                wanted.push(candidate);
            }
        }
    }
    let wish = Wish {
        known: wanted.clone(),
        wanted,
        sources: BTreeSet::new(),
        strict: true,
    };
    Ok((Store::new(folders), wish))
}

fn of_store(args: &ProfileArgs, global: &Global) -> Result<(Store, Wish), Failure> {
    let store = Store::new(model_folders(&global.models, &[], None));
    let listed = store.list();
    let cards = || listed.iter().filter_map(|one| one.card.as_ref().ok());
    let target = |card: &Card| match card {
        Card::Readout(card) => Some(card.target.name),
        Card::Geometric(card) => Some(card.target.name),
        Card::Encoder(_) => None,
    };
    let has = |name: &str| cards().any(|card| target(card) == Some(name));
    let mut known: Vec<_> = (cards())
        .filter_map(|card| Candidate::of_card(card, &has))
        .collect();
    // Of several readouts of a target, others read the plain one of a network.
    known.sort_by_key(|one| (one.variant.is_some(), one.sources.is_empty(), one.name()));
    let named_sources: BTreeSet<_> = args.encoders.iter().cloned().collect();
    if !args.readouts.is_empty() {
        let mut wanted = Vec::new();
        for name in &args.readouts {
            let card = store.readout_card(name).or_refuse()?;
            let candidate = Candidate::of_card(&card, &has);
            wanted.extend(candidate.filter(|one| !wanted.contains(one)));
        }
        let wish = Wish {
            wanted,
            known,
            sources: named_sources,
            strict: true,
        };
        return Ok((store, wish));
    }
    if !named_sources.is_empty() {
        for source in &named_sources {
            store.encoder_card(source).or_refuse()?;
        }
        let reads_these = |one: &&Candidate| {
            let all = one.with_inputs(&known);
            let mut sources = all.iter().flatten().flat_map(|one| &one.sources).peekable();
            sources.peek().is_some() && sources.all(|source| named_sources.contains(source))
        };
        let wanted = known.iter().filter(reads_these).cloned().collect();
        let wish = Wish {
            wanted,
            known,
            sources: named_sources,
            strict: true,
        };
        return Ok((store, wish));
    }
    let encoders = listed.iter().filter(|one| one.kind == NetworkKind::Encoder);
    let wish = Wish {
        wanted: known.clone(),
        known,
        sources: encoders.map(|one| one.name.clone()).collect(),
        strict: false,
    };
    Ok((store, wish))
}
