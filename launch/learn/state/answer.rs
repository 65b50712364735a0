//! Answers what `concert learn` asks.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{LearningState, TargetStates};

/// A question to the server that learns.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    ask: String,
    target: Option<String>,
}

impl LearningState {
    /// Answers what `concert learn` asks; changes only what is `allowed`.
    pub(crate) fn answer(&self, ask: &str, allowed: bool) -> Value {
        match self.try_answer(ask, allowed) {
            Ok(answer) => answer,
            Err(reason) => {
                tracing::warn!("what learning was asked is refused: {reason}");
                json!({ "status": "refused", "error": reason })
            }
        }
    }

    fn try_answer(&self, ask: &str, allowed: bool) -> Result<Value, String> {
        let asked: Ask = serde_json::from_str(ask).map_err(|error| error.to_string())?;
        let mut targets = self.targets();
        let states: Vec<usize> = (0..targets.all.len())
            .filter(|at| {
                let name = targets.all[*at].subject.task.name;
                asked.target.as_ref().is_none_or(|target| target == name)
            })
            .collect();
        if states.is_empty() {
            let learnt: Vec<_> = targets.all.iter().map(|l| l.subject.task.name).collect();
            let target = asked.target.unwrap_or_default();
            return Err(format!(
                "{} is not learnt here; learnt are {}",
                target.escape_default().take(80).collect::<String>(),
                learnt.join(", ")
            ));
        }
        if asked.ask != "status" && !allowed {
            return Err(
                "control is not allowed on this runtime; it is where the launch file says \
                 `[control] enabled = true` or the command line `--allow-control`"
                    .to_owned(),
            );
        }
        let status = match asked.ask.as_str() {
            "status" => "learning",
            "restore" => self.restore(&mut targets, &states)?,
            "resume" => {
                for at in &states {
                    targets.all[*at].figures.paused = false;
                    self.remember(&mut targets.all[*at]);
                }
                "resumed"
            }
            _ => return Err("ask is none of status, restore, resume".to_owned()),
        };
        self.tell(&targets);
        let told: Vec<_> = states.iter().map(|at| &targets.all[*at].figures).collect();
        let folder: PathBuf = self.folder.path().to_owned();
        Ok(json!({ "status": status, "learning": told, "folder": folder }))
    }

    fn restore(
        &self,
        targets: &mut TargetStates,
        states: &[usize],
    ) -> Result<&'static str, String> {
        // Also where an exchange fails: nothing more is learnt.
        for at in states {
            targets.all[*at].figures.paused = true;
        }
        let mut goes_on = Vec::new();
        for at in states {
            let target = &targets.all[*at];
            let first = target.subject.first.clone();
            // A policy that reads the target otherwise is somebody else's.
            let is_due = target.rests.is_none() && target.serving != first;
            if is_due && !self.put(targets, *at, first, "somebody asked for it") {
                goes_on.push(targets.all[*at].figures.serving.clone());
            }
            self.remember(&mut targets.all[*at]);
        }
        if goes_on.is_empty() {
            return Ok("restored");
        }
        self.tell(targets);
        Err(format!(
            "the first readout was not taken, {} goes on; learning is paused",
            goes_on.join(", ")
        ))
    }
}
