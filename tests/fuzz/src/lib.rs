//! What the targets over whole folders share: seeds, their edits, and the memory of a child process.

pub mod child;
pub mod edit;
pub mod json;
pub mod pieces;
pub mod seeds;
