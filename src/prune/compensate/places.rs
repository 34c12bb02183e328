//! Samples of the positions on which a repair is fitted.
//!
//! The positions of a text or of the patches of a vision transformer are all used. A convolutional network and a
//! transformer of stages have thousands of positions in their first maps, which resemble each other. There a sample of each
//! map is as good and costs less, so more images can be used.

use crate::model::batch::Reads;
use crate::prune::score::sample::{self, Sample};

/// How positions are sampled.
#[derive(Clone, Copy)]
pub struct Places {
    /// Maximum number of positions of each row.
    most: usize,
    seed: u64,
}

impl Places {
    /// Creates a sample of the positions of a model that reads this kind of rows.
    #[must_use]
    pub fn new(reads: &Reads, seed: u64) -> Self {
        Self {
            most: reads.sampled_positions().unwrap_or(usize::MAX),
            seed,
        }
    }

    /// Returns the number of sampled positions of a row with this number of positions.
    #[must_use]
    pub fn of_row(self, positions: usize) -> usize {
        self.most.min(positions)
    }

    /// Returns the sampled positions of the rows of a batch in a block.
    pub(super) fn of(self, batch: usize, block: usize, rows: usize, positions: usize) -> Sample {
        let seed = self.seed ^ ((batch as u64) << 32) ^ ((block as u64) << 16);
        let mut samples = sample::draw(&[(rows, positions)], self.most, seed);
        samples.remove(0)
    }
}
