//! The canonical text of a policy, which is what its hash is taken of.
//!
//! Keys stand in one order, `max_order` is always written, task names are the
//! dictionary's, `sources` and `inputs` are sorted, and rates are the shortest
//! decimal that reads back as the same number.

use std::fmt::Write;

use crate::policy::Policy;
use crate::transfer::Transfer;

impl Policy {
    /// The canonical text of the policy, with its description. Parses back to
    /// an equal policy of the same hash.
    pub fn to_toml(&self) -> String {
        let description = self.description.as_deref().map(|text| {
            let value = toml::Value::String(text.to_owned());
            format!("description = {value}\n")
        });
        self.canonical(&description.unwrap_or_default())
    }

    /// The text that the hash is taken of: as `to_toml`, without description.
    pub(crate) fn hashed_text(&self) -> String {
        self.canonical("")
    }

    fn canonical(&self, description: &str) -> String {
        let mut text = format!(
            "name = \"{}\"\n{description}supervision_budget = {}\nmax_order = {}\n",
            self.name, self.supervision_budget, self.max_order
        );
        for transfer in &self.transfers {
            text.push('\n');
            push_transfer(&mut text, transfer);
        }
        text
    }
}

fn push_transfer(text: &mut String, transfer: &Transfer) {
    text.push_str("[[transfer]]\n");
    push_line(text, "target", &quoted(transfer.target.name));
    push_line(
        text,
        "sources",
        &array(transfer.sources.iter().map(String::as_str)),
    );
    if let Some(rate_hz) = transfer.rate_hz {
        push_line(text, "rate_hz", &format!("{rate_hz:?}"));
    }
    if let Some(variant) = &transfer.readout {
        push_line(text, "readout", &quoted(variant));
    }
    if !transfer.inputs.is_empty() {
        push_line(
            text,
            "inputs",
            &array(transfer.inputs.iter().map(|input| input.name())),
        );
    }
}

fn push_line(text: &mut String, key: &str, value: &str) {
    writeln!(text, "{key} = {value}").expect("writing to a string cannot fail");
}

/// In quotation marks; the names of a checked policy need no escapes.
fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn array<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", names.map(quoted).collect::<Vec<_>>().join(", "))
}
