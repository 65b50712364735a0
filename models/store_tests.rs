use super::*;
use crate::card::tests::{ENCODER, READOUT};
use std::fs;

/// A network that copies its input.
fn network() -> Vec<u8> {
    crate::onnx::GraphBuilder::new("copy")
        .input("x", &[1, 2])
        .node("Identity", &["x"], &["y"], &[])
        .output("y", &[1, 2])
        .build_bytes()
}

/// A card whose hashes and sizes, all alike, are those of `network`.
fn pinned(card: &str, network: &[u8]) -> String {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    card.replace(abc, &sha256_hex(network)).replace(
        "size_bytes = 3\n",
        &format!("size_bytes = {}\n", network.len()),
    )
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("encoders")).unwrap();
    fs::create_dir_all(folder.path().join("readouts")).unwrap();
    folder
}

fn put(folder: &tempfile::TempDir, file: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.path().join(file), content).unwrap();
}

fn whole() -> tempfile::TempDir {
    let (root, network) = (folder(), network());
    put(&root, "encoders/tiny.toml", pinned(ENCODER, &network));
    put(&root, "encoders/tiny.onnx", &network);
    let readout = "readouts/class_object_from_tiny";
    put(&root, &format!("{readout}.toml"), pinned(READOUT, &network));
    put(&root, &format!("{readout}.onnx"), &network);
    put(
        &root,
        &format!("{readout}.labels.txt"),
        "name\n".repeat(1000),
    );
    root
}

fn store(roots: &[&tempfile::TempDir]) -> Store {
    Store::new(roots.iter().map(|root| root.path().to_path_buf()).collect())
}

#[test]
fn networks_come_with_their_checked_bytes() {
    let root = whole();
    let store = store(&[&root]);
    let encoder = store.encoder("tiny").unwrap();
    assert_eq!(&*encoder.file.bytes, network());
    assert_eq!(encoder.file.sha256, encoder.card.origin.sha256);
    let readout = store.readout("class_object_from_tiny").unwrap();
    assert_eq!(readout.labels.unwrap().len(), 1000);
    crate::pair::fit_together(&readout.card, &[encoder.card]).unwrap();
}

#[test]
fn the_first_folder_with_the_card_counts() {
    let (first, second) = (whole(), whole());
    let found = store(&[&first, &second]).encoder("tiny").unwrap().file.path;
    assert!(found.starts_with(first.path()));
    fs::remove_file(first.path().join("encoders/tiny.toml")).unwrap();
    let found = store(&[&first, &second]).encoder("tiny").unwrap().file.path;
    assert!(found.starts_with(second.path()));
}

#[test]
fn a_fetched_network_may_lie_in_another_folder_than_its_card() {
    let (shipped, fetched) = (whole(), folder());
    fs::rename(
        shipped.path().join("encoders/tiny.onnx"),
        fetched.path().join("encoders/tiny.onnx"),
    )
    .unwrap();
    let error = store(&[&shipped]).encoder("tiny").unwrap_err().to_string();
    assert!(
        error.contains("tiny.onnx lies neither beside it"),
        "{error}"
    );
    assert!(
        error.ends_with("fetch it with `concert models pull tiny`"),
        "{error}"
    );
    let found = store(&[&fetched, &shipped]).encoder("tiny").unwrap();
    assert!(found.file.path.starts_with(fetched.path()));
}

#[test]
fn a_missing_card_is_told_with_folders_and_near_names() {
    let root = whole();
    let error = store(&[&root]).encoder("tinny").unwrap_err().to_string();
    let searched = root.path().join("encoders").display().to_string();
    assert_eq!(
        error,
        format!("encoder tinny was not found in {searched}; did you mean tiny?")
    );
    assert!(
        store(&[])
            .encoder("tiny")
            .unwrap_err()
            .to_string()
            .contains("none is searched")
    );
}

#[test]
fn names_cannot_leave_the_folder() {
    let root = whole();
    let store = store(&[&root]);
    for name in [
        "../encoders/tiny",
        "/etc/passwd",
        "",
        ".",
        "a/b",
        "tiny\0",
        "a@..",
        "Tiny",
    ] {
        for error in [store.encoder(name).err(), store.readout(name).err()] {
            assert!(
                matches!(error, Some(StoreError::UnsafeName { .. })),
                "{name:?}"
            );
        }
    }
}

#[test]
fn altered_networks_are_refused_with_both_quantities() {
    let root = whole();
    let mut longer = network();
    longer.push(0);
    put(&root, "encoders/tiny.onnx", &longer);
    let error = store(&[&root]).encoder("tiny").unwrap_err().to_string();
    let (found, size) = (longer.len(), longer.len() - 1);
    let sizes = format!("takes {found} bytes, but its card says {size}");
    assert!(error.ends_with(&sizes), "{error}");
    let mut other = network();
    other[size / 2] ^= 1;
    put(&root, "encoders/tiny.onnx", &other);
    let error = store(&[&root]).encoder("tiny").unwrap_err().to_string();
    let (found, pinned) = (sha256_hex(&other), sha256_hex(&network()));
    let hashes = format!("has sha256 {found}, but its card says {pinned}");
    assert!(error.ends_with(&hashes), "{error}");
}

#[test]
fn bytes_that_fit_their_card_but_are_no_network_are_refused() {
    let root = folder();
    put(&root, "encoders/tiny.toml", ENCODER);
    put(&root, "encoders/tiny.onnx", "abc");
    let error = store(&[&root]).encoder("tiny").unwrap_err();
    assert!(matches!(error, StoreError::Graph { .. }), "{error}");
}

/// The repository's own networks, all of them.
#[test]
fn everything_shipped_loads_and_fits_together() {
    let store = Store::new(vec![PathBuf::from(env!("CARGO_MANIFEST_DIR"))]);
    let listed = store.list();
    assert!(!listed.is_empty());
    for listed in listed {
        let name = &listed.name;
        let card = listed.card.unwrap_or_else(|error| panic!("{error}"));
        let licence = card.origin().provenance.licence_file.as_ref();
        let licence = licence.map(|file| listed.card_path.with_file_name(file));
        assert!(
            licence.is_none_or(|file| file.exists()),
            "licence of {name}"
        );
        match card {
            // Fetched where it is wanted.
            Card::Encoder(card) if card.pull.is_some() && listed.network_path.is_none() => {}
            Card::Encoder(_) => drop(store.encoder(name).unwrap_or_else(|e| panic!("{e}"))),
            Card::Geometric(card) => {
                let sources = card
                    .sources()
                    .map(|name| store.encoder_card(name).unwrap().1);
                let sources: Vec<_> = sources.collect();
                crate::pair::geometry_fits(&card, &sources).unwrap_or_else(|e| panic!("{e}"));
            }
            Card::Readout(card) => {
                store
                    .readout(name)
                    .unwrap_or_else(|error| panic!("{error}"));
                let sources = card
                    .sources()
                    .map(|name| store.encoder_card(name).unwrap().1);
                let sources: Vec<_> = sources.collect();
                crate::pair::fit_together(&card, &sources).unwrap_or_else(|e| panic!("{e}"));
            }
        }
    }
}

#[test]
fn a_card_in_the_wrong_place_is_refused() {
    let root = whole();
    put(&root, "encoders/other.toml", ENCODER);
    let error = store(&[&root]).encoder("other").unwrap_err().to_string();
    assert!(error.ends_with("is the card of encoder tiny, but its file name says encoder other"));
    put(&root, "encoders/other.toml", READOUT);
    assert!(matches!(
        store(&[&root]).encoder("other"),
        Err(StoreError::WrongCard { .. })
    ));
}

#[test]
fn labels_must_fit_the_output() {
    let root = whole();
    put(
        &root,
        "readouts/class_object_from_tiny.labels.txt",
        "one\ntwo\n",
    );
    let error = store(&[&root])
        .readout("class_object_from_tiny")
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has 2 names, but output probabilities has 1000 classes"),
        "{error}"
    );
}

#[test]
fn folders_and_oversized_cards_are_refused_unread() {
    let root = folder();
    fs::create_dir(root.path().join("encoders/tiny.toml")).unwrap();
    let error = store(&[&root]).encoder("tiny").unwrap_err().to_string();
    assert!(error.ends_with("not a regular file"), "{error}");
    put(&root, "encoders/big.toml", vec![b'#'; MAX_CARD_BYTES + 1]);
    let error = store(&[&root]).encoder("big").unwrap_err();
    assert!(matches!(error, StoreError::TooLong { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn links_to_networks_are_followed() {
    let (real, linked) = (whole(), folder());
    for file in ["encoders/tiny.toml", "encoders/tiny.onnx"] {
        std::os::unix::fs::symlink(real.path().join(file), linked.path().join(file)).unwrap();
    }
    store(&[&linked]).encoder("tiny").unwrap();
}

#[test]
fn a_list_has_every_card_once_and_says_what_is_wrong_with_it() {
    let (first, second) = (whole(), whole());
    put(&second, "encoders/broken.toml", "kind = 3");
    put(&second, "encoders/README.toml.txt", "");
    let listed = store(&[&first, &second]).list();
    let names: Vec<_> = listed.iter().map(|listed| listed.name.as_str()).collect();
    assert_eq!(names, ["broken", "tiny", "class_object_from_tiny"]);
    assert!(listed[0].card.is_err() && listed[0].network_path.is_none());
    assert!(listed[1].card.is_ok() && listed[1].network_path.is_some());
}
