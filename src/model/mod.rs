//! The model graphs, and their prunable units as data.
//!
//! A model consists of a stem, a chain of blocks and a head ([`PrunableModel`]). It declares its
//! [units](unit::UnitGroup) as data, so that masking, costs, surgery and export use the same
//! declaration. A graph does not depend on the reason for which it is masked.

pub mod batch;
pub mod bert;
pub mod chain;
pub mod cost;
pub mod device;
pub mod differentiable;
pub mod export;
pub mod mask;
pub mod nn;
pub mod registry;
pub mod unit;

pub use chain::PrunableModel;
