//! ONNX models: a builder of graphs and a writer of files. It knows operators and tensors, but no network.
//!
//! Graphs use standard operators of [`write::OPSET`] only, so they run wherever ONNX runs.

pub mod constant;
pub mod graph;
mod int8;
pub mod node;
mod operators;
mod proto;
mod reachable;
pub mod runtime;
pub mod triton;
pub mod value;
pub mod write;
