//! What convolutional networks share: how convolutions are loaded, how their channels are declared as units, and how folders
//! with the names of other libraries are read and written.

pub(in crate::model) mod image;
pub(in crate::model) mod library;
pub(in crate::model) mod load;
pub(in crate::model) mod units;
