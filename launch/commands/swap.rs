//! `concert swap`: changes the policy of a running server.

use std::path::Path;

use clap::Args;
use concert_runtime::io::zenoh::ControlRequest;
use serde_json::Value;

use crate::cli::{Access, Global, endpoint, key};
use crate::commands::visit::{ask, reason};
use crate::launch_file::{DEFAULT_ENDPOINT, DEFAULT_PREFIX};
use crate::policy_choice::PolicyChoice;
use crate::report::{Exit, Failure, Refuse, Report};

/// Arguments of `swap`.
#[derive(Debug, Args)]
#[command(after_help = "\
The server prepares the policy beside the one that runs, from its own models,
shares the networks that both have, and exchanges them between two frames. On
any failure the old policy goes on.

A server takes policies from who comes in where it listens, if that is of its own
computer alone, and no router came in there; nothing that comes through a router
may. Else its launch file says `[control] enabled = true`, or it runs with
--allow-control.

Exit codes: 0 swapped; 1 the server refused, was busy or did not answer; 2 the
policy was refused here, and nothing was sent.

Examples:
  concert serve first_light           in another terminal
  concert swap home
  concert swap policies/shipped/first_light.toml --connect tcp/127.0.0.1:7448")]
pub struct SwapArgs {
    /// The policy: a shipped name or a file
    #[arg(value_name = "POLICY")]
    pub policy: String,
    /// Key below which the server publishes
    #[arg(long, value_name = "KEY", default_value = DEFAULT_PREFIX, value_parser = key)]
    pub prefix: String,
    /// Where the server listens; may be repeated: the first that answers
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint, default_value = DEFAULT_ENDPOINT)]
    pub connect: Vec<String>,
    /// How to get in
    #[command(flatten)]
    pub access: Access,
}

pub(crate) fn run(args: &SwapArgs, _global: &Global) -> Result<Report, Failure> {
    // What is refused here need not be sent.
    let choice = PolicyChoice::of(&args.policy, Path::new(&args.policy)).or_refuse()?;
    let answer = ask(
        (&args.connect, &args.access),
        &args.prefix,
        ControlRequest::Swap,
        &choice.text,
    )?;
    Ok(report(&args.prefix, answer))
}

pub(crate) fn report(prefix: &str, answer: Value) -> Report {
    let swapped = answer["status"] == "swapped";
    let text = if swapped {
        swapped_text(prefix, &answer)
    } else {
        format!("{}\nthe policy that ran goes on", reason(&answer))
    };
    Report {
        json: answer,
        text,
        exit: if swapped { Exit::Done } else { Exit::Failed },
    }
}

fn swapped_text(prefix: &str, answer: &Value) -> String {
    let hash = |key: &str| {
        let hash = answer[key].as_str().unwrap_or_default();
        hash.get(..12).unwrap_or(hash).to_owned()
    };
    let name = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    let millis = |key: &str| answer[key].as_f64().unwrap_or_default();
    let mut lines = vec![
        format!(
            "{prefix} runs {} ({}) in place of {} ({})",
            name("new_policy"),
            hash("new_hash"),
            name("old_policy"),
            hash("old_hash")
        ),
        format!(
            "  prepared in {:.0} ms, exchanged in {:.2} ms",
            millis("prepared_millis"),
            millis("exchange_millis")
        ),
    ];
    for (key, words) in [
        ("reused_networks", "networks kept"),
        ("loaded_networks", "networks loaded"),
        ("added", "published from now on"),
        ("removed", "published no more"),
        ("kept", "goes on in time"),
        ("warming", "warms again"),
    ] {
        let names = answer[key].as_array().into_iter().flatten();
        let names: Vec<&str> = names.filter_map(Value::as_str).collect();
        if !names.is_empty() {
            lines.push(format!("  {words}: {}", names.join(", ")));
        }
    }
    lines.join("\n")
}
