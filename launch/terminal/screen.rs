//! Where the table goes: a window of its own on a terminal, a short line a
//! second elsewhere.

use std::io::{self, BufWriter, IsTerminal, Write};

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::table::ill_lines;
use super::view::{View, draw};
use super::window::{self, Window};
use super::{Colours, plain_line};
use crate::logging;

/// What a terminal can do, and is wanted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Style {
    /// True where the table has a window of its own.
    pub live: bool,
    /// Which colours there are, or why there are none, and so no pictures.
    pub colours: Result<Colours, String>,
}

impl Style {
    /// What standard output can do: live only on a terminal in the foreground
    /// that understands escapes; colours as the environment says.
    #[must_use]
    pub(crate) fn of_stdout() -> Style {
        let variable = |name: &str| std::env::var(name).ok();
        let term = variable("TERM").filter(|term| !term.is_empty());
        let dumb = term.is_none_or(|term| term == "dumb");
        let live = io::stdout().is_terminal() && !dumb && window::is_in_foreground();
        Style {
            live,
            colours: Colours::of(variable),
        }
    }

    /// Plain lines, no escapes.
    #[must_use]
    pub(crate) fn plain() -> Style {
        Style {
            live: false,
            colours: Err("this is no terminal".to_owned()),
        }
    }
}

/// Shows views, again and again.
pub(crate) struct Screen<W: Write> {
    to: To<W>,
}

enum To<W: Write> {
    Lines(W),
    Window(Box<Live<W>>),
}

struct Live<W: Write> {
    terminal: Terminal<CrosstermBackend<Out<W>>>,
    colours: Result<Colours, String>,
    size: (u16, u16),
    window: Window,
}

impl<W: Write> Screen<W> {
    /// A screen that writes to `to` what `style` allows; `to` is standard
    /// output where it is live.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub(crate) fn open(to: W, style: Style) -> io::Result<Self> {
        if !style.live {
            return Ok(Self { to: To::Lines(to) });
        }
        let window = Window::enter()?;
        let size = window::size();
        let options = TerminalOptions {
            viewport: Viewport::Fixed(area(size)),
        };
        let out = Out {
            to: BufWriter::with_capacity(1 << 16, to),
            is_gone: false,
        };
        let mut terminal = Terminal::with_options(CrosstermBackend::new(out), options)?;
        terminal.clear()?;
        let live = Live {
            terminal,
            colours: style.colours,
            size,
            window,
        };
        Ok(Self {
            to: To::Window(Box::new(live)),
        })
    }

    /// Tells whether the window has another size than when it was last drawn.
    pub(crate) fn was_resized(&self) -> bool {
        match &self.to {
            To::Lines(_) => false,
            To::Window(live) => live.size != window::size(),
        }
    }

    /// Shows a view in place of what was shown before; where there is no
    /// window, one line, which `title` begins.
    ///
    /// # Errors
    /// Where nothing can be written any more, as when a reader went away.
    pub(crate) fn show(&mut self, title: &str, view: impl FnOnce() -> View) -> io::Result<()> {
        match &mut self.to {
            To::Lines(to) => {
                let rows = view().rows;
                writeln!(to, "{}", plain_line(title, &rows))?;
                for line in ill_lines(&rows) {
                    writeln!(to, "{line}")?;
                }
                to.flush()
            }
            To::Window(live) => {
                let mut view = view();
                view.log = logging::newest();
                live.show(&view)
            }
        }
    }
}

impl<W: Write> Live<W> {
    fn show(&mut self, view: &View) -> io::Result<()> {
        let again = self.window.came_back()?;
        let _drawing = self.window.drawing();
        let size = window::size();
        if again || size != self.size {
            self.size = size;
            self.terminal.backend_mut().clear()?;
            self.terminal.resize(area(size))?;
        }
        let colours = &self.colours;
        self.terminal.draw(|frame| draw(view, colours, frame))?;
        Ok(())
    }
}

fn area((width, height): (u16, u16)) -> Rect {
    Rect::new(0, 0, width, height)
}

/// Writes until that fails once; then a reader is gone, and nobody is told
/// again: what is written at the end has nowhere to go.
struct Out<W: Write> {
    to: BufWriter<W>,
    is_gone: bool,
}

impl<W: Write> Out<W> {
    fn unless_gone<T>(
        &mut self,
        done: T,
        write: impl FnOnce(&mut BufWriter<W>) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.is_gone {
            return Ok(done);
        }
        let written = write(&mut self.to);
        self.is_gone = written.is_err();
        written
    }
}

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_gone(bytes.len(), |to| to.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_gone((), BufWriter::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, then nobody reads.
    struct Leaves(usize);

    impl Write for Leaves {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn where_there_is_no_window_each_view_is_one_short_line_without_escapes() {
        let mut text = Vec::new();
        let mut screen = Screen::open(&mut text, Style::plain()).expect("open");
        for _ in 0..3 {
            screen.show("front 4.0/s", View::default).expect("written");
        }
        assert!(!screen.was_resized());
        drop(screen);
        let text = String::from_utf8(text).expect("text");
        assert_eq!(text, "front 4.0/s; no outputs yet\n".repeat(3));
    }

    #[test]
    fn a_reader_that_went_away_is_told_of_once() {
        let mut out = Out {
            to: BufWriter::with_capacity(4, Leaves(10)),
            is_gone: false,
        };
        assert!(out.write_all(b"0123456789").is_ok());
        assert!(out.write_all(b"0123456789").is_err());
        assert!(out.write_all(b"0123456789").is_ok());
        assert!(out.flush().is_ok());
    }
}
