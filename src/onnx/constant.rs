//! Numbers that a model contains.

use candle_core::{DType, Result, Tensor, bail};

/// The types of elements that graphs contain, with their numbers in `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// f32.
    Float = 1,
    /// i8.
    Int8 = 3,
    /// i64.
    Int = 7,
}

/// A constant tensor. The numbers of a weight are read only when it is written.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    /// Small numbers, as bytes in little-endian order.
    Small {
        element: Element,
        shape: Vec<usize>,
        bytes: Vec<u8>,
    },
    /// An f32 tensor, which may be a view of another one.
    Weight(Tensor),
    /// An f32 tensor in whole multiples of scales, which has one number or as many as the tensor in each dimension.
    Int8 { weight: Tensor, scales: Tensor },
}

impl Constant {
    pub(super) fn floats(shape: &[usize], values: &[f32]) -> Self {
        Self::Small {
            element: Element::Float,
            shape: shape.to_vec(),
            bytes: values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }

    pub(super) fn ints(shape: &[usize], values: &[i64]) -> Self {
        Self::Small {
            element: Element::Int,
            shape: shape.to_vec(),
            bytes: values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }

    pub(super) fn element(&self) -> Element {
        match self {
            Self::Small { element, .. } => *element,
            Self::Weight(_) => Element::Float,
            Self::Int8 { .. } => Element::Int8,
        }
    }

    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::Small { shape, .. } => shape,
            Self::Weight(tensor) | Self::Int8 { weight: tensor, .. } => tensor.dims(),
        }
    }

    /// Returns the size of the numbers in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Small { bytes, .. } => bytes.len(),
            Self::Weight(tensor) => tensor.elem_count() * size_of::<f32>(),
            Self::Int8 { weight, .. } => weight.elem_count(),
        }
    }

    /// Returns the numbers in little-endian order.
    ///
    /// # Errors
    /// Returns an error if the numbers of a weight are not f32.
    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        match self {
            Self::Small { bytes, .. } => Ok(bytes.clone()),
            Self::Weight(tensor) => {
                if tensor.dtype() != DType::F32 {
                    bail!("a weight of an ONNX graph is {:?}, not f32", tensor.dtype());
                }
                let values = tensor.flatten_all()?.to_vec1::<f32>()?;
                Ok(values.iter().flat_map(|x| x.to_le_bytes()).collect())
            }
            Self::Int8 { weight, scales } => {
                let multiples = weight.broadcast_div(scales)?.flatten_all()?;
                let multiples = multiples.to_vec1::<f32>()?.into_iter();
                Ok(multiples
                    .flat_map(|x| (x.round_ties_even() as i8).to_le_bytes())
                    .collect())
            }
        }
    }

    /// Returns a weight that is a matrix.
    pub(super) fn matrix(&self) -> Option<&Tensor> {
        match self {
            Self::Weight(tensor) if tensor.rank() == 2 => Some(tensor),
            _ => None,
        }
    }

    /// Returns what equal constants have in common. Small numbers are compared, weights are the same views of the same
    /// memory.
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Small {
                element,
                shape,
                bytes,
            } => Key::Small(*element, shape.clone(), bytes.clone()),
            Self::Int8 { weight, scales } => {
                let weight = Self::Weight(weight.clone()).key();
                Key::Int8(Box::new(weight), scales.dims().to_vec())
            }
            Self::Weight(tensor) => {
                let (storage, layout) = tensor.storage_and_layout();
                Key::Weight {
                    memory: std::ptr::from_ref(&*storage) as usize,
                    first: layout.start_offset(),
                    shape: layout.dims().to_vec(),
                    stride: layout.stride().to_vec(),
                }
            }
        }
    }
}

/// See [`Constant::key`].
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Key {
    Small(Element, Vec<usize>, Vec<u8>),
    /// A weight, and the shape of its scales.
    Int8(Box<Key>, Vec<usize>),
    Weight {
        memory: usize,
        first: usize,
        shape: Vec<usize>,
        stride: Vec<usize>,
    },
}
