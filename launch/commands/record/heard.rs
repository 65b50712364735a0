//! What a recorder knows of the robot that it hears.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use concert_policies::Policy;
use concert_runtime::io::zenoh::HeardMessage;
use concert_runtime::wire::{Attachment, keys};
use serde_json::Value;

/// How long a robot may take to say its policy.
pub(super) const ANSWER: Duration = Duration::from_secs(1);
/// How long it is not asked again where it did not say it.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// Most policies that are kept.
const MAX_POLICIES: usize = 1000;
/// Most keys that are counted apart.
const MAX_KEYS: usize = 4096;

/// A policy as a recording keeps it: `policy`, `hash`, `provenance`.
pub(super) type PolicyTexts = BTreeMap<String, String>;

/// What came of each key, and which policies made it.
#[derive(Default)]
pub(super) struct Heard {
    keys: BTreeMap<String, KeyHeard>,
    policies: Vec<PolicyTexts>,
    /// Policies handed out by [`take_policies`](Self::take_policies).
    taken: usize,
    known: BTreeSet<String>,
    /// Hash of a policy that nobody has told yet.
    unknown: Option<String>,
    ask_at: Duration,
}

/// Counts of the messages of one key.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeyHeard {
    pub(super) messages: u64,
    /// Gaps in their numbers: lost on the way.
    pub(super) gaps: u64,
    last: Option<u64>,
}

impl Heard {
    /// Tells whether nothing came yet.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes note of a message.
    pub(super) fn note(&mut self, message: &HeardMessage) {
        let is_known = self.keys.len() < MAX_KEYS || self.keys.contains_key(&message.key);
        let key = if is_known { &message.key } else { "other keys" };
        let heard = self.keys.entry(key.to_owned()).or_default();
        heard.messages += 1;
        let Ok(attachment) = Attachment::parse(&message.attachment) else {
            return;
        };
        let sequence = attachment.sequence;
        let next = heard.last.and_then(|last| last.checked_add(1));
        // A smaller number is a robot that started anew.
        let gap = next.and_then(|next| sequence.checked_sub(next));
        heard.gaps += gap.unwrap_or(0);
        heard.last = Some(sequence);
        if !attachment.policy.is_empty() && !self.known.contains(&attachment.policy) {
            self.unknown = Some(attachment.policy);
        }
    }

    /// Tells whether the robot is to be asked for its policy.
    pub(super) fn wants_policy(&self, now: Duration) -> bool {
        self.unknown.is_some() && now >= self.ask_at && self.policies.len() < MAX_POLICIES
    }

    /// Takes what the robot says of its policy, if it said anything.
    pub(super) fn note_policy(&mut self, said: Option<Value>, now: Duration) {
        self.ask_at = now + ASK_AGAIN;
        let Some(said) = said else {
            return;
        };
        let text = said["policy"].as_str().unwrap_or_default();
        let Ok(policy) = Policy::parse(text, "the robot's policy") else {
            return;
        };
        let hash = policy.hash().to_string();
        if self.unknown.as_ref() == Some(&hash) {
            self.unknown = None;
        }
        if self.known.insert(hash.clone()) {
            let provenance = said["provenance"].to_string();
            let texts = [
                ("policy", text.to_owned()),
                ("hash", hash),
                ("provenance", provenance),
            ];
            let texts = texts.map(|(name, text)| (name.to_owned(), text));
            self.policies.push(texts.into());
        }
    }

    /// The policies that are known, in the order in which they ran.
    pub(super) fn policies(&self) -> &[PolicyTexts] {
        &self.policies
    }

    /// Those that are new since the last call.
    pub(super) fn take_policies(&mut self) -> &[PolicyTexts] {
        let from = std::mem::replace(&mut self.taken, self.policies.len());
        &self.policies[from..]
    }

    /// Counts by key.
    pub(super) fn keys(&self) -> &BTreeMap<String, KeyHeard> {
        &self.keys
    }

    /// Tells whether the camera's image came.
    pub(super) fn has_images(&self) -> bool {
        self.keys.keys().any(|key| keys::is_image(key))
    }
}
