//! Pickles that numpy itself wrote are read; huge ones are not.

use std::fs::File;
use std::path::{Path, PathBuf};

use concert_policies::affinity::{Completeness, TransferTable};

fn pickles() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pickles")
}

#[test]
fn numpys_numbers_are_read_from_every_protocol_it_writes() {
    for protocol in 2..=4 {
        let path = pickles().join(format!("all_affinities_protocol{protocol}.pkl"));
        let table = TransferTable::read(&[path], Completeness::Whole).expect("a table");
        let rows: Vec<_> = table
            .rows()
            .map(|row| (row.sources.join("+"), row.affinity))
            .collect();
        let own = |name: &str, affinity| (name.to_owned(), Some(affinity));
        assert_eq!(
            rows,
            [
                own("edge2d", 0.25),
                own("edge2d+reshade", 0.25),
                own("self", 0.5)
            ]
        );
    }
}

#[test]
fn a_gigabyte_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all_affinities.pkl");
    // Sparse: it has a length, and no bytes.
    File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let error = TransferTable::read(&[&path], Completeness::Whole).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: table of transfers has 1073741824 bytes, but at most 67108864 are allowed",
            path.display()
        )
    );
}
