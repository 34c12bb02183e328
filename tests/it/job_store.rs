//! Tests of the job stores. Every store is tested with the same list of behaviors.

mod answers;
mod behaviours;
mod model;
mod outages;
mod pooler;
mod postgres;
mod sqlite;
