//! The trajectory of the unpruned model on the scoring rows.
//!
//! It holds the input of every block (so that a run without a unit starts at the unit's own block), the
//! sampled rows of every feature, and the logits.

use candle_core::{Result, Tensor};

use super::super::failure::Failure;
use super::super::prepare::Prepared;
use super::super::recipe::Recipe;
use super::manifold::normalise;
use super::sample;
use crate::model::PrunableModel;
use crate::model::batch::Batch;
use crate::model::mask::Masks;

/// Maximum number of tokens (rows times positions) in one forward pass, over all masked variants together.
pub const STACKED_TOKENS: usize = 2_048;

/// The recorded trajectory of the unpruned model.
pub struct Teacher<'a> {
    /// The model.
    pub model: &'a dyn PrunableModel,
    /// The scoring rows.
    pub batches: Vec<Batch>,
    /// Input of each block, `[block][batch]`, each `[rows, length, hidden]`.
    pub inputs: Vec<Vec<Tensor>>,
    /// Sampled positions of each batch, u32 `[k]` each, `K` in total. `None` for a batch without sampled positions.
    pub samples: Vec<Option<Tensor>>,
    /// Sampled rows of each block's output, normalized, `[K, hidden]`. `None` for a block whose output is
    /// not a feature.
    pub features: Vec<Option<Tensor>>,
    /// Logits of each batch, row-major.
    pub logits: Vec<Vec<f32>>,
}

impl<'a> Teacher<'a> {
    /// Runs the unpruned model once over the scoring rows.
    ///
    /// # Errors
    /// Returns [`Internal`](crate::prune::failure::Code::Internal) if the graph fails.
    pub fn run(prepared: &'a Prepared, recipe: &Recipe) -> std::result::Result<Self, Failure> {
        let batches = prepared
            .calibration
            .batches_of(&prepared.scoring_rows(recipe), STACKED_TOKENS)?;
        Self::follow(
            prepared.model.as_ref(),
            batches,
            recipe.method.gram_tokens,
            recipe.calibration.seed,
        )
    }

    /// Runs the unpruned model once over these batches.
    ///
    /// # Errors
    /// Returns [`Internal`](crate::prune::failure::Code::Internal) if the graph fails.
    pub fn follow(
        model: &'a dyn PrunableModel,
        batches: Vec<Batch>,
        gram_tokens: usize,
        seed: u64,
    ) -> std::result::Result<Self, Failure> {
        let drawn = sample::draw(&batches, gram_tokens, seed);
        let device = model.projection(0).weight().device();
        let samples = drawn
            .into_iter()
            .map(|positions| match positions.is_empty() {
                true => Ok(None),
                false => Tensor::new(positions, device).map(Some),
            });
        let samples: Vec<Option<Tensor>> = samples.collect::<Result<_>>()?;
        let full = Masks::full(model.groups());
        let mut inputs = Vec::new();
        let mut features = Vec::new();
        let mut hidden: Vec<Tensor> = batches
            .iter()
            .map(|batch| model.stem(batch))
            .collect::<Result<_>>()?;
        for block in 0..model.groups().len() {
            let next = hidden
                .iter()
                .map(|hidden| model.block(block, hidden, &full));
            let next = next.collect::<Result<Vec<_>>>()?;
            features.push(match model.is_feature(block) {
                true => Some(normalise(&sampled(&next, &samples, 1)?.squeeze(0)?)?),
                false => None,
            });
            inputs.push(std::mem::replace(&mut hidden, next));
        }
        let logits = hidden
            .iter()
            .map(|hidden| model.head(hidden)?.flatten_all()?.to_vec1::<f32>());
        let logits = logits.collect::<Result<_>>()?;
        Ok(Self {
            model,
            batches,
            inputs,
            samples,
            features,
            logits,
        })
    }

    /// Returns the number of features after a block, including that of its own layer.
    #[must_use]
    pub fn features_after(&self, block: usize) -> usize {
        self.features[block..].iter().flatten().count()
    }
}

/// Returns the sampled rows of a feature over all batches, `[variants, K, d]`. `hidden[b]` holds `variants` stacked
/// runs of batch `b`, `[variants * rows, length, d]`.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn sampled(hidden: &[Tensor], samples: &[Option<Tensor>], variants: usize) -> Result<Tensor> {
    let mut parts = Vec::new();
    for (hidden, positions) in hidden.iter().zip(samples) {
        if let Some(positions) = positions {
            parts.push(sampled_rows(hidden, positions, variants)?);
        }
    }
    Tensor::cat(&parts, 1)
}

/// Returns the sampled rows of one batch, `[variants, k, d]`.
///
/// # Errors
/// Returns an error if shapes do not match.
pub fn sampled_rows(hidden: &Tensor, positions: &Tensor, variants: usize) -> Result<Tensor> {
    let (rows, length, width) = hidden.dims3()?;
    hidden
        .reshape((variants, rows / variants * length, width))?
        .index_select(positions, 1)
}
