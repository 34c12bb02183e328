//! The building blocks of the graphs, on f32 candle tensors.
//!
//! On the CPU each one runs as a [`kernel`] of this crate. On other devices it uses candle's own operations.

pub mod activation;
pub mod attention;
pub mod attention_back;
pub mod bias;
mod biased;
pub mod convolution;
pub mod deformable;
pub mod elementwise;
pub mod gate;
pub mod group_norm;
pub mod kernel;
pub mod layer_norm;
pub mod linear;
pub mod meter;
pub mod pool;
pub mod rearrangement;
pub mod resize;
pub mod rotary;
pub mod sine;
pub mod softmax;
mod storage;
pub mod traced;
pub mod unfold;
pub mod unit_length;
pub mod units;
pub mod windows;
