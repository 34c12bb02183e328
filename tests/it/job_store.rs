//! What every job store shows: one list of behaviours, run against each store.

mod behaviours;
mod model;
mod postgres;
mod sqlite;
