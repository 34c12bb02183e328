//! What convolutional networks share: how convolutions are loaded, and how their channels are declared as units.

pub(in crate::model) mod image;
pub(in crate::model) mod load;
pub(in crate::model) mod stem;
pub(in crate::model) mod units;
