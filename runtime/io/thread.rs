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

/// As [`spawn`], with a low priority that still gets its turn (nice 10): for
/// what somebody waits for beside the frames.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_low<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    spawn(name, move || {
        lower(10);
        body()
    })
}

/// As [`spawn`], with the lowest priority of ordinary threads (nice 19): for
/// what learns beside the frames and can wait.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_lowest<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    spawn(name, move || {
        lower(19);
        body()
    })
}

/// Lowers the priority of the calling thread: on Linux it is the thread's own;
/// where that fails, nothing is lost.
fn lower(nice: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, nice) {
        tracing::debug!("cannot lower a thread's priority: {error}");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}

/// Sleeps.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that sleeps"
)]
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}
