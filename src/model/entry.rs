//! The map that computes the units of a block.

use super::nn::activation::Activation;
use super::stored_map::StoredMap;

/// A stored map with the activation after it. Its outputs are the units of a block.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The map.
    pub map: &'a StoredMap,
    /// The activation after it.
    pub activation: Option<Activation>,
}
