//! Named arrays of f64 numbers as a journal document, in the format of safetensors.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::failure::{Code, Failure};

/// A named array.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Numbers, row-major.
    pub values: Vec<f64>,
}

/// Encodes the arrays.
///
/// # Errors
/// Returns [`Code::Internal`] if an array does not match its shape.
pub fn encode(arrays: &[Numbers]) -> Result<Vec<u8>, Failure> {
    let bytes = arrays.iter().map(|array| {
        let values = array.values.iter();
        values.flat_map(|value| value.to_le_bytes()).collect()
    });
    let bytes: Vec<Vec<u8>> = bytes.collect();
    let wrong = |error: safetensors::SafeTensorError| {
        Failure::new(
            Code::Internal,
            format!("could not encode a document as safetensors: {error}"),
        )
    };
    let views = arrays.iter().zip(&bytes).map(|(array, bytes)| {
        let view = TensorView::new(Dtype::F64, array.shape.clone(), bytes)?;
        Ok((array.name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    safetensors::serialize(views, None).map_err(wrong)
}

/// Decodes the arrays. Returns `None` if the document is malformed.
#[must_use]
pub fn decode(document: &[u8]) -> Option<Vec<Numbers>> {
    let tensors = SafeTensors::deserialize(document).ok()?;
    let arrays = tensors.iter().map(|(name, view)| {
        let (chunks, rest) = view.data().as_chunks::<8>();
        (view.dtype() == Dtype::F64 && rest.is_empty()).then(|| Numbers {
            name: name.to_owned(),
            shape: view.shape().to_vec(),
            values: chunks
                .iter()
                .map(|chunk| f64::from_le_bytes(*chunk))
                .collect(),
        })
    });
    arrays.collect()
}
