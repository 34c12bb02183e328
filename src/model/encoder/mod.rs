//! What the families of transformer encoders share: sizes that differ by layer, and the units of a layer.

pub(in crate::model) mod kept;
pub(in crate::model) mod sizes;
pub(in crate::model) mod units;
