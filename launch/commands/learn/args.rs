//! What is said on the command line about learning while serving.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use concert_policies::Task;

use crate::cli::{Access, endpoint, key};
use crate::launch_file::{DEFAULT_ENDPOINT, DEFAULT_PREFIX, LearnEntry};
use crate::overrides::Overrides;

/// Learning while serving.
#[derive(Debug, Clone, Default, Args)]
pub struct LearnFlags {
    /// Learn these targets from the camera's depth while they are served, and
    /// serve what was learnt where it is better: depth_zbuffer, normal,
    /// edge_occlusion, reshading, curvature
    #[arg(long, value_name = "TARGET[,…]", value_delimiter = ',', value_parser = learnable)]
    pub learn: Vec<&'static Task>,
    /// Keep what is learnt there [default: below the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub learn_folder: Option<PathBuf>,
    /// Draw the error over time there at the end, with a CSV beside it
    #[arg(long, value_name = "FILE.svg")]
    pub learn_curve: Option<PathBuf>,
}

/// Arguments of `learn`.
#[derive(Debug, Args)]
#[command(after_help = "\
A server learns with `concert serve LAUNCH --learn depth_zbuffer`, or where its
launch file has a table [learn]. Its camera must give depth. `restore` and
`resume` are taken where `swap` is.

Exit codes: 0 done; 1 the server refused, was busy or did not answer.

Examples:
  concert serve launch/robots/apartment_learns.toml     in another terminal
  concert learn status
  concert learn restore depth_zbuffer
  concert learn resume --connect tcp/127.0.0.1:7448 --json")]
pub struct LearnArgs {
    /// What is asked
    #[command(subcommand)]
    pub ask: LearnAsk,
}

/// What is asked of a server that learns.
#[derive(Debug, Subcommand)]
pub enum LearnAsk {
    /// Say how learning goes
    Status(LearnTo),
    /// Put the readout back that was there first, and pause learning
    Restore(LearnTo),
    /// Go on learning
    Resume(LearnTo),
}

/// About which target, and of which server.
#[derive(Debug, Clone, Args)]
pub struct LearnTo {
    /// The target [default: all that are learnt]
    #[arg(value_name = "TARGET", value_parser = learnable)]
    pub target: Option<&'static Task>,
    /// Key below which the server publishes
    #[arg(long, value_name = "KEY", default_value = DEFAULT_PREFIX, value_parser = key)]
    pub prefix: String,
    /// Where the server listens; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint, default_value = DEFAULT_ENDPOINT)]
    pub connect: Vec<String>,
    /// How to get in
    #[command(flatten)]
    pub access: Access,
}

impl LearnFlags {
    /// The overrides, with what is said here.
    #[must_use]
    pub fn overrides(&self, others: Overrides) -> Overrides {
        // Relative to the working folder, not to the launch file.
        let whole = |folder: &PathBuf| std::path::absolute(folder).unwrap_or(folder.clone());
        let folder = self.learn_folder.as_ref().map(whole);
        Overrides {
            learn: self.learn.clone(),
            learn_folder: folder.map(|folder| folder.to_string_lossy().into_owned()),
            ..others
        }
    }
}

impl LearnAsk {
    /// The word that is sent, and the rest.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &LearnTo) {
        match self {
            LearnAsk::Status(to) => ("status", to),
            LearnAsk::Restore(to) => ("restore", to),
            LearnAsk::Resume(to) => ("resume", to),
        }
    }
}

fn learnable(text: &str) -> Result<&'static Task, String> {
    let known = LearnEntry::TARGETS.join(", ");
    let task = Task::find(text).filter(|task| LearnEntry::TARGETS.contains(&task.name));
    task.ok_or_else(|| format!("depth alone says nothing about it; learnt are {known}"))
}
