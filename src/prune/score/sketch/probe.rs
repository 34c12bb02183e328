//! Random probes of the Gram matrices.
//!
//! A probe is a matrix `R` built from random signs, with `E <R, X>^2 = ||X||_F^2`. It is sampled
//! independently for each feature and divided by the number of rows `K`, because manifold terms are means over pairs of
//! rows. Before that, the rows of example `e` are `R_e = sum_k r_k s_ek^T / sqrt(RANK)`.
//! Each example has a few terms of its own rather than shared ones, so that the rows of different
//! examples are independent. The `K x K` numbers of `R` are never computed.

use candle_core::{Result, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::super::super::failure::Failure;
use super::super::super::lanes;
use crate::model::batch::Batch;
use crate::model::nn::meter;
use crate::prune::score::teacher::{Feature, Teacher};

/// Maximum number of terms per example.
const RANK: usize = 8;

/// Maximum number of terms of all examples together. It bounds the cost if there are many examples.
pub const MAX_TERMS: usize = 256;

/// First random stream of the probes, so that they are independent of the samples of examples and positions, which use
/// the same seed.
const FIRST_STREAM: u64 = 1 << 32;

/// Generator of probes for the features of a teacher.
pub(super) struct Source<'a> {
    teacher: &'a Teacher<'a>,
    /// The example of each sampled row of each block's feature.
    examples: Vec<Vec<usize>>,
    /// Number of terms per example.
    rank: usize,
    /// Number of terms of all examples.
    terms: usize,
    seed: u64,
}

impl<'a> Source<'a> {
    pub(super) fn new(teacher: &'a Teacher<'a>, seed: u64) -> Result<Self> {
        let features = teacher.features.iter();
        let examples = features.map(|feature| match feature {
            Some(feature) => examples(teacher, feature),
            None => Ok(Vec::new()),
        });
        let count: usize = teacher.batches.iter().map(Batch::len).sum();
        let rank = (MAX_TERMS / count.max(1)).clamp(1, RANK);
        Ok(Self {
            examples: examples.collect::<Result<_>>()?,
            teacher,
            rank,
            terms: rank * count,
            seed,
        })
    }

    /// Returns the signs of one probe at the sampled rows `first .. first + count`: `r` `[count, rank]` and `s`
    /// `[count, terms]`.
    fn signs(
        &self,
        probe: usize,
        block: usize,
        first: usize,
        count: usize,
    ) -> (Vec<f32>, Vec<f32>) {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(FIRST_STREAM + ((probe as u64) << 16) + block as u64);
        let words = (self.rank + self.terms).div_ceil(32);
        random.set_word_pos((first * words) as u128);
        let mut own = Vec::with_capacity(count * self.rank);
        let mut others = Vec::with_capacity(count * self.terms);
        for _ in 0..count {
            let bits: Vec<u32> = (0..words).map(|_| random.next_u32()).collect();
            let sign = |at: usize| match bits[at / 32] >> (at % 32) & 1 {
                0 => -1.0f32,
                _ => 1.0,
            };
            own.extend((0..self.rank).map(sign));
            others.extend((self.rank..self.rank + self.terms).map(sign));
        }
        (own, others)
    }

    /// Generates the probes `first .. first + count`.
    pub(super) fn draw(
        &self,
        first: usize,
        count: usize,
    ) -> std::result::Result<Probes<'_>, Failure> {
        let blocks = self.teacher.features.len();
        let sums = lanes::run(blocks * count, |index| {
            let (block, probe) = (index / count, first + index % count);
            match &self.teacher.features[block] {
                Some(feature) => Ok(Some(self.sums(probe, block, &feature.rows)?)),
                None => Ok(None),
            }
        })?;
        Ok(Probes {
            source: self,
            first,
            count,
            sums,
        })
    }

    fn sums(&self, probe: usize, block: usize, feature: &Tensor) -> Result<Sums> {
        let (rows, width) = feature.dims2()?;
        let (own, others) = self.signs(probe, block, 0, rows);
        let share = (self.rank as f32).powf(-0.5) / rows as f32;
        let others = Tensor::from_vec(others, (rows, self.terms), feature.device())?;
        meter::count(rows * self.terms * width);
        let across = (others.t()?.matmul(feature)? * f64::from(share))?;
        let mut along = vec![0.0f32; self.terms * width];
        let values = feature.flatten_all()?.to_vec1::<f32>()?;
        let signs = own.chunks_exact(self.rank);
        for ((values, signs), &example) in values
            .chunks_exact(width)
            .zip(signs)
            .zip(&self.examples[block])
        {
            let terms = &mut along[example * self.rank * width..][..self.rank * width];
            for (term, &sign) in terms.chunks_exact_mut(width).zip(signs) {
                for (sum, value) in term.iter_mut().zip(values) {
                    *sum += share * sign * value;
                }
            }
        }
        Ok(Sums {
            across: across.flatten_all()?.to_vec1()?,
            along: Tensor::from_vec(along, (self.terms, width), feature.device())?,
        })
    }
}

/// Returns the example of each sampled row of a feature.
fn examples(teacher: &Teacher<'_>, feature: &Feature) -> Result<Vec<usize>> {
    let mut examples = Vec::new();
    let mut first = 0;
    for (index, batch) in teacher.batches.iter().enumerate() {
        if let Some(sampled) = &feature.samples[index] {
            let sampled = sampled.to_vec1::<u32>()?.into_iter();
            examples.extend(sampled.map(|at| first + at as usize / feature.positions[index]));
        }
        first += batch.len();
    }
    Ok(examples)
}

/// The products of one probe with one feature `F` `[K, d]`.
struct Sums {
    /// `s^T F / (K sqrt(RANK))` of every term, `[terms, d]`, row-major.
    across: Vec<f32>,
    /// `r^T F_e / (K sqrt(RANK))` of every term, `[terms, d]`.
    along: Tensor,
}

/// A range of probes.
pub(super) struct Probes<'a> {
    source: &'a Source<'a>,
    first: usize,
    /// Number of probes.
    pub(super) count: usize,
    /// `[block][probe]`.
    sums: Vec<Option<Sums>>,
}

impl Probes<'_> {
    /// Returns the index of a probe among all probes.
    pub(super) fn number(&self, probe: usize) -> usize {
        self.first + probe
    }

    /// Returns `(R + R^T) F / K` of one probe at some of the sampled rows, `[rows, d]`, row-major. This is the cotangent
    /// of `<R, F F^T> / K` on the normalized feature of a block.
    pub(super) fn cotangent(
        &self,
        block: usize,
        probe: usize,
        (first, count): (usize, usize),
    ) -> Result<Option<Vec<f32>>> {
        let Some(sums) = &self.sums[block * self.count + probe] else {
            return Ok(None);
        };
        let Source { rank, terms, .. } = *self.source;
        let (own, others) = self.source.signs(self.number(probe), block, first, count);
        let others = Tensor::from_vec(others, (count, terms), sums.along.device())?;
        let width = sums.along.dims()[1];
        meter::count(count * terms * width);
        let mut cotangent = others
            .matmul(&sums.along)?
            .flatten_all()?
            .to_vec1::<f32>()?;
        let examples = &self.source.examples[block][first..first + count];
        let rows = cotangent.chunks_exact_mut(width).zip(examples);
        for ((row, &example), signs) in rows.zip(own.chunks_exact(rank)) {
            let own_terms = &sums.across[example * rank * width..][..rank * width];
            for (term, &sign) in own_terms.chunks_exact(width).zip(signs) {
                for (value, part) in row.iter_mut().zip(term) {
                    *value += sign * part;
                }
            }
        }
        Ok(Some(cotangent))
    }
}
