//! The tensors of a model with rotated heads.

use std::collections::HashMap;

use faer::Mat;

use super::basis::{Basis, Rotation};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::head_maps::RowMap;
use crate::prune::failure::Failure;
use crate::prune::prepare::Prepared;

/// Values of tensors by name, row-major. They replace the stored values.
type Tensors = HashMap<String, Vec<f32>>;

/// Returns the tensors that change.
///
/// # Errors
/// Does not fail in practice: the graph was built from the same tensors.
pub(super) fn turned(prepared: &Prepared, rotations: &[Rotation]) -> Result<Tensors, Failure> {
    let weights = &prepared.weights;
    let mut tensors = Tensors::new();
    for (map, rotation) in prepared.model.head_maps.iter().zip(rotations) {
        turn_rows(&mut tensors, weights, &map.values, &lefts(&rotation.values))?;
        let output = &prepared.model.blocks[map.block].projection.weight;
        turn_columns(&mut tensors, weights, output, &rights(&rotation.values))?;
        if let (Some([queries, keys]), false) = (&map.queries, rotation.queries.is_empty()) {
            turn_rows(&mut tensors, weights, queries, &lefts(&rotation.queries))?;
            turn_rows(&mut tensors, weights, keys, &rights(&rotation.queries))?;
        }
    }
    Ok(tensors)
}

fn lefts(bases: &[Basis]) -> Vec<&Mat<f64>> {
    bases.iter().map(|basis| &basis.left).collect()
}

fn rights(bases: &[Basis]) -> Vec<&Mat<f64>> {
    bases.iter().map(|basis| &basis.right).collect()
}

/// Multiplies the rows of each head by the transposed matrix, in the weight and in the bias.
fn turn_rows(
    tensors: &mut Tensors,
    weights: &Weights,
    map: &RowMap,
    matrices: &[&Mat<f64>],
) -> Result<(), CheckpointError> {
    for name in [Some(&map.weight), map.bias.as_ref()].into_iter().flatten() {
        let (values, columns) = entry(tensors, weights, name)?;
        for (head, matrix) in matrices.iter().enumerate() {
            let width = matrix.nrows();
            let first = (map.offset + head * width) * columns;
            let rows = &mut values[first..first + width * columns];
            let before = Mat::from_fn(width, columns, |row, column| {
                f64::from(rows[row * columns + column])
            });
            let after = matrix.transpose() * &before;
            for row in 0..width {
                for column in 0..columns {
                    rows[row * columns + column] = after[(row, column)] as f32;
                }
            }
        }
    }
    Ok(())
}

/// Multiplies the columns of each head by the matrix.
fn turn_columns(
    tensors: &mut Tensors,
    weights: &Weights,
    name: &str,
    matrices: &[&Mat<f64>],
) -> Result<(), CheckpointError> {
    let (values, columns) = entry(tensors, weights, name)?;
    let rows = values.len().checked_div(columns).unwrap_or(0);
    for (head, matrix) in matrices.iter().enumerate() {
        let width = matrix.nrows();
        let at = |row: usize, column: usize| row * columns + head * width + column;
        let before = Mat::from_fn(rows, width, |row, column| {
            f64::from(values[at(row, column)])
        });
        let after = &before * *matrix;
        for row in 0..rows {
            for column in 0..width {
                values[at(row, column)] = after[(row, column)] as f32;
            }
        }
    }
    Ok(())
}

/// Returns the current values of a tensor, and the number of columns of its rows: 1 for a vector.
fn entry<'a>(
    tensors: &'a mut Tensors,
    weights: &Weights,
    name: &str,
) -> Result<(&'a mut Vec<f32>, usize), CheckpointError> {
    let shape = weights.shape(name).unwrap_or_default().to_vec();
    if !tensors.contains_key(name) {
        tensors.insert(name.to_owned(), weights.values(name, &shape)?);
    }
    let columns = shape.get(1..).unwrap_or_default().iter().product();
    let values = tensors.entry(name.to_owned()).or_default();
    Ok((values, columns))
}
