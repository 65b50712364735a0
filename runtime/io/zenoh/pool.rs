//! Shared memory for large payloads: bounded, and never waited for.

use zenoh::Wait;
use zenoh::bytes::ZBytes;
use zenoh::shm::{GarbageCollect, PosixShmProviderBackend, ShmProvider, ShmProviderBuilder};

/// A pool of shared memory that hands a payload over in place, or as plain
/// bytes where it is full.
///
/// A subscriber that was killed while it held payloads never gives them back:
/// zenoh counts references in the shared memory itself. So when allocations
/// fail one after another, the whole pool is left to its holders and a fresh
/// one takes its place. The holes double before each further renewal, so that
/// a living subscriber that holds on cannot make us take ever more.
pub(super) struct PayloadPool {
    bytes: usize,
    provider: Option<ShmProvider<PosixShmProviderBackend>>,
    /// Allocations that failed since the last that did not.
    failures: u32,
    /// As many failures bring a fresh pool.
    patience: u32,
    /// Payloads that went as plain bytes, though shared memory was wanted.
    pub(super) fallbacks: u64,
    /// Fresh pools since the start.
    pub(super) renewals: u64,
}

impl PayloadPool {
    /// Below this, copying is as fast as sharing.
    pub(super) const THRESHOLD: usize = 3 * 1024;
    /// Failures before the first renewal: about a second at 30 Hz.
    pub(super) const FIRST_PATIENCE: u32 = 32;
    const LAST_PATIENCE: u32 = 1 << 16;

    /// A pool of `bytes`; 0 for none, so that all goes as plain bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let mut pool = Self {
            bytes,
            provider: None,
            failures: 0,
            patience: Self::FIRST_PATIENCE,
            fallbacks: 0,
            renewals: 0,
        };
        pool.provider = pool.make();
        pool
    }

    fn make(&self) -> Option<ShmProvider<PosixShmProviderBackend>> {
        if self.bytes == 0 {
            return None;
        }
        match ShmProviderBuilder::default_backend(self.bytes).wait() {
            Ok(provider) => Some(provider),
            Err(error) => {
                tracing::warn!(
                    "no shared memory of {} bytes, payloads are copied: {error}",
                    self.bytes
                );
                None
            }
        }
    }

    /// The payload in shared memory where it is large and there is room, else
    /// as plain bytes.
    pub(super) fn payload(&mut self, bytes: &[u8]) -> ZBytes {
        if bytes.len() < Self::THRESHOLD || self.bytes == 0 {
            return bytes.into();
        }
        if let Some(shared) = self.shared(bytes) {
            self.failures = 0;
            self.patience = Self::FIRST_PATIENCE;
            return shared;
        }
        self.fallbacks += 1;
        if bytes.len() <= self.bytes / 2 {
            self.count_failure();
        }
        bytes.into()
    }

    fn shared(&self, bytes: &[u8]) -> Option<ZBytes> {
        let provider = self.provider.as_ref()?;
        let allocation = provider.alloc(bytes.len());
        let mut room = allocation.with_policy::<GarbageCollect>().wait().ok()?;
        room.copy_from_slice(bytes);
        Some(room.into())
    }

    fn count_failure(&mut self) {
        self.failures += 1;
        if self.failures < self.patience {
            return;
        }
        self.failures = 0;
        self.patience = (self.patience * 2).min(Self::LAST_PATIENCE);
        self.renewals += 1;
        tracing::warn!("shared memory is held by subscribers that do not give it back: fresh pool");
        // The old one first: never two of our own at once.
        self.provider = None;
        self.provider = self.make();
    }
}
