//! Computing on one thread.

/// Makes what this crate computes in parallel run on the calling thread alone,
/// with its priority; once per thread, before anything is computed on it.
///
/// # Errors
/// Where the thread belongs to a pool already.
pub fn compute_on_this_thread() -> Result<(), rayon::ThreadPoolBuildError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build()?;
    // The pool is the thread; it ends with it.
    std::mem::forget(pool);
    Ok(())
}
