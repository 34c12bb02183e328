//! Where bytes live.

pub mod key;
pub mod manifest;
