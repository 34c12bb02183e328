//! The blocks of a Swin transformer: attention within windows, then the feed-forward layer. Each has a norm first.

use candle_core::{Result as Computed, Tensor};

use super::config::SwinConfig;
use super::names::BlockNames;
use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::weights::Weights;
use crate::model::block::Block;
use crate::model::layer::mapped::Mapped;
use crate::model::layer::self_attention::SelfAttention;
use crate::model::layer::sequence::Sequence;
use crate::model::layer::windowed::WindowedAttention;
use crate::model::load;
use crate::model::nn::windows::Windows;

/// Place of a block in the chain of all stages.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Index among the blocks of all stages.
    pub(super) layer: usize,
    /// Number of channels of its stage.
    pub(super) hidden: usize,
    /// Height and width of the maps of its stage.
    pub(super) size: [usize; 2],
}

/// Builds the attention of a block.
pub(super) fn attention(
    config: &SwinConfig,
    at: Place,
    windows: Windows,
    names: &BlockNames,
    weights: &Weights,
) -> Result<Block, CheckpointError> {
    let (heads, hidden) = (config.sizes.heads(at.layer), at.hidden);
    let incoming = |map, rows: usize| load::rows(weights, map, hidden, rows, rows);
    let incoming = [
        incoming(&names.query, heads.queries())?,
        incoming(&names.key, heads.queries())?,
        incoming(&names.value, heads.values())?,
    ];
    let offsets = 2 * windows.side - 1;
    let table = weights.tensor(&names.table, &[offsets * offsets, heads.count])?;
    let attention = SelfAttention::new(incoming, heads);
    let windowed = relative(&table, windows)
        .and_then(|relative| WindowedAttention::new(attention, windows, at.size, relative))
        .map_err(|error| CheckpointError::Invalid(reason(&error)))?;
    Ok(Block {
        units: load::norm(weights, &names.norms[0], hidden, config.norm_epsilon)?.then(windowed),
        projection: load::stored(weights, &names.output, heads.values(), hidden)?,
        skip: Some(Sequence::identity()),
        finish: Sequence::identity(),
        feature: None,
    })
}

/// Builds the feed-forward layer of a block. `finish` is what follows the block.
pub(super) fn feed_forward(
    config: &SwinConfig,
    at: Place,
    names: &BlockNames,
    weights: &Weights,
    finish: Sequence,
) -> Result<Block, CheckpointError> {
    let (width, hidden) = (config.sizes.neurons(at.layer), at.hidden);
    let first = Mapped::new(load::stored(weights, &names.first, hidden, width)?);
    Ok(Block {
        units: load::norm(weights, &names.norms[1], hidden, config.norm_epsilon)?
            .then(first.activated(config.activation)),
        projection: load::stored(weights, &names.second, width, hidden)?,
        skip: Some(Sequence::identity()),
        finish,
        // The output of a whole block is a feature.
        feature: Some(Sequence::identity()),
    })
}

/// Returns the numbers that each head adds to the scores of each pair of positions of a window, `[1, heads, positions,
/// positions]`, from the table with a row for each offset of two positions, `[offsets, heads]`.
fn relative(table: &Tensor, windows: Windows) -> Computed<Tensor> {
    let (side, positions) = (windows.side, windows.positions());
    let heads = table.dim(1)?;
    let offset = |query: usize, key: usize| query + side - 1 - key;
    let rows = (0..positions).flat_map(|query| {
        (0..positions).map(move |key| {
            let down = offset(query / side, key / side);
            (down * (2 * side - 1) + offset(query % side, key % side)) as u32
        })
    });
    let rows = Tensor::new(rows.collect::<Vec<u32>>(), table.device())?;
    // One head after the other, which an index along the last dimension of the turned table gives.
    let of_heads = table.t()?.contiguous()?.index_select(&rows, 1)?;
    of_heads.reshape((1, heads, positions, positions))
}
