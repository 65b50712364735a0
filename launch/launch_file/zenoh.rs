//! How a runtime meets others, and who may have it changed.

use crate::rules;

/// How the zenoh sessions meet others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZenohEntry {
    /// Endpoints to listen on, `tcp/127.0.0.1:7448`.
    pub listen: Vec<String>,
    /// Endpoints to connect to.
    pub connect: Vec<String>,
    /// Whether somebody named the endpoints of `connect`; else they are where
    /// others might be, and nobody misses them.
    pub connect_is_named: bool,
    /// Whether large payloads go through shared memory where the reader is on
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
    /// Whether who connects to us must show one.
    pub require_client_certificate: bool,
    /// Whether a certificate must bear the name that we connect to.
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
    /// Whether only programs of this computer can come in where we listen. A
    /// configuration file may listen elsewhere, too.
    #[must_use]
    pub fn is_reached_from_here_alone(&self) -> bool {
        let mut listen = self.listen.iter();
        self.config.is_none() && listen.all(|endpoint| rules::is_loopback(endpoint))
    }
}
