//! How a runtime meets others, and who may have it changed.

use super::raw::{RawTls, RawZenoh, Text, Texts};
use super::value::{MAX_PATH_BYTES, Placed, ruled, text_of, texts_of};
use super::{DEFAULT_ENDPOINT, DEFAULT_ROUTER};
use crate::rules;

/// How the zenoh sessions meet others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZenohEntry {
    /// Endpoints to listen on, `tcp/127.0.0.1:7448`.
    pub listen: Vec<String>,
    /// Endpoints to connect to.
    pub connect: Vec<String>,
    /// True where somebody named the endpoints of `connect`; else they are where
    /// others might be, and nobody misses them.
    pub connect_is_named: bool,
    /// True where large payloads go through shared memory where the reader is on
    /// this computer.
    pub shared_memory: bool,
    /// A configuration file of zenoh's own, as written.
    pub config: Option<String>,
    /// Certificates of `tls/` endpoints.
    pub tls: TlsEntry,
}

/// Certificates and keys, as written: files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsEntry {
    /// Of the authorities that are trusted.
    pub authority: Option<String>,
    /// Shown to who connects to us.
    pub certificate: Option<String>,
    /// Of `certificate`.
    pub private_key: Option<String>,
    /// Shown where we connect.
    pub client_certificate: Option<String>,
    /// Of `client_certificate`.
    pub client_private_key: Option<String>,
    /// True where who connects to us must show one.
    pub require_client_certificate: bool,
    /// True where a certificate must bear the name that we connect to.
    pub verify_name: bool,
}

impl Default for TlsEntry {
    fn default() -> Self {
        Self {
            authority: None,
            certificate: None,
            private_key: None,
            client_certificate: None,
            client_private_key: None,
            require_client_certificate: false,
            verify_name: true,
        }
    }
}

/// Who may have the policy changed while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlRule {
    /// Whoever reaches us.
    Anyone,
    /// Who comes in where we listen, as long as no router did.
    OwnListener,
    /// Nobody.
    Nobody,
}

impl ZenohEntry {
    /// Checks the table `[zenoh]`.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(super) fn parse(raw: &RawZenoh) -> Placed<Self> {
        let endpoints = |what: &'static str, texts: Option<&Texts>| -> Placed<Vec<String>> {
            for text in texts.iter().flat_map(|texts| texts.get_ref()) {
                ruled(
                    &format!("{what} endpoint"),
                    text,
                    rules::endpoint_fault(text.get_ref()),
                )?;
            }
            texts_of(what, texts, 0)
        };
        let config = raw.config.as_ref();
        let config = config.map(|text| text_of("config of zenoh", text, MAX_PATH_BYTES));
        let config = config.transpose()?;
        // What a configuration file says of endpoints is not passed over.
        let otherwise = |endpoint: &str| match config {
            None => vec![endpoint.to_owned()],
            Some(_) => Vec::new(),
        };
        let listen = match &raw.listen {
            None => otherwise(DEFAULT_ENDPOINT),
            texts => endpoints("listen", texts.as_ref())?,
        };
        let connect = match &raw.connect {
            None => otherwise(DEFAULT_ROUTER),
            texts => endpoints("connect", texts.as_ref())?,
        };
        let tls = tls(&raw.tls)?;
        if config.is_none() {
            needs_certificates(raw, &tls)?;
        }
        Ok(ZenohEntry {
            listen,
            connect,
            connect_is_named: raw.connect.is_some(),
            shared_memory: raw.shared_memory.unwrap_or(true),
            config,
            tls,
        })
    }

    /// Tells whether only programs of this computer can come in where we listen. A
    /// configuration file may listen elsewhere, too.
    #[must_use]
    pub fn is_reached_from_here_alone(&self) -> bool {
        let mut listen = self.listen.iter();
        self.config.is_none() && listen.all(|endpoint| rules::is_loopback(endpoint))
    }
}

fn tls(raw: &RawTls) -> Placed<TlsEntry> {
    let file = |what: &str, text: &Option<Text>| {
        let subject = format!("{what} of zenoh.tls");
        let text = text
            .as_ref()
            .map(|text| text_of(&subject, text, MAX_PATH_BYTES));
        text.transpose()
    };
    Ok(TlsEntry {
        authority: file("authority", &raw.authority)?,
        certificate: file("certificate", &raw.certificate)?,
        private_key: file("private_key", &raw.private_key)?,
        client_certificate: file("client_certificate", &raw.client_certificate)?,
        client_private_key: file("client_private_key", &raw.client_private_key)?,
        require_client_certificate: raw.require_client_certificate.unwrap_or(false),
        verify_name: raw.verify_name.unwrap_or(true),
    })
}

/// Refuses `tls/` endpoints without the files that they need.
fn needs_certificates(raw: &RawZenoh, tls: &TlsEntry) -> Placed<()> {
    let tls_endpoint = |texts: &Option<Texts>| {
        let texts = texts.iter().flat_map(|texts| texts.get_ref().clone());
        texts
            .into_iter()
            .find(|text| text.get_ref().starts_with("tls/"))
    };
    const LISTENS: &str = "a tls/ endpoint needs `certificate` and `private_key` in [zenoh.tls] \
                           (or `config` in [zenoh])";
    const ASKS: &str = "who connects can only be made to show a certificate with `authority` in \
                        [zenoh.tls]";
    const CONNECTS: &str =
        "a tls/ endpoint needs `authority` in [zenoh.tls] (or `config` in [zenoh])";
    if let Some(endpoint) = tls_endpoint(&raw.listen) {
        let has_both = tls.certificate.is_some() && tls.private_key.is_some();
        ruled("listen endpoint", &endpoint, (!has_both).then_some(LISTENS))?;
        let is_open = tls.require_client_certificate && tls.authority.is_none();
        ruled("listen endpoint", &endpoint, is_open.then_some(ASKS))?;
    }
    if let Some(endpoint) = tls_endpoint(&raw.connect) {
        let missing = tls.authority.is_none();
        ruled("connect endpoint", &endpoint, missing.then_some(CONNECTS))?;
    }
    Ok(())
}
