//! A Hugging Face folder, in memory and back.
//!
//! In: `config.json`, safetensors files, tokenizer files. Out: values that were checked before anything
//! of their claimed size was made. Formats that can run code are never opened.

pub mod config;
pub mod content;
pub mod error;
pub mod folder;
pub mod header;
mod index;
mod json;
pub mod layout;
pub mod limits;
pub mod read_file;
mod shard;
mod small_file;
pub mod tokenizer;
pub mod weights;
pub mod write;
