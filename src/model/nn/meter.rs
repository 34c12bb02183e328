//! Counter of the executed multiply-accumulates of matrix products. It is used to check the cost model and to
//! report the speed of a stage.

use std::cell::Cell;

thread_local! {
    static EXECUTED: Cell<u64> = const { Cell::new(0) };
}

/// Adds the MACs of a product that this thread runs.
pub(crate) fn count(macs: usize) {
    EXECUTED.set(EXECUTED.get() + macs as u64);
}

/// Calls `run` and returns its result, and the MACs that it executed on this thread.
pub fn measure<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let before = EXECUTED.get();
    let answer = run();
    (answer, EXECUTED.get() - before)
}
