//! Tests that compare the parts of the method with independent calculations of the same values.

mod audit;
mod compensation;
mod manifold;
mod reference;
mod scores;
mod search;
mod sketch;
