//! Arguments of `record`.

use std::path::PathBuf;

use clap::Args;
use concert_runtime::Timestamp;

use crate::cli::{Access, endpoint, key};
use crate::launch_file::{DEFAULT_ENDPOINT, DEFAULT_PREFIX};

/// Arguments of `record`.
#[derive(Debug, Args)]
#[command(after_help = "\
Writes an MCAP file that every ROS 2 tool reads: all outputs, the status, and the
camera's image of every frame with its intrinsics and depth, each as its own ROS 2
message; beside them who made them (policy, networks and their hashes). `concert replay`
computes them again. While it runs the robot publishes the image of every frame,
whatever the rate of its launch file, unless that says `enabled = false`.

What is in the file is whole: a recorder that is killed loses its last second at
most. What comes faster than it can be written is counted and said. A full disk ends
the recording with exit code 1; what came before can be read.

A black box keeps the last seconds in memory, and writes them and what comes in the
next --after seconds into a file of its own when a part of the robot gets worse (as its
status says), when something comes at a key of --trigger, on SIGUSR1, or when Enter is
pressed.

Examples:
  concert serve first_light                                 in another terminal
  concert record drive.mcap --seconds 5
  concert record incident.mcap --black-box 20 --trigger robot/bumper

Of another robot, as long as there is room:
  concert record --max-bytes 2G --connect tcp/192.168.0.7:7448")]
pub struct RecordArgs {
    /// The file; one that is there already is not overwritten. A black box puts a
    /// number before its ending. Default: recording_SECONDS.mcap, by the clock
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Key below which the robot publishes
    #[arg(long, value_name = "KEY", default_value = DEFAULT_PREFIX, value_parser = key)]
    pub prefix: String,
    /// Where the robot listens; may be repeated. It is waited for
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint, default_value = DEFAULT_ENDPOINT)]
    pub connect: Vec<String>,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: Option<u64>,
    /// End before a file has more bytes: 500M, 2G
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub max_bytes: Option<u64>,
    /// Keep the last SECONDS in memory, and write them when something happens
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub black_box: Option<u64>,
    /// Memory of the black box, at most
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "1G",
        requires = "black_box")]
    pub memory: u64,
    /// What comes in so many seconds after it happened is in the black box's file, too
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "black_box",
        value_parser = clap::value_parser!(u64).range(0..=600))]
    pub after: u64,
    /// Write the black box when something comes at this whole key; may be repeated
    #[arg(long, value_name = "KEY", value_parser = trigger_key, requires = "black_box")]
    pub trigger: Vec<String>,
    /// Files that the black box writes, at most; then it only counts
    #[arg(long, value_name = "N", default_value_t = 100, requires = "black_box",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub max_files: u32,
    /// How to get in
    #[command(flatten)]
    pub access: Access,
}

impl RecordArgs {
    /// The file that is meant.
    pub(super) fn path(&self, now: Timestamp) -> PathBuf {
        let (seconds, _) = now.seconds_and_nanos();
        let default = || PathBuf::from(format!("recording_{seconds}.mcap"));
        self.file.clone().unwrap_or_else(default)
    }
}

/// Fewest bytes of a limit: below that nothing fits.
const MIN_BYTES: u64 = 1 << 20;

/// Bytes as people write them: `500M`, `2G`.
fn bytes(text: &str) -> Result<u64, String> {
    let rule = || format!("must be a number of bytes, as 500M or 2G, but is {text:?}");
    let (digits, unit) = match text.char_indices().find(|(_, c)| !c.is_ascii_digit()) {
        None => (text, 1),
        Some((at, letter)) => {
            let unit = match letter.to_ascii_uppercase() {
                'K' => 1000,
                'M' => 1_000_000,
                'G' => 1_000_000_000,
                _ => return Err(rule()),
            };
            let rest = &text[at + letter.len_utf8()..];
            if !(rest.is_empty() || rest.eq_ignore_ascii_case("B")) {
                return Err(rule());
            }
            (&text[..at], unit)
        }
    };
    let number: u64 = digits.parse().map_err(|_| rule())?;
    let bytes = number.checked_mul(unit).ok_or_else(rule)?;
    if bytes < MIN_BYTES {
        return Err(format!(
            "is {bytes} bytes, but must be at least {MIN_BYTES}"
        ));
    }
    Ok(bytes)
}

/// A key of two parts at least: what stands at its end is listened to.
fn trigger_key(text: &str) -> Result<String, String> {
    let text = key(text)?;
    match text.contains('/') {
        true => Ok(text),
        false => Err("must be a whole key, as robot/bumper".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_people_write_them() {
        assert_eq!(bytes("1048576"), Ok(1 << 20));
        assert_eq!(
            (bytes("500M"), bytes("2gb")),
            (Ok(500_000_000), Ok(2_000_000_000))
        );
        for bad in [
            "",
            "M",
            "2T",
            "2GBs",
            "-1",
            "999999999999999999999",
            "20000000000G",
            "3",
        ] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        assert!(trigger_key("robot/bumper").is_ok() && trigger_key("bumper").is_err());
    }
}
