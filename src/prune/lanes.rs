//! Independent pieces of work on every core: one lane a core, each piece on one thread.
//!
//! Small tensor operations gain nothing from two threads each, and many of them run on one thread
//! only; whole pieces side by side use every core for all of them. The answers come back in the
//! order of the pieces, so the outcome does not depend on the number of lanes. What the lanes execute
//! counts as the caller's.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::failure::{Code, Failure};
use crate::model::nn::meter;

/// How many pieces run at once.
#[must_use]
pub fn lanes() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs `work` for each of `0..count` and answers in that order. The first failure stops the lanes.
///
/// # Errors
/// The first failure of a piece, or that a lane could not be started.
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
    // A pool of one thread makes every nested parallel iterator run in this lane.
    let pools =
        (0..lanes().min(count)).map(|_| rayon::ThreadPoolBuilder::new().num_threads(1).build());
    let pools: Vec<_> = pools.collect::<Result<_, _>>().map_err(|error| {
        Failure::new(
            Code::Internal,
            format!("a thread could not be started: {error}"),
        )
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
        .map(|answer| answer.expect("every lane ended without a failure"))
        .collect())
}

/// The lock, whatever became of the lane that held it.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
