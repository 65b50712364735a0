//! What a tool needs where not everybody is let in.

use std::path::PathBuf;

use clap::Args;

/// What a tool needs where not everybody is let in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "For tls/ endpoints and access lists")]
pub struct Access {
    /// Trust servers whose certificate these authorities signed, PEM
    #[arg(long, value_name = "FILE")]
    pub authority: Option<PathBuf>,
    /// Show this certificate where one is asked for, PEM
    #[arg(long, value_name = "FILE", requires = "private_key")]
    pub certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub private_key: Option<PathBuf>,
    /// A configuration file of zenoh's own, for everything else
    #[arg(long, value_name = "FILE")]
    pub zenoh_config: Option<PathBuf>,
}
