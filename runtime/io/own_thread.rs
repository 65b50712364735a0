//! Work on a thread of its own, one piece at a time: what runs beside a frame.
//!
//! Unlike [`Rendezvous`](crate::rendezvous::Rendezvous), whose answering thread
//! looks when it suits it, this one does nothing else.

use std::io;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::thread;

/// A thread that works on what it is handed, and hands it back. It ends when this
/// is dropped.
#[derive(Debug)]
pub(crate) struct OwnThread<J> {
    to: Sender<J>,
    from: Receiver<J>,
}

impl<J: Send + 'static> OwnThread<J> {
    /// Starts the thread. `work` catches its own panics.
    ///
    /// # Errors
    /// Where the system refuses a thread.
    pub(crate) fn start(
        name: &str,
        mut work: impl FnMut(&mut J) + Send + 'static,
    ) -> io::Result<Self> {
        let (to, asked) = bounded::<J>(1);
        let (done, from) = bounded(1);
        thread::spawn(name, move || {
            while let Ok(mut job) = asked.recv() {
                work(&mut job);
                if done.send(job).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { to, from })
    }

    /// Begins to work on a job; the one before is to be taken back first.
    pub(crate) fn begin(&self, job: J) {
        self.to
            .send(job)
            .expect("the thread works until this is dropped");
    }

    /// Waits for the job that was begun, and takes it back.
    pub(crate) fn finish(&self) -> J {
        self.from
            .recv()
            .expect("the thread works until this is dropped")
    }

    /// Takes the job back, if it is done.
    pub(crate) fn try_finish(&self) -> Option<J> {
        self.from.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_worked_on_elsewhere_and_comes_back() {
        let own = OwnThread::start("double", |job: &mut Vec<u32>| {
            job.iter_mut().for_each(|number| *number *= 2);
        });
        let own = own.expect("a thread");
        for round in 1..4 {
            own.begin(vec![round, 10 * round]);
            assert_eq!(own.finish(), [2 * round, 20 * round]);
            assert!(own.try_finish().is_none());
        }
    }
}
