//! Tensors that the engine owns, on the host and, where a network on a GPU
//! reads or writes them, on the device as well.
#![expect(
    unsafe_code,
    reason = "owns memory that ONNX Runtime reads and writes through pointers"
)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use concert_models::{DType, EngineError, TensorSpec};
use ort::AsPointer;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{Session, SharedSessionInner};
use ort::sys::OrtValue;
use ort::value::{DynTensor, TensorElementType};

use super::{lock, words};

/// Wide enough for every vector unit, and one cache line.
const ALIGNMENT: usize = 64;

/// Memory in which a network reads or writes a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The processor's memory.
    Host,
    /// The GPU's memory.
    Device,
}

/// There is no device copy.
const HOST_ONLY: u8 = 0;
/// The host's copy is newer than the device's.
const HOST_NEWEST: u8 = 1;
/// The device's copy is newer than the host's.
const DEVICE_NEWEST: u8 = 2;
/// Both copies are the same.
const EQUAL: u8 = 3;

/// The memory of one slot. The engine and every network wired to it hold it
/// through an `Arc`, so it outlives whatever points into it.
///
/// Its bytes are touched only by holders of its [lock](Self::lock); that is what
/// makes it `Sync`.
pub(super) struct SlotMemory {
    spec: TensorSpec,
    lock: RwLock<()>,
    host_value: NonNull<OrtValue>,
    newest: AtomicU8,
    // Dropped before `host`, which the host tensor points into.
    tensors: Mutex<Tensors>,
    host: HostMemory,
}

struct Tensors {
    host: DynTensor,
    device: Option<DeviceTensor>,
}

/// A tensor in device memory, and the session whose allocator it came from.
struct DeviceTensor {
    tensor: DynTensor,
    _session: Arc<SharedSessionInner>,
}

// SAFETY: `host_value` points to the value that `tensors` owns, which is never
// replaced; ONNX Runtime's values are not bound to a thread. Contents are only
// touched under the lock.
unsafe impl Send for SlotMemory {}
// SAFETY: as above.
unsafe impl Sync for SlotMemory {}

impl SlotMemory {
    /// Allocates zeros.
    pub(super) fn new(spec: &TensorSpec) -> Result<Self, EngineError> {
        let out_of_memory = || EngineError::OutOfMemory {
            spec: spec.to_string(),
        };
        let size = spec.size_bytes().ok_or_else(out_of_memory)?;
        let host = HostMemory::new(size).ok_or_else(out_of_memory)?;
        let tensor = host_tensor(spec, &host).map_err(device_error)?;
        let host_value = NonNull::new(tensor.ptr().cast_mut()).ok_or_else(out_of_memory)?;
        Ok(Self {
            spec: spec.clone(),
            lock: RwLock::default(),
            host_value,
            newest: AtomicU8::new(HOST_ONLY),
            tensors: Mutex::new(Tensors {
                host: tensor,
                device: None,
            }),
            host,
        })
    }

    pub(super) fn spec(&self) -> &TensorSpec {
        &self.spec
    }

    /// The lock of its bytes, on the host and on the device: whoever reads them
    /// shares it, whoever writes or copies them has it alone.
    pub(super) fn lock(&self) -> &RwLock<()> {
        &self.lock
    }

    /// The value to hand to a network that works on `side`; a device tensor is
    /// made in `session`'s device memory where there is none yet.
    pub(super) fn value(
        &self,
        side: Side,
        session: &Session,
    ) -> Result<NonNull<OrtValue>, EngineError> {
        if side == Side::Host {
            return Ok(self.host_value);
        }
        let mut tensors = lock(&self.tensors);
        let device = match tensors.device.take() {
            Some(device) => device,
            None => {
                let tensor = device_tensor(&self.spec, session).map_err(device_error)?;
                self.newest.store(HOST_NEWEST, Ordering::Release);
                DeviceTensor {
                    tensor,
                    _session: session.inner(),
                }
            }
        };
        let device = tensors.device.insert(device);
        NonNull::new(device.tensor.ptr().cast_mut()).ok_or_else(|| EngineError::Device {
            reason: "onnxruntime made an empty value".to_owned(),
        })
    }

    /// Makes `side` hold the newest contents. Costs one load where there is no
    /// device copy.
    pub(super) fn make_ready_on(&self, side: Side) -> Result<(), EngineError> {
        let newest = self.newest.load(Ordering::Acquire);
        let stale = match side {
            Side::Host => newest == DEVICE_NEWEST,
            Side::Device => newest == HOST_NEWEST,
        };
        if stale {
            self.copy_to(side)?;
        }
        Ok(())
    }

    /// Notes that `side` was written.
    pub(super) fn note_written_on(&self, side: Side) {
        let newest = match side {
            Side::Device => DEVICE_NEWEST,
            Side::Host if self.newest.load(Ordering::Acquire) == HOST_ONLY => HOST_ONLY,
            Side::Host => HOST_NEWEST,
        };
        self.newest.store(newest, Ordering::Release);
    }

    /// The host's bytes, row-major, native endian.
    pub(super) fn host(&self) -> &HostMemory {
        &self.host
    }

    #[cold]
    fn copy_to(&self, side: Side) -> Result<(), EngineError> {
        let mut tensors = lock(&self.tensors);
        let Tensors { host, device } = &mut *tensors;
        let Some(device) = device else {
            return Ok(());
        };
        match side {
            Side::Host => device.tensor.copy_into(host),
            Side::Device => host.copy_into(&mut device.tensor),
        }
        .map_err(device_error)?;
        self.newest.store(EQUAL, Ordering::Release);
        Ok(())
    }
}

fn device_error(error: ort::Error) -> EngineError {
    EngineError::Device {
        reason: words(error),
    }
}

/// A tensor over `memory`, which must outlive it.
fn host_tensor(spec: &TensorSpec, memory: &HostMemory) -> ort::Result<DynTensor> {
    let shape = shape_i64(spec);
    let info = MemoryInfo::new(
        AllocationDevice::CPU,
        0,
        AllocatorType::Device,
        MemoryType::Default,
    )?;
    let mut value = std::ptr::null_mut();
    // SAFETY: `info` and `shape` live through the call, which copies them; the
    // memory is `size` bytes long, aligned, and outlives the value because
    // `SlotMemory` drops the value first.
    let status = unsafe {
        (ort::api().CreateTensorWithDataAsOrtValue)(
            info.ptr(),
            memory.pointer.as_ptr().cast(),
            memory.size,
            shape.as_ptr(),
            shape.len(),
            element_type(spec.dtype).into(),
            &mut value,
        )
    };
    // SAFETY: the status was just returned, and is read once.
    unsafe { ort::Error::result_from_status(status) }?;
    let value = NonNull::new(value).ok_or_else(|| ort::Error::new("an empty value was made"))?;
    // SAFETY: `value` is a valid tensor, and nobody else releases it. The
    // allocator is only kept alive by it, never used to free our memory.
    Ok(unsafe { DynTensor::from_ptr(value, Some(&Allocator::default())) })
}

/// A tensor in the memory of the GPU that `session` runs on.
fn device_tensor(spec: &TensorSpec, session: &Session) -> ort::Result<DynTensor> {
    let info = MemoryInfo::new(
        AllocationDevice::CUDA,
        0,
        AllocatorType::Device,
        MemoryType::Default,
    )?;
    let allocator = Allocator::new(session, info)?;
    DynTensor::new(&allocator, element_type(spec.dtype), shape_i64(spec))
}

fn shape_i64(spec: &TensorSpec) -> Vec<i64> {
    // An axis beyond `i64` has no memory: `size_bytes` refused it before.
    spec.shape
        .iter()
        .map(|&axis| i64::try_from(axis).unwrap_or(i64::MAX))
        .collect()
}

pub(super) fn element_type(dtype: DType) -> TensorElementType {
    match dtype {
        DType::F32 => TensorElementType::Float32,
        DType::F16 => TensorElementType::Float16,
        DType::U8 => TensorElementType::Uint8,
        DType::I8 => TensorElementType::Int8,
        DType::I32 => TensorElementType::Int32,
        DType::I64 => TensorElementType::Int64,
    }
}

/// Zeroed, aligned bytes.
pub(super) struct HostMemory {
    pointer: NonNull<u8>,
    size: usize,
    layout: Layout,
}

impl HostMemory {
    fn new(size: usize) -> Option<Self> {
        let layout = Layout::from_size_align(size.max(1), ALIGNMENT).ok()?;
        // SAFETY: the layout's size is not zero.
        let pointer = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self {
            pointer,
            size,
            layout,
        })
    }

    /// # Safety
    /// Nothing writes the bytes while the slice lives.
    pub(super) unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: `size` initialised bytes were allocated; the caller promises
        // the rest.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.size) }
    }

    /// # Safety
    /// Nothing else reads or writes the bytes while the slice lives.
    #[expect(
        clippy::mut_from_ref,
        reason = "the caller has the lock alone, which is what makes access unique"
    )]
    pub(super) unsafe fn bytes_mut(&self) -> &mut [u8] {
        // SAFETY: as for `bytes`.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.size) }
    }
}

impl Drop for HostMemory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and freed once.
        unsafe { dealloc(self.pointer.as_ptr(), self.layout) };
    }
}
