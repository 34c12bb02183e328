//! What the families of transformer encoders share: sizes that differ by layer, the units of a layer, and the head of a folder
//! of sentence-transformers.

pub(in crate::model) mod kept;
pub(in crate::model) mod sentence;
pub(in crate::model) mod sizes;
pub(in crate::model) mod units;
