//! What a command has to say at its end, and with which exit code.

use std::io::{self, Write};

use serde_json::{Value, json};

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done, also where the user stopped it.
    Done = 0,
    /// Something failed while running.
    Failed = 1,
    /// The command line or a file was refused before anything ran.
    Refused = 2,
}

/// What a finished command has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// For programs: one object.
    pub json: Value,
    /// For people: lines, without the last line's end; may be empty.
    pub text: String,
    /// How it ended.
    pub exit: Exit,
}

impl Report {
    /// A report of a command that did what it was asked.
    #[must_use]
    pub fn done(json: Value, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            json,
            text,
            exit: Exit::Done,
        }
    }
}

/// A command that did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    /// Bad usage or bad input, found before anything ran.
    pub fn refused(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Refused,
            error: error.into(),
        }
    }

    /// Something failed while running.
    pub fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Failed,
            error: error.into(),
        }
    }

    /// The message: what was refused or failed, and its causes.
    #[must_use]
    pub fn message(&self) -> String {
        let mut message = self.error.to_string();
        for cause in self.error.chain().skip(1) {
            // Many errors already say what caused them.
            let cause = cause.to_string();
            if !message.contains(&cause) {
                message = format!("{message}: {cause}");
            }
        }
        message
    }

    /// How the process ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// Any other error is a failure while running.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::failed(error)
    }
}

/// Marks errors about what was handed in.
pub trait Refuse<T> {
    /// Turns an error into a refusal.
    ///
    /// # Errors
    /// The refusal.
    fn or_refuse(self) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> Refuse<T> for Result<T, E> {
    fn or_refuse(self) -> Result<T, Failure> {
        self.map_err(Failure::refused)
    }
}

/// Writes the end of a command: with `as_json` exactly one object on one line
/// of `out`, also for a failure; else text to `out` and failures to `err`.
/// Returns the exit code.
pub fn conclude(
    result: Result<Report, Failure>,
    as_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let (exit, written) = match result {
        Ok(report) if as_json => (report.exit, writeln!(out, "{}", report.json)),
        Ok(report) if report.text.is_empty() => (report.exit, Ok(())),
        Ok(report) => (report.exit, writeln!(out, "{}", report.text)),
        Err(failure) => {
            let message = failure.message();
            let exit = failure.exit();
            let written = writeln!(err, "concert: {message}").and_then(|()| {
                if !as_json {
                    return Ok(());
                }
                let object = json!({ "error": message, "exit": exit as u8 });
                writeln!(out, "{object}")
            });
            (exit, written)
        }
    };
    let flushed = written.and_then(|()| out.flush());
    // A reader that went away (`concert … | head`) has seen what it wanted.
    let lost = flushed.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe);
    if lost {
        exit.max(Exit::Failed) as u8
    } else {
        exit as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concluded(result: Result<Report, Failure>, as_json: bool) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = conclude(result, as_json, &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (code, text(out), text(err))
    }

    #[test]
    fn json_is_one_object_on_one_line_whatever_happened() {
        let report = Report::done(json!({ "a": "b\nc" }), "text");
        let refusal = || Err(Failure::refused(anyhow::anyhow!("bad\nfile")));
        for (result, want) in [(Ok(report), 0), (refusal(), 2)] {
            let (code, out, _) = concluded(result, true);
            assert_eq!(code, want);
            assert_eq!(out.lines().count(), 1);
            let value: Value = serde_json::from_str(&out).expect("JSON");
            assert!(value.is_object());
        }
    }

    #[test]
    fn people_get_text_and_failures_on_the_other_stream() {
        let report = Report::done(Value::Null, "all well");
        assert_eq!(
            concluded(Ok(report), false),
            (0, "all well\n".into(), String::new())
        );
        let failure = Err(Failure::failed(anyhow::anyhow!("no bus")));
        assert_eq!(
            concluded(failure, false),
            (1, String::new(), "concert: no bus\n".into())
        );
    }

    #[test]
    fn a_cause_that_the_message_names_is_not_repeated() {
        let error = anyhow::anyhow!("no such file").context("cannot read a.toml: no such file");
        assert_eq!(
            Failure::failed(error).message(),
            "cannot read a.toml: no such file"
        );
        let error = anyhow::anyhow!("disk full").context("cannot write b");
        assert_eq!(
            Failure::failed(error).message(),
            "cannot write b: disk full"
        );
    }
}
