//! Asking a shared library which ONNX Runtime it is, before it is used.
#![expect(unsafe_code, reason = "loads a shared library and calls into it")]

use std::ffi::CStr;
use std::path::Path;

use ort::sys::OrtApiBase;

use super::telemetry;

/// The version that the library at `path` reports of itself.
///
/// # Errors
/// The loader's own words, where it is no ONNX Runtime or does not load here;
/// nothing is loaded while its telemetry is on.
pub(crate) fn of(path: &Path) -> Result<String, String> {
    telemetry::must_be_off()?;
    // SAFETY: loading runs the library's initialisers. The path was named by
    // the user, is a system library, or was verified against its pinned hash.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| error.to_string())?;
    // SAFETY: ONNX Runtime's C header declares exactly this function.
    let base_getter =
        unsafe { library.get::<unsafe extern "C" fn() -> *const OrtApiBase>(b"OrtGetApiBase\0") }
            .map_err(|_| "it does not export OrtGetApiBase".to_owned())?;
    // SAFETY: the function takes nothing and returns a pointer to static data.
    let base = unsafe { base_getter() };
    if base.is_null() {
        return Err("OrtGetApiBase returned nothing".to_owned());
    }
    // SAFETY: `base` is not null and stays valid while the library is loaded;
    // the string it returns is static and ends with a zero byte.
    let version = unsafe { CStr::from_ptr(((*base).GetVersionString)()) }
        .to_str()
        .map(str::to_owned)
        .map_err(|_| "its version is not text".to_owned());
    // It stays loaded: unloading would run destructors of a library that is
    // about to be used, or that some of its threads still run in.
    std::mem::forget(library);
    version
}
