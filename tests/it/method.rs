//! The method's parts against independent ways to the same answer.

mod audit;
mod compensation;
mod manifold;
mod reference;
mod scores;
mod search;
mod sketch;
