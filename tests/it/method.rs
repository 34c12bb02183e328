//! Tests that compare the parts of the method with independent calculations of the same values.

mod audit;
mod compensation;
mod costs;
mod curves;
mod heads;
mod joint;
mod knapsack;
mod manifold;
mod parameters;
mod reference;
mod rotation;
mod scores;
mod search;
mod shapes;
mod sketch;
