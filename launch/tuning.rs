//! The execution settings that `concert tune` kept for a policy on this computer,
//! and how a server takes them up.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use concert_models::card::Card;
use concert_models::store::{Store, StoreError};
use concert_policies::Policy;
use concert_runtime::io::onnxruntime::{Tuned, TunedFolder, TunedFor};

use crate::launch_file::LaunchFile;

/// What has to be known to look for what was kept for a policy.
pub(crate) fn tuned_for(launch: &LaunchFile, policy: &Policy) -> Option<TunedFor> {
    let threads = launch.threads().and_then(NonZeroUsize::new);
    TunedFor::here(launch.providers(), threads, &policy.hash().to_string())
}

/// What was kept for a policy, where it was measured with the networks that are
/// there now. Where something is there that is not used, that is said.
pub(crate) fn kept(launch: &LaunchFile, policy: &Policy, folders: &[PathBuf]) -> Option<Tuned> {
    if !launch.is_tuned() {
        return None;
    }
    let of = tuned_for(launch, policy)?;
    let folder = TunedFolder::of_user()?;
    let not_used = |reason: &dyn std::fmt::Display| {
        let (path, name) = (folder.path(&of), policy.name());
        let path = path.display();
        tracing::warn!(
            "{path} is not used: {reason}; `concert tune` measures anew what is best for {name}"
        );
    };
    let tuned = folder.find(&of).map_err(|error| not_used(&error));
    let tuned = tuned.ok().flatten()?;
    // Where a card cannot be read, the plan says so.
    let networks = networks(policy, &Store::new(folders.to_vec())).ok()?;
    match tuned.check_networks(&networks) {
        Ok(()) => Some(tuned),
        Err(reason) => {
            not_used(&reason);
            None
        }
    }
}

/// Name and hash of every network of a policy, as their cards have them.
pub(crate) fn networks(
    policy: &Policy,
    store: &Store,
) -> Result<Vec<(String, String)>, StoreError> {
    let encoders = policy.encoders().iter().map(|source| {
        let (_, card) = store.encoder_card(source)?;
        Ok((card.name, card.origin.sha256))
    });
    let readouts = policy.transfers().iter().map(|transfer| {
        let name = transfer.readout_name();
        let origin = match store.readout_card(&name)? {
            Card::Encoder(card) => card.origin,
            Card::Readout(card) => card.origin,
            Card::Geometric(card) => card.origin,
        };
        Ok((name, origin.sha256))
    });
    encoders.chain(readouts).collect()
}

/// For people: what was chosen, and why.
pub(crate) fn words(tuned: &Tuned) -> String {
    let Tuned {
        goal,
        settings,
        frame_millis,
        processor_millis,
        ..
    } = tuned;
    format!(
        "tuned for {goal}: {settings}; when measured {frame_millis:.1} ms a frame, \
         {processor_millis:.1} ms of processor"
    )
}
