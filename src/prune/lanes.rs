//! Runs independent pieces of work in parallel, in one lane (worker thread) per core.
//!
//! Small tensor operations gain nothing from a second thread, and many run on one thread anyway.
//! Running whole pieces in parallel uses every core. The results are returned in the order of the
//! pieces, so they do not depend on the number of lanes. The MACs of the lanes are counted for the
//! calling thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::failure::{Code, Failure};
use crate::model::nn::meter;

/// Returns the number of pieces that run at the same time.
#[must_use]
pub fn lanes() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs `work` for each index of `0..count` and returns the results in that order. The first failure stops the lanes.
///
/// # Errors
/// Returns the first failure of a piece, or [`Code::Internal`] if a thread could not be started.
pub fn run<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let answers: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::new(None)).collect();
    let lane = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            match work(index) {
                Ok(answer) => *locked(&answers[index]) = Some(answer),
                Err(reason) => {
                    next.store(count, Ordering::Relaxed);
                    locked(&failure).get_or_insert(reason);
                    return;
                }
            }
        }
    };
    // With a pool of one thread, nested parallel iterators run in the lane itself.
    let pools =
        (0..lanes().min(count)).map(|_| rayon::ThreadPoolBuilder::new().num_threads(1).build());
    let pools: Vec<_> = pools.collect::<Result<_, _>>().map_err(|error| {
        Failure::new(Code::Internal, format!("could not start a thread: {error}"))
    })?;
    let executed = AtomicU64::new(0);
    let metered = || {
        let ((), macs) = meter::measure(lane);
        executed.fetch_add(macs, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| pool.install(metered));
        }
    });
    meter::count(executed.into_inner() as usize);
    if let Some(reason) = locked(&failure).take() {
        return Err(reason);
    }
    let all = answers.into_iter().map(|answer| {
        answer
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    });
    Ok(all
        .map(|answer| answer.expect("without a failure, the lanes finish every piece"))
        .collect())
}

/// Locks the mutex, even if a lane panicked while it held the lock.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
