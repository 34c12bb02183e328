//! Probes of the Gram matrices.
//!
//! A probe is `R = sum_k r_k s_k^T / sqrt(RANK)` with signs drawn at random, one for each feature on
//! its own, so that `E <R, X>^2 = ||X||_F^2`. One term alone has heavy tails; a few of them are nearly
//! as good as a matrix of normal numbers and never cost `K x K`.

use candle_core::{Device, Result, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::prune::score::teacher::Teacher;

/// Terms of a probe.
const RANK: usize = 8;

/// Signs of a probe for each sampled row.
pub const PROBE_COLUMNS: usize = 2 * RANK;

/// Keeps these draws apart from those of examples and token rows, which have the same seed.
const FIRST_STREAM: u64 = 1 << 32;

/// Some probes.
pub(super) struct Probes {
    /// How many.
    pub(super) count: usize,
    features: Vec<Option<Feature>>,
}

/// The probes of one feature.
struct Feature {
    /// `[r | s]`, `[count, K, 2 RANK]`.
    signs: Tensor,
    /// `[s | r]^T F / sqrt(RANK)`, `[count, 2 RANK, d]`.
    sums: Tensor,
}

impl Probes {
    /// Probes `first .. first + count` of this seed.
    pub(super) fn draw(
        teacher: &Teacher<'_>,
        seed: u64,
        first: usize,
        count: usize,
    ) -> Result<Self> {
        let features = teacher.features.iter().enumerate().map(|(block, feature)| {
            let Some(feature) = feature else {
                return Ok(None);
            };
            let (rows, width) = feature.dims2()?;
            let mut signs = Vec::with_capacity(count * rows * 2 * RANK);
            for probe in first..first + count {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                random.set_stream(FIRST_STREAM + ((probe as u64) << 16) + block as u64);
                for _ in 0..rows {
                    let bits = random.next_u32();
                    signs.extend((0..2 * RANK).map(|bit| match bits >> bit & 1 {
                        0 => -1.0f32,
                        _ => 1.0,
                    }));
                }
            }
            let signs = Tensor::from_vec(signs, (count, rows, 2 * RANK), &Device::Cpu)?;
            let across = signs.transpose(1, 2)?.contiguous()?;
            let sums = across.reshape((count * 2 * RANK, rows))?.matmul(feature)?;
            let sums = (sums * (RANK as f64).powf(-0.5))?.reshape((count, 2 * RANK, width))?;
            let swapped = [sums.narrow(1, RANK, RANK)?, sums.narrow(1, 0, RANK)?];
            Ok(Some(Feature {
                signs,
                sums: Tensor::cat(&swapped, 1)?,
            }))
        });
        Ok(Self {
            count,
            features: features.collect::<Result<_>>()?,
        })
    }

    /// `(R + R^T) F` at some of the sampled rows, `[probes, rows, d]`: what `<R, F F^T>` puts onto the
    /// normalised feature of a block.
    pub(super) fn cotangent(
        &self,
        block: usize,
        probes: (usize, usize),
        rows: (usize, usize),
    ) -> Result<Option<Tensor>> {
        let Some(feature) = &self.features[block] else {
            return Ok(None);
        };
        let signs = feature.signs.narrow(0, probes.0, probes.1)?;
        let signs = signs.narrow(1, rows.0, rows.1)?.contiguous()?;
        let sums = feature.sums.narrow(0, probes.0, probes.1)?.contiguous()?;
        signs.matmul(&sums).map(Some)
    }
}
