//! Progress reports and cancellation of a running job.
//!
//! The pruning code reports its progress and asks whether it may continue. It does not know who
//! listens, and it does not read the time of day.

use super::failure::Failure;
use super::stage::Stage;

/// Receives the progress of a running job and may stop it. The methods are called often, from the thread
/// that computes, so implementations must return quickly.
pub trait Watch: Sync {
    /// Reports that a stage begins.
    fn stage(&self, stage: Stage);

    /// Reports that `done` of `total` units of work of the current stage are complete.
    fn progress(&self, done: u64, total: u64);

    /// Checks between batches whether the job may continue.
    ///
    /// # Errors
    /// Returns the reason if the job must stop, for example [`Canceled`](super::failure::Code::Canceled),
    /// [`DeadlineExceeded`](super::failure::Code::DeadlineExceeded) or a lost lease.
    fn proceed(&self) -> Result<(), Failure>;

    /// Reports how many bytes the run allocates at most beyond what it has read so far, as soon as this is known.
    fn needs_memory(&self, _bytes: u64) {}
}

/// A watch that ignores progress and never stops the job, for tests and callers without a terminal.
pub struct Unwatched;

impl Watch for Unwatched {
    fn stage(&self, _: Stage) {}
    fn progress(&self, _: u64, _: u64) {}
    fn proceed(&self) -> Result<(), Failure> {
        Ok(())
    }
}
