//! Calibration and evaluation examples: from a table of texts to batches of token ids.

pub mod dataset;
pub mod draw;
pub mod error;
pub mod example;
pub mod format;
pub mod label;
pub mod limits;
pub mod mapping;
pub mod table;
