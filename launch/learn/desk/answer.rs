//! Answers what `concert learn` asks.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Board, Desk};

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    ask: String,
    target: Option<String>,
}

impl Desk {
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
        let mut board = self.board();
        let lines: Vec<usize> = (0..board.lines.len())
            .filter(|at| {
                let name = board.lines[*at].subject.task.name;
                asked.target.as_ref().is_none_or(|target| target == name)
            })
            .collect();
        if lines.is_empty() {
            let learnt: Vec<_> = board.lines.iter().map(|l| l.subject.task.name).collect();
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
            "restore" => self.restore(&mut board, &lines)?,
            "resume" => {
                for at in &lines {
                    board.lines[*at].figures.paused = false;
                    self.remember(&mut board.lines[*at]);
                }
                "resumed"
            }
            _ => return Err("ask is none of status, restore, resume".to_owned()),
        };
        self.tell(&board);
        let told: Vec<_> = lines.iter().map(|at| &board.lines[*at].figures).collect();
        let folder: PathBuf = self.folder.path().to_owned();
        Ok(json!({ "status": status, "learning": told, "folder": folder }))
    }

    fn restore(&self, board: &mut Board, lines: &[usize]) -> Result<&'static str, String> {
        // Also where an exchange fails: nothing more is learnt.
        for at in lines {
            board.lines[*at].figures.paused = true;
        }
        let mut goes_on = Vec::new();
        for at in lines {
            let line = &board.lines[*at];
            let first = line.subject.first.clone();
            // A policy that reads the target otherwise is somebody else's.
            let is_due = line.rests.is_none() && line.serving != first;
            if is_due && !self.put(board, *at, first, "somebody asked for it") {
                goes_on.push(board.lines[*at].figures.serving.clone());
            }
            self.remember(&mut board.lines[*at]);
        }
        if goes_on.is_empty() {
            return Ok("restored");
        }
        self.tell(board);
        Err(format!(
            "the first readout was not taken, {} goes on; learning is paused",
            goes_on.join(", ")
        ))
    }
}
