//! Reads calibration and evaluation data: turns a table of texts into batches of token ids.

pub mod dataset;
pub mod draw;
pub mod error;
pub mod example;
pub mod format;
pub mod label;
pub mod limits;
pub mod mapping;
pub mod table;
pub mod truth;
