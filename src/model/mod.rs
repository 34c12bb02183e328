//! The model graphs, and their prunable units as data.
//!
//! A model is a stem, a chain of blocks and a head ([`chain::Model`]). Blocks are values that are composed of
//! [layers](layer). A model declares its [units](unit::UnitGroup) as data, so that masking, costs, surgery and export
//! use the same declaration. A graph does not depend on the reason for which it is masked.

pub mod affine;
pub mod batch;
pub mod batch_norm;
pub mod bert;
pub mod block;
pub mod chain;
mod config;
mod convnet;
pub mod cost;
pub mod deit;
pub mod device;
pub mod distilbert;
pub mod electra;
mod encoder;
pub mod entry;
pub mod export;
pub mod extent;
pub mod feed;
pub mod head_maps;
pub mod hidden;
mod image_config;
pub mod layer;
mod load;
pub mod mask;
pub mod mask2former;
pub mod merging;
pub mod modernbert;
pub mod mpnet;
pub mod nn;
mod pixels;
pub mod registry;
pub mod resnet;
pub mod roberta;
pub mod stored_map;
pub mod swin;
pub mod symbol;
mod timm;
pub mod trace;
pub mod unit;
pub mod vgg;
pub mod vit;
pub mod width;
pub mod work;
