//! The thread between a running prune and whoever waits for it.
//!
//! The core reports where it is and asks whether it may go on; it never knows who listens, nor
//! what time it is.

use super::failure::Failure;
use super::stage::Stage;

/// Listens to a running prune and may stop it. Called from the thread that computes, often:
/// implementations return at once.
pub trait Watch: Sync {
    /// A stage begins.
    fn stage(&self, stage: Stage);

    /// So many of `total` units of the current stage are done.
    fn progress(&self, done: u64, total: u64);

    /// Asked between batches.
    ///
    /// # Errors
    /// The reason to stop ([`Canceled`](super::failure::Code::Canceled),
    /// [`DeadlineExceeded`](super::failure::Code::DeadlineExceeded), a lost lease, ...).
    fn proceed(&self) -> Result<(), Failure>;
}

/// Nobody listens and nobody stops: for tests and for callers without a terminal.
pub struct Unwatched;

impl Watch for Unwatched {
    fn stage(&self, _: Stage) {}
    fn progress(&self, _: u64, _: u64) {}
    fn proceed(&self) -> Result<(), Failure> {
        Ok(())
    }
}
