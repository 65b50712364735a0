//! The policy that an answer asks for.

use std::fmt::Write as _;

use crate::affinity::SELF;
use crate::fault::PolicyError;
use crate::policy::Policy;
use crate::solve::answer::{Answer, AnswerTransfer};

impl Answer {
    /// The answer as a policy: its transfers, the most important first and, of
    /// equals, in the order of the problem; a supervision budget of the sources
    /// that are used. Idle roots are left out.
    ///
    /// # Errors
    /// What [`Policy::parse`] refuses: an answer without transfers, targets that
    /// are not in the task dictionary, names that cannot be part of a file name.
    pub fn to_policy(&self, name: &str, max_order: Option<usize>) -> Result<Policy, PolicyError> {
        let mut transfers: Vec<&AnswerTransfer> = self.transfers.iter().collect();
        transfers.sort_by(|a, b| b.importance.total_cmp(&a.importance));
        let orders = transfers.iter().map(|transfer| transfer.order).max();
        let used = self.sources_used.len().max(1);
        let max_order = max_order.or(orders).unwrap_or(1).clamp(1, used);
        let description = format!(
            "solved: {}, objective {:.10}, {} of a budget of {}",
            self.status.name(),
            self.objective.unwrap_or(0.0),
            self.cost.unwrap_or(0.0),
            self.budget
        );
        let mut text = format!(
            "name = {}\ndescription = {}\nsupervision_budget = {used}\nmax_order = {max_order}\n",
            quoted(name),
            quoted(&description)
        );
        for transfer in transfers {
            let is_root = transfer.sources == [SELF];
            let sources = match is_root {
                true => std::slice::from_ref(&transfer.target),
                false => &transfer.sources[..],
            };
            let sources: Vec<_> = sources.iter().map(|source| quoted(source)).collect();
            write!(
                text,
                "\n[[transfer]]\ntarget = {}\nsources = [{}]\n",
                quoted(&transfer.target),
                sources.join(", ")
            )
            .expect("writing to a string cannot fail");
        }
        Policy::parse(&text, name)
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
