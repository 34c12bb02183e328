//! The graphs, and their prunable units as data.
//!
//! A model is a stem, a chain of blocks and a head ([`PrunableModel`]). It declares its
//! [units](unit::UnitGroup) as data, so that one declaration serves masking, costs, surgery and
//! export. A graph does not know why it is masked.

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
