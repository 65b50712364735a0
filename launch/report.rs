//! What a command has to say at its end, and with which exit code.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::printable::{printable, printable_json};

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done, also where the user stopped it.
    Done = 0,
    /// Something failed while running.
    Failed = 1,
    /// The command line or a file was refused before anything ran.
    Refused = 2,
    /// It was measured, and is slower than was allowed.
    TooSlow = 3,
}

/// What a finished command has to say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
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
    pub(crate) fn done(json: Value, text: impl Into<String>) -> Self {
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
pub(crate) struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    /// Bad usage or bad input, found before anything ran.
    pub(crate) fn refused(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Refused,
            error: error.into(),
        }
    }

    /// Something failed while running.
    pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Failed,
            error: error.into(),
        }
    }

    /// The message: what was refused or failed, and its causes.
    #[must_use]
    pub(crate) fn message(&self) -> String {
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
    pub(crate) fn exit(&self) -> Exit {
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
pub(crate) trait Refuse<T> {
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
/// of `out`, also for a failure; else text to `out` and failures to `err`. Where
/// `out` cannot take it, that is said on `err`. Returns the exit code.
pub(crate) fn conclude(
    result: Result<Report, Failure>,
    as_json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let (exit, line) = match result {
        Ok(report) if as_json => (report.exit, printable_json(&report.json)),
        Ok(report) => (report.exit, printable(&report.text).into_owned()),
        Err(failure) => {
            let (message, exit) = (failure.message(), failure.exit());
            // Where this cannot be written, the exit code is all that is left.
            let _ = writeln!(err, "concert: {}", printable(&message));
            let object = json!({ "error": message, "exit": exit as u8 });
            let line = as_json.then(|| printable_json(&object));
            (exit, line.unwrap_or_default())
        }
    };
    match said(&line, out, err) {
        true => exit as u8,
        false => exit.max(Exit::Failed) as u8,
    }
}

/// Writes a text and ends its line; nothing where it is empty. False, and said
/// on `err`, where it is lost. A reader that went away (`concert … | head`) has
/// seen what it wanted.
pub(crate) fn said(text: &str, out: &mut dyn Write, err: &mut dyn Write) -> bool {
    if text.is_empty() {
        return true;
    }
    is_said(writeln!(out, "{text}").and_then(|()| out.flush()), err)
}

/// Tells whether something was written to standard output, or nobody reads it any
/// more; else says why not.
pub(crate) fn is_said(written: io::Result<()>, err: &mut dyn Write) -> bool {
    match written {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => true,
        Err(error) => {
            let _ = writeln!(err, "concert: cannot write to standard output: {error}");
            false
        }
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

    /// Takes nothing, as a full disk.
    struct Full(io::ErrorKind);

    impl Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_lost_report_has_a_word_and_a_reader_that_left_has_none() {
        let reports = || [Ok(Report::done(json!({}), "text")), refusal()];
        fn refusal() -> Result<Report, Failure> {
            Err(Failure::refused(anyhow::anyhow!("bad file")))
        }
        for (result, want) in reports().into_iter().zip([1, 2]) {
            let (mut full, mut err) = (Full(io::ErrorKind::StorageFull), Vec::new());
            let code = conclude(result, true, &mut full, &mut err);
            let said = String::from_utf8(err).expect("text");
            assert_eq!(code, want);
            let word = "concert: cannot write to standard output: no storage space\n";
            assert!(said.ends_with(word), "{said:?}");
        }
        let (mut gone, mut err) = (Full(io::ErrorKind::BrokenPipe), Vec::new());
        let [report, _] = reports();
        assert_eq!(conclude(report, true, &mut gone, &mut err), 0);
        assert!(err.is_empty());
    }

    #[test]
    fn a_failure_is_an_object_also_where_standard_error_is_full() {
        let failure = Err(Failure::failed(anyhow::anyhow!("no bus")));
        let mut out = Vec::new();
        let mut err = Full(io::ErrorKind::StorageFull);
        assert_eq!(conclude(failure, true, &mut out, &mut err), 1);
        assert_eq!(out, b"{\"error\":\"no bus\",\"exit\":1}\n");
    }

    #[test]
    fn no_name_steers_the_terminal() {
        let evil = "exe.\u{202e}gnp\x1b[2J\u{9b}";
        let failure = || Err(Failure::failed(anyhow::anyhow!("{evil}")));
        let report = || Ok(Report::done(json!({ "name": evil }), evil));
        for as_json in [false, true] {
            for result in [failure(), report()] {
                let (_, out, err) = concluded(result, as_json);
                let shown = out + &err;
                let lines = shown.split('\n').collect::<String>();
                assert!(!lines.contains(crate::printable::steers), "{shown:?}");
            }
        }
    }
}
