//! A policy file that is too much is refused before it costs anything.
//!
//! Stands alone in its file, so that the peak of memory is its own.

#[path = "../../tests/common/skip.rs"]
mod skip;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use concert_policies::{MAX_POLICY_BYTES, Policy};

/// Greatest memory that this process ever held, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// As many repetitions as a policy file may have.
fn filled(start: &str, piece: &str) -> String {
    let room = MAX_POLICY_BYTES as usize - start.len();
    start.to_owned() + &piece.repeat(room / piece.len())
}

/// Texts of the greatest size that parse, nest or repeat as much as they can.
fn worst_texts() -> Vec<String> {
    let head = "name = \"a\"\nsupervision_budget = 1\n";
    let transfer = "[[transfer]]\ntarget = \"normal\"\nsources = [\"a\"]\n";
    let keys: String = (0..30_000).map(|i| format!("{i}=1\n")).collect();
    vec![
        filled(head, "a."),
        filled(&format!("{head}["), "a."),
        filled(&format!("{head}x = {{ "), "a."),
        filled(&format!("{head}x = "), "["),
        filled(&format!("{head}x = "), "{a="),
        filled(&format!("{head}x = ["), "[],"),
        filled(&format!("{head}transfer = ["), "{},"),
        filled(&format!("{head}{transfer}inputs = ["), "\"\","),
        filled(&format!("{head}x = ["), "\"\"\n"),
        filled(&format!("{head}x = \""), "\\n"),
        filled("", "[[transfer]]\n"),
        filled("", "[[a]]\n"),
        filled("", "\n"),
        filled("", "#\n"),
        filled("", "''"),
        filled("", "a "),
        filled("", "\0"),
        filled("", "\u{1f916}"),
        keys,
    ]
}

#[test]
fn no_text_takes_more_than_64_megabytes() {
    let before = peak_memory();
    for text in worst_texts() {
        assert!(text.len() as u64 <= MAX_POLICY_BYTES, "{}", text.len());
        let error = Policy::parse(&text, "worst.toml").expect_err("a refusal");
        assert!(error.to_string().len() < 600, "{error}");
    }
    let million = "[[transfer]]\ntarget = \"normal\"\nsources = [\"a\"]\n".repeat(10_000);
    let error = Policy::parse(&million, "worst.toml").expect_err("a refusal");
    assert_eq!(
        error.to_string(),
        "worst.toml: policy has 470000 bytes, but at most 262144 are allowed"
    );
    a_thousand_and_one_transfers_are_refused_by_their_number();
    a_file_of_100_megabytes_is_refused_unread();
    let (Some(before), Some(after)) = (before, peak_memory()) else {
        skip::cannot(format_args!("this system does not tell the peak of memory"));
        return;
    };
    assert!(after - before < 64_000_000, "{} bytes", after - before);
}

fn a_thousand_and_one_transfers_are_refused_by_their_number() {
    let head = "name = \"a\"\nsupervision_budget = 1\n";
    let headers = head.to_owned() + &"[[transfer]]\n".repeat(1001);
    let inline = format!(
        "{head}transfer = [{}]\n",
        "{target = \"normal\", sources = [\"a\"]},".repeat(1001)
    );
    for text in [headers, inline] {
        assert_eq!(
            Policy::parse(&text, "many.toml").unwrap_err().to_string(),
            "many.toml: policy has 1001 transfers, but at most 1000 are allowed"
        );
    }
}

fn a_file_of_100_megabytes_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.toml");
    let mut file = File::create(&path).unwrap();
    file.seek(SeekFrom::Start(99_999_999)).unwrap();
    file.write_all(b"\n").unwrap();
    let error = Policy::read(&path).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: policy has 100000000 bytes, but at most 262144 are allowed",
            path.display()
        )
    );
}
