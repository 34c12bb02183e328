//! Measures how long one direction of a connection waits for its peer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::artifact::progress::{Pace, Patience, Stalled};

/// The wait for a peer that sends or receives bytes.
pub(super) struct Wait {
    pace: Pace,
    /// Start of the current wait, and the timer of its end.
    current: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Wait {
    pub(super) fn new(patience: Patience) -> Self {
        Self {
            pace: Pace::new(patience),
            current: None,
        }
    }

    /// Ends the wait: the peer has moved this number of bytes.
    pub(super) fn moved(&mut self, bytes: usize) {
        let current = self.current.take();
        let waited = current.map_or(Duration::ZERO, |(since, _)| since.elapsed());
        self.pace.moved(waited, bytes);
    }

    /// Whether a wait has begun and not ended.
    pub(super) fn is_waiting(&self) -> bool {
        self.current.is_some()
    }

    /// Starts or continues a wait. Ready if the peer has stalled.
    pub(super) fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<Stalled> {
        let left = self.pace.left();
        let current = self.current.get_or_insert_with(|| {
            let end = Box::pin(sleep(left));
            (Instant::now(), end)
        });
        current
            .1
            .as_mut()
            .poll(context)
            .map(|()| self.pace.stalled())
    }
}
