//! Tests that run the `optin` binary: commands, services, workers, kills in each stage, and a full disk.

mod bench;
mod child;
mod command;
mod convnet;
mod devices;
mod disk;
mod download;
mod fleet;
mod hostile;
mod inspect;
mod jobs;
mod keys;
mod kill;
mod log;
mod private;
mod process;
mod resolve;
mod resume;
mod segmentation;
mod signing;
mod sources;
mod tasks;
mod upload;
