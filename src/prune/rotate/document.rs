//! The rotations as a journal document: a safetensors file with f64 tensors `{map}.values.left` and so on, each
//! `[heads, width, width]`.

use faer::Mat;

use super::basis::{Basis, Rotation};
use crate::model::head_maps::HeadMaps;
use crate::prune::failure::Failure;
use crate::prune::numbers::{self, Numbers};

/// Name of the document.
pub(super) const NAME: &str = "rotation.safetensors";

/// Encodes the rotations.
pub(super) fn encode(rotations: &[Rotation]) -> Result<Vec<u8>, Failure> {
    let mut tensors = Vec::new();
    for (index, rotation) in rotations.iter().enumerate() {
        for (part, bases) in [("values", &rotation.values), ("queries", &rotation.queries)] {
            let width = bases.first().map_or(0, |basis| basis.left.nrows());
            let mut add = |side: &str, matrices: Vec<&Mat<f64>>| {
                let values = matrices.into_iter().flat_map(|matrix| {
                    (0..width * width).map(move |at| matrix[(at / width, at % width)])
                });
                tensors.push(Numbers {
                    name: format!("{index}.{part}.{side}"),
                    shape: vec![bases.len(), width, width],
                    values: values.collect(),
                });
            };
            add("left", bases.iter().map(|basis| &basis.left).collect());
            add("right", bases.iter().map(|basis| &basis.right).collect());
        }
    }
    numbers::encode(&tensors)
}

/// Decodes the rotations. Returns `None` if they do not match the maps, so that they are computed again.
pub(super) fn decode(document: &[u8], maps: &[HeadMaps]) -> Option<Vec<Rotation>> {
    let tensors = numbers::decode(document)?;
    let bases = |name: String, heads: usize, width: usize| -> Option<Vec<Basis>> {
        let side = |side: &str| {
            let name = format!("{name}.{side}");
            let found = tensors.iter().find(|tensor| tensor.name == name)?;
            (found.values.len() == heads * width * width).then_some(&found.values)
        };
        let (left, right) = (side("left")?, side("right")?);
        let matrix = |values: &[f64], head: usize| {
            Mat::from_fn(width, width, |row, column| {
                values[(head * width + row) * width + column]
            })
        };
        let heads = (0..heads).map(|head| Basis {
            left: matrix(left, head),
            right: matrix(right, head),
        });
        Some(heads.collect())
    };
    let rotations = maps.iter().enumerate().map(|(index, map)| {
        let queries = map.queries.as_ref().map_or(0, |_| map.heads.count);
        Some(Rotation {
            values: bases(format!("{index}.values"), map.heads.count, map.heads.value)?,
            queries: bases(format!("{index}.queries"), queries, map.heads.query)?,
        })
    });
    rotations.collect()
}
