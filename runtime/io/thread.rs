//! Threads and sleeping: the one place that makes either.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

/// Starts a named thread; the name stands in logs, profilers and `top -H`.
///
/// # Errors
/// Where the system refuses another thread.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that makes threads"
)]
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
}

/// Sleeps.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that sleeps"
)]
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}
