//! The window of a terminal while the table is up: entered once, left however
//! the process ends.
//!
//! The table has a screen of its own (the terminal's alternate one), so that
//! what stood there before comes back; the terminal still turns Ctrl-C into a
//! signal, but echoes nothing into the table.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, TryLockError};
use std::time::Duration;

use concert_runtime::io::{exit, thread};
use rustix::termios::{self, InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios};

use crate::logging;

/// Another screen, no cursor, and what is too long for a line is cut off there.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?7l";
/// All of it back.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
/// Size where a terminal does not say.
const USUAL: (u16, u16) = (80, 24);

/// How the terminal was before; `None` while the table is not up.
static BEFORE: Mutex<Option<Before>> = Mutex::new(None);
/// Held while something is drawn.
static DRAWING: Mutex<()> = Mutex::new(());
/// True where the table is to come back where somebody else left its window.
static LEFT: AtomicBool = AtomicBool::new(false);

struct Before {
    modes: Option<Termios>,
}

/// Columns and lines of the terminal on standard output; 80 × 24 where it does
/// not say.
pub(super) fn size() -> (u16, u16) {
    let size = termios::tcgetwinsize(io::stdout());
    let size = size.ok().map(|size| (size.ws_col, size.ws_row));
    size.filter(|(width, height)| *width > 0 && *height > 0)
        .unwrap_or(USUAL)
}

/// Columns that a line of standard output may have: those of its terminal, 80
/// elsewhere.
#[must_use]
pub(crate) fn width_of_stdout() -> usize {
    match io::stdout().is_terminal() {
        true => usize::from(size().0),
        false => usize::from(USUAL.0),
    }
}

/// Tells whether this process may change the terminal on standard output: one in the
/// background would be stopped for it.
pub(super) fn is_in_foreground() -> bool {
    let group = termios::tcgetpgrp(io::stdout());
    // One that does not control this process does not stop it either.
    group.map_or(true, |group| group == rustix::process::getpgrp())
}

/// The table is up until this is dropped.
#[derive(Debug)]
pub(super) struct Window(());

impl Window {
    /// Gives the table a screen of its own. From now on log lines wait for the
    /// end, and a panic or [`exit::at_once`] gives the terminal back first.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub(super) fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                leave();
                LEFT.store(true, Ordering::SeqCst);
                before(panic);
            }));
            exit::do_first(leave);
        });
        enter()?;
        Ok(Self(()))
    }

    /// Tells whether a panic elsewhere took the window away since the last call; it
    /// is entered again then.
    pub(super) fn came_back(&self) -> io::Result<bool> {
        let left = LEFT.swap(false, Ordering::SeqCst);
        if left {
            enter()?;
        }
        Ok(left)
    }

    /// Nothing else is written as long as this is held.
    pub(super) fn drawing(&self) -> MutexGuard<'static, ()> {
        DRAWING.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        leave();
    }
}

fn enter() -> io::Result<()> {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    if before.is_some() {
        return Ok(());
    }
    let modes = termios::tcgetattr(io::stdin()).ok();
    if let Some(modes) = &modes {
        let mut quiet = modes.clone();
        // Ctrl-C stays a signal; Ctrl-Z would leave the shell on this screen,
        // and Ctrl-S would hold up who draws.
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
        quiet.input_modes -= InputModes::IXON;
        quiet.special_codes[SpecialCodeIndex::VSUSP] = 0;
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &quiet);
    }
    *before = Some(Before { modes });
    logging::hold();
    let mut out = io::stdout().lock();
    out.write_all(ENTER)?;
    out.flush()
}

/// Gives the terminal back, if the table is up, and then says what was logged
/// meanwhile. Waits a moment for who draws, not for ever.
fn leave() {
    let mut drawing = None;
    for _ in 0..20 {
        match DRAWING.try_lock() {
            Ok(guard) => drawing = Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => drawing = Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
        }
        if drawing.is_some() {
            break;
        }
    }
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // Not through `io::stdout`, whose lock the one who draws may hold.
        write_all(io::stdout().as_fd(), LEAVE);
        if let Some(modes) = before.modes
            && is_in_foreground()
        {
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Flush, &modes);
        }
        logging::release();
    }
    drop(drawing);
}

fn write_all(to: impl AsFd, mut bytes: &[u8]) {
    while let Ok(written @ 1..) = rustix::io::write(&to, bytes) {
        bytes = &bytes[written..];
    }
}
