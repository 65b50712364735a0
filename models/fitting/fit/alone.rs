//! Computing on one thread.

use concert_models::give_way::give_way_by;

/// Makes what this crate computes in parallel run on the calling thread alone,
/// with its priority; once per thread, before anything is computed on it.
/// `give_way` is called between pieces of work that take a fraction of a
/// millisecond, and may sleep.
///
/// # Errors
/// Where the thread belongs to a pool already.
pub fn compute_on_this_thread(
    give_way: impl FnMut() + 'static,
) -> Result<(), rayon::ThreadPoolBuildError> {
    give_way_by(give_way);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build()?;
    // The pool is the thread; it ends with it.
    std::mem::forget(pool);
    Ok(())
}
