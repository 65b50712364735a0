//! The name of a runtime: its prefix, which belongs to one runtime. Claimed with
//! a liveliness token, and watched for as long as it is held: two runtimes may
//! meet long after both began.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use zenoh::key_expr::KeyExpr;
use zenoh::sample::SampleKind;
use zenoh::{Session, Wait};

use super::error::ZenohError;
use super::outward::Declared;
use super::sessions::{EverywhereKept, Sessions};
use crate::clock::lock;
use crate::wire::keys;

/// The prefix, if it is a key without wildcards.
pub(super) fn checked_prefix(prefix: &str) -> Result<String, ZenohError> {
    let fault = |reason: String| ZenohError::Key {
        key: prefix.to_owned(),
        reason,
    };
    let key = KeyExpr::new(prefix.to_owned()).map_err(|error| fault(error.to_string()))?;
    if key.is_wild() {
        return Err(fault("a publish prefix has no wildcards".to_owned()));
    }
    Ok(prefix.to_owned())
}

/// A prefix that is held; given back when dropped.
pub(super) struct Name {
    /// Withdrawn first: then nobody takes us for somebody else.
    _token: EverywhereKept,
    _watch: EverywhereKept,
    others: Others,
}

/// Tokens of other runtimes of the same prefix.
#[derive(Clone, Default)]
struct Others(Arc<Mutex<BTreeSet<String>>>);

impl Name {
    /// Takes the prefix: refuses if somebody has it, then declares a token and
    /// looks again. Of two that start together, the one with the smaller session
    /// id stays. From then on others are watched for.
    pub(super) fn claim(
        sessions: &Sessions,
        prefix: &str,
        limit: Duration,
    ) -> Result<Self, ZenohError> {
        let name_taken = |token: String| ZenohError::NameTaken {
            prefix: prefix.to_owned(),
            token,
        };
        let own = keys::token(prefix, &sessions.own().zid().to_string());
        if let Some(token) = others(sessions, prefix, &own, limit)?.into_iter().next() {
            return Err(name_taken(token));
        }
        let key = own.clone();
        let token = sessions.declare(move |session| declare_token(session, &key))?;
        let earlier = others(sessions, prefix, &own, limit)?.into_iter();
        if let Some(other) = earlier.filter(|other| *other < own).min() {
            return Err(name_taken(other));
        }
        let known = Others::default();
        let (heard, tokens) = (known.clone(), keys::tokens(prefix));
        let watch = sessions.declare(move |session| watch(session, &tokens, &own, &heard))?;
        Ok(Self {
            _token: token,
            _watch: watch,
            others: known,
        })
    }

    /// Token of another runtime that publishes under the same prefix, if there
    /// is one now.
    pub(super) fn rival(&self) -> Option<String> {
        lock(&self.others.0).first().cloned()
    }
}

fn declare_token(session: &Session, key: &str) -> Result<Declared, ZenohError> {
    let token = session.liveliness().declare_token(key.to_owned()).wait();
    let token = token.map_err(|error| ZenohError::Key {
        key: key.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Box::new(token))
}

fn watch(
    session: &Session,
    tokens: &str,
    own: &str,
    others: &Others,
) -> Result<Declared, ZenohError> {
    let (own, others) = (own.to_owned(), others.clone());
    let subscriber = session
        .liveliness()
        .declare_subscriber(tokens.to_owned())
        .history(true)
        .callback(move |sample| {
            let token = sample.key_expr().as_str();
            if token == own {
                return;
            }
            let mut known = lock(&others.0);
            match sample.kind() {
                SampleKind::Put if known.insert(token.to_owned()) => tracing::error!(
                    "another runtime publishes under this prefix (its token is {token}), but a \
                     prefix belongs to one runtime: stop one of the two, or give it another \
                     `--prefix`"
                ),
                SampleKind::Delete if known.remove(token) => {
                    tracing::info!("the other runtime of this prefix is gone ({token})");
                }
                _ => {}
            }
        })
        .wait()
        .map_err(|error| ZenohError::Key {
            key: tokens.to_owned(),
            reason: error.to_string(),
        })?;
    Ok(Box::new(subscriber))
}

/// Tokens below the prefix that are alive, but for our own.
fn others(
    sessions: &Sessions,
    prefix: &str,
    own: &str,
    limit: Duration,
) -> Result<BTreeSet<String>, ZenohError> {
    let tokens = keys::tokens(prefix);
    let mut alive = BTreeSet::new();
    for session in sessions.all() {
        let replies = session
            .liveliness()
            .get(tokens.clone())
            .timeout(limit)
            .wait();
        let replies = replies.map_err(|error| ZenohError::Key {
            key: tokens.clone(),
            reason: error.to_string(),
        })?;
        let tokens = replies.iter().filter_map(|reply| {
            let token = reply.result().ok()?.key_expr().to_string();
            (token != own).then_some(token)
        });
        alive.extend(tokens);
    }
    Ok(alive)
}
