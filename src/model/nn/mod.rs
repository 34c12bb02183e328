//! The building blocks of the graphs, on candle tensors, f32.

pub mod activation;
pub mod attention;
pub mod layer_norm;
pub mod linear;
pub mod meter;
