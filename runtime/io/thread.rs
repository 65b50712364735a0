//! Threads and sleeping: the one place that makes either.

use std::io;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub use crate::duty_cycle::Urgency;

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

/// Changes how much this thread wants a processor; nothing where the system
/// does not know of it.
///
/// # Errors
/// Where the system refuses: on Linux, a program may leave [`Urgency::Idle`]
/// only with a limit of niceness that allows for it (`ulimit -e 10`,
/// `LimitNICE=10`).
#[cfg_attr(
    not(target_os = "linux"),
    expect(clippy::unnecessary_wraps, reason = "Linux may refuse")
)]
pub fn be(urgency: Urgency) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
        };
        let policy = ThreadSchedulePolicy::Normal(match urgency {
            Urgency::Idle => NormalThreadSchedulePolicy::Idle,
            Urgency::Low => NormalThreadSchedulePolicy::Other,
        });
        // It also sets the niceness, to another, which may be refused.
        let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
        rustix::process::setpriority_process(None, LOW)?;
        if thread_schedule_policy().is_ok_and(|found| found != policy) {
            let reason = set.err().map(|error| format!("{error:?}"));
            return Err(io::Error::other(reason.unwrap_or_default()));
        }
    }
    let _ = urgency;
    Ok(())
}

/// Niceness of threads that prepare or learn.
#[cfg(target_os = "linux")]
const LOW: i32 = 10;

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
        if let Err(error) = rustix::process::setpriority_process(None, LOW) {
            tracing::debug!("cannot lower a thread's priority: {error}");
        }
        body()
    })
}

/// Applies `work` to every item on as many threads as there are cores, the
/// calling one included, and gives the results in the order of the items. Where
/// the system refuses threads, those that there are do all of it. A panic of
/// `work` goes on in the caller.
pub fn map<T: Sync, R: Send>(name: &str, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                return done;
            };
            done.push((index, work(item)));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let builder = || std::thread::Builder::new().name(name.to_owned());
        let others = (1..cores.min(items.len())).map(|_| builder().spawn_scoped(scope, share));
        // Started before this thread begins its share.
        let others: Vec<_> = others.flatten().collect();
        let mut done = share();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Time that this thread has had a processor since it began; `None` where the
/// system does not tell.
#[must_use]
pub fn processor_time() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(time).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Time that all threads of this process together have had a processor; `None`
/// where the system does not tell.
#[must_use]
pub fn processor_time_of_process() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::try_from(time).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Sleeps until another thread unparks this one, or for so long.
pub fn park(longest: Duration) {
    std::thread::park_timeout(longest);
}

/// Sleeps.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that sleeps"
)]
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_becomes_the_last_that_is_served_and_is_told_where_it_stays_so() {
        let thread = spawn("idle", || {
            be(Urgency::Idle).expect("anyone may be idle");
            // As the limits of this process have it.
            be(Urgency::Low).map_err(|error| error.to_string())
        });
        if let Err(reason) = thread.expect("a thread").join().expect("no panic") {
            assert!(!reason.is_empty());
        }
    }

    #[test]
    fn results_stand_in_the_order_of_the_items_whoever_made_them() {
        let items: Vec<u64> = (0..100).collect();
        let squares = map("square", &items, |item| item * item);
        let expected: Vec<u64> = items.iter().map(|item| item * item).collect();
        assert_eq!(squares, expected);
        assert!(map("square", &[] as &[u64], |item| *item).is_empty());
        let broken =
            std::panic::catch_unwind(|| map("square", &items, |item| assert!(*item != 70)));
        assert!(broken.is_err());
    }

    #[test]
    fn processor_time_passes_while_a_thread_computes() {
        let before = processor_time();
        let mut number = 1u64;
        while cfg!(target_os = "linux") && processor_time() == before {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
        assert!(processor_time() >= before && number > 0);
    }
}
