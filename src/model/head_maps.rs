//! Declaration of the maps of attention heads as data. A rotation of the heads reads and writes them.

use super::nn::attention::Heads;

/// The maps of the heads of an attention block, as the checkpoint stores them. Head `i` has the columns
/// `i * value .. (i + 1) * value` of the block's projection.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadMaps {
    /// The block.
    pub block: usize,
    /// Sizes of the heads.
    pub heads: Heads,
    /// The maps to the queries and to the keys. `None` if a rotation of the queries would change the model, for example
    /// because positions are encoded by rotations of pairs of channels or because queries are normalized.
    pub queries: Option<[RowMap; 2]>,
    /// The map to the values.
    pub values: RowMap,
}

/// A linear map whose rows are the channels of heads, the channels of one head after those of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowMap {
    /// Tensor name of the weight, `[rows, inputs]`.
    pub weight: String,
    /// Tensor name of the bias, `[rows]`, if there is one.
    pub bias: Option<String>,
    /// First row of the first head. It is not 0 if a fused map has several parts.
    pub offset: usize,
}
