//! Rotation of attention heads, so that few channels of each head matter.
//!
//! Any invertible matrix may be inserted between the values of a head and its output, and between its queries and its
//! keys, if the inverse follows it. The function of the model stays the same. This stage inserts the matrices after
//! which channels are uncorrelated and ordered by what they contribute on the calibration rows ([`basis`]). Most of a
//! head's effect is then in its first channels, and the others can be removed.
//!
//! Input: the model and unlabeled rows. Output: the same model with rotated heads. All later stages read only this model.
//! Queries stay as they are in architectures in which their rotation would change the model.

pub mod basis;
mod document;
mod moments;
mod turn;

use super::failure::Failure;
use super::journal::{self, Journal};
use super::prepare::Prepared;
use super::watch::Watch;
use crate::model::unit::Units;
use basis::{Rotation, queries_and_keys, values};
use moments::Moments;

/// Rotates the heads of a model if its units are channels of heads. The matrices are read from the journal, or computed
/// and stored there.
///
/// # Errors
/// Returns an error if the job must stop, if the graph fails, or if the journal cannot be read or written.
pub fn rotate(
    prepared: Prepared,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Prepared, Failure> {
    if prepared.units == Units::Heads || prepared.model.head_maps.is_empty() {
        return Ok(prepared);
    }
    let rotations = journal::remember(
        journal,
        document::NAME,
        &prepared.digest("rotation/1").hex(),
        |bytes| document::decode(bytes, &prepared.model.head_maps),
        |rotations| document::encode(rotations),
        || rotations(&prepared, watch),
    )?;
    let tensors = turn::turned(&prepared, &rotations)?;
    prepared.with_tensors(&tensors)
}

/// Computes the rotation of each attention block.
fn rotations(prepared: &Prepared, watch: &dyn Watch) -> Result<Vec<Rotation>, Failure> {
    let moments = moments::measure(prepared, watch)?;
    let maps = prepared.model.head_maps.iter().zip(&moments);
    let rotations = maps.map(|(map, moments)| rotation(prepared, map.block, moments));
    rotations.collect()
}

fn rotation(prepared: &Prepared, block: usize, moments: &Moments) -> Result<Rotation, Failure> {
    let output = prepared.model.blocks[block].projection.linear().weight();
    let output = output.to_vec2::<f32>()?;
    let of_values = moments.contexts.heads().enumerate();
    let of_values = of_values.map(|(head, covariance)| {
        let width = moments.contexts.width;
        let columns: Vec<&[f32]> = output
            .iter()
            .map(|row| &row[head * width..(head + 1) * width])
            .collect();
        values(&covariance, &columns)
    });
    let of_queries = moments.queries.iter().flat_map(|[queries, keys]| {
        let heads = queries.heads().zip(keys.heads());
        heads.map(|(query, key)| queries_and_keys(&query, &key))
    });
    Ok(Rotation {
        values: of_values.collect::<Result<_, _>>()?,
        queries: of_queries.collect::<Result<_, _>>()?,
    })
}
