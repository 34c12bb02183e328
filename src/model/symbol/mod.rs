//! What flows through a model while it is written as an ONNX graph: names of tensors in place of tensors.

pub mod attention;
pub mod inputs;
pub mod merge;
pub mod outputs;
pub mod range;
pub mod rotary;
pub mod sampling;
pub mod state;
pub mod stream;
