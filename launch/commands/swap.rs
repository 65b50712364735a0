//! `concert swap`: changes the policy of a running server.

use crate::cli::Swap;
use crate::report::{Failure, Report};

#[cfg(not(feature = "zenoh"))]
pub(crate) fn run(_args: &Swap) -> Result<Report, Failure> {
    Err(Failure::refused(anyhow::anyhow!(crate::assemble::NO_ZENOH)))
}

#[cfg(feature = "zenoh")]
pub(crate) use ask::{report, run};

#[cfg(feature = "zenoh")]
mod ask {
    use std::path::Path;

    use concert_runtime::io::zenoh::ControlRequest;
    use serde_json::Value;

    use super::{Failure, Report, Swap};
    use crate::assemble;
    use crate::commands::visit::{ask, reason};
    use crate::policy_choice::PolicyChoice;
    use crate::report::{Exit, Refuse};

    pub(crate) fn run(args: &Swap) -> Result<Report, Failure> {
        // What is refused here need not be sent.
        let choice = PolicyChoice::of(&args.policy, Path::new(&args.policy)).or_refuse()?;
        let toml = assemble::policy_text(choice.policy.name(), choice.path.as_deref());
        let answer = ask(
            (&args.connect, &args.access),
            &args.prefix,
            ControlRequest::Swap,
            &toml,
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
}
