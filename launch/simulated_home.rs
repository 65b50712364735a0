//! Making a simulated home, and saying that it takes a while.

use std::time::Duration;

use concert_apartment::{ApartmentError, Home, LightQuality, Randomisation, Redraw};

/// Makes the home of a seed; shows on a terminal that it takes time.
///
/// # Errors
/// As [`Home::generate`].
pub(crate) fn home(
    seed: u64,
    randomisation: &Randomisation,
    light: LightQuality,
) -> Result<Home, ApartmentError> {
    let home = while_shown(seed, || Home::generate(seed, randomisation, light))?;
    say_redraws(seed, home.redraws());
    Ok(home)
}

/// Draws to standard error, and only where that is a terminal.
pub(crate) fn while_shown<T>(seed: u64, make: impl FnOnce() -> T) -> T {
    let spinner = indicatif::ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner.set_message(format!("building and lighting the home of seed {seed}"));
    let made = make();
    spinner.finish_and_clear();
    made
}

/// Says which homes were drawn more than once, and why.
pub(crate) fn say_redraws(seed: u64, redraws: &[Redraw]) {
    if let Some(last) = redraws.last() {
        tracing::warn!(
            "seed {seed} was drawn again ({}x), for its first draw is no home: {}",
            redraws.len(),
            last.reason
        );
    }
}
