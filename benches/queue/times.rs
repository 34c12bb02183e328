//! Durations, and their line in the table.

use std::time::Duration;

use tokio::task::JoinHandle;

/// Durations of one kind of call.
pub(super) struct Times(pub(super) Vec<Duration>);

impl Times {
    /// Collects the durations that concurrent tasks have measured.
    pub(super) async fn of(tasks: impl Iterator<Item = JoinHandle<Vec<Duration>>>) -> Self {
        let mut times = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            times.extend(task.await.unwrap());
        }
        Self(times)
    }

    /// Prints the rate, the median and the 99th percentile.
    pub(super) fn line(mut self, name: &str, wall: Duration) {
        self.0.sort_unstable();
        let at =
            |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "{name:44} {:8.0} /s   p50 {:7.2} ms   p99 {:7.2} ms",
            self.0.len() as f64 / wall.as_secs_f64(),
            at(0.5),
            at(0.99)
        );
    }
}
