//! Certificates and keys of `tls/` endpoints: named in files, read and checked
//! before a session is opened with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};

use super::error::ZenohError;

/// Longest certificate or key file that is read, bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Files with certificates and keys, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates of the authorities that are trusted: by us, where we
    /// connect; of who connects to us, where they must show a certificate.
    pub authority: Option<PathBuf>,
    /// Certificate, with its chain, that is shown to who connects to us.
    pub certificate: Option<PathBuf>,
    /// Private key of `certificate`.
    pub private_key: Option<PathBuf>,
    /// Certificate that is shown where we connect to who asks for one.
    pub client_certificate: Option<PathBuf>,
    /// Private key of `client_certificate`.
    pub client_private_key: Option<PathBuf>,
    /// True where who connects to us must show a certificate that an authority of
    /// `authority` signed.
    pub require_client_certificate: bool,
    /// True where a certificate must bear the name that we connect to.
    pub verify_name: bool,
}

impl Default for TlsOptions {
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

impl TlsOptions {
    /// Entries of zenoh's configuration; none of what is not named.
    pub(super) fn entries(&self, is_client: bool) -> Vec<(&'static str, String)> {
        let files = [
            ("transport/link/tls/root_ca_certificate", &self.authority),
            ("transport/link/tls/listen_certificate", &self.certificate),
            ("transport/link/tls/listen_private_key", &self.private_key),
            (
                "transport/link/tls/connect_certificate",
                &self.client_certificate,
            ),
            (
                "transport/link/tls/connect_private_key",
                &self.client_private_key,
            ),
        ];
        let named = files.into_iter().filter_map(|(entry, file)| {
            let text = file.as_ref()?.to_string_lossy().into_owned();
            Some((entry, serde_json::Value::from(text).to_string()))
        });
        let mut entries: Vec<_> = named.collect();
        // For zenoh one switch: who listens asks for a certificate, who connects
        // shows one.
        let mutual = match is_client {
            true => self.client_certificate.is_some(),
            false => self.require_client_certificate,
        };
        if mutual {
            entries.push(("transport/link/tls/enable_mtls", "true".to_owned()));
        }
        if !self.verify_name {
            entries.push(("transport/link/tls/verify_name_on_connect", "false".into()));
        }
        entries
    }

    /// Reads every file that is named, and refuses `tls/` endpoints without
    /// what they need, unless a configuration file may bring it.
    ///
    /// # Errors
    /// The first file or endpoint, with the reason.
    pub(super) fn check(
        &self,
        listen: &[String],
        connect: &[String],
        is_closed: bool,
    ) -> Result<(), ZenohError> {
        let authorities = self.authorities()?;
        self.pair(
            ("certificate", &self.certificate),
            ("private_key", &self.private_key),
        )?;
        self.pair(
            ("client_certificate", &self.client_certificate),
            ("client_private_key", &self.client_private_key),
        )?;
        if !is_closed {
            return Ok(());
        }
        let is_tls = |endpoint: &&String| endpoint.starts_with("tls/");
        let missing = |endpoint: &String, needs| {
            Err(ZenohError::TlsMissing {
                endpoint: endpoint.clone(),
                needs,
            })
        };
        if let Some(endpoint) = listen.iter().find(is_tls) {
            if self.certificate.is_none() {
                return missing(endpoint, "a certificate and a private key");
            }
            if self.require_client_certificate && authorities.is_none() {
                return missing(endpoint, "an authority, as clients must show a certificate");
            }
        }
        match connect.iter().find(is_tls) {
            Some(endpoint) if authorities.is_none() => missing(endpoint, "an authority"),
            _ => Ok(()),
        }
    }

    fn authorities(&self) -> Result<Option<RootCertStore>, ZenohError> {
        let Some(file) = &self.authority else {
            return Ok(None);
        };
        let subject = "authority";
        let mut store = RootCertStore::empty();
        for certificate in certificates(subject, file)? {
            let added = store.add(certificate);
            added.map_err(|error| fault(subject, file, &error.to_string()))?;
        }
        Ok(Some(store))
    }

    /// A certificate and its key: both or neither, and of each other.
    fn pair(
        &self,
        (what, certificate): (&'static str, &Option<PathBuf>),
        (whose, key): (&'static str, &Option<PathBuf>),
    ) -> Result<(), ZenohError> {
        let (certificate, key) = match (certificate, key) {
            (None, None) => return Ok(()),
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(file), None) => return Err(fault(what, file, "it has no private key beside it")),
            (None, Some(file)) => {
                return Err(fault(whose, file, "it has no certificate beside it"));
            }
        };
        let chain = certificates(what, certificate)?;
        let secret = PrivateKeyDer::from_pem_slice(&read(whose, key)?)
            .map_err(|error| fault(whose, key, &format!("no private key in PEM: {error}")))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(chain, secret)
            })
            .map(drop)
            .map_err(|error| {
                let reason = format!("with the key {}: {error}", key.display());
                fault(what, certificate, &reason)
            })
    }
}

fn fault(subject: &'static str, file: &Path, reason: &str) -> ZenohError {
    ZenohError::Tls {
        subject,
        file: file.to_owned(),
        reason: reason.to_owned(),
    }
}

fn certificates(
    subject: &'static str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, ZenohError> {
    let bytes = read(subject, file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Err(error) => Err(fault(
            subject,
            file,
            &format!("no certificate in PEM: {error}"),
        )),
        Ok(found) if found.is_empty() => {
            Err(fault(subject, file, "no certificate in PEM: none is in it"))
        }
        Ok(found) => Ok(found),
    }
}

/// A regular file of a bounded size.
fn read(subject: &'static str, file: &Path) -> Result<Vec<u8>, ZenohError> {
    // Asked before opening: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(file);
    let metadata = metadata.map_err(|error| fault(subject, file, &error.to_string()))?;
    if !metadata.is_file() {
        return Err(fault(subject, file, "not a regular file"));
    }
    let bytes = metadata.len();
    if bytes > MAX_FILE_BYTES {
        let reason = format!("it has {bytes} bytes, but at most {MAX_FILE_BYTES} are read");
        return Err(fault(subject, file, &reason));
    }
    std::fs::read(file).map_err(|error| fault(subject, file, &error.to_string()))
}
