//! Counts the multiply-accumulates of matrix products as they are executed, so that the cost model can
//! be held to them and the speed of a stage can be told.

use std::cell::Cell;

thread_local! {
    static EXECUTED: Cell<u64> = const { Cell::new(0) };
}

/// Called for each product that this thread runs.
pub(crate) fn count(macs: usize) {
    EXECUTED.set(EXECUTED.get() + macs as u64);
}

/// What `run` answers, and the MACs that it executed on this thread.
pub fn measure<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let before = EXECUTED.get();
    let answer = run();
    (answer, EXECUTED.get() - before)
}
