//! What the live table shows at one moment, and where in the window.

use concert_runtime::Health;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::Colours;
use super::panel::{Panel, draw_panels};
use super::table::{Columns, cut, note, wrap};
use crate::meter::Row;

/// What the live table shows at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// What runs; wrapped to the window.
    pub title: String,
    /// One per output, most important first.
    pub rows: Vec<Row>,
    /// Lines below the rows, as of learning.
    pub remarks: Vec<String>,
    /// What is drawn in the rest of the window, most important first.
    pub panels: Vec<Panel>,
    /// The newest lines of the log, oldest first.
    pub log: Vec<String>,
}

/// Most lines of the log that are shown.
const LOG: usize = 4;

/// Draws a view into a window of any size: title, rows and remarks at the top,
/// the log at the bottom, panels in all that is left between.
pub(super) fn draw(view: &View, colours: &Result<Colours, String>, frame: &mut Frame<'_>) {
    let area = frame.area();
    let width = usize::from(area.width);
    let top = top(view, colours.is_ok(), width);
    let mut log = log(&view.log, width);
    // The rows come before the log.
    let room = usize::from(area.height).saturating_sub(top.len());
    log.drain(..log.len().saturating_sub(room));
    let high = top.len().min(usize::from(area.height)) as u16;
    let middle = Rect {
        y: area.y + high,
        height: area.height - high - log.len() as u16,
        ..area
    };
    let buffer = frame.buffer_mut();
    for (line, y) in top.iter().zip(area.top()..area.bottom()) {
        buffer.set_line(area.x, y, line, area.width);
    }
    for (line, y) in log.iter().zip(middle.bottom()..area.bottom()) {
        buffer.set_line(area.x, y, line, area.width);
    }
    if view.panels.is_empty() || middle.height < 2 {
        return;
    }
    // One line stays free above the pictures.
    let below = Rect {
        y: middle.y + 1,
        height: middle.height - 1,
        ..middle
    };
    let why = match colours {
        Err(reason) => Some(format!("no pictures: {reason}")),
        Ok(colours) if draw_panels(&view.panels, *colours, below, buffer) == 0 => {
            Some("no pictures: the window is too small".to_owned())
        }
        Ok(_) => None,
    };
    if let Some(why) = why {
        buffer.set_stringn(middle.x, middle.y, cut(&why, width), width, dim());
    }
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// Title, rows and remarks.
fn top(view: &View, colour: bool, width: usize) -> Vec<Line<'static>> {
    let title = wrap(&view.title, width).into_iter();
    let mut lines: Vec<Line<'static>> = title.map(|line| plain(&line, width)).collect();
    let columns = Columns::of(&view.rows, width);
    let bold = match colour {
        true => Style::new().add_modifier(Modifier::BOLD),
        false => Style::new(),
    };
    lines.push(Line::styled(columns.head(), bold));
    lines.extend(view.rows.iter().map(|row| {
        let style = match (colour, row.health) {
            (true, Health::Warn) => Style::new().fg(Color::Yellow),
            (true, Health::Error) => Style::new().fg(Color::Red),
            (true, Health::Stale) => Style::new().fg(Color::Magenta),
            _ => Style::new(),
        };
        let note = cut(&note(row), columns.note_width());
        Line::from(vec![
            Span::raw(format!("{}  ", columns.row(row))),
            Span::styled(note, style),
        ])
    }));
    lines.extend(view.remarks.iter().map(|remark| plain(remark, width)));
    lines
}

fn plain(text: &str, width: usize) -> Line<'static> {
    Line::raw(cut(text, width))
}

/// The newest lines of the log, each cut to the window.
fn log(lines: &[String], width: usize) -> Vec<Line<'static>> {
    let newest = &lines[lines.len().saturating_sub(LOG)..];
    let shown = newest.iter().map(|line| {
        // One message, one line here; it stands whole above the shell's prompt
        // when the table is gone.
        let first = line.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Line::styled(cut(&first, width), dim())
    });
    shown.collect()
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
