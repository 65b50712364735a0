use super::*;

/// As Python 2 pickles numpy numbers (protocol 2): its strings are bytes.
fn of_python_2(entries: &[(&str, f64)]) -> Vec<u8> {
    let mut bytes = b"\x80\x02}q\x00(".to_vec();
    for (index, (key, number)) in entries.iter().enumerate() {
        bytes.extend([b'U', key.len() as u8]);
        bytes.extend(key.as_bytes());
        if index == 0 {
            bytes.extend(b"cnumpy.core.multiarray\nscalar\nq\x01cnumpy\ndtype\nq\x02U\x02f8K\x00K\x01\x87Rq\x03");
            bytes.extend(b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb");
        } else {
            bytes.extend(b"h\x01h\x03");
        }
        bytes.extend(b"U\x08");
        bytes.extend(number.to_le_bytes());
        bytes.extend(b"\x86R");
    }
    bytes.extend(b"u.");
    bytes
}

fn read(name: &str, bytes: &[u8]) -> Result<TransferTable, String> {
    table(&[(name.to_owned(), bytes.to_vec())], Completeness::Whole)
        .map_err(|error| error.to_string())
}

#[test]
fn three_pickles_of_python_2_make_one_table() {
    let entries = [("self__normal", 0.75), ("edge2d__denoise__normal", 0.25)];
    let files = [
        ("x/all_affinities_16k.pkl".to_owned(), of_python_2(&entries)),
        (
            "x/wins_vs_task_16k.pkl".to_owned(),
            of_python_2(&[("self__normal", 0.5)]),
        ),
        (
            "x/wins_vs_pixels_16k.pkl".to_owned(),
            of_python_2(&[
                ("self__normal", 0.875),
                ("edge2d__denoise__normal", f64::NAN),
            ]),
        ),
    ];
    let table = table(&files, Completeness::Whole).expect("a table");
    let rows: Vec<_> = table.rows().collect();
    assert_eq!(rows[0].sources, ["denoise", "edge2d"]);
    assert_eq!((rows[0].affinity, rows[0].win_vs_task), (Some(0.25), None));
    assert_eq!(rows[1].sources, ["self"]);
    assert_eq!(
        (rows[1].win_vs_task, rows[1].win_vs_pixels),
        (Some(0.5), Some(0.875))
    );
}

#[test]
fn bytes_in_the_other_order_are_numbers_too() {
    let mut bytes = of_python_2(&[("self__normal", f64::from_le_bytes(1f64.to_be_bytes()))]);
    let at = bytes
        .windows(3)
        .position(|part| part == b"U\x01<")
        .expect("the order");
    bytes[at + 2] = b'>';
    assert!(read("affinities", &bytes).is_ok());
}

#[test]
fn a_pickle_that_would_run_a_program_is_refused_with_its_name() {
    let error = read("affinities", b"\x80\x02cposix\nsystem\nU\x02ls\x85R.").unwrap_err();
    assert!(
        error.contains("`posix.system` at byte 2 is not among"),
        "{error}"
    );
    let error = read("affinities", b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.").unwrap_err();
    assert!(error.contains("`builtins.eval` at byte 18"), "{error}");
}

#[test]
fn any_other_opcode_is_refused_by_name_and_place() {
    for (bytes, name) in [
        (
            b"\x80\x02]q\x00.".as_slice(),
            "opcode EMPTY_LIST (0x5d) at byte 2",
        ),
        (b"\x80\x02I1\n.", "opcode INT (0x49) at byte 2"),
        (b"\x80\x02}\x8a\x01\x00.", "opcode LONG1 (0x8a) at byte 3"),
        (b"\x80\x02\x81.", "opcode NEWOBJ (0x81) at byte 2"),
        (b"\x80\x02\xff.", "opcode 0xff at byte 2"),
        (b"\x80\x02\x82\x01.", "opcode EXT1 (0x82) at byte 2"),
        (b"\x80\x02}P1\n.", "opcode PERSID (0x50) at byte 3"),
    ] {
        let error = read("affinities", bytes).unwrap_err();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn damaged_pickles_are_refused_wherever_they_are_cut() {
    let whole = of_python_2(&[("self__normal", 1.0)]);
    assert!(read("affinities", &whole).is_ok());
    for length in 1..whole.len() {
        let error = read("affinities", &whole[..length]).unwrap_err();
        assert!(error.contains("pickle: "), "{length}: {error}");
    }
    let mut longer = whole.clone();
    longer.push(b'.');
    let error = read("affinities", &longer).unwrap_err();
    assert!(error.contains("1 bytes follow the end"), "{error}");
}

#[test]
fn no_byte_of_a_pickle_can_be_changed_into_a_panic() {
    let whole = of_python_2(&[("self__normal", 0.5), ("edge2d__normal", 0.5)]);
    for at in 0..whole.len() {
        for byte in 0..=255 {
            let mut changed = whole.clone();
            changed[at] = byte;
            let _ = read("affinities", &changed);
        }
    }
}

#[test]
fn nesting_and_announced_lengths_cost_nothing() {
    let mut nested = b"\x80\x02)".to_vec();
    nested.extend(vec![op_tuple1(); 100_000]);
    let error = read("affinities", &nested).unwrap_err();
    assert!(
        error.contains("more than 8 tuples inside one another"),
        "{error}"
    );
    let error = read("affinities", b"\x80\x02X\xff\xff\xff\xff").unwrap_err();
    assert!(error.contains("ends in the middle"), "{error}");
    let mut stacked = b"\x80\x02".to_vec();
    stacked.extend(vec![b'N'; 20_000]);
    let error = read("affinities", &stacked).unwrap_err();
    assert!(
        error.contains("more than 10000 values on the stack"),
        "{error}"
    );
}

fn op_tuple1() -> u8 {
    opcode::TUPLE1
}

#[test]
fn what_is_no_dictionary_of_numbers_is_refused() {
    for (bytes, found) in [
        (b"\x80\x02K\x01.".as_slice(), "this is a number"),
        (
            b"\x80\x02}U\x01aU\x01bs.",
            "a dictionary in which a text names a text",
        ),
        (
            b"\x80\x02}U\x06normalG\x3f\xf0\x00\x00\x00\x00\x00\x00s.",
            "with the name `normal`",
        ),
    ] {
        let error = read("affinities", bytes).unwrap_err();
        assert!(error.contains(found), "{error}");
    }
}

#[test]
fn a_pickle_whose_name_does_not_say_what_it_holds_is_refused() {
    let bytes = of_python_2(&[("self__normal", 1.0)]);
    let error = read("table.pkl", &bytes).unwrap_err();
    assert!(
        error.contains("file name must contain `affinities`"),
        "{error}"
    );
    let files =
        ["affinities.pkl", "old_affinities.pkl"].map(|name| (name.to_owned(), bytes.clone()));
    let error = table(&files, Completeness::Whole).unwrap_err().to_string();
    assert!(error.contains("affinity comes from two files"), "{error}");
}

#[test]
fn affinities_that_are_not_numbers_are_refused() {
    let error = read("affinities", &of_python_2(&[("self__normal", f64::NAN)])).unwrap_err();
    assert!(
        error.contains("is NaN, but must be a number from 0 to 1"),
        "{error}"
    );
}
