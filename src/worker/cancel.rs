//! Cancels transfers when an attempt must stop, because a transfer may be slow or stall.

use std::time::Duration;

use crate::prune::failure::Failure;
use crate::prune::watch::Watch;

/// Interval between checks for a stop request.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// Runs a transfer and cancels it if the attempt must stop.
///
/// # Errors
/// Returns the error of the transfer, or the reason for the stop.
pub(super) async fn on_stop<T, E: From<Failure>>(
    watch: &dyn Watch,
    transfer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let stopped = async {
        loop {
            if let Err(failure) = watch.proceed() {
                return failure;
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    };
    tokio::select! {
        biased;
        failure = stopped => Err(failure.into()),
        done = transfer => done,
    }
}
