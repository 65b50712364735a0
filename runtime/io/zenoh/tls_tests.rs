//! Certificates decide who hears what.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::tests::{LIMIT, PREFIX, free_endpoint, heard};
use super::*;
use crate::bus::Bus;
use crate::wire::tests::output;

/// Files of one authority and of one certificate that it signed for 127.0.0.1.
struct Files {
    authority: PathBuf,
    certificate: PathBuf,
    private_key: PathBuf,
}

fn files(folder: &Path, name: &str) -> Files {
    let mut params = CertificateParams::new(Vec::new()).expect("a name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    let signed = params.signed_by(&key, &issuer).expect("a certificate");
    let written = |what: &str, text: String| {
        let path = folder.join(format!("{name}.{what}.pem"));
        std::fs::write(&path, text).expect("writes");
        path
    };
    Files {
        authority: written("authority", issuer.pem()),
        certificate: written("certificate", signed.pem()),
        private_key: written("key", key.serialize_pem()),
    }
}

fn server_options(endpoint: &str, own: &Files) -> SessionOptions {
    SessionOptions {
        listen: vec![endpoint.to_owned()],
        connect: Vec::new(),
        tls: TlsOptions {
            certificate: Some(own.certificate.clone()),
            private_key: Some(own.private_key.clone()),
            ..TlsOptions::default()
        },
        ..SessionOptions::serve()
    }
}

fn client_options(endpoint: &str, tls: TlsOptions) -> SessionOptions {
    SessionOptions {
        tls,
        ..SessionOptions::client(endpoint, Duration::from_secs(2))
    }
}

fn trusting(files: &Files) -> TlsOptions {
    TlsOptions {
        authority: Some(files.authority.clone()),
        ..TlsOptions::default()
    }
}

fn showing(trusted: &Files, shown: &Files) -> TlsOptions {
    TlsOptions {
        client_certificate: Some(shown.certificate.clone()),
        client_private_key: Some(shown.private_key.clone()),
        ..trusting(trusted)
    }
}

fn tls_endpoint() -> String {
    free_endpoint().replace("tcp/", "tls/")
}

#[test]
fn f29_who_trusts_the_authority_hears_the_outputs_and_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (robot, stranger) = (
        files(folder.path(), "robot"),
        files(folder.path(), "stranger"),
    );
    let endpoint = tls_endpoint();
    let session = open_session(&server_options(&endpoint, &robot)).expect("listens");
    let mut bus = ZenohBus::open(session, BusOptions::new(PREFIX)).expect("a free prefix");
    let refused = open_session(&client_options(&endpoint, trusting(&stranger)));
    let refused = refused.expect_err("another authority").to_string();
    assert!(refused.contains("does not let us in"), "{refused}");
    let plain = endpoint.replace("tls/", "tcp/");
    let plain = SessionOptions::client(&plain, Duration::from_secs(2));
    assert!(open_session(&plain).is_err(), "without TLS");
    let session = open_session(&client_options(&endpoint, trusting(&robot))).expect("trusts it");
    let watcher = Watcher::open(&session, PREFIX).expect("subscribes");
    let output = output("class_scene", &[1, 2], vec![0.5; 2]);
    heard(&mut bus, &watcher, &output);
    bus.close(LIMIT);
}

#[test]
fn f29_who_must_show_a_certificate_is_let_in_only_with_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (robot, stranger) = (
        files(folder.path(), "robot"),
        files(folder.path(), "stranger"),
    );
    let endpoint = tls_endpoint();
    let mut options = server_options(&endpoint, &robot);
    options.tls.authority = Some(robot.authority.clone());
    options.tls.require_client_certificate = true;
    let _session = open_session(&options).expect("listens");
    let open = |tls| open_session(&client_options(&endpoint, tls));
    assert!(open(trusting(&robot)).is_err(), "shows none");
    assert!(open(showing(&robot, &stranger)).is_err(), "of a stranger");
    assert!(open(showing(&robot, &robot)).is_ok(), "of the authority");
}

#[test]
fn certificates_that_cannot_be_used_are_refused_by_name_before_a_session_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let (robot, other) = (files(folder.path(), "robot"), files(folder.path(), "other"));
    let endpoint = tls_endpoint();
    let refusal = |change: &dyn Fn(&mut SessionOptions)| {
        let mut options = server_options(&endpoint, &robot);
        change(&mut options);
        let refusal = check_session(&options).expect_err("must be refused");
        refusal.to_string()
    };
    assert!(check_session(&server_options(&endpoint, &robot)).is_ok());
    let bare = refusal(&|options| options.tls = TlsOptions::default());
    assert_eq!(
        bare,
        format!("endpoint {endpoint} needs a certificate and a private key, but none is named")
    );
    let half = refusal(&|options| options.tls.private_key = None);
    assert!(half.ends_with("it has no private key beside it"), "{half}");
    let swapped = refusal(&|options| options.tls.private_key = Some(other.private_key.clone()));
    assert!(
        swapped.contains("robot.certificate.pem: with the key"),
        "{swapped}"
    );
    let key = refusal(&|options| options.tls.certificate = Some(robot.private_key.clone()));
    assert!(key.contains("no certificate in PEM"), "{key}");
    let gone = refusal(&|options| options.tls.authority = Some("nowhere.pem".into()));
    assert!(gone.starts_with("authority nowhere.pem: "), "{gone}");
    let folder = refusal(&|options| options.tls.authority = Some(folder.path().to_owned()));
    assert!(folder.ends_with("not a regular file"), "{folder}");
    let connects = SessionOptions::client(&endpoint, LIMIT);
    let connects = check_session(&connects).expect_err("must be refused");
    assert!(connects.to_string().contains("needs an authority"));
}
