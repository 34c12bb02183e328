//! What every job store shows: one list of behaviours, run against each store.

mod answers;
mod behaviours;
mod model;
mod outages;
mod pooler;
mod postgres;
mod sqlite;
