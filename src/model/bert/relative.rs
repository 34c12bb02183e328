//! The table of numbers that all layers add to the scores by the distance of two positions. It has a column for each head of
//! the original. A pruned model keeps the whole table, and lists the columns of the heads that each layer keeps.

use candle_core::{Result, Tensor};
use serde_json::{Value, json};

use super::family::{Family, RelativePositions};
use crate::checkpoint::config::Config;
use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::weights::Weights;
use crate::model::encoder::sizes::LayerSizes;
use crate::model::layer::distance_table::BUCKETS;
use crate::model::mask::Masks;
use crate::model::unit::Units;

/// Key of the columns of the table that the heads of each layer read. Only results of `optin` have it.
pub(super) const COLUMNS: &str = "original_heads_per_layer";

/// The table of a model.
pub(super) struct Relative {
    /// Number of rows. The graph reads the first 32.
    pub(super) buckets: usize,
    /// Number of columns.
    whole: usize,
    /// The column of each head, by layer.
    columns: Vec<Vec<usize>>,
}

impl Relative {
    /// Reads the configuration of a model with these layers. `whole` is the number of heads of the original.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if a key is malformed or contradicts another one.
    pub(super) fn read(
        names: RelativePositions,
        config: &Config,
        sizes: &LayerSizes,
        whole: usize,
    ) -> std::result::Result<Self, CheckpointError> {
        let buckets = config.usize_or(names.buckets, BUCKETS)?;
        if buckets < BUCKETS {
            return Err(CheckpointError::Invalid(format!(
                "config.json: {} is {buckets}; the distances have {BUCKETS} buckets",
                names.buckets
            )));
        }
        let heads = (0..sizes.layers()).map(|layer| sizes.heads(layer).count);
        let columns = match config.map().get(COLUMNS).filter(|value| !value.is_null()) {
            None => heads.clone().map(|heads| (0..heads).collect()).collect(),
            Some(listed) => lists(listed),
        };
        let fits = |(columns, heads): (&Vec<usize>, usize)| {
            columns.len() == heads && columns.iter().all(|&column| column < whole)
        };
        match columns.len() == sizes.layers() && columns.iter().zip(heads).all(fits) {
            true => Ok(Self {
                buckets,
                whole,
                columns,
            }),
            false => Err(CheckpointError::Invalid(format!(
                "config.json: {COLUMNS} must list the original index, below {whole}, of each head of each layer"
            ))),
        }
    }

    /// Loads the numbers of the heads of a layer, `[heads, buckets]`. `None` if the layer has no heads.
    pub(super) fn table(
        &self,
        family: &Family,
        layer: usize,
        weights: &Weights,
    ) -> std::result::Result<Option<Tensor>, CheckpointError> {
        let Some(names) = family.relative else {
            return Ok(None);
        };
        let name = format!("{}{}", family.prefix, names.table);
        let table = weights.tensor(&name, &[self.buckets, self.whole])?;
        let columns = &self.columns[layer];
        let select = || -> Result<Tensor> {
            let columns = columns.iter().map(|&column| column as u32);
            let columns = Tensor::from_iter(columns, table.device())?;
            table.t()?.contiguous()?.index_select(&columns, 0)
        };
        match columns.is_empty() {
            true => Ok(None),
            false => select()
                .map(Some)
                .map_err(|error| CheckpointError::Invalid(reason(&error))),
        }
    }

    /// Returns the columns of the heads that the masks keep, by layer.
    pub(super) fn kept(&self, sizes: &LayerSizes, units: Units, masks: &Masks) -> Value {
        let kept = sizes.kept_heads(units, masks).into_iter();
        let columns = kept.zip(&self.columns).map(|(heads, columns)| {
            let heads = heads.into_iter();
            heads.map(|head| columns[head]).collect::<Vec<_>>()
        });
        json!(columns.collect::<Vec<_>>())
    }
}

/// Returns lists of whole numbers. A value of another kind is an empty list.
fn lists(value: &Value) -> Vec<Vec<usize>> {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let numbers = |list: &Value| {
        let numbers = items(list).into_iter();
        numbers
            .map(|number| number.as_u64().map_or(usize::MAX, |number| number as usize))
            .collect()
    };
    items(value).iter().map(numbers).collect()
}
