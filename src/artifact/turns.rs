//! Operations on a local file system take turns.
//!
//! Each one occupies a thread. Thousands of clients that download at once would start hundreds of threads, and those that
//! answer other clients would get a small share of the processor.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use futures::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Turns of the operations on one file system, of which as many run at the same time as there are cores.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(super) fn new() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self(Arc::new(Semaphore::new(cores)))
    }

    /// Waits for a turn, which ends when it is dropped.
    pub(super) async fn wait(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.0.acquire().await.ok()
    }

    /// Takes a turn for each item of a stream. A reader that does not ask for the next item holds no turn.
    pub(super) fn per_item<T: Send + 'static>(
        self,
        stream: BoxStream<'static, T>,
    ) -> BoxStream<'static, T> {
        let next = |(mut stream, turns): (BoxStream<'static, T>, Self)| async move {
            let turn = turns.wait().await;
            let item = stream.next().await?;
            drop(turn);
            Some((item, (stream, turns)))
        };
        unfold((stream, self), next).boxed()
    }
}
