//! The repairs as a journal document: a safetensors file with `{block}.projection.weight` and `{block}.projection.bias` of
//! each repaired projection and `{block}.entry.weight` and `{block}.entry.bias` of each repaired entry, in f32, and a summary
//! in its metadata.

use std::borrow::Cow;
use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor};
use safetensors::Dtype;
use safetensors::tensor::{SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::model::mask::Masks;
use crate::model::nn::linear::Linear;
use crate::prune::failure::{Code, Failure};
use crate::prune::prepare::Prepared;
use crate::prune::recipe::Recipe;
use crate::prune::repairs::Repairs;
use crate::prune::report::CompensationReport;

/// Name of the document.
pub const NAME: &str = "compensation.safetensors";

/// Key of the only metadata entry.
const SUMMARY: &str = "repairs";

/// Part of the names of the tensors of a projection.
const PROJECTION: &str = "projection";

/// Part of the names of the tensors of an entry.
const ENTRY: &str = "entry";

/// Content of the metadata entry.
#[derive(Serialize, Deserialize)]
struct Summary<'a> {
    blocks: usize,
    reports: Cow<'a, [CompensationReport]>,
}

/// Returns the digest of everything that the repairs depend on.
#[must_use]
pub fn digest(prepared: &Prepared, masks: &Masks, recipe: &Recipe) -> String {
    let method = recipe.method.for_model(&prepared.model.reads);
    let kept = (0..masks.groups()).map(|group| masks.kept(group));
    prepared
        .digest("compensation/6")
        .part("kept", format!("{:?}", kept.collect::<Vec<_>>()))
        .part("compensation", format!("{:?}", method.compensation))
        .part("position_weights", format!("{:?}", method.position_weights))
        .part(
            "sampled",
            format!("{:?}", prepared.model.reads.sampled_positions()),
        )
        .part("seed", recipe.calibration.seed)
        .part("ridge", recipe.method.ridge)
        .hex()
}

/// Rounds values to the type of the tensor that they replace in the checkpoint, so that later blocks are repaired against
/// the weights that are delivered.
///
/// # Errors
/// Does not fail for f32 tensors.
pub fn as_stored(values: &Tensor, dtype: Option<Dtype>) -> Result<Tensor> {
    let through = match dtype {
        Some(Dtype::F16) => DType::F16,
        Some(Dtype::BF16) => DType::BF16,
        _ => return Ok(values.clone()),
    };
    values.to_dtype(through)?.to_dtype(DType::F32)
}

/// Encodes the repairs as a document.
///
/// # Errors
/// Does not fail in practice: all shapes come from the data.
pub fn encode(repairs: &Repairs) -> std::result::Result<Vec<u8>, Failure> {
    let mut tensors = Vec::new();
    for (kind, maps) in [
        (PROJECTION, &repairs.projections),
        (ENTRY, &repairs.entries),
    ] {
        for (block, linear) in maps.iter().enumerate() {
            let Some(linear) = linear else { continue };
            tensors.push((format!("{block}.{kind}.weight"), linear.weight()));
            let bias = linear.bias();
            tensors.extend(bias.map(|bias| (format!("{block}.{kind}.bias"), bias)));
        }
    }
    let bytes = tensors.iter().map(|(_, tensor)| {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        Ok(values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect::<Vec<u8>>())
    });
    let bytes = bytes.collect::<Result<Vec<_>>>()?;
    let wrong = |error: String| {
        Failure::new(
            Code::Internal,
            format!("could not encode the repairs as safetensors: {error}"),
        )
    };
    let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        Ok((
            name,
            TensorView::new(Dtype::F32, tensor.dims().to_vec(), bytes)?,
        ))
    });
    let views = views.collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>();
    let summary = Summary {
        blocks: repairs.projections.len(),
        reports: Cow::Borrowed(&repairs.reports),
    };
    let summary = serde_json::to_string(&summary).map_err(|error| wrong(error.to_string()))?;
    // Only one entry: a hash map has no fixed order, and equal repairs must give equal bytes.
    let metadata = HashMap::from([(SUMMARY.to_owned(), summary)]);
    views
        .and_then(|views| safetensors::serialize(views, Some(metadata)))
        .map_err(|error| wrong(error.to_string()))
}

/// Decodes the repairs. Returns `None` if the document does not hold repairs of `blocks` blocks, so that they are
/// computed again.
#[must_use]
pub fn decode(document: &[u8], blocks: usize, device: &Device) -> Option<Repairs> {
    let (_, header) = SafeTensors::read_metadata(document).ok()?;
    let summary = header.metadata().as_ref()?.get(SUMMARY)?;
    let summary: Summary<'_> = serde_json::from_str(summary).ok()?;
    if summary.blocks != blocks {
        return None;
    }
    let tensors = SafeTensors::deserialize(document).ok()?;
    let tensor = |name: String| -> Option<Tensor> {
        let view = tensors.tensor(&name).ok()?;
        let (chunks, _) = view.data().as_chunks::<4>();
        let values: Vec<f32> = chunks
            .iter()
            .map(|chunk| f32::from_le_bytes(*chunk))
            .collect();
        Tensor::from_vec(values, view.shape(), device).ok()
    };
    let maps = |kind: &str| {
        let map = |block: usize| {
            Some(Linear::new(
                tensor(format!("{block}.{kind}.weight"))?,
                tensor(format!("{block}.{kind}.bias")),
            ))
        };
        (0..blocks).map(map).collect()
    };
    Some(Repairs {
        projections: maps(PROJECTION),
        entries: maps(ENTRY),
        reports: summary.reports.into_owned(),
    })
}
