//! The modules of a sentence-transformers folder: how the vectors of a text's tokens become one vector.
//!
//! `modules.json` lists the modules. The first one is the encoder, whose files are in the folder itself. The others are here: a
//! pooling, then linear maps and normalizations.

pub mod dense;
mod folder;
mod list;
pub mod modules;
pub mod names;
mod written;
