//! Shared memory for large payloads: bounded, and never waited for.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use zenoh::Wait;
use zenoh::bytes::ZBytes;
use zenoh::shm::{GarbageCollect, PosixShmProviderBackend, ShmProvider, ShmProviderBuilder};

use crate::io::thread;
use crate::wire::Pixels;

type Provider = ShmProvider<PosixShmProviderBackend>;

/// The two parts of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    /// Everything but the pixels of an image.
    pub(super) head: &'a [u8],
    /// Those, at the end.
    pub(super) pixels: Pixels<'a>,
}

impl<'a> Parts<'a> {
    /// A message that is whole already.
    pub(super) fn whole(head: &'a [u8]) -> Self {
        let pixels = Pixels::None;
        Self { head, pixels }
    }

    /// Length, bytes.
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.pixels.len()
    }

    /// Writes the message to `to`, which is as long.
    fn write(&self, to: &mut [u8]) {
        let (head, pixels) = to.split_at_mut(self.head.len());
        head.copy_from_slice(self.head);
        self.pixels.write(pixels);
    }

    /// The message in memory of its own.
    pub(super) fn to_bytes(self) -> ZBytes {
        let mut bytes = Vec::with_capacity(self.len());
        bytes.extend_from_slice(self.head);
        self.pixels.append(&mut bytes);
        bytes.into()
    }
}

/// Pools of shared memory that hand a payload over in place, or as plain bytes
/// where they are full.
///
/// A subscriber that keeps messages keeps their memory, and one that was killed
/// never gives it back: zenoh counts references in the shared memory itself. So
/// when allocations fail one after another, a fresh pool is made, beside, on a
/// thread of its own, and the one before is kept: what is given back in it is
/// used again. There are never more than [`MAX_POOLS`](Self::MAX_POOLS); when
/// all are held, payloads are copied, and it is only looked now and then whether
/// one has room.
pub(super) struct PayloadPool {
    bytes: usize,
    pools: Vec<Provider>,
    /// The pool that is tried first.
    current: usize,
    making: Option<Receiver<Option<Provider>>>,
    /// Allocations that failed since the last that did not.
    failures: u32,
    /// Payloads that are copied before it is looked again.
    pause: u32,
    said: bool,
    /// Payloads that went as plain bytes, though shared memory was wanted.
    pub(super) fallbacks: u64,
    /// Fresh pools since the start.
    pub(super) renewals: u64,
}

impl PayloadPool {
    /// Below this, copying is as fast as sharing.
    pub(super) const THRESHOLD: usize = 3 * 1024;
    /// Failures before another pool is looked for: about a second at 30 Hz.
    pub(super) const PATIENCE: u32 = 32;
    /// Most pools, those included that subscribers hold.
    pub(super) const MAX_POOLS: usize = 3;

    /// A pool of `bytes`, made when it is first needed; 0 for none, so that all
    /// goes as plain bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            bytes,
            pools: Vec::new(),
            current: 0,
            making: None,
            failures: 0,
            pause: 0,
            said: false,
            fallbacks: 0,
            renewals: 0,
        }
    }

    /// The payload in shared memory where it is large and there is room, else
    /// as plain bytes. It is written there once.
    pub(super) fn payload(&mut self, parts: &Parts<'_>) -> ZBytes {
        if parts.len() < Self::THRESHOLD || !self.is_usable() {
            return parts.to_bytes();
        }
        self.take_made();
        if self.pause > 0 {
            self.pause -= 1;
        } else if let Some(shared) = share(&self.pools[self.current], parts) {
            self.failures = 0;
            return shared;
        } else if parts.len() <= self.bytes / 2
            && let Some(shared) = self.look_elsewhere(parts)
        {
            return shared;
        }
        self.fallbacks += 1;
        parts.to_bytes()
    }

    /// After enough failures, another pool that has room again; else a fresh one
    /// is begun, and where there are enough, a pause.
    fn look_elsewhere(&mut self, parts: &Parts<'_>) -> Option<ZBytes> {
        self.failures += 1;
        if self.failures < Self::PATIENCE || self.making.is_some() {
            return None;
        }
        self.failures = 0;
        for other in (0..self.pools.len()).filter(|&other| other != self.current) {
            if let Some(shared) = share(&self.pools[other], parts) {
                self.current = other;
                return Some(shared);
            }
        }
        if self.pools.len() < Self::MAX_POOLS {
            self.begin_another();
            return None;
        }
        self.pause = Self::PATIENCE;
        if !std::mem::replace(&mut self.said, true) {
            let most = Self::MAX_POOLS;
            tracing::warn!(
                "subscribers hold {most} pools of shared memory and do not give them back: \
                 payloads are copied from now on"
            );
        }
        None
    }

    /// Makes the first pool where it is not there yet: who publishes waits some 20
    /// ms, once. Without it none is made later either.
    fn is_usable(&mut self) -> bool {
        if self.bytes > 0 && self.pools.is_empty() {
            self.pools.extend(make(self.bytes));
            if self.pools.is_empty() {
                self.bytes = 0;
            }
        }
        self.bytes > 0
    }

    /// Makes another pool beside: that takes longer than a message may wait.
    fn begin_another(&mut self) {
        tracing::warn!("shared memory is held by subscribers that do not give it back: fresh pool");
        let (done, made) = sync_channel(1);
        let bytes = self.bytes;
        let making = thread::spawn("shared-memory", move || {
            // Nobody wants it any more where the bus is gone.
            let _ = done.send(make(bytes));
        });
        match making {
            Ok(_) => self.making = Some(made),
            Err(error) => tracing::warn!("no fresh pool: {error}"),
        }
    }

    fn take_made(&mut self) {
        let Some(making) = &self.making else {
            return;
        };
        match making.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(Some(provider)) => {
                self.renewals += 1;
                self.current = self.pools.len();
                self.pools.push(provider);
            }
            // It was said why.
            Ok(None) | Err(TryRecvError::Disconnected) => self.pause = Self::PATIENCE,
        }
        self.making = None;
    }
}

fn make(bytes: usize) -> Option<Provider> {
    match ShmProviderBuilder::default_backend(bytes).wait() {
        Ok(provider) => Some(provider),
        Err(error) => {
            let reason = super::session::in_zenohs_words(&error);
            tracing::warn!("no shared memory of {bytes} bytes, payloads are copied: {reason}");
            None
        }
    }
}

fn share(provider: &Provider, parts: &Parts<'_>) -> Option<ZBytes> {
    let allocation = provider.alloc(parts.len());
    let mut room = allocation.with_policy::<GarbageCollect>().wait().ok()?;
    parts.write(&mut room);
    Some(room.into())
}
