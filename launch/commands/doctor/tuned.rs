//! Whether `concert tune` has chosen anything for this computer.

use concert_runtime::io::onnxruntime::{Provider, TunedFolder, TunedFor};

use super::Row;

const WHAT: &str = "tuned";

pub(super) fn row() -> Row {
    // Only the computer counts.
    let here = TunedFor::here(&[Provider::Cpu], None, "");
    let tuned = TunedFolder::of_user().zip(here);
    let tuned = tuned.map_or(Vec::new(), |(folder, here)| folder.list(&here));
    if tuned.is_empty() {
        let found = "nothing for this computer; `concert tune POLICY` measures how a policy \
                     is run best here";
        return Row::ok(WHAT, found);
    }
    let each = tuned.iter().map(|tuned| {
        let (name, settings) = (&tuned.policy_name, tuned.settings);
        format!("{name}: {settings} (for {})", tuned.goal)
    });
    Row::ok(WHAT, each.collect::<Vec<_>>().join("; "))
}
