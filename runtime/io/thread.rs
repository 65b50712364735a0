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

/// As [`spawn`], with the lowest priority of ordinary threads but one that
/// still gets its turn (nice 10): for what prepares or learns beside the frames.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_low<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    spawn(name, move || {
        // On Linux this is the thread's own; where it fails, nothing is lost.
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::setpriority_process(None, 10) {
            tracing::debug!("cannot lower a thread's priority: {error}");
        }
        body()
    })
}

/// Sleeps.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that sleeps"
)]
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}
