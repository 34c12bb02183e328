//! The head of a folder of sentence-transformers: one vector for each text.

use candle_core::{Result, Tensor};

use super::config::BertConfig;
use super::family::Family;
use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::sentence::dense::DenseStep;
use crate::checkpoint::sentence::modules::{PoolingMode, Step};
use crate::checkpoint::weights::Weights;
use crate::model::layer::dense::Dense;
use crate::model::layer::leading_positions::LeadingPositions;
use crate::model::layer::pool_row::PoolRow;
use crate::model::layer::sequence::Sequence;
use crate::model::layer::unit_length::UnitLength;
use crate::model::nn::activation::Activation;
use crate::model::nn::linear::Linear;
use crate::model::nn::pool::Pooling;

/// Builds the pooling and what follows it: `[rows, length, hidden]` to `[rows, 1, channels]`.
pub(super) fn head(
    family: &Family,
    config: &BertConfig,
    weights: &Weights,
) -> std::result::Result<Sequence, CheckpointError> {
    let invalid = |what: String| CheckpointError::Invalid(what);
    let Some(modules) = &config.modules else {
        return Err(invalid("the folder has no modules.json".to_owned()));
    };
    if modules.hidden != config.hidden {
        return Err(invalid(format!(
            "modules.json: the pooling reads {} channels, but the encoder has {}",
            modules.hidden, config.hidden
        )));
    }
    family.keep_pooler(weights);
    let head = Sequence::identity();
    let mut head = match modules.pooling {
        PoolingMode::First => head.then(LeadingPositions::one()),
        PoolingMode::Mean => head.then(PoolRow::new(Pooling::Mean, config.hidden)),
        PoolingMode::Max => head.then(PoolRow::new(Pooling::Max, config.hidden)),
    };
    let mut channels = config.hidden;
    for (index, step) in modules.steps.iter().enumerate() {
        head = match step {
            Step::Normalize => head.then(UnitLength::new(channels)),
            Step::Dense(step) if step.inputs == channels => {
                channels = step.outputs;
                let map = map(step, index, weights).map_err(|error| invalid(reason(&error)))?;
                head.then(map)
            }
            Step::Dense(step) => {
                return Err(invalid(format!(
                    "modules.json: a Dense module reads {} channels, but the module before it has {channels}",
                    step.inputs
                )));
            }
        };
    }
    Ok(head)
}

/// Returns a linear map and its activation. No unit owns a slice of it.
fn map(step: &DenseStep, index: usize, weights: &Weights) -> Result<Dense> {
    let shape = (step.outputs, step.inputs);
    let weight = Tensor::from_slice(&step.weight, shape, weights.device())?;
    let bias = step.bias.as_ref();
    let bias = bias.map(|bias| Tensor::from_slice(bias, step.outputs, weights.device()));
    let map = Dense::new(
        format!("module {index}"),
        Linear::new(weight, bias.transpose()?),
    );
    Ok(match Activation::named(step.activation) {
        Ok(Activation::Linear) | Err(_) => map,
        Ok(activation) => map.activated(activation),
    })
}
