//! The curve of errors as files.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use concert_policies::document::{check_place as check_file, write_whole};

use super::state::History;
use crate::draw::{Curve, curve_picture};
use crate::report::{Failure, Refuse as _};

/// Refuses a place in a folder that is not there: it would be found out at the
/// end only.
pub(crate) fn check_place(picture: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = picture else {
        return Ok(());
    };
    if path.extension().is_none_or(|ending| ending != "svg") {
        return Err(Failure::refused(anyhow!(
            "the curve is a picture of kind svg, but its file is {}",
            path.display()
        )));
    }
    check_file(path).context("the curve").or_refuse()
}

/// Writes the picture, and the numbers and switches beside it.
pub(super) fn write(picture: &Path, histories: &[History]) -> anyhow::Result<()> {
    let drawn: Vec<_> = histories
        .iter()
        .map(|history| Curve {
            target: history.target,
            points: &history.points,
            watched: &history.watched,
            switches: &history.switches,
        })
        .collect();
    let text = curve_picture(
        &drawn,
        "What was learnt while serving (a thin line: another readout serves)",
    );
    write_whole(picture, text.as_bytes())?;
    write_whole(&picture.with_extension("csv"), table(histories).as_bytes())?;
    let switches = picture.with_extension("switches.csv");
    write_whole(&switches, switch_table(histories).as_bytes())?;
    Ok(())
}

/// One line per switch.
fn switch_table(histories: &[History]) -> String {
    let mut text = "target,seconds,serving,why\n".to_owned();
    for history in histories {
        for switch in &history.switches {
            writeln!(
                text,
                "{},{:.2},{},\"{}\"",
                history.target,
                switch.seconds,
                switch.serving,
                switch.why.replace('"', "'")
            )
            .expect("writing to a string cannot fail");
        }
    }
    text
}

/// One line per refit.
fn table(histories: &[History]) -> String {
    let mut text = "target,seconds,learnt_frames,judged_frames,measure,kind,learnt,served,first,\
                    constant,learnt_ahead,served_ahead,exchanged\n"
        .to_owned();
    for history in histories {
        let target = history.target;
        for point in &history.points {
            writeln!(
                text,
                "{target},{:.2},{},{},{},{},{:.5},{:.5},{:.5},{:.5},{:.5},{:.5},{}",
                point.seconds,
                point.learnt,
                point.judged,
                point.measure,
                point.kind,
                point.candidate,
                point.served,
                point.first,
                point.constant,
                point.candidate_ahead,
                point.served_ahead,
                point.exchanged
            )
            .expect("writing to a string cannot fail");
        }
    }
    text
}
