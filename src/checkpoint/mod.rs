//! Reads and writes Hugging Face model folders.
//!
//! It reads `config.json`, safetensors files and tokenizer files. The size that a file declares is checked before
//! memory of that size is allocated. Formats that can run code are never opened.

pub mod config;
pub mod content;
pub mod error;
pub mod folder;
pub mod header;
pub mod header_entries;
pub mod image_processor;
mod index;
mod json;
pub mod layout;
pub mod limits;
pub mod plain_names;
pub mod read_file;
pub mod regular_file;
pub mod sentence;
mod shard;
mod small_file;
pub mod tar_archive;
pub mod tokenizer;
pub mod weights;
pub mod write;
