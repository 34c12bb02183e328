//! Transfers may be slow or stand still: whoever asks an attempt to stop must not wait for them.

use std::time::Duration;

use crate::prune::failure::Failure;
use crate::prune::watch::Watch;

/// Between two looks whether the attempt must stop.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a transfer comes to, unless the attempt must stop before: the transfer is dropped then.
///
/// # Errors
/// The transfer's own, or why the attempt must stop.
pub(super) async fn heed<T, E: From<Failure>>(
    watch: &dyn Watch,
    transfer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let stopped = async {
        loop {
            if let Err(failure) = watch.proceed() {
                return failure;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        biased;
        failure = stopped => Err(failure.into()),
        done = transfer => done,
    }
}
