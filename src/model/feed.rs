//! The content of a batch as the inputs of an ONNX graph, under the names that exporters use.

use candle_core::{Result, Tensor};

use super::batch::{Input, Reads};
use crate::onnx::runtime::{Array, Numbers};

/// Returns the input of this name for rows that need no padding. `None` if models of this kind have no such input.
///
/// # Errors
/// Does not fail in practice: the types come from the reader.
pub fn feed(name: &str, input: &Input, reads: Reads) -> Result<Option<Array<Numbers>>> {
    Ok(Some(match (name, input, reads) {
        ("input_ids", Input::Tokens { ids, .. }, _) => whole(ids)?,
        ("token_type_ids", Input::Tokens { types, .. }, _) => whole(types)?,
        ("attention_mask", Input::Tokens { ids, .. }, _) => whole(&ids.ones_like()?)?,
        ("pixel_values", Input::Pixels(pixels, _), Reads::Pixels(image)) => {
            let planes = pixels.transpose(1, 2)?.flatten_all()?;
            Array {
                shape: vec![pixels.dim(0)?, image.channels, image.height, image.width],
                numbers: Numbers::Floats(planes.to_vec1()?),
            }
        }
        _ => return Ok(None),
    }))
}

/// Returns a tensor of whole numbers.
fn whole(tensor: &Tensor) -> Result<Array<Numbers>> {
    let numbers = tensor.flatten_all()?.to_vec1::<u32>()?;
    Ok(Array {
        shape: tensor.dims().to_vec(),
        numbers: Numbers::Ints(numbers.into_iter().map(i64::from).collect()),
    })
}
