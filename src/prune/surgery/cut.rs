//! The tensors of the pruned model.
//!
//! First the repaired values overwrite those rows or columns of the stored tensors that the repair fitted. Then the slices of
//! all removed units are cut from every tensor, repaired or not. A tensor may therefore lose slices of several groups
//! in several dimensions, and several slices of one dimension, such as the rows of a fused query, key and value map.

use std::borrow::Cow;
use std::collections::HashMap;

use candle_core::Tensor;

use super::axis::Axis;
use crate::checkpoint::weights::Weights;
use crate::checkpoint::write::{OutTensor, encode};
use crate::model::chain::Model;
use crate::model::mask::Masks;
use crate::model::unit::ParamSlice;
use crate::prune::failure::Failure;
use crate::prune::repairs::Repairs;

/// Returns the tensors of the pruned model in the order of the original file. Values that are not repaired are copied
/// as bytes and never converted.
///
/// # Errors
/// Does not fail in practice: the graph was built from these weights.
pub fn cut<'a>(
    weights: &'a Weights,
    model: &Model,
    masks: &Masks,
    repairs: &Repairs,
) -> Result<Vec<OutTensor<'a>>, Failure> {
    let axes = axes(weights, model, masks);
    let mut repaired = repaired(model, masks, repairs)?;
    let cut = weights.entries().map(|entry| {
        let mut tensor = OutTensor::from(entry);
        let element = tensor.dtype.bitsize() / 8;
        if let Some(Repaired { values, place }) = repaired.remove(tensor.name.as_str()) {
            let encoded = encode(&values, tensor.dtype);
            tensor.bytes = match place {
                Place::Rows(rows) => with_rows(&tensor, &encoded, &rows).into(),
                Place::Columns(columns) => {
                    with_columns(&tensor, &encoded, &columns, element).into()
                }
                Place::Whole => Cow::Owned(encoded),
            };
        }
        for axis in axes.get(tensor.name.as_str()).into_iter().flatten() {
            tensor.bytes = Cow::Owned(axis.apply(&tensor.bytes, &mut tensor.shape, element));
        }
        Ok(tensor)
    });
    cut.collect()
}

/// Returns the dimensions from which units are removed, by tensor name.
fn axes<'a>(weights: &Weights, model: &'a Model, masks: &Masks) -> HashMap<&'a str, Vec<Axis>> {
    let mut axes: HashMap<&str, Vec<Axis>> = HashMap::new();
    let mut remove = |slices: &'a [ParamSlice], removed: &[usize]| {
        for slice in slices {
            let Some(shape) = weights.shape(&slice.tensor) else {
                continue;
            };
            let of_tensor = axes.entry(slice.tensor.as_str()).or_default();
            let place = of_tensor.iter().position(|axis| axis.dim() == slice.dim);
            let place = place.unwrap_or_else(|| {
                of_tensor.push(Axis::whole(slice.dim, shape[slice.dim]));
                of_tensor.len() - 1
            });
            for &unit in removed {
                of_tensor[place].remove(slice.indices(unit));
            }
        }
    };
    for (index, group) in model.groups.iter().enumerate() {
        let units = (0..group.width).filter(|&unit| !masks.keeps(index, unit));
        remove(&group.slices, &units.collect::<Vec<usize>>());
        if let Some(heads) = &group.heads {
            let kept = masks.kept_heads(index, group);
            let removed = (0..heads.count).filter(|head| !kept[*head]);
            remove(&heads.slices, &removed.collect::<Vec<usize>>());
        }
    }
    axes
}

/// Repaired values of one tensor.
struct Repaired {
    /// The values, row-major.
    values: Vec<f32>,
    place: Place,
}

/// The part of a stored tensor that was repaired.
enum Place {
    Whole,
    /// Indices of the first dimension.
    Rows(Vec<u32>),
    /// Columns of the matrix `[shape[0], ..]`.
    Columns(Vec<u32>),
}

/// Returns the repaired values by tensor name.
fn repaired(
    model: &Model,
    masks: &Masks,
    repairs: &Repairs,
) -> Result<HashMap<String, Repaired>, Failure> {
    let mut repaired = HashMap::new();
    let mut add = |(name, tensor): (&str, Tensor), place| -> Result<(), Failure> {
        let values = tensor.flatten_all()?.to_vec1()?;
        repaired.insert(name.to_owned(), Repaired { values, place });
        Ok(())
    };
    for (index, block) in model.blocks.iter().enumerate() {
        if let Some(linear) = &repairs.projections[index] {
            // Only the weight has a column per unit.
            let mut columns = model.kept_columns(index, masks);
            for stored in block.projection.stored(linear)? {
                add(stored, columns.take().map_or(Place::Whole, Place::Columns))?;
            }
        }
        if let (Some(linear), Some(entry)) = (&repairs.entries[index], block.entry()) {
            let rows = model.kept_rows(index, masks);
            for stored in entry.map.of_rows(&rows)?.stored(linear)? {
                add(stored, Place::Rows(rows.clone()))?;
            }
        }
    }
    Ok(repaired)
}

/// Returns the tensor's bytes with some rows of the first dimension replaced by encoded values.
fn with_rows(tensor: &OutTensor<'_>, encoded: &[u8], rows: &[u32]) -> Vec<u8> {
    let mut bytes = tensor.bytes.to_vec();
    let row_bytes = (bytes.len() / tensor.shape[0].max(1)).max(1);
    for (&row, values) in rows.iter().zip(encoded.chunks_exact(row_bytes)) {
        let start = row as usize * row_bytes;
        bytes[start..start + row_bytes].copy_from_slice(values);
    }
    bytes
}

/// Returns the tensor's bytes with some columns of the matrix `[shape[0], ..]` replaced by encoded values.
fn with_columns(
    tensor: &OutTensor<'_>,
    encoded: &[u8],
    columns: &[u32],
    element: usize,
) -> Vec<u8> {
    let mut bytes = tensor.bytes.to_vec();
    if columns.is_empty() {
        return bytes;
    }
    let row_bytes = bytes.len() / tensor.shape[0].max(1);
    let rows = bytes.chunks_exact_mut(row_bytes.max(1));
    for (row, values) in rows.zip(encoded.chunks_exact(columns.len() * element)) {
        for (&column, value) in columns.iter().zip(values.chunks_exact(element)) {
            let start = column as usize * element;
            row[start..start + element].copy_from_slice(value);
        }
    }
    bytes
}
