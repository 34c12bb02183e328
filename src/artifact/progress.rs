//! Limits the duration of requests and the speed of transfers. A transfer that stalls is canceled.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout};

/// Time limits of requests to a service, and the minimum speed of transfers from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Maximum time until a response is complete, for example the listing of a folder or a repository.
    pub answer: Duration,
    /// Minimum number of bytes that a transfer must receive in each window of [`within`](Self::within).
    pub least_bytes: u64,
    /// Length of this window. Only the time spent waiting for bytes counts.
    pub within: Duration,
}

impl Patience {
    /// Limits for a service that works normally.
    pub const DEFAULT: Self = Self {
        answer: Duration::from_secs(30),
        least_bytes: 16 << 10,
        within: Duration::from_secs(30),
    };
}

impl Default for Patience {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Error for a transfer that moved too few bytes in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fewer than {least_bytes} bytes arrived within {} s", within.as_secs_f64())]
pub struct Stalled {
    least_bytes: u64,
    within: Duration,
}

/// Measures the speed of one transfer. Only the time spent waiting for bytes counts, not the time that the reader
/// needs to process them.
#[derive(Debug)]
pub struct Pace {
    patience: Patience,
    /// Rest of the current window.
    left: Duration,
    /// Bytes received in the current window.
    bytes: u64,
}

impl Pace {
    /// Starts to measure a new transfer.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            left: patience.within,
            bytes: 0,
        }
    }

    /// Waits for the next chunk.
    ///
    /// # Errors
    /// Returns [`Stalled`] if the transfer received too few bytes in the current window.
    pub async fn next<E>(
        &mut self,
        chunks: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    ) -> Result<Option<Result<Bytes, E>>, Stalled> {
        let asked = Instant::now();
        let next = timeout(self.left, chunks.next()).await;
        let next = next.map_err(|_| self.stalled())?;
        let bytes = next.as_ref().and_then(|chunk| chunk.as_ref().ok());
        self.moved(asked.elapsed(), bytes.map_or(0, Bytes::len));
        Ok(next)
    }

    /// Counts bytes that moved after a wait of this duration.
    pub fn moved(&mut self, waited: Duration, bytes: usize) {
        self.left = self.left.saturating_sub(waited);
        self.bytes += bytes as u64;
        if self.bytes >= self.patience.least_bytes {
            *self = Self::new(self.patience);
        }
    }

    /// Returns the rest of the current window. A transfer that waits longer has stalled.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.left
    }

    /// Returns the error of a transfer that has stalled.
    #[must_use]
    pub fn stalled(&self) -> Stalled {
        Stalled {
            least_bytes: self.patience.least_bytes,
            within: self.patience.within,
        }
    }
}
