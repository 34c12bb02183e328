//! How long a place is waited for, and how slow a transfer from it may be: one that brings next to nothing ends.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout};

/// How long others may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until a question is answered whole: what a folder or a repository holds.
    pub answer: Duration,
    /// A transfer that brings fewer bytes ..
    pub least_bytes: u64,
    /// .. in so long a wait is broken off.
    pub within: Duration,
}

impl Patience {
    /// With a place that works.
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

/// That a transfer brought too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fewer than {least_bytes} bytes arrived within {} s", within.as_secs_f64())]
pub struct Stalled {
    least_bytes: u64,
    within: Duration,
}

/// Watches one transfer. Only the time that is waited for its bytes counts, not what its reader does with them.
#[derive(Debug)]
pub struct Pace {
    patience: Patience,
    left: Duration,
    bytes: u64,
}

impl Pace {
    /// Of a transfer that begins.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            left: patience.within,
            bytes: 0,
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// When it has brought too little for too long.
    pub async fn next<E>(
        &mut self,
        chunks: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    ) -> Result<Option<Result<Bytes, E>>, Stalled> {
        let asked = Instant::now();
        let next = timeout(self.left, chunks.next()).await;
        let next = next.map_err(|_| Stalled {
            least_bytes: self.patience.least_bytes,
            within: self.patience.within,
        })?;
        self.left = self.left.saturating_sub(asked.elapsed());
        if let Some(Ok(chunk)) = &next {
            self.bytes += chunk.len() as u64;
        }
        if self.bytes >= self.patience.least_bytes {
            *self = Self::new(self.patience);
        }
        Ok(next)
    }
}
