//! Tests of the dashboard, in process: pages, forms and sessions.

mod actions;
mod browser;
mod changed;
mod list;
mod new_job;
mod operations;
mod pages;
mod session;
