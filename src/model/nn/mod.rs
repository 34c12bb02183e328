//! The building blocks of the graphs, on candle tensors, f32.
//!
//! Each runs as one of our [kernels](kernel) on the CPU and as candle's own operations elsewhere.

pub mod activation;
pub mod attention;
pub mod attention_back;
mod biased;
pub mod kernel;
pub mod layer_norm;
pub mod linear;
pub mod meter;
mod storage;
pub mod traced;
pub mod units;
