//! Arguments of `replay`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every recorded image goes through the policy, one after the other, none is left out,
and every output is compared with the recorded one: `identical` counts those that are
equal to the last bit, `largest` and `mean` say by how much values differ, and where
what would be decided by them differs, that is told. On the machine, with the library
and the networks of the recording, the recorded policy gives identical outputs.

It does not where something is missing: images that the recorder did not get, JPEGs in
place of the pixels, or, for odometry, what came before the recording began; then poses
are compared as motion since the first one.

Examples:
  concert replay drive.mcap                                 what `concert record` wrote
  concert replay drive.mcap --policy home --json            what another policy sees

An incident, by what would have been seen with a readout of before:
  concert replay incident_001.mcap --policy apartment_k2 --readout depth_zbuffer@last_week")]
pub struct ReplayArgs {
    /// What `concert record` wrote, or an MCAP file with images and a --policy
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Another policy than the recorded one: a shipped name or a file
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// Another readout for a target of the policy; may be repeated
    #[arg(long, value_name = "TARGET@VARIANT")]
    pub readout: Vec<String>,
    /// Topic of the images, where only those of one camera are meant
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Write the new outputs here, as a recording
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write the images here, too, with their depth and intrinsics: a data set for
    /// `concert fit`, `evaluate` and `measure`
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// End with exit code 1 where an output is not identical to the recorded one, or
    /// none could be compared
    #[arg(long)]
    pub exact: bool,
}
