//! The real binary as a process: killed in each stage, on a full disk, and from the command line.

mod command;
mod devices;
mod disk;
mod fleet;
mod jobs;
mod keys;
mod kill;
mod log;
mod process;
mod resolve;
mod sources;
